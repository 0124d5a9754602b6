"""npy, npz, h5, netCDF, NeXus, tiff: values, axes, units, labels, errors and background, read by other programs."""

from __future__ import annotations

import json
import threading
from itertools import count

import h5py
import numpy as np
import pytest
import tifffile
import xarray
from export_data import DATA
from nexusformat.nexus import nxload
from silx.io import nxdata

from h5saver_widget import Axis, DataLoader, DataRaw, DataToExport, DataToExportTimedSaver, H5Backend
from h5saver_widget.errors import ExportError
from h5saver_widget.exporters import export

DETECTOR = "/RawData/Detector000"


def sorted_axes(data):
    return sorted(data.axes, key=lambda axis: (axis.index, axis.spread_order))


# ----------------------------------------------------------------------------------------------------------- numpy
@pytest.mark.parametrize("name", [name for name in DATA if len(DATA[name]) == 1])
def test_npy_is_the_array(tmp_path, name):
    done = export(DATA[name], tmp_path / "a.npy")
    found = np.load(done.path)
    assert found.dtype == DATA[name].dtype
    assert np.array_equal(found, DATA[name].data[0], equal_nan=found.dtype.kind in "fc")
    assert "npz keeps them" in done.notes[0]


def test_npy_of_several_channels_is_refused(tmp_path):
    with pytest.raises(ExportError, match="2 channels"):
        export(DATA["spectre"], tmp_path / "a.npy")
    assert not [*tmp_path.iterdir()]


def test_npz_of_a_file_has_everything(filled, tmp_path):
    archive = np.load(export(filled, tmp_path / "a.npz").path)
    prefixes = {name.rpartition("/")[0] for name in archive.files}
    loaded = {dwa.name: dwa for dwa in DataLoader(filled).load_all()}
    assert len(prefixes) == len(loaded)
    for prefix in prefixes:
        about = json.loads(str(archive[f"{prefix}/about"]))
        data = loaded[about["name"]]
        assert (about["units"], about["origin"], about["navigation"]) == (data.units, data.origin, [*data.nav_indexes])
        assert [c["label"] for c in about["channels"] if c["role"] == "data"] == data.labels
        for i, array in enumerate(data.data):
            found = archive[f"{prefix}/data_{i}"]
            assert found.dtype == array.dtype
            assert np.array_equal(found, array, equal_nan=array.dtype.kind in "fc")
        for i, array in enumerate(data.errors or ()):
            assert np.array_equal(archive[f"{prefix}/error_{i}"], array)
        for i, (axis, facts) in enumerate(zip(sorted_axes(data), about["axes"], strict=True)):
            assert np.array_equal(archive[f"{prefix}/axis_{i}"], axis.get_data())
            assert (facts["label"], facts["units"], facts["index"]) == (axis.label, axis.units, axis.index)
        if data.name == "spectre":
            assert archive[f"{prefix}/background_1"].tolist() == [0.5] * 3


# -------------------------------------------------------------------------------------------------------------- h5
def nodes(h5):
    return {node.path: node for node in h5.walk_nodes("/")}


def same_nodes(found, expected, paths):
    for path in paths:
        mine, theirs = found[path], expected[path]
        attributes, original = mine.attrs.to_dict(), theirs.attrs.to_dict()
        if hasattr(theirs, "read"):
            shape = theirs.shape
            original = {**original, **({"shape": shape} if len(original.get("shape", ())) and shape[0] else {})}
            original |= {"size": shape[0]} if "size" in original else {}
            assert mine.info.dtype == theirs.info.dtype
            assert np.array_equal(np.asarray(mine.read(), object), np.asarray(theirs.read(), object)) or np.array_equal(
                mine.read(), theirs.read(), equal_nan=True
            )
        assert {k: str(v) for k, v in attributes.items()} == {k: str(v) for k, v in original.items()}, path
        assert type(mine) is type(theirs)


