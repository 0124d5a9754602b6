"""Settings XML there and back: any tree, pyqtgraph's parameters, and the peer's reader and writer."""

from __future__ import annotations

import datetime
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from settings_fakes import KINDS, Fake, parameter_to_xml, same

from h5saver_widget.format.settings_xml import all_settings_xml, xml_to_tree, xml_values

# --------------------------------------------------------------------------------------------------------- round trips

LEAVES = st.one_of(
    st.tuples(st.just("bool"), st.booleans()),
    st.tuples(st.just("int"), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just("float"), st.floats()),
    st.tuples(st.sampled_from(["str", "text"]), st.text(st.characters())),
    st.tuples(st.just("file"), st.text(min_size=1)),
    st.tuples(st.just("list"), st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans())),
    st.tuples(st.just("color"), st.tuples(*[st.integers(0, 255)] * 4)),
    st.tuples(st.just("checklist"), st.lists(st.text(), unique=True)),
)
#: The value of a setting that is named like a password is not written.
NAME = st.text(max_size=6).filter(lambda name: not re.search("password|passwd|pwd", name, re.IGNORECASE))
TREES = st.recursive(
    LEAVES, lambda inner: st.tuples(st.just("group"), st.dictionaries(NAME, inner, max_size=4)), max_leaves=15
)


def fake(name: str, kind: str, value: Any) -> Fake:
    if kind == "group":
        return Fake(name, children=[fake(key, *item) for key, item in value.items()])
    if kind == "checklist":
        return Fake(name, kind, value, limits=value)
    return Fake(name, kind, value)


def expected(kind: str, value: Any) -> Any:
    return {key: expected(*item) for key, item in value.items()} if kind == "group" else value


@given(st.dictionaries(NAME, TREES, max_size=5))
def test_round_trip(tree: dict[str, Any]) -> None:
    made = parameter_to_xml(fake("settings", "group", tree))
    assert same(xml_values(made), expected("group", tree))
    again = all_settings_xml((None, made))
    assert same(xml_values(again)["settings"], expected("group", tree))


def build(create: Any, name: str, kind: str, value: Any) -> dict[str, Any]:
    if kind == "group":
        return {"name": name, "type": kind, "children": [build(create, key, *item) for key, item in value.items()]}
    more = {"list": {"limits": [value]}, "checklist": {"limits": value}}.get(kind, {})
    return {"name": name, "type": kind, "value": value, **more}


PG_NAME = NAME.filter(bool)


