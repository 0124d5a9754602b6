"""What is drawn, cut out of arrays of any size: values as in the file, true axes, little memory."""

from __future__ import annotations

import math
import warnings

import h5py
import numpy as np
import pytest
from browsing_files import CUBE, CURVES, FRAME, POINTS, SPECTRA, TIME, WAVELENGTH, X, Y
from hypothesis import given, settings, strategies as st

from h5saver_widget import DataRaw, DataSaverLoader, H5SaverLowLevel
from h5saver_widget.browsing import FileView, plotting
from h5saver_widget.browsing.drawings import Curves, Picture, Points, Projection, Window
from h5saver_widget.browsing.pieces import window_of, windows_of
from h5saver_widget.browsing.plotting import DataReader
from h5saver_widget.saving import assemble


def last(steps):
    *_, (done, drawing) = steps
    assert done == 1
    return drawing


def test_a_summary_says_what_there_is(view):
    about = view.data(SPECTRA).summary
    assert (about.name, about.units, about.shape, about.labels) == ("spectrum", "V", (5, 4, 11), ("counts",))
    assert [d.is_navigation for d in about.dimensions] == [True, True, False]
    assert [(d.name, d.axes[0].units) for d in about.dimensions] == [("x", "mm"), ("y", "µm"), ("wavelength", "nm")]
    assert view.data(f"{CURVES}/Data01").summary.has_background
    assert not view.data(FRAME).summary.has_background


def test_curves_with_errors_and_without_background(view):
    drawn = view.data(f"{CURVES}/Data00", all_channels=True).curves(0, {})
    assert (drawn.label, drawn.units, drawn.axis.label, drawn.axis.units) == ("decay", "V", "time", "ms")
    assert [curve.label for curve in drawn.curves] == ["A", "B"]
    np.testing.assert_allclose(drawn.axis.values, TIME)
    np.testing.assert_allclose(drawn.curves[1].values, 2 * np.exp(-TIME))
    np.testing.assert_allclose(drawn.curves[1].errors, 0.2)
    less = view.data(f"{CURVES}/Data00", all_channels=True, with_bkg=True).curves(0, {}, channel=1)
    np.testing.assert_allclose(less.curves[0].values, 2 * np.exp(-TIME) - 1)


def test_the_signal_at_a_point_of_a_scan(view):
    drawn = view.data(SPECTRA).curves(2, {0: 3, 1: 1})
    assert drawn.curves[0].values.tolist() == CUBE[3, 1].tolist()
    np.testing.assert_allclose(drawn.axis.values, WAVELENGTH)
    assert view.data(SPECTRA).curves(2, {0: 99, 1: -5}).curves[0].values.tolist() == CUBE[4, 0].tolist()


def test_pictures_over_any_two_dimensions(view):
    drawn = view.data(SPECTRA).picture(2, 0, {1: 2})
    assert drawn.values.tolist() == CUBE[:, 2, :].T.tolist()
    assert (drawn.rows.label, drawn.columns.label) == ("wavelength", "x")
    frame = view.data(FRAME).picture(0, 1, {})
    assert frame.rows.values.tolist() == Y.tolist() and frame.columns.values.tolist() == X.tolist()


def test_of_many_channels_the_first_are_looked_at(tmp_path, backend, monkeypatch):
    """A group may hold thousands, and each takes several questions to the file."""
    with H5SaverLowLevel("detector", backend) as saver:
        saver.init_file(tmp_path / "many.h5")
        DataSaverLoader(saver).add_data("/RawData", DataRaw("many", data=[np.full(3, n) for n in range(70)]))
    asked, family = [], assemble.family

    def counted(node, attributes):
        asked.append(node)
        return family(node, attributes)

    monkeypatch.setattr(assemble, "family", counted)
    with FileView(tmp_path / "many.h5", backend) as view:
        reader = view.data("/RawData/Data00", all_channels=True)
        assert len(reader.summary.labels) == 64 and reader.summary.left_out == 6 and len(asked) <= 65
        assert [curve.values[0] for curve in reader.curves(0, {}).curves] == list(range(64))
        assert view.data("/RawData/Data69").summary.left_out == 0


@pytest.mark.parametrize("how", Projection)
def test_maps_over_navigation(view, how):
    function = {"mean": np.mean, "sum": np.sum, "max": np.max, "min": np.min}[how.value]
    reader = view.data(SPECTRA)
    whole = last(reader.map((0, 1), {2: slice(0, 11)}, {}, how))
    assert isinstance(whole, Picture) and whole.label == f"{how.value} of counts"
    np.testing.assert_allclose(whole.values, function(CUBE, axis=2))
    part = last(reader.map((1,), {2: slice(3, 5)}, {0: 2}, how))
    assert isinstance(part, Curves)
    np.testing.assert_allclose(part.curves[0].values, function(CUBE[2, :, 3:5], axis=1))


