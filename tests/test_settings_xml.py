"""Settings XML as it is written and read: the text of each type, hostile text refused, passwords never written."""

from __future__ import annotations

import datetime
import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import example, given, strategies as st
from settings_fakes import FLAGS, KINDS, Fake, leaf, parameter_to_xml, root, same

from h5saver_widget.errors import SettingsXMLError
from h5saver_widget.format.settings_xml import all_settings_xml, xml_to_tree, xml_values

# ------------------------------------------------------------------------------------------------------------ writing


class Color:
    def getRgb(self) -> tuple[int, ...]:
        return 1, 2, 3, 4


class Moment:
    def toMSecsSinceEpoch(self) -> int:
        return 1700000000000


class Day:
    def startOfDay(self) -> Moment:
        return Moment()


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("bool", True, '<a type="bool" title="a">1</a>'),
        ("led", False, '<a type="led" title="a">0</a>'),
        ("int", 3, '<a type="int" title="a">3</a>'),
        ("float", 0.5, '<a type="float" title="a">0.5</a>'),
        ("float", None, '<a type="float" title="a" />'),
        ("str", '<é> & "q"', '<a type="str" title="a">&lt;&#233;&gt; &amp; "q"</a>'),
        ("text", "a\nb\r", '<a type="text" title="a">a\nb&#13;</a>'),
        ("list", "x", '<a type="list" title="a">str(\'x\')</a>'),
        ("list", 3, '<a type="list" title="a">int(3)</a>'),
        ("list", 0.5, '<a type="list" title="a">float(0.5)</a>'),
        ("list", float("nan"), '<a type="list" title="a">np.nan</a>'),
        ("list", None, '<a type="list" title="a">None</a>'),
        ("list", True, '<a type="list" title="a">True</a>'),
        ("color", Color(), '<a type="color" title="a">[1, 2, 3, 4]</a>'),
        ("date_time", Moment(), '<a type="date_time" title="a">1700000000000</a>'),
        ("date", Day(), '<a type="date" title="a">1700000000000</a>'),
        ("action", None, '<a type="action" title="a" />'),
        ("progress", 3.0, '<a type="progress" title="a">3</a>'),
    ],
)
def test_text_of_each_type(kind: str, value: Any, text: str) -> None:
    assert leaf(kind, value) == text


def test_attributes_stand_in_the_order_of_the_peer() -> None:
    opts = {"suffix": "s", "limits": [1], "label": "l", "addText": "add", "filetype": True, "show_pb": True}
    more = 'show_pb="1" filetype="1" label="l" suffix="s" addText="add" limits="[1]"'
    assert leaf("browsepath", "/x", title="T", **opts) == f'<a type="browsepath" title="T" {more}>/x</a>'


def test_limits_and_items() -> None:
    assert "limits=\"{'0': 'float(0.0)', 'nan': 'np.nan'}\"" in leaf("list", 0.0, limits={"0": 0.0, "nan": math.nan})
    assert "limits=\"[0, float('inf')]\"" in leaf("float", 1.0, limits=(0, math.inf))
    text = leaf("itemselect", {"all_items": ["a", "b"], "selected": ["b"]})
    assert text == "<a type=\"itemselect\" title=\"a\" all_items=\"['a', 'b']\">['b']</a>"


def test_types_of_pyqtgraph_that_the_peer_does_not_read() -> None:
    assert leaf("file", "/x") == '<a type="browsepath" title="a" filetype="1" ptype="file">/x</a>'
    assert 'filetype="0"' in leaf("file", "/x", fileMode="Directory")
    assert leaf("slider", 0.5) == '<a type="slide" title="a" ptype="slider">0.5</a>'
    assert leaf("strange", {"x": (1, 2)}) == '<a type="str" title="a" ptype="strange">{\'x\': (1, 2)}</a>'
    assert "Fake object" in leaf("strange", Fake("x"))


SECRETS = [
    Fake("password", "str", "s3cret"),
    Fake("HSDS_Password2", "text", "s3cret"),
    Fake("key", "password", "s3cret"),
    Fake("token", "str", "s3cret", secret=True),
    Fake("my password", "list", "s3cret", limits=["s3cret"]),
    Fake("passwords", "itemselect", {"all_items": ["s3cret"], "selected": ["s3cret"]}),
]


def test_passwords_are_never_written() -> None:
    made = root(*SECRETS)
    assert b"s3cret" not in made
    assert xml_values(made)["password"] == ""
    assert b"s3cret" not in all_settings_xml(("A", {"user": "u", "Password": "s3cret", "x": {"pwd": "s3cret"}}))
    peer = b'<s type="group"><x type="group"><password type="list" limits="[\'s3cret\']">s3cret</password></x></s>'
    assert b"s3cret" not in all_settings_xml((None, peer))


