"""A corpus from every saver of the peer, made in the session: what it says of its files is what is loaded here."""

import shutil

import numpy as np
import pytest
from test_peer import array_of, compare

from h5saver_widget import (
    Axis,
    AxisSaverLoader,
    DataCalculated,
    DataLoader,
    DataToExport,
    DataToExportTimedSaver,
    H5BrowserUtil,
    H5SaverLowLevel,
)
from h5saver_widget.backends.registry import local_backends
from h5saver_widget.browsing import FileView

BACKENDS = tuple(local_backends())
KINDS = ["data", "modules", "scan1d", "scan2d", "spread"]


def files_for(corpus, kind, backend):
    """Return the files of a kind that a library can read."""
    wanted = {path: told for path, told in corpus.items() if told["kind"] == kind}
    assert len(wanted) == 3
    # HDF5 1.14 inside PyTables can't decode what HDF5 2.0 writes with libver 'latest'
    return {path: told for path, told in wanted.items() if not (backend == "tables" and "swmr" in path)}


def without_repetitions(theirs):
    """Return axes, the first of each dimension.

    The peer's optimizer writes them again with every step.
    """
    kept = {}
    for axis in theirs["axes"]:
        kept.setdefault((axis[2], axis[3] if theirs["distribution"] == "spread" else 0), axis)
    return list(kept.values())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_node_is_loaded_as_the_peer_loads_it(corpus, kind, backend):
    for path, told in files_for(corpus, kind, backend).items():
        assert told["failed"] == {}
        with DataLoader(path, backend=backend) as loader:
            for key, theirs in told["nodes"].items():
                node, with_bkg = key.rsplit(" ", 1)
                if with_bkg == "True" and not node.endswith("00"):
                    continue  # the peer subtracts the first channel's background from all
                ours = loader.load_data(node, with_bkg=with_bkg == "True")
                if kind == "spread" and "/Timestamps/" in node:
                    theirs = {**theirs, "distribution": "spread"}  # to the peer uniform, with one of its axes
                theirs = {**theirs, "axes": without_repetitions(theirs)}
                if "/Bkg" in node or "/ErrorBar" in node:
                    ours.errors, theirs = None, {**theirs, "errors": None}  # the peer takes the data's for them
                if with_bkg == "True":  # small unsigned integers wrap round in the peer, and don't here
                    ours.data = [array.astype(d["dtype"]) for array, d in zip(ours, theirs["data"], strict=True)]
                compare(ours, theirs, f"{path} {key}")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_axis_is_loaded_as_the_peer_loads_it(corpus, kind, backend):
    for path, told in files_for(corpus, kind, backend).items():
        with H5SaverLowLevel(backend=backend) as saver:
            saver.open_file(path)
            for node, (label, units, index, spread_order, values) in told["axes"].items():
                ours = AxisSaverLoader(saver).load_axis(node)
                assert (ours.label, ours.units, ours.index, ours.spread_order) == (label, units, index, spread_order)
                np.testing.assert_allclose(ours.get_data(), values, rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_went_in_comes_out(corpus, backend):
    for path, told in files_for(corpus, "data", backend).items():
        assert len(told["given"]) == 4
        with DataLoader(path, backend=backend) as loader:
            for group, given in told["given"].items():
                loaded = {data.name: data for data in loader.load_all(group)}
                assert len(loaded) == len(given)
                for theirs in given:
                    ours = loaded[theirs["name"]]
                    compare(ours, theirs, f"{path} {group} {ours.name}")
                    if theirs["data"][0]["dtype"] != "bool" or ("tables" in path) == (backend == "tables"):
                        assert [str(array.dtype) for array in ours.data] == [d["dtype"] for d in theirs["data"]]
            background = loader.load_data("/RawData/Detector003/Data00", with_bkg=True)
            np.testing.assert_array_equal(background.data[0], np.arange(6).reshape(2, 3) - 1)
            grown = loader.load_data("/RawData/Detector005/EnlData00")
            assert [axis.get_data().tolist() for axis in grown.get_nav_axes()] == [[0, 2, 4, 6], [0, 1, 4, 9]]
            assert [axis.units for axis in grown.get_nav_axes()] == ["mm", "µs"]
        with H5BrowserUtil(backend=backend) as browser:
            browser.open_file(path)
            assert browser.log_lines() == ["a line µ"]
            assert browser.get_h5_attributes("/RawData").attributes["sample"] == "µ"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("kind", "shape"), [("scan1d", (4,)), ("scan2d", (2, 3)), ("spread", (4,))])
def test_scans_hold_every_point(corpus, kind, shape, backend):
    for path in files_for(corpus, kind, backend):
        with DataLoader(path, backend=backend) as loader:
            everything = loader.load_all("/RawData/Scan000")
            assert sorted(data.name for data in everything) == [
                "ElapsedTime", "one", "one", "two", "two", "zero", "zero",
            ]  # fmt: skip
            for origin, factor in (("Det", 1), ("Cam", 2)):
                zero = loader.load_data_from_name_origin("zero", origin)
                numbers = np.arange(np.prod(shape)).reshape(shape) * factor
                np.testing.assert_array_equal(zero.data, [1.5 + numbers, 2.5 - numbers])
                one = loader.load_data_from_name_origin("one", origin)
                np.testing.assert_array_equal(one.data[0], np.arange(3.0) + numbers[..., np.newaxis])
                np.testing.assert_array_equal(one.errors[0], np.full(3, 0.5) + numbers[..., np.newaxis])
                assert [axis.label for axis in one.axes if axis.index == len(shape)] == ["x"]
                assert len(one.get_nav_axes()) == (2 if kind == "spread" else len(shape))
            elapsed = loader.load_data_from_name_origin("ElapsedTime")
            assert (elapsed.shape, elapsed.data[0].dtype) == (shape, np.float32)
            settings = loader.get_node("/RawData/Scan000/Detector000").attrs["settings"]
            assert "gäin" in settings.decode() or b"g&#228;in" in settings


