"""Files of other programs: every node says what it is, here and in a worker process, and none is ever changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from foreign_file import write_foreign

from h5saver_widget import NodeError
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing import FileView, NodeIcon
from h5saver_widget.errors import ValuesElsewhereError
from h5saver_widget.saving.foreign import names_in
from h5saver_widget.saving.links import resolved


@pytest.fixture(scope="session")
def foreign(tmp_path_factory) -> Path:
    return write_foreign(tmp_path_factory.mktemp("foreign") / "foreign.h5")


@pytest.fixture(scope="session", params=[False, True], ids=["here", "isolated"])
def view(request, foreign) -> Iterator[FileView]:
    with FileView(foreign, "h5py", isolated=request.param) as view:
        yield view


def fact(view: FileView, path: str, name: str) -> str:
    return dict(view.describe(path).facts).get(name, "")


def test_every_node_is_described(foreign, backend, isolated):
    before = hashlib.sha256(foreign.read_bytes()).hexdigest()
    with FileView(foreign, backend, isolated=isolated) as view:
        for group, children in view.expand("/").items():
            for name, kind in children:
                path = f"{group.rstrip('/')}/{name}"
                report = view.describe(path)
                if report.data_path:
                    reader = view.data(report.data_path, report.all_channels)
                    dims = [d.index for d in reader.summary.dimensions][-2:]
                    drawing = reader.curves(0, {}) if len(dims) == 1 else reader.picture(*dims, {})
                    assert drawing.label
                elif kind is NodeKind.FIXED:
                    about = dict(report.facts)  # PyTables knows fewer types
                    told = about.get("Content", ""), about.get("Shape", "")
                    assert report.lines or report.table or "can't be read" in told[0] or "0" in told[1]
    assert hashlib.sha256(foreign.read_bytes()).hexdigest() == before


def test_tables_have_columns(view):
    report = view.describe("/table")
    assert report.columns == ("time", "name", "place", "note")
    assert [row[0] for row in report.table] == ["0.5", "1.5", "2.5"]
    assert next(row[3].strip("b'") for row in report.table) == "eins" and report.line_count == 3
    assert view.describe("/packed").table[0] == ("0.5", "[0. 0. 0.]")
    assert fact(view, "/table", "Type") == "table of 4 columns"


def test_what_is_no_number_says_what_it_is(view):
    assert view.describe("/text").lines == ("one", "drei ü")
    assert fact(view, "/text", "Type") == "text" and not fact(view, "/text", "Size")
    assert fact(view, "/ragged", "Type") == "lists of int32"
    assert fact(view, "/references", "Type") == "references"
    assert fact(view, "/opaque", "Type") == "opaque"
    assert fact(view, "/number", "Value") == "42.5" and fact(view, "/one point", "Value") == "3"
    assert view.describe("/empty").data_path == view.describe("/nothing").data_path == ""
    assert view.rows(["/one text"])["/one text"].content == "hello"


def test_attributes_of_any_type_do_not_hide_a_node(view):
    """A dimension scale has a list of references among its attributes."""
    report = view.describe("/scales/x")
    assert report.data_path == "/scales/x"
    assert {name: short for name, short, _ in report.attributes}["units"] == "mm"


def test_a_scale_is_the_axis_of_its_array(view):
    drawn = view.data("/scales/y").curves(0, {})
    assert (drawn.axis.label, drawn.axis.units) == ("x", "mm")
    np.testing.assert_array_equal(drawn.axis.values, np.linspace(0, 1, 30))
    assert view.data("/row").summary.dimensions[1].axes[0].is_counted


def test_a_nexus_group_says_what_is_plotted(view):
    for path in ("/entry", "/entry/data", "/a/loop"):
        report = view.describe(path)
        assert report.data_path.endswith("/data/counts") and report.all_channels
        assert report.is_default is (path != "/entry/data")
    drawn = view.data("/entry/data/counts", all_channels=True).curves(0, {})
    assert [curve.label for curve in drawn.curves] == ["counts", "dark"]
    assert (drawn.axis.label, drawn.axis.units, drawn.units) == ("energy", "keV", "1/s")
    np.testing.assert_allclose(drawn.axis.values, np.linspace(0.25, 9.75, 20))
    assert view.describe("/entry/linked").data_path == "/entry/linked/image"
    assert view.data("/entry/linked/image").summary.shape == (2, 3, 4, 5, 6)
    np.testing.assert_array_equal(view.data("/entry/errors/rate").curves(0, {}).curves[0].errors, 0.5)
    assert view.describe("/entry/older").data_path == "/entry/older/values"
    assert view.data("/entry/older/values").summary.dimensions[0].name == "t"


def test_links_say_where_they_lead(view):
    rows = view.rows(["/soft", "/outside", "/broken"])
    assert [row.icon for row in rows.values()] == [NodeIcon.LINK] * 3
    assert rows["/soft"].content == "link to /table" and rows["/outside"].content == "link to /x in other.h5"
    assert view.describe("/soft").link == "/table"
    outside = view.describe("/outside")
    assert (outside.link, outside.link_file) == ("/x", "other.h5")
    assert view.describe("/broken").link == "" and "Broken link" in fact(view, "/broken", "Content")
    assert resolved(view.h5.io, "/way/data/energy") == "/entry/instrument/energy"
    for path in ("/round", "/outside", "/broken/x", "/nothing at all"):
        with pytest.raises(NodeError):
            resolved(view.h5.io, path)


@pytest.mark.parametrize("isolated", [False, True])
def test_the_numbers_of_an_array_in_other_files_are_not_fetched(tmp_path, isolated):
    (tmp_path / "raw.bin").write_bytes(bytes(80))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("away", (10,), "f8", external=[(str(tmp_path / "raw.bin"), 0, 80)])
    with FileView(tmp_path / "a.h5", "h5py", isolated=isolated) as view:
        report = view.describe("/away")
        assert dict(report.facts)["Shape"] == "10" and report.elsewhere == (str(tmp_path / "raw.bin"),)
        assert report.data_path == ""
        with pytest.raises(ValuesElsewhereError, match="allow that folder"):
            view.data("/away").curves(0, {})
        view.h5.io.allow([tmp_path])
        assert view.describe("/away").data_path == "/away"
        assert not view.data("/away").curves(0, {}).curves[0].values.any()
        view.h5.io.allow([])
        with pytest.raises(ValuesElsewhereError):
            view.data("/away").curves(0, {})


def test_names_in_attributes():
    assert names_in(b"[x,y]") == ["x", "y"]
    assert names_in(["a", 3, b"b"]) == ["a", "b"]
    assert names_in(None) == []


def test_a_default_that_goes_round_ends(tmp_path, backend):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("a").attrs["default"] = "b"
        file["a/b"] = file["a"]
        file.attrs["default"] = "gone"
    with FileView(tmp_path / "a.h5", backend) as view:
        assert view.describe("/a").data_path == "" and view.describe("/").data_path == ""