NAMES = [
    "a b",
    "1a",
    "été",
    "a/b",
    "",
    "_x_",
    "_x0041_",
    "a<b>",
    "a:b",
    "-a",
    ".a",
    "\U0001f600",
    "a\x00b",
    "xml",
    "a.b-c",
]


def test_any_name_comes_back() -> None:
    made = root(*(Fake(name, "int", n) for n, name in enumerate(NAMES)))
    made.decode("ascii")
    tags = [child.tag for child in ET.fromstring(made)]
    assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_.-]*", tag) for tag in tags) and len(set(tags)) == len(tags)
    assert xml_values(made) == {name: n for n, name in enumerate(NAMES)}


def test_all_settings() -> None:
    module = Fake("daq_viewer_settings", children=[Fake("gain", "int", 3)])
    saver = Fake("h5saver_settings", children=[Fake("base_name", "str", "Scan")])
    roi = b'<?xml version="1.0"?><ROISettings type="group"><ROI_00 type="group" /></ROISettings>'
    made = all_settings_xml(
        (None, module), ("H5Saver", saver), ("ROI_Viewer_00", roi), ("more", [module, saver]), ("no", "")
    )
    found = ET.fromstring(made)
    assert found.tag == "All_settings" and found.attrib == {"type": "group"}
    assert [child.tag for child in found] == ["daq_viewer_settings", "H5Saver", "ROI_Viewer_00", "more", "no"]
    assert [child.tag for child in found[3]] == ["daq_viewer_settings", "h5saver_settings"]
    assert xml_values(made)["H5Saver"] == {"h5saver_settings": {"base_name": "Scan"}}
    assert b"<All_settings>" in all_settings_xml((None, module), group_attr=False)
    assert all_settings_xml() == b'<All_settings type="group" />'
    with pytest.raises(SettingsXMLError, match="type int"):
        all_settings_xml(("x", 5))


def test_plain_values() -> None:
    values = {"on": True, "n": 3, "x": 0.5, "s": "é", "sub": {"y": 1}, "none": None, "t": (1, 2)}
    assert xml_values(all_settings_xml((None, values))) == {**values, "none": "", "t": "(1, 2)"}


def test_too_deep_to_write() -> None:
    tree = Fake("a")
    for _ in range(201):
        tree = Fake("a", children=[tree])
    with pytest.raises(SettingsXMLError, match="deeper"):
        parameter_to_xml(tree)
    values: dict[str, Any] = {}
    for _ in range(202):
        values = {"a": values}
    with pytest.raises(SettingsXMLError, match="deeper"):
        all_settings_xml((None, values))


def test_the_writer_changes_nothing() -> None:
    param = Fake("a", "list", "x", limits=["x"])
    parameter_to_xml(param)
    assert param.opts == {"limits": ["x"]}


# ------------------------------------------------------------------------------------------------------------ reading


def entry(text: str) -> dict[str, Any]:
    [found] = xml_to_tree(f"<s>{text}</s>")
    return found


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("<a type='bool'>1</a>", "bool", True),
        ("<a type='led_push'>0</a>", "bool", False),
        ("<a type='int'>3.0</a>", "int", 3),
        ("<a type='float'>nan</a>", "float", math.nan),
        ("<a type='str'> x </a>", "str", " x "),
        ("<a type='str' />", "str", ""),
        ("<a type='text_pb'>x</a>", "text", "x"),
        ("<a type='browsepath'>/x</a>", "file", "/x"),
        ("<a type='list'>str('x')</a>", "list", "x"),
        ("<a type='list'>np.nan</a>", "list", math.nan),
        ("<a type='list'>plain text</a>", "list", "plain text"),
        ("<a type='color'>[1, 2, 3, 4]</a>", "color", (1, 2, 3, 4)),
        ("<a type='itemselect' all_items=\"['a', 'b']\">['b']</a>", "checklist", ["b"]),
        ("<a type='slide'>0.5</a>", "slider", 0.5),
        ("<a type='strange'>x</a>", "str", "x"),
        ("<a>x</a>", "str", "x"),
        ("<a type='group'>x</a>", "str", "x"),
        ("<a type='int'>many</a>", "str", "many"),
        ("<a type='int'>1e999</a>", "str", "1e999"),
        ("<a type='bool'>perhaps</a>", "str", "perhaps"),
        ("<a type='color'>[1, 2, 300]</a>", "str", "[1, 2, 300]"),
        ("<a type='color'>__import__('os')</a>", "str", "__import__('os')"),
        ("<a type='list'>__import__('os').getcwd()</a>", "list", "__import__('os').getcwd()"),
        ("<a type='itemselect'>5</a>", "str", "5"),
        ("<a type='date'>99999999999999999999</a>", "str", "99999999999999999999"),
    ],
)
def test_each_type_is_read(text: str, kind: str, value: Any) -> None:
    found = entry(text)
    assert found["type"] == kind
    assert same(found["value"], value)


