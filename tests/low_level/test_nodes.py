"""Typed nodes: what they say of themselves, and their attributes."""

from __future__ import annotations

import datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from h5saver_widget import H5SaverLowLevel
from h5saver_widget.errors import CodecError, DataMismatchError, NodeError
from h5saver_widget.nodes.attributes import raw_attributes
from h5saver_widget.nodes.typed import GROUP

CHECKS = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)


def test_what_nodes_say(saver: H5SaverLowLevel) -> None:
    group = saver.create_group("/RawData", "Run", "Größe 'µ'")
    fixed = saver.create_carray(group, "Data00", np.zeros((2, 3), "int16"), "counts")
    flags = saver.create_earray(group, "Flags", bool, (1,))
    assert str(group) == "/RawData/Run (GROUP) \"Größe 'µ'\""
    assert repr(group).endswith("children := ['Data00', 'Flags']")
    assert repr(fixed) == "/RawData/Run/Data00 (CARRAY) 'counts' shape := (2, 3) dtype := int16"
    assert repr(flags) == "/RawData/Run/Flags (EARRAY) '' shape := (0, 1) dtype := bool"
    assert (fixed.name, fixed.path, fixed.title) == ("Data00", "/RawData/Run/Data00", "counts")
    assert fixed.parent_node == group and saver.root().parent_node is None and saver.root().name == "/"
    assert fixed.h5file is saver.h5file and fixed.node is fixed.array and fixed.backend is saver.io
    assert group.children() == {"Data00": fixed, "Flags": flags} and group.get_child("Data00") == fixed
    with pytest.raises(NodeError, match="holds: Data00, Flags"):
        group.get_child("Data01")
    group.remove_children()
    assert group.children_name() == []


def test_equality(saver: H5SaverLowLevel, path: Path, backend: str) -> None:
    group = saver.create_group("/RawData", "Run")
    assert group == saver.get_node("/RawData/Run") and hash(group) == hash(saver.get_node("/RawData/Run"))
    assert group != saver.root() and group != "/RawData/Run"
    with H5SaverLowLevel(backend=backend) as other:
        other.init_file(path.with_name("other.h5"))
        assert other.create_group("/RawData", "Run") != group


def test_booleans_of_either_library(tmp_path: Path) -> None:
    for writer, reader in (("h5py", "tables"), ("tables", "h5py"), ("h5py", "h5py"), ("tables", "tables")):
        file = tmp_path / f"{writer}_{reader}.h5"
        with H5SaverLowLevel(backend=writer) as saver:
            saver.init_file(file)
            saver.create_earray("/RawData", "Flags", bool, (2,)).append(np.array([[True, False]]))
            saver.create_carray("/RawData", "Fixed", np.array([False, True]))
        with H5SaverLowLevel(backend=reader) as saver:
            saver.init_file(file)
            flags, fixed = saver.get_node("/RawData/Flags"), saver.get_node("/RawData/Fixed")
            flags.append(np.array([[False, True]]))
            assert flags.dtype == bool == fixed.dtype
            assert flags.read().tolist() == [[True, False], [False, True]] and flags[1, 1] is np.True_
            assert fixed.read().tolist() == [False, True]


def test_appending_rows_in_several_forms(saver: H5SaverLowLevel) -> None:
    scalars = saver.create_earray("/RawData", "Scalars")
    for data in (np.array([1.0]), np.array([2.0, 3.0]), np.array([[4.0], [5.0]]), [6.0]):
        scalars.append(data)
    assert scalars.read().tolist() == [[1], [2], [3], [4], [5], [6]]
    with pytest.raises(DataMismatchError):
        scalars.append(np.array([2.0, 3.0]), expand=False)
    bare = saver.create_earray("/RawData", "Bare", shape=())
    bare.append(np.array(1.0))
    bare.append(np.array([2.0, 3.0]))
    assert bare.read().tolist() == [1, 2, 3]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=40)
    | st.binary(max_size=40),
    lambda inner: st.tuples(inner) | st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=CHECKS)
@given(VALUES)
def test_any_attribute_value(saver: H5SaverLowLevel, value: object) -> None:
    node = saver.root()
    node.attrs["value"] = value
    found = node.attrs["value"]
    assert found == value and type(found) is type(value)