@pytest.mark.parametrize("backend", BACKENDS)
def test_modules_hold_what_they_were_given(corpus, backend):
    for path in files_for(corpus, "modules", backend):
        with DataLoader(path, backend=backend) as loader:
            raw = loader.get_node("/RawData").children()
            groups = {node.title: node.path for name, node in raw.items() if name != "Logger"}
            for title in ("timed", "growing", "extended", "DAQ_Logger"):
                zero = loader.load_data_from_name_origin("zero", where=groups[title])
                np.testing.assert_array_equal(zero.data, [[1.5, 2.5, 3.5], [2.5, 1.5, 0.5]])
                assert len(zero.get_nav_axes()) == 1
            for title in ("moves", "steps", "DAQ_Logger"):
                stage = loader.load_data_from_name_origin("Stage", where=groups[title])
                np.testing.assert_array_equal(np.ravel(stage.data[0]), [0, 0.5, 1])
            assert loader.load_data_from_name_origin("Stage", where=groups["moved"]).data[0].tolist() == [1.5]
            snapshot = loader.load_all(groups["snapshot"], with_bkg=True)
            assert snapshot.get_data_from_name("one").data[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_blocks_of_points_come_back_with_the_axis_they_brought(corpus, backend):
    for path, told in files_for(corpus, "blocks", backend).items():
        bundles = [{facts["name"]: facts for facts in told["given"][str(i)]} for i in range(3)]
        with DataLoader(path, backend=backend) as loader:
            assert len(loader.load_all("/")) == 5
            for name in ("cloud", "burst"):
                blocks = [bundle[name] for bundle in bundles]
                ours = loader.load_data_from_name_origin(name, "Det")
                for channel, array in enumerate(ours):
                    rows = np.concatenate([array_of(block["data"][channel]) for block in blocks])
                    np.testing.assert_array_equal(array, rows)
                assert (ours.labels, ours.units) == (blocks[0]["labels"], "")  # the peer drops units of growing data
                axes = [np.concatenate([block["axes"][0][4] for block in blocks])]
                assert [axis.get_data().tolist() for axis in ours.get_nav_axes()] == [a.tolist() for a in axes]
                assert [axis.label for axis in ours.get_nav_axes()] == ["n"]
            one = loader.load_data_from_name_origin("one", "Det")
            assert [axis.label for axis in one.get_nav_axes()] == ["time"]
            time = AxisSaverLoader(loader.h5saver).load_axis("/RawData/NavAxes/Axis00")  # one value per block
            assert time == one.get_nav_axes()[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_recording_of_blocks_by_the_peer_goes_on_here(corpus, backend, tmp_path):
    path = tmp_path / "goes on.h5"
    shutil.copy(next(path for path in files_for(corpus, "blocks", backend) if backend in path), path)
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(path)
        x = saver.get_node("/RawData/DataND/CH00/Axis01").read()
        axes = [Axis("n", "s", np.array([7.0, 8.0])), Axis("x", "m", x, index=1)]
        cloud = DataCalculated("cloud", data=[np.ones((2, 3), complex)], axes=axes, nav_indexes=(0,), origin="Det")
        DataToExportTimedSaver(saver).add_data("/RawData", DataToExport("Det", data=[cloud], timestamp=5.0))
    with DataLoader(path, backend=backend) as loader:
        found = loader.load_data_from_name_origin("cloud", "Det")
        assert found.data[0].shape == (14, 3)
        own, time = found.get_nav_axes()
        assert own.get_data().tolist() == [*[0, 1, 3, 4] * 3, 7, 8]
        np.testing.assert_array_equal(time.get_data(), [*[np.nan] * 12, 5, 5])  # which block a row is of, was not kept


def test_the_values_of_the_corpus_are_no_defaults(corpus):
    some = next(told for path, told in corpus.items() if told["kind"] == "data")
    kinds = {facts["data"][0]["dtype"] for group in some["given"].values() for facts in group}
    assert {"bool", "float16", "complex64", "complex128", "int8", "uint64"} <= kinds
    assert any(np.isnan(array_of(data)).any() for f in some["nodes"].values() for data in f["data"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_browser_describes_and_draws_every_node(corpus, kind, backend):
    for path in files_for(corpus, kind, backend):
        with FileView(path, backend) as view:
            drawn = 0
            for group, children in view.expand("/").items():
                for name, _ in children:
                    node = f"{group.rstrip('/')}/{name}"
                    assert view.rows([node])[node].problem == ""
                    report = view.describe(node)
                    # the peer itself writes some that are no XML: they are shown as text
                    assert all(found.text or not found.problem for found in report.settings)
                    if report.data_path and not report.is_default:
                        reader = view.data(report.data_path, report.all_channels)
                        drawing = reader.curves(len(reader.summary.shape) - 1, {})
                        assert drawing.curves[0].values.size and drawing.axis.label
                        drawn += 1
            assert drawn
