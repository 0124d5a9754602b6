"""What arrays of other programs are: the same axes, units, errors and scale for loader, window, exports and xarray."""

from __future__ import annotations

from datetime import UTC, datetime

import h5py
import numpy as np
import pandas as pd
import pytest
from recipes import write_elsewhere, write_kinds, write_netcdf, write_nexus, write_odd, write_tables

from h5saver_widget import DataLoader, H5Backend
from h5saver_widget.browsing import FileView, NodeIcon
from h5saver_widget.errors import ValuesElsewhereError
from h5saver_widget.exporters import export
from h5saver_widget.exporters.text_reading import read_text
from h5saver_widget.exporters.text_table import CsvExporter
from h5saver_widget.saving.conventions import EPOCH, scaling_of


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    writers = {"nexus": write_nexus, "cf": write_netcdf, "kinds": write_kinds, "tables": write_tables}
    return {name: write(folder / name) for name, write in writers.items()}


def axes_of(data):
    found = sorted(data.axes, key=lambda axis: axis.index)
    return [(axis.index, axis.label, axis.units, axis.get_data().tolist()) for axis in found]


# ---------------------------------------------------------------------------------------------------------------- NeXus
def test_the_first_generation_of_nexus(files, backend):
    with DataLoader(files["nexus"], backend=backend) as loader:
        data = loader.load_data("/scan_7/diode/counts")
        assert (data.units, data.labels) == ("cts", ["counts"])
        # counted from the fastest dimension; of two axes, the one that is primary
        assert axes_of(data) == [(0, "y", "mm", [10, 11, 12]), (1, "x", "mm", [10, 11, 12, 13])]
        assert loader.load_data("/scan_7/diode/x").axes == []


def test_the_second_generation_of_nexus(files, backend):
    with DataLoader(files["nexus"], backend=backend) as loader:
        data = loader.load_data("/scan_7/middle/i", lazy=True)
        assert axes_of(data) == [(0, "phi", "", [0, 90]), (1, "photon energy", "keV", [1, 2, 4])]
        assert (np.asarray(data.errors[0]) == 0.5).all()
        dataset = loader.load_data("/scan_7/middle/i").to_xarray()
        assert dataset["photon energy"].attrs["units"] == "keV"


def test_the_third_generation_of_nexus_through_a_link(files, backend):
    with DataLoader(files["nexus"], backend=backend) as loader:
        data = loader.load_data("/scan_7/newest/frames")
        assert axes_of(data) == [(0, "temperature", "", [4.2, 77]), (1, "row", "", [1, 3, 5])]  # middles of edges
        assert data.data[0].ravel().tolist() == (np.arange(24) * 0.5 + 1).tolist()
        assert data.nav_indexes == (0,)  # a stack of images
        assert loader.load_data("/scan_7/newest/frames", raw=True).data[0].dtype == np.uint16
        assert sorted(loader.load_all("/").get_names()) == ["counts", "frames", "i"]


def test_opening_a_file_without_a_default_shows_its_data(files, backend, isolated):
    with FileView(files["nexus"], backend, isolated=isolated) as view:
        report = view.describe("/")
        assert report.data_path == "/scan_7/diode/counts" and report.is_default
        assert dict(view.describe("/scan_7").facts)["Type"] == "group (NXentry)"
        assert view.describe("/scan_7/newest").data_path == "/scan_7/newest/frames"
        assert view.data("/scan_7/middle/i").summary.dimensions[1].axes[0].label == "photon energy"


# --------------------------------------------------------------------------------------------------------------- netCDF
def test_packed_numbers_are_unpacked(files, backend):
    with DataLoader(files["cf"], backend=backend) as loader:
        wet = loader.load_data("/wetness", lazy=True)
        np.testing.assert_allclose(wet.data[0][0, 0], [-1, 0, np.nan])
        assert [(axis.index, axis.label) for axis in wet.axes] == [(0, "hours"), (2, "depth")]  # one has no values
        hours, depth = wet.axes
        assert hours.units == EPOCH and depth.units == "m"
        assert datetime.fromtimestamp(hours.get_data()[1], UTC) == datetime(2020, 2, 29, 11, tzinfo=UTC)
        np.testing.assert_allclose(depth.get_data(), [0.1, 0.2, 0.5])
        np.testing.assert_array_equal(loader.load_data("/seen").data[0], [np.nan, 254, 5])
        assert loader.load_data("/model_day").units == "days since 1850-01-01"  # no calendar that has dates
        raw = loader.load_data("/wetness", raw=True)
        assert raw.data[0][0, 0].tolist() == [0, 100, -99] and raw.axes[0].units.startswith("hours since")