def test_h5_of_the_open_file_is_a_copy(filled, backend, tmp_path):
    done = export(filled, tmp_path / "copy.h5")
    assert not done.notes
    with H5Backend(backend) as copy:
        copy.open_file(done.path)
        found, expected = nodes(copy), nodes(filled)
        assert found.keys() == expected.keys()
        same_nodes(found, expected, expected)
    loaded, original = DataLoader(done.path, backend=backend), DataLoader(filled)
    assert [*loaded.load_all()] == [*original.load_all()]
    loaded.close_file()


def test_h5_of_a_part_brings_what_it_needs(filled, backend, tmp_path):
    path = "/RawData/Scan000/Detector000/Data1D/CH00/Data00"
    for node in (path, path.rpartition("/")[0], "/RawData/Scan000/Detector000"):
        done = export(filled.get_node(node), tmp_path / f"{node.count('/')}.h5")
        with DataLoader(done.path, backend=backend) as part:
            assert part.load_data(path) == DataLoader(filled).load_data(path)
            names = {node.path for node in part.walk_nodes("/")}
            assert "/RawData/Scan000/NavAxes/Axis01" in names
            assert DETECTOR not in names


def test_h5_of_one_channel_brings_errors_and_background(filled, backend, tmp_path):
    path = next(n.path for n in filled.walk_nodes(DETECTOR) if n.title == "spectre" and n.name == "Data01")
    done = export(filled.get_node(path), tmp_path / "a.h5")
    with DataLoader(done.path, backend=backend) as part:
        assert part.load_data(path, with_bkg=True) == DataLoader(filled).load_data(path, with_bkg=True)
        assert [n.name for n in part.walk_nodes(path.rpartition("/")[0])][1:] == [
            "Axis00", "Bkg01", "Data01", "ErrorBar01"]  # fmt: skip


def test_h5_keeps_compression(saver, backend, tmp_path):
    saver.compression = type(saver.compression)("zlib", 4)
    saver.add_array("/RawData", "frames", "data", array_to_save=np.zeros((100, 1000)))
    path = export(saver.get_node("/RawData/Frames"), tmp_path / "a.h5").path
    with H5Backend(backend) as copy:
        copy.open_file(path)
        assert copy.get_node("/RawData/Frames").info.compression
        assert path.stat().st_size < 100_000


@pytest.mark.parametrize(("backend", "isolated"), [("h5py", False), ("h5py", True), ("tables", True)])
def test_h5_of_groups_with_many_members_in_their_order(tmp_path, backend, isolated):
    """HDF5 gives the address of such a list to a group that is made with the properties of the first one."""
    names = [f"n{i}" for i in range(40, 0, -1)]  # by number, by name, as they were made: three orders
    with h5py.File(tmp_path / "a.h5", "w", track_order=True) as file:
        for group in (file, file.create_group("many", track_order=True)):
            for number, name in enumerate(names):
                group[name] = float(number)
                group.attrs[name] = number
    with H5Backend(backend, isolated=isolated) as h5:
        h5.open_file(tmp_path / "a.h5")
        done = export(h5, tmp_path / "b.h5")
    assert not done.notes
    with h5py.File(done.path) as file:
        assert list(file) == ["many", *names]
        for group in (file, file["many"]):
            assert [group[name][()] for name in names] == list(range(40))
            assert [*group.attrs.items()] == [(name, number) for number, name in enumerate(names)]
        assert list(file["many"]) == names