def test_dates_are_read_as_text() -> None:
    moment = datetime.datetime(2026, 11, 21, 8, 25)
    made = root(Fake("a", "date_time", moment), Fake("b", "date", moment.date()))
    assert xml_values(made) == {"a": "2026-11-21 08:25:00.000", "b": "2026-11-21"}


def test_flags_limits_and_children() -> None:
    found = entry("<a title='A' type='int' readonly='1' visible='0' limits='[0, 5]'>3<b type='str'>x</b></a>")
    assert found["title"] == "A" and found["readonly"] is True and found["visible"] is False
    assert found["limits"] == [0, 5] and found["children"][0]["value"] == "x"
    assert xml_values("<s><a type='int'>3<b type='str'>x</b></a></s>") == {"a": {"b": "x", "value": 3}}
    assert entry("<a type='list' limits=\"{'0': 'float(0.0)'}\">float(0.0)</a>")["limits"] == {"0": 0.0}
    assert entry("<a type='list'>int(3)</a>")["limits"] == [3]
    for bad in ("open('x')", "[1, 0]", "[1]", "5", "['a', 'b']"):
        assert "limits" not in entry(f'<a type="int" limits="{bad}">1</a>')
    assert [e["name"] for e in xml_to_tree("<s><a /><a /><a_2 /></s>")] == ["a", "a_2", "a_2_2"]
    assert xml_values("<s><go type='action' /><x type='int' /></s>") == {"x": None}


def test_saver_tree_of_a_peer_file() -> None:
    text = (
        f'<h5saver_settings type="group" title="h5saver_settings" {FLAGS}>'
        f"<save_type type=\"list\" title=\"Save type:\" {FLAGS} limits=\"['scan', 'detector']\">str('scan')</save_type>"
        f"<fill_value type=\"list\" title=\"Fill\" {FLAGS} limits=\"{{'0': 'float(0.0)', 'nan': 'np.nan'}}\">np.nan"
        "</fill_value></h5saver_settings>"
    )
    values = xml_values(text.encode())
    assert values["save_type"] == "scan" and math.isnan(values["fill_value"])


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]><s type="str">&lol2;</s>'
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a>&nbsp;</a>",
        BOMB,
        BOMB.encode("utf-16"),
        '<!DOCTYPE s SYSTEM "file:///etc/passwd"><s />',
        '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><s>&x;</s>',
        '<!DOCTYPE s PUBLIC "a" "http://localhost/x"><s />',
        "<!DOCTYPE s><s />",
        "<a>" * 1000 + "</a>" * 1000,
        "<a>" * 1_000_000,
        b'<?xml version="1.0" encoding="nonsense"?><a />',
        b'<?xml version="1.0" encoding="utf-7"?><a />',
        b"<a>\xff</a>",
        "<a>\ud800</a>",
        "<a>\x00</a>",
        None,
        5,
    ],
    ids=lambda t: repr(t)[:40],
)
def test_hostile_xml_is_refused(text: Any) -> None:
    for read in (xml_to_tree, xml_values):
        with pytest.raises(SettingsXMLError):
            read(text)


def test_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h5saver_widget.format.settings_reading.MAX_TEXT", 100)
    monkeypatch.setattr("h5saver_widget.format.settings_reading._MAX_ELEMENTS", 5)
    with pytest.raises(SettingsXMLError, match="at most"):
        xml_to_tree("<s>" + " " * 200 + "</s>")
    with pytest.raises(SettingsXMLError, match="more than 5"):
        xml_to_tree("<s>" + "<a/>" * 6 + "</s>")


@given(st.binary())
@example(b"<a>&#0;</a>")
@example(b"\x00\x00\xfe\xff")
def test_any_bytes(raw: bytes) -> None:
    for text in (raw, b"<s type='group'>" + raw + b"</s>", raw.decode("latin-1")):
        try:
            xml_to_tree(text)
        except SettingsXMLError:
            pass


@given(st.sampled_from(KINDS), st.text(), st.text(), st.text())
@example("list", "[" * 500, "[" * 500, "")
@example("date", "-99999999999999", "", "")
@example("int", "9" * 5000, "", "")
@example("itemselect", "[[]]", "", "[{}]")
def test_any_text_in_any_type(kind: str, text: str, limits: str, items: str) -> None:
    element = ET.Element("a", {"type": kind, "limits": limits, "all_items": items, "addList": limits})
    element.text = text
    outer = ET.Element("s")
    outer.append(element)
    try:
        found = xml_to_tree(ET.tostring(outer))
    except SettingsXMLError:  # characters that XML cannot hold
        return
    assert len(found) == 1