@given(
    st.dictionaries(
        PG_NAME,
        st.recursive(
            LEAVES.filter(lambda leaf: leaf[0] != "checklist" and leaf[1] is not None),
            lambda inner: st.tuples(st.just("group"), st.dictionaries(PG_NAME, inner, max_size=3)),
            max_leaves=8,
        ),
        max_size=4,
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_round_trip_of_pyqtgraph_parameters(tree: dict[str, Any]) -> None:
    from pyqtgraph.parametertree import Parameter

    param = Parameter.create(**build(None, "settings", "group", tree))
    made = parameter_to_xml(param)
    assert same(xml_values(made), expected("group", tree))
    again = Parameter.create(name="settings", type="group", children=xml_to_tree(made))
    assert parameter_to_xml(again) == made


def test_every_type_makes_a_parameter() -> None:
    from pyqtgraph.parametertree import Parameter

    kinds = [*KINDS, "led", "action", "browsepath", "text", "text_pb", "progress", "pen", "font"]
    text = "<s>" + "".join(f"<a{n} type='{kind}'><b type='int'>1</b></a{n}>" for n, kind in enumerate(kinds)) + "</s>"
    plain = "<s>" + "".join(f"<a{n} type='{kind}'>1</a{n}>" for n, kind in enumerate(kinds)) + "</s>"
    for one in (text, plain):
        param = Parameter.create(name="s", type="group", children=xml_to_tree(one))
        assert len(param.children()) == len(kinds)


# --------------------------------------------------------------------------------------------------------- the peer

PEER = """
import json, sys
from pyqtgraph.Qt import QtWidgets
app = QtWidgets.QApplication([])
from pymodaq_gui.parameter import Parameter, ioxml
import pymodaq_gui.parameter.pymodaq_ptypes
def plain(value):
    if hasattr(value, "getRgb"):
        return list(value.getRgb())
    return value if type(value) in (int, float, bool, str, dict) else repr(value)
def walk(entries):
    return {e["name"]: walk(e["children"]) if e["children"] else [e["type"], plain(e.get("value")), e.get("limits")]
            for e in entries}
ours, path = open(sys.argv[1], "rb").read(), sys.argv[2]
read = ioxml.XML_string_to_parameter(ours)
tree = Parameter.create(name="settings", type="group", children=read)
theirs = ioxml.parameter_to_xml_string(tree)
with open(path + ".xml", "wb") as file:
    file.write(theirs)
with open(path, "w") as file:
    json.dump(walk(read), file)
"""


def test_the_peer_reads_ours_and_we_read_the_peer(tmp_path: Path) -> None:
    pytest.importorskip("pymodaq_gui", reason="the peer is not installed")
    leaves = [
        Fake("b", "bool", True, title="On?"),
        Fake("led", "led", False),
        Fake("i", "int", 3, limits=(0, 10)),
        Fake("f", "float", 0.5, suffix="s", limits=(None, math.inf)),
        Fake("s", "str", 'it\'s <"é"> & \t'),
        Fake("nothing", "str", None),
        Fake("t", "text", "a\nb\r\n"),
        Fake("l", "list", "it's", limits=["it's", "y"]),
        Fake("fill", "list", 0.0, limits={"0": 0.0, "nan": math.nan}),
        Fake("flag", "list", True, limits=[True, False]),
        Fake("c", "color", (1, 2, 3, 4)),
        Fake("ac", "action"),
        Fake("path", "file", "/tmp/x.h5"),
        Fake("folder", "browsepath", "/tmp", filetype=False),
        Fake("sel", "itemselect", {"all_items": ["a", "b"], "selected": ["b"]}),
        Fake("checks", "checklist", ["q"], limits=["q", "r"]),
        Fake("sl", "slider", 0.5, limits=(0, 1)),
        Fake("pr", "progress", 3.0),
        Fake("mine", "strange", (1, 2)),
        Fake("a b", "int", 4),
        Fake("password", "str", "s3cret"),
        Fake("when", "date_time", datetime.datetime(2026, 11, 21, 8, 25)),
        Fake("day", "date", datetime.date(2026, 11, 21)),
    ]
    ours = all_settings_xml((None, Fake("module", children=leaves)), ("H5Saver", {"n": 1}))
    (tmp_path / "ours.xml").write_bytes(ours)
    environment = {**os.environ, "HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", PEER, str(tmp_path / "ours.xml"), str(tmp_path / "out")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads((tmp_path / "out").read_text())
    assert found["H5Saver"] == {"n": ["int", 1, None]}
    seen = found["module"]
    assert {name: tuple(item[:2]) for name, item in seen.items() if name not in ("when", "day")} == {
        "b": ("bool", True),
        "led": ("led", False),
        "i": ("int", 3),
        "f": ("float", 0.5),
        "s": ("str", 'it\'s <"é"> & \t'),
        "nothing": ("str", ""),
        "t": ("text", "a\nb\r\n"),
        "l": ("list", "it's"),
        "fill": ("list", 0.0),
        "flag": ("list", True),
        "c": ("color", [1, 2, 3, 4]),
        "ac": ("action", "None"),
        "path": ("browsepath", "/tmp/x.h5"),
        "folder": ("browsepath", "/tmp"),
        "sel": ("itemselect", {"all_items": ["a", "b"], "selected": ["b"]}),
        "checks": ("itemselect", {"all_items": ["q", "r"], "selected": ["q"]}),
        "sl": ("slide", 0.5),
        "pr": ("progress", 3),
        "mine": ("str", "(1, 2)"),
        "a_x0020_b": ("int", 4),
        "password": ("str", ""),
    }
    assert "2026, 11, 21, 8, 25" in seen["when"][1] and "2026, 11, 21" in seen["day"][1]
    assert seen["i"][2] == [0, 10] and seen["f"][2] == [None, math.inf] and seen["l"][2] == ["it's", "y"]
    theirs = xml_values((tmp_path / "out.xml").read_bytes())
    mine = xml_values(ours)
    for name in ("b", "led", "i", "f", "l", "fill", "c", "path", "folder", "sel", "sl", "pr", "when", "day", "s"):
        assert same(theirs["module"][name], mine["module"][name]), name