@pytest.mark.parametrize("backend", ["h5py", "tables"])
def test_opening_a_file_that_says_nothing_shows_its_first_numbers(tmp_path, backend):
    """Texts, tables, single numbers and PyTables' own indexes are passed over."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["_i_table/indices"] = np.arange(5)
        file["a number"], file["a text"], file["b table"] = 3.0, "words", np.zeros(3, [("x", int)])
    with FileView(path, backend=backend) as view:
        assert view.describe("/").data_path == ""
    with h5py.File(path, "r+") as file:
        file["group/later"], file["group/second"] = np.arange(6.0).reshape(2, 3), np.arange(4)
    with FileView(path, backend=backend) as view:
        report = view.describe("/")
        assert report.data_path == "/group/later" and report.is_default


@pytest.mark.parametrize(
    ("dtype", "about", "stored", "meant"),
    [
        ("u1", {"_Unsigned": "false", "scale_factor": 2}, [255], [-2]),
        (">i2", {"add_offset": np.float32(0.5)}, [1], [1.5]),
        ("f4", {"_FillValue": np.float32(1e20)}, [1e20, 1], [np.nan, 1]),
        ("i4", {"units": "minutes since 1970-01-01T00:01:00Z"}, [1], [120]),
        ("i8", {"missing_value": np.array([-1, -2])}, [-1, -2, 3], [np.nan, np.nan, 3]),
    ],
)
def test_conventions(dtype, about, stored, meant):
    scaling, _ = scaling_of(np.dtype(dtype), about)
    np.testing.assert_array_equal(scaling(np.array(stored, dtype)), meant)


@pytest.mark.parametrize("units", ["m", "days since", "days since 2020-13-01", "lightyears since 2020-01-01", ""])
def test_numbers_without_a_convention_stay_as_they_are(units):
    assert scaling_of(np.dtype("i4"), {"units": units, "_FillValue": "none"}) == (None, units)


# ---------------------------------------------------------------------------------------------------------------- kinds
def test_types_have_names_and_neutral_words(files, backend, isolated):
    with FileView(files["kinds"], backend, isolated=isolated) as view:
        assert ("/" in view.note) is (backend == "tables") and view.backend == "h5py"

        def told(path):
            report = view.describe(path)
            return dict(report.facts), report

        facts, report = told("/valve")
        assert facts["Type"] == "enumeration of uint8" and facts["Names"] == "0 = SHUT, 2 = OPEN"
        assert (
            report.lines == ("OPEN", "SHUT", "OPEN")
            and {name: short for name, short, _ in report.attributes}["comment"] == "Schlüssel"
        )
        facts, report = told("/pointers")
        assert facts["Type"] == "references" and report.references["1"] == "/deep"
        assert told("/regions")[1].lines == ("/valve (part of it)",)
        assert told("/deep")[1].references["best"] == "/valve"
        assert told("/shape_of_point")[0]["Content"] == "named type: table of 2 columns"
        assert told("/bits")[0]["Type"] == "bitfield of 8 bits"
        assert (
            told("/quad")[0]["Type"] == "float of 128 bits"
            and view.data("/quad").curves(0, {}).curves[0].values[0] == 0.5
        )
        assert told("/blob")[0]["Type"] == "opaque: camera state"
        assert told("/no_text")[0]["Type"] == "text" and told("/nothing")[0]["Shape"] == "0"
        assert told("/units_of_old")[1].lines == ("µA", "Å", "ok")
        assert told("/word")[1].lines == ("Hall",) and told("/cell")[1].references["0"] == "/#refs#/a"
        assert told("/matrices")[0]["Shape"] == "4 × 2 × 3"
        for _, children in view.expand("/").items():
            rows = view.rows([f"/{name}" for name, _ in children if name != "sealed"])
            assert not any(row.icon is NodeIcon.UNREADABLE for row in rows.values() if "damaged" in row.problem)
        with pytest.raises(Exception, match="filter that is not installed"):
            view.data("/sealed").curves(0, {})


def test_images_in_colour(files, isolated):
    with FileView(files["kinds"], "h5py", isolated=isolated) as view:
        photo, thermal, movie = (view.data(path) for path in ("/photo", "/thermal", "/movie"))
        assert [reader.summary.colours for reader in (photo, thermal, movie)] == [2, None, 3]
        assert photo.picture(0, 1, {}, colours=True).values.tolist() == np.arange(18).reshape(2, 3, 3).tolist()
        shown = thermal.picture(0, 1, {}, colours=True).values
        assert shown.tolist() == [[[0, 0, 255], [0, 255, 0]], [[255, 0, 0], [0, 255, 0]]]
        assert thermal.picture(0, 1, {}).values.tolist() == [[0, 1], [2, 1]]
        one = movie.picture(1, 2, {0: 1}, colours=True).values
        assert one.shape == (4, 5, 3) and one.dtype == np.uint8 and (one == 255).all()
        assert [d.is_navigation for d in movie.summary.dimensions] == [True, False, False, False]
        planes = view.data("/planes")
        assert planes.summary.colours == 0
        assert planes.picture(1, 2, {}, colours=True).values[1, 0].tolist() == [2, 6, 10]
        assert planes.picture(2, 1, {}, colours=True).values[0, 1].tolist() == [2, 6, 10]


# ------------------------------------------------------------------------------------------------------------ elsewhere
@pytest.fixture
def master(tmp_path):
    (tmp_path / "run").mkdir()
    return write_elsewhere(tmp_path / "run")


def test_values_elsewhere_are_read_when_allowed_and_never_from_outside(master, isolated, monkeypatch, tmp_path):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    with H5Backend("h5py", isolated=isolated) as h5:
        h5.open_file(master)
        for name, shape in (("frames", (2, 4)), ("bytes", (5,)), ("away", (4,))):
            node = h5.get_node(f"/{name}")
            assert node.shape == shape and h5.io.inspection.details(node.handle).sources
            with pytest.raises(ValuesElsewhereError):
                h5.get_node(f"/{name}").read()
    with H5Backend("h5py", isolated=isolated) as h5:
        h5.open_file(master, allow=master.parent)
        assert h5.get_node("/frames").read().tolist() == [[0, 1, 2, 3], [10, 11, 12, 13]]
        assert h5.get_node("/bytes").read().tolist() == [0, 1, 2, 3, 4]
        assert h5.get_node("/linked").read().tolist() == [10, 11, 12, 13]
        for name in ("away", "bridge_x", "bridge_y"):  # two of them by way of a file that is allowed
            with pytest.raises(ValuesElsewhereError):
                h5.get_node(f"/{name}").read()
        h5.io.allow([master.parent, tmp_path])
        assert h5.get_node("/away").read().tolist() == [9] * 4
        h5.close_file()
        h5.open_file(master)  # a permission ends with its file
        with pytest.raises(ValuesElsewhereError):
            h5.get_node("/frames").read()
    with DataLoader(master, allow=[master.parent]) as loader:
        assert loader.load_data("/frames").data[0].sum() == 52


def test_a_view_of_its_own_file_needs_no_question(files, backend):
    with DataLoader(files["kinds"], backend=backend) as loader:
        assert loader.load_data("/own_view").data[0].tolist() == [[2, 0, 2], [0, 0, 0]]


# -------------------------------------------------------------------------------------------------------------- exports
def test_tables_become_columns(files, backend, isolated, tmp_path):
    with H5Backend(backend, isolated=isolated) as h5:
        h5.open_file(files["tables"])
        done = export(h5.get_node("/runs"), tmp_path / "runs.csv")
        frame = pd.read_csv(done.path, comment="#")
        assert "inner.a" in frame and "inner.b" in frame
        assert frame["speed [km/h]"].tolist() == [1, 2, 3] and frame["name"].tolist() == ["one", "two", "x"]
        frame = pd.read_csv(export(h5.get_node("/frame/table"), tmp_path / "p.csv").path, comment="#")
        assert frame["height"].tolist() == [1, 2] and frame["width"].tolist() == [3, 4]
        data = np.load(export(h5.get_node("/runs"), tmp_path / "runs.npz").path)
        assert data["data_0"].tolist() == [1, 2, 3] and data["text_0"].tolist() == ["one", "two", "x"]


def test_tables_with_texts_of_any_length(files, backend, isolated, tmp_path):
    xarray = pytest.importorskip("xarray")
    with H5Backend(backend, isolated=isolated) as h5:
        h5.open_file(files["kinds"])
        done = export(h5.get_node("/log"), tmp_path / "log.csv", CsvExporter(bom=True))
        assert done.path.read_bytes().startswith(b"\xef\xbb\xbf")
        frame = pd.read_csv(done.path, comment="#", encoding="utf-8-sig")
        assert [*frame] == ["index", "t [s]", "state", "who", "xyz[0] [mm]", "xyz[1] [mm]", "xyz[2] [mm]", "note"]
        assert frame["who"].tolist() == ["ada", "b,c"] and frame["note"].tolist() == ["ein", 'z"w']
        assert [column.label for column in read_text(done.path).columns] == [
            "t", "state", "who", "xyz[0]", "xyz[1]", "xyz[2]", "note",
        ]  # fmt: skip
        with xarray.open_dataset(export(h5.get_node("/log"), tmp_path / "log.nc").path, engine="h5netcdf") as dataset:
            assert dataset["t"].attrs["units"] == "s" and dataset["note"].values.tolist() == ["ein", 'z"w']
        csv = pd.read_csv(export(h5.get_node("/z"), tmp_path / "z.csv").path, comment="#")
        assert csv["z real"].tolist() == [1, 2] and csv["z imag"].tolist() == [-1, 0.5]


def test_scale_and_dates_are_in_the_exports(files, tmp_path):
    xarray = pytest.importorskip("xarray")
    with H5Backend("h5py") as h5:
        h5.open_file(files["cf"])
        with xarray.open_dataset(export(h5.get_node("/wetness"), tmp_path / "w.nc").path, engine="h5netcdf") as dataset:
            assert str(dataset["hours"].values[0]).startswith("2020-02-28T11:00")
        frame = pd.read_csv(export(h5.get_node("/seen"), tmp_path / "s.csv").path, comment="#")
        assert [*frame] == [f"hours [{EPOCH}]", "seen"] and frame["seen"].tolist()[1:] == [254, 5]


def test_a_copy_has_every_meaning(files, backend, isolated, tmp_path):
    with H5Backend(backend, isolated=isolated) as h5:
        h5.open_file(files["kinds"])
        notes = export(h5, tmp_path / "all.h5").notes
        assert [note.partition(" ")[0] for note in notes] == ["/far"]
        part = export(h5.get_node("/deep"), tmp_path / "part.h5")
        assert any("/valve was not copied" in note for note in part.notes)
        h5.close()
        h5.open_file(files["cf"])
        export(h5.get_node("/wetness"), tmp_path / "wet.h5")
    with h5py.File(tmp_path / "all.h5") as copy:
        assert copy[copy["pointers"][1]] == copy["deep"] == copy["same"]
        assert copy[copy["regions"][0]][copy["regions"][0]].tolist() == [0, 2]
        assert copy[copy["deep"].attrs["best"]].name == "/valve" and copy[copy["cell"][1, 0]][0, 1] == 3
        assert h5py.check_enum_dtype(copy["valve"].dtype) == {"SHUT": 0, "OPEN": 2}
        assert copy["valve"].attrs["comment"] == b"Schl\xfcssel" and copy["units_of_old"][0] == b"\xb5A"
        assert copy["points"].id.get_type().equal(copy["shape_of_point"].id)
        assert copy["sealed"].id.read_direct_chunk((0,))[1] == bytes(range(16))
    with h5py.File(tmp_path / "wet.h5") as copy:  # its scales came along
        assert [scale.name for dimension in copy["wetness"].dims for scale in dimension.values()] == [
            "/hours", "/band", "/depth",
        ]  # fmt: skip


def test_large_arrays_are_copied_in_pieces(tmp_path, monkeypatch):
    from h5saver_widget.backends import h5py_copying

    monkeypatch.setattr(h5py_copying, "_PIECE", 1000)
    values = np.arange(6000.0).reshape(60, 100)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("packed", data=values, chunks=(7, 30), compression="gzip").attrs["µ"] = "ü"
        file["plain"] = values
        file.create_dataset("sparse", (500, 500), "f8", chunks=(50, 50))[100:200, 50] = 1
    with H5Backend("h5py") as h5:
        h5.open_file(tmp_path / "a.h5")
        assert export(h5, tmp_path / "b.h5").notes == []
    with h5py.File(tmp_path / "a.h5") as one, h5py.File(tmp_path / "b.h5") as two:
        for name in one:
            assert (one[name][()] == two[name][()]).all() and one[name].chunks == two[name].chunks
        assert two["packed"].attrs["µ"] == "ü" and two["packed"].compression == "gzip"


def test_a_folder_of_an_export_is_replaced_and_no_other(files, tmp_path):
    with H5Backend("h5py") as h5:
        h5.open_file(files["cf"])
        first = export(h5, tmp_path / "a.csv")
        with pytest.raises(FileExistsError):
            export(h5, tmp_path / "a.csv")
        assert export(h5, tmp_path / "a.csv", overwrite=True).files == first.files
        (first.path / "remarks.txt").write_text("mine")
        with pytest.raises(FileExistsError, match="no folder of csv files alone"):
            export(h5, tmp_path / "a.csv", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_csv"]


def test_every_object_of_a_group_is_looked_at_once(tmp_path, monkeypatch):
    """A group of N objects took N times N readings of attributes."""
    from h5saver_widget import DataRaw, DataSaverLoader, H5SaverLowLevel

    with H5SaverLowLevel() as saver:
        saver.init_file(tmp_path / "many.h5")
        for number in range(60):
            DataSaverLoader(saver).add_data("/RawData", DataRaw(f"d{number}", data=[np.arange(3.0)]))
        counted = []
        kind = type(saver.io)
        read = kind.get_attributes
        monkeypatch.setattr(kind, "get_attributes", lambda *a, **k: (counted.append(1), read(*a, **k))[1])
        assert len(DataLoader(saver).load_all("/")) == 60
        loading = len(counted)
        export(saver, tmp_path / "many.npz")
    assert loading < 60 * 12 and len(counted) - loading < 60 * 16


def test_single_rows_and_complex_columns(tmp_path, backend, isolated):
    path = write_odd(tmp_path / "odd.h5")
    with H5Backend(backend, isolated=isolated) as h5:
        h5.open_file(path)
        frame = pd.read_csv(export(h5.get_node("/row"), tmp_path / "row.csv").path, comment="#", keep_default_na=False)
        assert frame["pos.y real"].tolist() == [1] and frame["pos.y imag"].tolist() == [2]
        assert frame["text"].tolist() == ["a"] and frame["vec[2]"].tolist() == [0]
        done = export(h5.get_node("/names"), tmp_path / "names.csv")
        assert len([*done.path.iterdir()]) == 11 and not done.notes


def test_netcdf_and_enumerations_go_into_every_format(files, tmp_path):
    """Names that netCDF keeps for itself, and number types with words of h5py's."""
    xarray = pytest.importorskip("xarray")
    with H5Backend("h5py") as h5:
        h5.open_file(files["cf"])
        done = export(h5, tmp_path / "again.nc")
    with xarray.open_datatree(done.path, engine="h5netcdf", decode_times=False) as tree:
        assert any("NAME_" in group.attrs for group in tree.subtree)
    path = tmp_path / "enum.h5"
    with h5py.File(path, "w") as file:
        file["state"] = np.array([1, 0], h5py.enum_dtype({"OFF": 0, "ON": 1}, "i2"))
    with H5Backend("h5py") as h5:
        h5.open_file(path)
        assert np.load(export(h5.get_node("/state"), tmp_path / "state.npy").path).tolist() == [1, 0]