def test_attributes_are_a_mapping(saver: H5SaverLowLevel) -> None:
    node = saver.create_group("/", "Run", "first")
    attrs = node.attrs
    when = datetime.datetime(2026, 11, 21, 16, 58)
    attrs["when"] = when
    attrs.update(shape=(3, 4), name="x")
    assert attrs["title"] == attrs["TITLE"] == node.title == "first" and "title" in attrs
    attrs["title"] = "second\0half \ud800"
    assert node.title == "second half ?"
    assert attrs["when"] == when and attrs.get("nothing", 3) == 3 and "nothing" not in attrs
    mine = {name: value for name, value in attrs.to_dict().items() if name not in ("CLASS", "VERSION", "NX_class")}
    assert mine == {"TITLE": "second half ?", "when": when, "shape": (3, 4), "name": "x"}
    assert list(attrs) == attrs.attrs_name == sorted(attrs.to_dict()) and len(attrs) == len(list(attrs))
    assert "'name': 'x'" in repr(attrs)
    del attrs["name"]
    assert node.attrs.get("name") is None
    for bad in (lambda: attrs["name"], lambda: attrs.__delitem__("name")):
        with pytest.raises(NodeError, match="no attribute 'name'"):
            bad()
    node.set_attr("name", "again")
    assert node.get_attr("name") == "again"


@pytest.mark.parametrize("name", ["", "a/b", "a\0b"])
def test_attribute_names_that_cannot_be(saver: H5SaverLowLevel, name: str) -> None:
    with pytest.raises(CodecError, match="can't name an attribute"):
        saver.root().attrs[name] = 1


def test_a_megabyte_of_settings(saver: H5SaverLowLevel, path: Path) -> None:
    settings_ = b"<All_settings>" + b"\xc3\xa9" * 250_000 + b"</All_settings>"
    group = saver.create_group("/RawData", "Run", settings=settings_, other="x")
    group.attrs["text"] = "x" * 1_000_000
    assert group.attrs["settings"] == settings_ and group.attrs["text"] == "x" * 1_000_000
    ours = [name for name in group.attrs if name not in ("CLASS", "NX_class", "TITLE", "VERSION")]
    assert ours == ["other", "settings", "text"]
    many = len(saver.io.attribute_names(group.handle))
    group.attrs["text"] = "short"
    group.attrs["settings"] = b"shorter" * 10_000
    assert len(saver.io.attribute_names(group.handle)) <= many
    saver.close_file()
    saver.init_file(path)
    group = saver.get_group("/RawData/Run")
    assert group.attrs.to_dict()["text"] == "short" and group.attrs["settings"] == b"shorter" * 10_000
    del group.attrs["settings"]
    assert not [name for name in saver.io.attribute_names(group.handle) if "settings" in name or "text__" in name]


def test_names_that_look_like_parts(saver: H5SaverLowLevel) -> None:
    attrs = saver.root().attrs
    attrs["spare__parts"] = 1
    attrs["lonely__part0003"] = 2
    assert {"spare__parts", "lonely__part0003"} <= set(attrs) and attrs.to_dict()["spare__parts"] == 1


def test_long_text_is_cut_where_the_backend_needs_it() -> None:
    raw = raw_attributes({"a": "x" * 250}, 100)
    assert sorted(raw) == ["a", *(f"a__part{n:04d}" for n in range(4))]
    assert all(len(text) <= 100 for name, text in raw.items() if name != "a")
    assert sorted(raw_attributes({"a": "x" * 250})) == ["a"]


def test_what_no_node_can_be(saver: H5SaverLowLevel, tmp_path: Path, backend: str) -> None:
    saver.close_file()
    with h5py.File(tmp_path / "links.h5", "x") as file:
        file["soft"] = h5py.SoftLink("/nowhere")
    saver.open_file(tmp_path / "links.h5")
    link = saver.get_node("/soft")
    assert str(link) == repr(link) == "/soft (LINK) ''" and dict(link.attrs) == {}
    with pytest.raises(NodeError, match="not a group"):
        saver.get_group("/soft")
    assert isinstance(saver.root(), GROUP)