def test_h5_says_what_it_leaves_out(tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["a"] = np.arange(3)
        file["soft"] = h5py.SoftLink("/a")
        file["again"] = file["a"]
        file["out"] = h5py.ExternalLink("other.h5", "/x")
    with H5Backend("h5py") as h5:
        h5.open_file(tmp_path / "foreign.h5")
        done = export(h5, tmp_path / "a.h5")
    assert done.notes == ["/out is a link to /x in other.h5, and stays one"]
    with h5py.File(done.path) as copy:
        assert copy["a"][()].tolist() == [0, 1, 2] and copy["a"] == copy["again"]
        assert copy.get("soft", getlink=True).path == "/a" and copy.get("out", getlink=True).filename == "other.h5"


def test_h5_of_data_in_memory_is_refused(tmp_path):
    with pytest.raises(ExportError, match="in memory"):
        export(DATA["image"], tmp_path / "a.h5")


@pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"], indirect=True)
@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_a_file_is_exported_while_it_is_written(saver, backend, tmp_path, suffix):
    timed, stop = DataToExportTimedSaver(saver), threading.Event()
    group = saver.add_det_group("/RawData", "Log")

    def record():
        for i in count():
            data = [DataRaw("value", data=[np.array([float(i)])]), DataRaw("curve", data=[np.full(50, float(i))])]
            timed.add_data(group, DataToExport("Log", data=data, timestamp=float(i)))
            if stop.is_set() and i > 20:
                return

    writer = threading.Thread(target=record)
    writer.start()
    try:
        while saver.frames_saved < 10:
            pass
        done = [export(saver, tmp_path / f"{i}{suffix}") for i in range(3)]
    finally:
        stop.set()
        writer.join()
    for file in done:
        if suffix == ".npz":
            archive = np.load(file.path)
            curves = next(archive[n] for n in archive.files if "1D" in n and n.endswith("data_0"))
        else:
            with DataLoader(file.path, backend=backend) as loader:
                curves = loader.load_data(f"{group.path}/Data1D/CH00/EnlData00").data[0]
        assert len(curves) >= 10
        assert np.array_equal(curves, np.repeat(np.arange(len(curves))[:, np.newaxis], 50, axis=1))


# ---------------------------------------------------------------------------------------------------------- netCDF
def test_netcdf_of_a_file(filled, tmp_path):
    path = export(filled, tmp_path / "a.nc").path
    loaded = {dwa.name: dwa for dwa in DataLoader(filled).load_all()}
    seen = set()
    with xarray.open_datatree(path) as tree:
        for leaf in tree.leaves:
            dataset = leaf.to_dataset()
            about = json.loads(dataset.attrs["about"])
            data = loaded[about["name"]]
            seen.add(data.name)
            assert dataset.attrs["units"] == data.units
            for label, array in zip(data.labels, data.data, strict=True):
                if array.dtype.kind == "c":
                    found = dataset[f"{label}_real"].values + 1j * dataset[f"{label}_imag"].values
                else:
                    assert dataset[label].dtype == array.dtype
                    found = dataset[label].values
                    assert dataset[label].attrs["units"] == data.units
                assert np.array_equal(found, array, equal_nan=array.dtype.kind in "fc")
            for axis in data.axes:
                assert np.array_equal(dataset[axis.label].values, axis.get_data())
                assert dataset[axis.label].attrs["units"] == axis.units
            if data.name == "spectre":
                assert dataset["CH01_errors"].values.tolist() == [0.0] * 3
                assert dataset["CH01_background"].values.tolist() == [0.5] * 3
    assert seen == loaded.keys()


def test_netcdf_takes_any_name(tmp_path):
    data = DataRaw("a/b", data=[np.arange(2, dtype=np.float16)], labels=["m/s"], units="m/s",
                   axes=[Axis("1/x", "1/m", np.arange(2.0))], extra={"a": (1, None)}, flag=True)  # fmt: skip
    done = export(data, tmp_path / "a.nc")
    with xarray.open_dataset(done.path) as found:
        assert [*found.data_vars] == ["m_per_s"]
        assert found["m_per_s"].attrs["long_name"] == "m/s"
        assert found["1_per_x"].values.tolist() == [0, 1]
        assert found.attrs["flag"] == 1
    assert "32 bits" in done.notes[0]


# ----------------------------------------------------------------------------------------------------------- NeXus
def test_nexus_of_a_file_is_plotted_with_true_axes(filled, tmp_path):
    path = export(filled, tmp_path / "a.nxs").path
    loaded = {dwa.name: dwa for dwa in DataLoader(filled).load_all()}
    with h5py.File(path) as file:
        assert nxdata.get_default(file).is_valid
        groups = [group for group in file["entry"].values() if isinstance(group, h5py.Group)]
        assert len(groups) == len(loaded)
        for group in groups:
            found = nxdata.NXdata(group)
            assert not found.issues
            data = loaded[found.title]
            signals = [found.signal, *found.auxiliary_signals]
            for signal, array, label in zip(signals, data.data, data.labels, strict=True):
                assert signal.dtype == array.dtype
                assert np.array_equal(signal[()], array, equal_nan=array.dtype.kind in "fc")
                assert text(signal.attrs["long_name"]) == (f"{label} ({data.units})" if data.units else label)
                assert text(signal.attrs.get("units", "")) == data.units
            first = {axis.index: axis for axis in reversed(sorted_axes(data))}
            scatter = data.name == "places"
            for i, axis in enumerate(sorted_axes(data) if scatter else map(first.get, range(data.ndim))):
                if axis is not None:
                    assert np.array_equal(found.axes[i][()], axis.get_data())
                    assert text(found.axes[i].attrs.get("units", "")) == axis.units
            if data.name == "spectre":
                assert found.errors[()].tolist() == [0.1] * 3
                assert group["CH01_background"][()].tolist() == [0.5] * 3
            if data.name == "film":
                assert found.interpretation == "image"


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def test_nexus_as_nexpy_sees_it(filled, tmp_path):
    found = nxload(export(filled.get_node("/RawData/Scan000"), tmp_path / "a.nxs").path)
    assert str(found.entry.program_name) == "h5saver_widget"
    assert found.attrs["creator"] == "h5saver_widget"
    assert found.attrs["file_name"] == "a.nxs"
    plotted = found.get_default()
    assert [axis.nxname for axis in plotted.nxaxes] == ["p", "q", "t"]
    assert plotted.nxaxes[1].nxunits == "µm"
    assert plotted.nxsignal.nxvalue.shape == (2, 3, 4)


# ------------------------------------------------------------------------------------------------------------ tiff
def test_tiff_for_imagej_has_pixel_size_and_channels(tmp_path):
    path = export(DATA["image"], tmp_path / "a.tif").path
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        assert (file.imagej_metadata["unit"], file.imagej_metadata["channels"]) == ("\\u00B5m", 2)
        x, y = (file.pages[0].tags[name].value for name in ("XResolution", "YResolution"))
        assert (x[0] / x[1], y[0] / y[1]) == (4.0, 2.0)
        about = json.loads(file.imagej_metadata["Info"])
        assert (about["name"], about["axes"][0]["units"]) == ("image", "µm")
        assert np.array_equal(file.asarray(), DATA["image"].data)


@pytest.mark.parametrize("name", ["film", "field", "mask", "cloud"])
def test_tiff_keeps_values_and_number_types(tmp_path, name):
    data = DATA[name]
    with tifffile.TiffFile(export(data, tmp_path / "a.tif").path) as file:
        found = file.asarray().reshape(data.shape)
        assert file.is_imagej == (name in ("film", "mask"))
        about = (file.imagej_metadata or {}).get("Info") or file.shaped_metadata[0]["about"]
        assert json.loads(about)["name"] == name
    assert np.array_equal(found, data.data[0])
    assert found.dtype == (np.uint8 if name == "mask" else data.dtype)


def test_tiff_takes_the_images_of_a_group(filled, tmp_path):
    done = export(filled.get_node(DETECTOR), tmp_path / "images.tif")
    assert done.path.name == "images_tiff"
    assert len(done.files) == sum(data.ndim >= 2 for data in DATA.values())
    assert any("no images" in note for note in done.notes)


def test_tiff_of_a_number_is_refused(tmp_path):
    with pytest.raises(ExportError, match="no images"):
        export(DATA["counts"], tmp_path / "a.tif")
    assert not [*tmp_path.iterdir()]
