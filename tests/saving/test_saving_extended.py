"""Arrays of a scan: points in any order, scans that were stopped, what is not measured yet."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from h5saver_widget import (
    Axis,
    DataExtendedSaver,
    DataLoader,
    DataMismatchError,
    DataRaw,
    DataToExport,
    DataToExportExtendedSaver,
    DynamicRangeError,
    H5SaverLowLevel,
)
from h5saver_widget.backends.registry import local_backends

BACKENDS = tuple(local_backends())


def of_kind(kind, i, dtype="float64"):
    i = np.array(i).astype(dtype)
    match kind:
        case "Data0D":
            return DataRaw("d", data=[i.reshape(1)], units="V")
        case "Data1D":
            return DataRaw("d", data=[np.array([i] * 3)], axes=[Axis("x", "m", np.arange(3.0))], units="V")
        case "one point":
            return DataRaw("d", dim="Data1D", data=[i.reshape(1)], axes=[Axis("x", "m", np.ones(1))])
        case "Data2D":
            return DataRaw("d", data=[np.full((2, 3), i)], labels=["µ"], axes=[Axis("y", "", np.ones(2))])
    return DataRaw("d", data=[np.full((2, 3), i)], nav_indexes=(0,), axes=[Axis("n", "s", np.ones(2))])


KINDS = ["Data0D", "Data1D", "one point", "Data2D", "DataND"]


def scan_axes(shape):
    return [Axis(f"axis {i}", "mm", np.arange(n) * 0.5, index=i) for i, n in enumerate(shape)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from(["int16", "float32", "float64", "complex128", "uint8"]),
    data=st.data(),
)
def test_points_in_any_order(tmp_path_factory, backend, shape, kind, dtype, data):
    points = data.draw(st.permutations(list(np.ndindex(shape))))
    measured = points[: data.draw(st.integers(1, len(points)))]
    path = tmp_path_factory.mktemp("scan") / "scan.h5"
    first = of_kind(kind, 0)
    with H5SaverLowLevel(backend=backend) as h5saver:
        h5saver.init_file(path)
        scan = DataToExportExtendedSaver(h5saver, shape)
        scan.add_nav_axes("/RawData", scan_axes(shape))
        for i, at in enumerate(measured):
            scan.add_data("/RawData", DataToExport("d", data=[of_kind(kind, i, dtype)]), at)
    row = first.shape if kind != "Data0D" else ()
    expected = np.full((*shape, *row), np.nan if np.dtype(dtype).kind in "fc" else 0, dtype)
    for i, at in enumerate(measured):
        expected[at] = of_kind(kind, i).data[0].reshape(row)
    for reader in BACKENDS:
        with DataLoader(path, backend=reader) as loader:
            (loaded,) = loader.load_all("/").data
        np.testing.assert_array_equal(loaded.data[0], expected)
        assert loaded.dtype == np.dtype(dtype)
        dims = len(shape)
        assert loaded.nav_indexes == (*range(dims), *(i + dims for i in first.nav_indexes))
        assert [a.label for a in loaded.axes if a.index < dims] == [f"axis {i}" for i in range(dims)]
        assert [(a.label, a.index) for a in loaded.axes if a.index >= dims] == [
            (a.label, a.index + dims) for a in first.axes
        ]
        assert (loaded.units, loaded.labels) == (first.units, first.labels)


@pytest.mark.parametrize(("fill", "dtype", "held"), [
    (0.0, "float64", 0.0), (np.nan, "float64", np.nan), (np.nan, "int32", 0), (7.0, "int32", 7), (np.nan, "bool", 0),
])  # fmt: skip
def test_fill_value(saver, fill, dtype, held):
    saver.fill_value = fill
    scan = DataToExportExtendedSaver(saver, (2,))
    scan.add_data("/RawData", DataToExport("d", data=[DataRaw("a", data=[np.ones(1, dtype)])]), (1,))

    np.testing.assert_array_equal(DataLoader(saver).load_data("/RawData/Data0D/CH00/Data00").data[0], [held, 1])


def test_fill_value_of_one_saver(saver):
    scan = DataToExportExtendedSaver(saver, (2,), fill_value=-1.0)
    scan.add_data("/RawData", DataToExport("d", data=[DataRaw("a", data=[np.ones(1)])]), 0)

    assert saver.get_node("/RawData/Data0D/CH00/Data00").read().tolist() == [1, -1]


def test_spread_scan(saver):
    scan = DataToExportExtendedSaver(saver, (3,))
    axes = [Axis(name, "mm", np.array([0.0, 5.0, 1.0]) + i, 0, spread_order=i) for i, name in enumerate("xy")]
    scan.add_nav_axes("/RawData", axes)
    for i in range(3):
        scan.add_data("/RawData", DataToExport("d", data=[of_kind("Data1D", i)]), [i], distribution="spread")

    (loaded,) = DataLoader(saver).load_all("/").data
    assert loaded.distribution.name == "spread"
    assert loaded.get_nav_axes() == axes


@pytest.mark.parametrize("at", [(3,), (-1,), (0, 0), ()])
def test_points_outside_are_refused(saver, at):
    bundle = DataToExport("d", data=[of_kind("Data0D", 0)])
    with pytest.raises(DataMismatchError, match="not in a scan of shape"):
        DataToExportExtendedSaver(saver, (3,)).add_data("/RawData", bundle, at)
    with pytest.raises(DataMismatchError, match="not in a scan of shape"):
        DataExtendedSaver(saver, (3,)).add_data("/RawData", bundle[0], at)
    assert [node.name for node in saver.walk_nodes("/RawData")] == ["RawData", "Logger"]


def test_a_point_that_does_not_fit_is_refused_as_a_whole(saver):
    scan = DataToExportExtendedSaver(saver, (3,))
    good = DataRaw("good", data=[np.array([1.0])])
    scan.add_data("/RawData", DataToExport("d", data=[good, of_kind("Data1D", 0)]), (0,))
    with pytest.raises(DataMismatchError, match=r"d: records \(of a\) can't be saved"):
        records = DataRaw("d", data=[np.zeros(3, [("a", int)])])
        scan.add_data("/RawData", DataToExport("d", data=[good, records]), (1,))
    saver.dynamic = np.dtype("float64")
    with pytest.raises(DynamicRangeError, match=r"0\.5j"):
        scan.add_data("/RawData", DataToExport("d", data=[good, DataRaw("d", data=[np.full(3, 0.5j)])]), (1,))

    np.testing.assert_array_equal(saver.get_node("/RawData/Data0D/CH00/Data00").read(), [1, np.nan, np.nan])


def test_errors_that_come_later(saver):
    scan = DataToExportExtendedSaver(saver, (3,))
    scan.add_data("/RawData", DataToExport("d", data=[DataRaw("a", data=[np.ones(1)])]), (0,))
    with_errors = DataRaw("a", data=[np.ones(1)], errors=[np.array([0.5])])
    scan.add_data("/RawData", DataToExport("d", data=[with_errors]), (1,))

    (loaded,) = DataLoader(saver).load_all("/").data
    np.testing.assert_array_equal(loaded.errors[0], [np.nan, 0.5, np.nan])


def test_a_point_that_is_measured_again_without_errors_has_none(saver):
    scan = DataToExportExtendedSaver(saver, (2,))
    for errors in ([np.array([0.5])], None):
        scan.add_data("/RawData", DataToExport("d", data=[DataRaw("a", data=[np.ones(1)], errors=errors)]), (1,))
    assert np.isnan(DataLoader(saver).load_all("/").data[0].errors[0]).all()


def test_a_scan_goes_on_in_a_reopened_file_and_names_may_repeat(saver, backend, reopened):
    def bundle(i):
        return DataToExport("d", data=[DataRaw("a", data=[np.array([1.0 * i])]), DataRaw("a", data=[np.array([-i])])])

    DataToExportExtendedSaver(saver, (2,)).add_data("/RawData", bundle(1), (0,))
    again = reopened(backend, "a")
    DataToExportExtendedSaver(again, (2,)).add_data("/RawData", bundle(2), (1,))

    assert [data.data[0].tolist() for data in DataLoader(again).load_all("/").data] == [[1, 2], [-1, -2]]
    with pytest.raises(DataMismatchError, match="start a new scan"):
        DataToExportExtendedSaver(again, (3,)).add_data("/RawData", bundle(2), (1,))


def test_one_data_object_right_below_a_group(saver):
    scan = DataExtendedSaver(saver, (2, 2))
    for at in ((1, 1), (0, 1)):
        scan.add_data("/RawData", of_kind("Data1D", 1.0 * at[0]), at)

    loaded = DataLoader(saver).load_data("/RawData/Data00")
    assert loaded.shape == (2, 2, 3)
    np.testing.assert_array_equal(loaded.data[0][:, 1, 0], [0, 1])
    assert np.isnan(loaded.data[0][:, 0]).all()


def test_dynamic_of_a_scan(saver):
    saver.dynamic = np.dtype("uint8")
    scan = DataToExportExtendedSaver(saver, (2,))
    scan.add_data("/RawData", DataToExport("d", data=[DataRaw("a", data=[np.array([255.0])])]), (0,))
    with pytest.raises(DynamicRangeError, match="256"):
        scan.add_data("/RawData", DataToExport("d", data=[DataRaw("a", data=[np.array([256.0])])]), (1,))

    assert saver.get_node("/RawData/Data0D/CH00/Data00").read().tolist() == [255, 0]