def test_a_scan_that_is_spread_is_points(view):
    reader = view.data(f"{POINTS}/Data00")
    drawn = last(reader.map((0,), {}, {}))
    assert isinstance(drawn, Points)
    assert drawn.values.tolist() == [1, 2, 3] and drawn.x.values.tolist() == [0, 2, 1]
    assert (drawn.x.label, drawn.y.label, drawn.units) == ("px", "py", "A")
    assert reader.curves(0, {}).as_points


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    block=st.integers(8, 400),
    how=st.sampled_from(list(Projection)),
    whole=st.booleans(),
    data=st.data(),
)
def test_a_map_does_not_depend_on_the_blocks_it_is_read_in(shape, block, how, whole, data):
    dims = data.draw(st.permutations(range(len(shape))))
    shown = tuple(dims[: data.draw(st.integers(1, min(2, len(shape) - 1)))])
    over = [i for i in dims if i not in shown]
    values = np.arange(math.prod(shape)).reshape(shape)
    if not whole:
        values = values.astype(float)
        values.flat[:: data.draw(st.integers(2, 7))] = np.nan
    reader = DataReader(DataRaw("cube", data=[values]), "/cube")
    function = getattr(np, f"nan{how.value}")
    before, plotting._BLOCK_BYTES = plotting._BLOCK_BYTES, block
    try:
        drawn = last(reader.map(shown, {i: slice(0, shape[i]) for i in over}, {}, how))
    finally:
        plotting._BLOCK_BYTES = before
    found = drawn.values if isinstance(drawn, Picture) else drawn.curves[0].values
    with warnings.catch_warnings(action="ignore"):  # numpy says that a mean of nothing is none
        wanted = np.where(np.isnan(values).all(axis=tuple(over)), np.nan, function(values, axis=tuple(over)))
    if len(shown) == 2 and shown[0] > shown[1]:
        wanted = wanted.T
    np.testing.assert_allclose(found, wanted)


@given(total=st.integers(1, 10**12), most=st.integers(1, 10**6), start=st.integers(-(10**12), 10**12))
def test_windows_lie_inside(total, most, start):
    window = window_of(total, most, start)
    assert 0 <= window.start < window.stop <= total and window.stop - window.start == min(total, most)


@given(rows=st.integers(1, 10**9), columns=st.integers(1, 10**9), most=st.integers(1, 10**7))
def test_windows_of_pictures_are_small_enough(rows, columns, most):
    first, second = windows_of((rows, columns), most, (0, 10**9))
    assert (first.stop - first.start) * (second.stop - second.start) <= most
    assert second.stop <= columns and first.stop <= rows


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    """Write files of 4 GB of which nothing is written: HDF5 gives space only to what is."""
    path = tmp_path_factory.mktemp("huge") / "huge.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", (2048, 1024, 1024), "uint16", chunks=(1, 1024, 1024))
        file.create_dataset("line", (500_000_000,), "float64", chunks=(100_000,))
        file.create_dataset("image", (20_000, 25_000), "float64", chunks=(100, 1000))
        file["line"][300_000_000] = 7
    return path


def test_of_a_large_array_a_window_is_read(huge, backend):
    with FileView(huge, backend) as view:
        frames = view.data("/frames").picture(1, 2, {0: 2047})
        assert frames.values.shape == (1024, 1024) and not frames.row_window.is_part
        line = view.data("/line").curves(0, {}, start=299_999_999)
        assert line.curves[0].values[1] == 7 and line.axis.values[1] == 300_000_000
        assert line.window == Window(299_999_999, 299_999_999 + plotting.MOST_POINTS, 500_000_000)
        image = view.data("/image").picture(0, 1, {}, start=(19_999, 0))
        assert image.values.nbytes <= plotting.MOST_BYTES
        assert image.row_window.stop == 20_000 and image.column_window.start == 0


def test_axes_of_nexus_groups(tmp_path, backend):
    path = tmp_path / "nexus.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("data")
        group.attrs["signal"] = "counts"
        group.attrs["axes"] = ["energy", "."]
        group["counts"] = np.arange(6.0).reshape(3, 2)
        group["counts"].attrs["units"] = "1/s"
        group["energy"] = np.array([1.0, 2.0, 4.0])
        group["energy"].attrs["units"] = "eV"
    with FileView(path, backend) as view:
        assert view.describe("/data").data_path == "/data/counts"
        drawn = view.data("/data/counts").picture(0, 1, {})
        assert (drawn.rows.label, drawn.rows.units, drawn.rows.values.tolist()) == ("energy", "eV", [1, 2, 4])
        assert drawn.columns.is_counted and drawn.units == "1/s"


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "complex128"])
def test_any_kind_of_number_is_drawn(tmp_path, dtype):
    values = np.array([0, 1, 1, 0]).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = values
    with FileView(tmp_path / "a.h5") as view:
        reader = view.data("/a")
        assert reader.curves(0, {}).curves[0].values.tolist() == [0, 1, 1, 0]
        assert reader.summary.labels[0].startswith("|") == (dtype == "complex128")
