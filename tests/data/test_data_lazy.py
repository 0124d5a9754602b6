"""Arrays that stay on disk until a slice of them is taken."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import xarray
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from h5saver_widget.data import Axis, DataDistribution, DataRaw, DataToExport
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import DataMismatchError


def lazy(array):
    reads = []

    def read(part):
        reads.append(part)
        assert all(isinstance(p, int) or p.step > 0 for p in part)
        return array[part]

    return LazyArray(read, array.shape, array.dtype), reads


@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5))
def test_slices_as_numpy_does(data, shape):
    array = np.arange(np.prod(shape)).reshape(shape)
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=False))
    got = lazy(array)[0][key]
    np.testing.assert_array_equal(got, array[key])


@pytest.mark.parametrize("key", [5, -4, (0, 0, 0), (..., ...), "a", 1.0])
def test_refuses_other_keys(key):
    with pytest.raises((IndexError, TypeError)):
        lazy(np.zeros((3, 2)))[0][key]


@given(data=st.data(), shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
def test_axes_of_one_come_and_go(data, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    wanted = [n for n in shape if n != 1]
    for at in data.draw(st.lists(st.integers(0, len(wanted)), max_size=3)):
        wanted.insert(at, 1)
    expected = array.reshape(wanted)
    found = LazyArray(lambda part: array[part], array.shape, array.dtype, chunks=shape or None).reshape(tuple(wanted))
    assert found.shape == expected.shape
    assert found.chunks in (None, expected.shape)
    np.testing.assert_array_equal(found, expected)
    key = data.draw(hnp.basic_indices(expected.shape, allow_newaxis=False))
    np.testing.assert_array_equal(found[key], expected[key])
    assert np.shape(found[key]) == np.shape(expected[key])


def test_other_axes_stay_as_they_are():
    with pytest.raises(DataMismatchError, match=r"shape \(2, 3\) can't be read with shape \(3, 2\)"):
        lazy(np.zeros((2, 3)))[0].reshape((3, 2))
    with pytest.raises(DataMismatchError, match="read it first"):
        lazy(np.zeros((2, 3)))[0].reshape((2, 4))


def test_some_rows():
    array, reads = lazy(np.arange(12).reshape(4, 3))
    head = array.take(np.arange(2))
    assert head.shape == (2, 3)
    assert head[-1].tolist() == [3, 4, 5]
    assert reads == [(1, slice(0, 3, 1))]
    assert array.take(np.array([0, 2, 3]))[1:, 0].tolist() == [6, 9]
    with pytest.raises(IndexError):
        head[2]


def test_an_empty_slice_reads_nothing():
    array, reads = lazy(np.zeros((4, 3), np.int8))
    for key, shape in ((slice(2, 2), (0, 3)), ((0, slice(3, 1)), (0,)), ((slice(None), slice(0, 9, -1)), (4, 0))):
        assert (array[key].shape, array[key].dtype) == (shape, np.int8)
    assert reads == []


def test_iterates_over_rows():
    array, reads = lazy(np.arange(6).reshape(3, 2))
    assert [row.tolist() for row in array] == [[0, 1], [2, 3], [4, 5]]
    assert len(reads) == 3


def test_data_object_reads_only_the_slice():
    array, reads = lazy(np.arange(24.0).reshape(4, 6))
    dwa = DataRaw("scan", data=[array], axes=[Axis("x", "mm", data=np.arange(4.0))], nav_indexes=(0,))
    assert (dwa.shape, dwa.dtype, reads) == ((4, 6), np.dtype(float), [])
    np.testing.assert_array_equal(dwa.inav[2].data[0], np.arange(12.0, 18.0))
    assert reads == [(2, slice(0, 6, 1))]
    assert copy.deepcopy(dwa).data[0] is array


def test_calculates_and_compares_like_an_array():
    values = np.arange(6.0).reshape(2, 3)
    array, _ = lazy(values)
    np.testing.assert_array_equal(array + 1, values + 1)
    np.testing.assert_array_equal(np.sqrt(array), np.sqrt(values))
    dwa = DataRaw("a", data=[array], timestamp=0.0)
    assert dwa == DataRaw("a", data=[values], timestamp=0.0)
    assert (dwa - dwa).data[0].sum() == 0


def test_to_xarray():
    dwa = DataRaw(
        "spectrum",
        data=[np.ones((2, 3)), np.zeros((2, 3))],
        labels=["a", "b"],
        units="V",
        origin="det",
        errors=[np.full((2, 3), 0.1)] * 2,
        axes=[Axis("x", "mm", data=np.arange(2.0), index=0), Axis("x", "nm", data=np.arange(3.0), index=1)],
        nav_indexes=(0,),
        exposure=0.1,
    )
    found = dwa.to_xarray()
    assert isinstance(found, xarray.Dataset)
    assert found["a"].dims == ("x", "x_2")
    assert found["a"].attrs["units"] == "V"
    assert found["x"].attrs["units"] == "mm"
    assert set(found.data_vars) == {"a", "b", "a_errors", "b_errors"}
    assert found.attrs["exposure"] == 0.1


def test_spread_data_to_xarray():
    axes = [Axis(n, "mm", data=np.arange(3.0) + i, index=0, spread_order=i) for i, n in enumerate("xy")]
    dwa = DataRaw(
        "s", data=[np.arange(3.0)], axes=axes, nav_indexes=(0,), distribution=DataDistribution.spread, labels=["s"]
    )
    found = dwa.to_xarray()
    assert found["s"].dims == ("point",)
    assert set(found.coords) == {"x", "y"}


def test_lazy_data_become_dask_arrays_in_the_chunks_of_the_file():
    values = np.arange(24.0).reshape(4, 6)
    array = LazyArray(lambda part: values[part], values.shape, values.dtype, chunks=(1, 6))
    found = DataRaw("s", data=[array], labels=["s"]).to_xarray()["s"]
    assert found.chunks == ((1, 1, 1, 1), (6,))
    np.testing.assert_array_equal(found.values, values)


@pytest.mark.parametrize(("shape", "nav", "blocks"), [
    ((2048, 1024, 1024), (0,), (4, 1024, 1024)),
    ((50, 40, 1024, 1024), (0, 1), (1, 4, 1024, 1024)),
    ((100, 100, 1024), (0, 1), (40, 100, 1024)),
    ((3, 5000, 5000), (0,), (1, 5000, 5000)),
    ((3, 10000, 10000), (0,), (1, 419, 10000)),
    ((10**9,), (), (1 << 22,)),
    ((10**9,), (0,), (1 << 22,)),
    ((5, 4), (0,), (5, 4)),
])  # fmt: skip
def test_what_is_stored_in_one_piece_is_cut_into_blocks_of_whole_frames(shape, nav, blocks):
    array = LazyArray(lambda part: pytest.fail("nothing is to be read"), shape, np.dtype(np.uint16))
    found = DataRaw("s", data=[array], labels=["s"], nav_indexes=nav).to_xarray()["s"]
    assert found.data.chunksize == blocks


def test_very_many_chunks_are_taken_together():
    array = LazyArray(lambda part: pytest.fail("nothing is to be read"), (10**7, 8), np.dtype(float), chunks=(1, 8))
    found = DataRaw("s", data=[array], labels=["s"]).to_xarray()["s"]
    assert found.data.chunksize == (512, 8)


def test_bundle_to_xarray():
    dte = DataToExport("grab", data=[DataRaw("a", data=[np.ones(2)]), DataRaw("a", data=[np.ones(3)], origin="det")])
    tree = dte.to_xarray()
    assert isinstance(tree, xarray.DataTree)
    assert {node.path for node in tree.leaves} == {"/grab/a", "/det/a"}
