"""Data left on disk until a slice of them is taken: equal to what is loaded at once, and small in memory."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from h5saver_widget import (
    Axis,
    BkgSaver,
    DataExtendedSaver,
    DataLoader,
    DataMismatchError,
    DataRaw,
    DataSaverLoader,
    DataToExport,
    DataToExportEnlargeableSaver,
    DataToExportExtendedSaver,
    DataToExportTimedSaver,
    FileNotOpenError,
    H5SaverLowLevel,
    NodeError,
)
from h5saver_widget.backends.registry import local_backends
from h5saver_widget.backends.terms import Compression
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.format.layout import DataType
from h5saver_widget.saving.describe import data_attributes

BACKENDS = tuple(local_backends())
DTYPES = ["bool", "int8", "int16", "int64", "uint8", "uint16", "uint64", "float16", "float32", "complex64"]
HYPOTHESIS = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def arrays_of(dwa):
    return [*dwa.data, *(dwa.errors or [])]


def assert_same(lazy, eager, key=...):
    """Both are equal in everything; the arrays of the first are on disk, and equal in a slice."""
    assert all(isinstance(array, LazyArray) for array in arrays_of(lazy))
    assert not any(isinstance(array, LazyArray) for array in arrays_of(eager))
    assert len(arrays_of(lazy)) == len(arrays_of(eager))
    for left, right in zip(arrays_of(lazy), arrays_of(eager), strict=True):
        assert (left.shape, left.dtype) == (right.shape, right.dtype)
        assert left[...].dtype == left[key].dtype == right.dtype
        np.testing.assert_array_equal(left[key], right[key])
        np.testing.assert_array_equal(left, right)
    assert lazy == eager
    assert type(lazy) is type(eager)
    assert (lazy.origin, lazy.timestamp, lazy.extra_attributes) == (
        eager.origin,
        eager.timestamp,
        eager.extra_attributes,
    )


def assert_all_same(path, with_bkg=False):
    """Compare everything in a file, read by either library; return the last bundle."""
    for reader in BACKENDS:
        with DataLoader(path, backend=reader) as loader:
            eager = loader.load_all("/", with_bkg=with_bkg)
            lazy = loader.load_all("/", with_bkg=with_bkg, lazy=True)
            assert len(lazy) == len(eager) > 0
            for left, right in zip(lazy, eager, strict=True):
                assert_same(left, right)
    return eager


# --------------------------------------------------------------------------------------------- equal to what is eager
@HYPOTHESIS
@given(data=st.data(), dtype=st.sampled_from(DTYPES), errors=st.booleans(), gzip=st.booleans())
def test_slices_are_those_of_data_in_memory(tmp_path_factory, backend, data, dtype, errors, gzip):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=data.draw(st.integers(0, 1)), max_side=5))
    nav = data.draw(st.sets(st.integers(0, len(shape) - 1), max_size=2))
    path = tmp_path_factory.mktemp("lazy") / "data.h5"
    with H5SaverLowLevel(backend=backend) as h5saver:
        h5saver.compression = Compression("gzip", 4 if gzip else 0)
        h5saver.init_file(path)
        dwa = DataRaw(
            "some",
            data=[data.draw(hnp.arrays(dtype, shape)) for _ in range(2)],
            labels=["a", "b"],
            units="V",
            nav_indexes=nav,
            axes=[Axis("x", "mm", data=np.arange(n) * 0.5, index=i) for i, n in enumerate(shape)],
            errors=[np.full(shape, 0.1), np.ones(shape)] if errors else None,
            gain=3,
        )
        DataSaverLoader(h5saver).add_data("/RawData", dwa)
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=False))
    for reader in BACKENDS:
        with DataLoader(path, backend=reader) as loader:
            for load_all in (False, True):
                eager = loader.load_data("/RawData/Data00", load_all=load_all)
                assert_same(loader.load_data("/RawData/Data00", load_all=load_all, lazy=True), eager, key)


@pytest.mark.parametrize("reader", BACKENDS)
def test_cutting_a_data_object_reads_and_cuts_its_axes(saver, reopened, reader):
    axes = [Axis("x", "mm", np.arange(4.0), 0), Axis("y", "mm", np.arange(3.0), 1), Axis("nm", "m", np.arange(5.0), 2)]
    values = np.arange(60.0).reshape(4, 3, 5)
    DataSaverLoader(saver).add_data(
        "/RawData", DataRaw("map", data=[values], axes=axes, nav_indexes=(0, 1), errors=[values / 10], units="V")
    )
    loader = DataLoader(reopened(reader))
    eager, lazy = (loader.load_data("/RawData/Data00", lazy=choice) for choice in (False, True))
    assert isinstance(lazy.axes[0].get_data(), np.ndarray)
    for cut in (lambda d: d.inav[2, 1:], lambda d: d.inav[1, 0], lambda d: d.isig[::-2], lambda d: d.inav[..., -1]):
        found = cut(lazy)
        assert found == cut(eager)
        assert all(isinstance(array, np.ndarray) for array in arrays_of(found))


def grab(i, dtype):
    return DataToExport("grab", data=[
        DataRaw("point", data=[np.array([i]).astype(dtype), np.array([i + 1]).astype(dtype)], units="V", origin="det"),
        DataRaw("line", data=[np.full(4, i).astype(dtype)], axes=[Axis("x", "nm", np.arange(4.0))], origin="det",
                errors=[np.full(4, 0.1)]),
        DataRaw("frame", data=[np.full((2, 3), i).astype(dtype)], origin="det"),
    ])  # fmt: skip


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float64"])
def test_growing_arrays(saver, dtype):
    timed = DataToExportTimedSaver(saver)
    for i in range(5):
        timed.add_data("/RawData", grab(i, dtype))
    path = saver.file_path
    saver.close_file()
    point, line, frame = assert_all_same(path)
    assert (point.shape, line.shape, frame.shape) == ((5,), (5, 4), (5, 2, 3))
    assert point.dtype == np.dtype(dtype)


def test_growing_arrays_are_cut_to_the_rows_that_all_have(saver):
    timed = DataToExportTimedSaver(saver)
    for i in range(3):
        timed.add_data("/RawData", grab(i, "float64"))
    saver.get_node("/RawData/Data0D/CH00/EnlData00").append(np.array([[9.0]]))
    saver.get_node("/RawData/Data1D/CH00/EnlData00").append(np.full((2, 4), 9.0))
    path = saver.file_path
    saver.close_file()
    assert [dwa.shape[0] for dwa in assert_all_same(path)] == [3, 3, 3]


def test_points_of_any_axes(saver):
    enlarged = DataToExportEnlargeableSaver(saver, ("x", "y"), ("mm", "um"))
    for i in range(4):
        enlarged.add_data("/RawData", grab(i, "float32"), axis_values=[float(i), -float(i)])
    path = saver.file_path
    saver.close_file()
    assert assert_all_same(path).data[0].distribution.name == "spread"


@pytest.mark.parametrize("dtype", ["bool", "uint16", "complex64"])
def test_scans(saver, dtype):
    scan = DataToExportExtendedSaver(saver, (2, 3))
    scan.add_nav_axes("/RawData", [Axis("x", "mm", np.arange(2.0), 0), Axis("y", "mm", np.arange(3.0), 1)])
    for i, at in enumerate(np.ndindex(2, 3)):
        scan.add_data("/RawData", grab(i, dtype), at)
    path = saver.file_path
    saver.close_file()
    point, line, _ = assert_all_same(path)
    assert (point.shape, line.shape) == ((2, 3), (2, 3, 4))
    assert [axis.label for axis in point.get_nav_axes()] == ["x", "y"]


def test_a_spectrum_of_one_value_in_a_scan(saver):
    dwa = DataRaw("one", dim="Data1D", data=[np.ones(1)], axes=[Axis("x", "m", np.ones(1))])
    DataExtendedSaver(saver, (3,)).add_data("/RawData", dwa, (1,))
    path = saver.file_path
    saver.close_file()
    (found,) = assert_all_same(path)
    assert found.shape == (3, 1)


# ---------------------------------------------------------------------------------------------------------- background
@HYPOTHESIS
@given(data=st.data(), dtype=st.sampled_from(DTYPES), other=st.sampled_from([None, "uint8", "int16", "float64"]))
def test_background_is_subtracted_slice_by_slice(tmp_path_factory, backend, data, dtype, other):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    beside = tuple(data.draw(st.sampled_from([1, n])) for n in shape[data.draw(st.integers(0, len(shape) - 1)) :])
    with np.errstate(all="ignore"):
        path = tmp_path_factory.mktemp("background") / "data.h5"
        with H5SaverLowLevel(backend=backend) as h5saver:
            h5saver.init_file(path)
            dwa = DataRaw("cam", data=[data.draw(hnp.arrays(dtype, shape)) for _ in range(2)])
            DataSaverLoader(h5saver).add_data("/RawData", dwa)
            background = data.draw(hnp.arrays(other or dtype, beside))
            BkgSaver(h5saver).add_data("/RawData", DataRaw("cam", data=[background] * 2), save_axes=False)
        key = data.draw(hnp.basic_indices(shape, allow_newaxis=False))
        for reader in BACKENDS:
            with DataLoader(path, backend=reader) as loader:
                eager = loader.load_data("/RawData/Data00", with_bkg=True, load_all=True)
                assert_same(loader.load_data("/RawData/Data00", with_bkg=True, load_all=True, lazy=True), eager, key)


def test_background_of_counts_does_not_wrap(saver):
    frames = np.arange(12, dtype=np.uint16).reshape(3, 2, 2)
    DataSaverLoader(saver).add_data("/RawData", DataRaw("cam", data=[frames], nav_indexes=(0,)))
    dark = DataRaw("cam", data=[np.full((2, 2), 5, np.uint16)])
    BkgSaver(saver).add_data("/RawData", dark, save_axes=False)
    lazy = DataLoader(saver).load_data("/RawData/Data00", with_bkg=True, lazy=True)
    np.testing.assert_array_equal(lazy.inav[0].data[0], [[-5, -4], [-3, -2]])
    assert lazy.dtype == np.int64


def test_background_of_another_shape_is_refused_when_loading(saver):
    DataSaverLoader(saver).add_data("/RawData", DataRaw("cam", data=[np.zeros(3)]))
    BkgSaver(saver).add_data("/RawData", DataRaw("cam", data=[np.zeros(4)]), save_axes=False)
    with pytest.raises(DataMismatchError, match=r"Bkg00 of shape \(4,\).*Data00 of shape \(3,\)"):
        DataLoader(saver).load_data("/RawData/Data00", with_bkg=True, lazy=True)


# ------------------------------------------------------------------------------------------------------------ the file
def test_nothing_is_read_but_the_slice(saver, monkeypatch):
    DataSaverLoader(saver).add_data("/RawData", DataRaw("s", data=[np.zeros((5, 4))], nav_indexes=(0,)))
    read, asked = saver.io.read, []
    monkeypatch.setattr(
        saver.io, "read", lambda handle, selection=...: asked.append(selection) or read(handle, selection)
    )
    lazy = DataLoader(saver).load_data("/RawData/Data00", lazy=True)
    assert asked == []
    assert lazy.inav[3].shape == (4,)
    assert lazy[0][2:2].shape == (0, 4)
    assert asked == [(3, slice(0, 4, 1))]


@pytest.mark.parametrize("with_bkg", [False, True])
def test_a_slice_after_the_file_was_closed_says_so(saver, with_bkg):
    DataSaverLoader(saver).add_data("/RawData", DataRaw("s", data=[np.zeros((5, 4))]))
    BkgSaver(saver).add_data("/RawData", DataRaw("s", data=[np.zeros(4)]), save_axes=False)
    lazy = DataLoader(saver).load_data("/RawData/Data00", with_bkg=with_bkg, lazy=True)
    path = saver.file_path
    saver.close_file()
    with pytest.raises(FileNotOpenError, match=r"/RawData/.* loaded lazily, and .*afile.h5 has been closed"):
        lazy[0][1]
    saver.init_file(path, mode="r")  # the same path, but it could be another file
    with pytest.raises(NodeError, match="is gone: it was deleted, or its file was closed"):
        _ = lazy.isig[1]


def test_by_name_and_origin_and_by_the_data_saver(saver):
    DataSaverLoader(saver).add_data("/RawData", DataRaw("s", data=[np.arange(4.0)] * 2, origin="det"))
    loader = DataLoader(saver)
    assert_same(loader.load_data_from_name_origin("s", "det", lazy=True), loader.load_data_from_name_origin("s", "det"))
    own = DataSaverLoader(saver)
    assert_same(own.load_data("/RawData/Data01", lazy=True), own.load_data("/RawData/Data01"))


def test_lazy_data_can_be_saved_again(saver, tmp_path, backend):
    dwa = DataRaw("s", data=[np.arange(6).reshape(2, 3)], nav_indexes=(0,))
    DataSaverLoader(saver).add_data("/RawData", dwa)
    with H5SaverLowLevel(backend=backend) as other:
        other.init_file(tmp_path / "other.h5")
        DataSaverLoader(other).add_data("/RawData", DataLoader(saver).load_data("/RawData/Data00", lazy=True))
        assert DataLoader(other).load_data("/RawData/Data00") == dwa


# -------------------------------------------------------------------------------------------------------------- xarray
@pytest.mark.parametrize("gzip", [False, True])
def test_dask_arrays_are_cut_like_the_file(saver, gzip):
    saver.compression = Compression("gzip", 1 if gzip else 0)
    frames = np.arange(5 * 600 * 500, dtype=np.uint32).reshape(5, 600, 500)
    DataSaverLoader(saver).add_data("/RawData", DataRaw("cam", data=[frames], nav_indexes=(0,), labels=["cam"]))
    lazy = DataLoader(saver).load_data("/RawData/Data00", lazy=True)
    found = lazy.to_xarray()["cam"]
    stored = saver.get_node("/RawData/Data00").info.chunks
    assert found.data.chunksize == (stored or (5, 600, 500))
    assert int(found.sum()) == frames.sum()
    np.testing.assert_array_equal(found.isel(dim_0=[3, 0, 3], dim_2=slice(None, None, -7)), frames[[3, 0, 3], :, ::-7])
    np.testing.assert_array_equal(found[frames[:, 0, 0] > 400_000], frames[frames[:, 0, 0] > 400_000])


def test_growing_data_to_xarray(saver):
    timed = DataToExportTimedSaver(saver)
    for i in range(20):
        timed.add_data("/RawData", grab(i, "float64"))
    loader = DataLoader(saver)
    lazy, eager = (loader.load_all("/", lazy=choice).to_xarray() for choice in (True, False))
    lazy.attrs = eager.attrs  # when the bundle was made
    assert lazy.identical(eager)
    assert all(array.chunks for node in lazy.leaves for array in node.data_vars.values())


def test_dask_computes_in_threads_while_the_file_grows(saver):
    timed = DataToExportTimedSaver(saver)
    for i in range(50):
        timed.add_data("/RawData", grab(i, "float64"))
    found = [dwa.to_xarray() for dwa in DataLoader(saver).load_all("/", lazy=True)]
    stop = threading.Event()

    def write():
        count = 0
        while not stop.is_set() or count == 0:
            timed.add_data("/RawData", grab(99, "float64"))
            count += 1
        return count

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write)
        try:
            for _ in range(3):
                for dataset in found:
                    for array in dataset.data_vars.values():
                        chunked = array.chunk(dict.fromkeys(array.dims, 3))
                        values = chunked.compute(scheduler="threads", num_workers=8)
                        assert values.shape[0] == 50
                        assert float(values.max()) <= 50
        finally:
            stop.set()
        assert written.result(60) > 0


# ---------------------------------------------------------------------------------------------------------------- 4 GB
POINTS = 2048

CHILD = """
import sys, tracemalloc
import numpy as np
from h5saver_widget import DataLoader
def peak():  # getrusage would tell the parent's peak: Linux hands it on to the child
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    except OSError:
        return 0
path, reader, with_bkg = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
with DataLoader(path, backend=reader) as loader:
    np.ones((4, 4)) - 1
    before = peak()
    tracemalloc.start()
    scan = loader.load_data("/RawData/Data00", with_bkg=with_bkg, lazy=True)
    frame = scan.inav[7].data[0]
    line = scan[0][-1, 3, 5:9]
    print(scan.data[0].nbytes, frame.mean(), line.tolist(), len(scan.axes), sep=";")
    print(max(peak() - before, tracemalloc.get_traced_memory()[1]))
"""


@pytest.fixture
def big_scan(backend, tmp_path):
    """Make a scan of 4 GB of which two frames were measured: HDF5 gives space only to what is written."""
    saver = H5SaverLowLevel("detector", backend=backend)
    saver.init_file(tmp_path / "afile.h5")
    nav = DataToExportExtendedSaver(saver, (POINTS,))
    nav.add_nav_axes("/RawData", [Axis("x", "mm", np.arange(POINTS) * 0.5)])
    like = DataRaw("camera", data=[np.zeros((1, 1, 1), np.uint16)], nav_indexes=(0,), units="counts")
    attributes = data_attributes(like, 0, DataType.data, (0,))
    node = saver.create_carray(
        "/RawData", "Data00", title="camera", shape=(POINTS, 1024, 1024), dtype="uint16", attributes=attributes
    )
    for i in (7, POINTS - 1):
        node[i] = np.full((1024, 1024), i, np.uint16)
    dark = DataRaw("camera", data=[np.full((1024, 1024), 10, np.uint16)])
    BkgSaver(saver).add_data("/RawData", dark, save_axes=False)
    path = saver.file_path
    saver.close_file()
    if hasattr(path.stat(), "st_blocks") and path.stat().st_blocks * 512 > 100e6:
        pytest.skip("this file system keeps no holes: the file would take 4 GB")
    yield path
    path.unlink()


@pytest.mark.parametrize("with_bkg", [False, True])
@pytest.mark.parametrize("reader", BACKENDS)
def test_one_frame_of_4_gb_takes_less_than_50_mb(big_scan, reader, with_bkg):
    command = [sys.executable, "-c", CHILD, str(big_scan), reader, str(with_bkg)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found, peak = done.stdout.splitlines()
    dark = 10 if with_bkg else 0
    size = POINTS * 2**20 * (8 if with_bkg else 2)
    assert found == f"{size};{7.0 - dark};{[POINTS - 1 - dark] * 4};1"
    assert 2e6 < int(peak) < 50e6
