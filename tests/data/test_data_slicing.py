"""Slicing against plain numpy, for grids and for lists of points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from h5saver_widget.data import Axis, DataDim, DataDistribution, DataRaw, SlicingError
from h5saver_widget.errors import DataMismatchError


@st.composite
def data_and_key(draw: st.DrawFn) -> tuple[DataRaw, str, object, tuple[object, ...]]:
    """Return data, the name of a slicer, a key for it, and the same cut for numpy."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    nav = tuple(sorted(draw(st.sets(st.integers(0, len(shape) - 1)))))
    axes = [
        Axis(f"a{dim}", "u", np.arange(size) ** 2 + dim, dim) for dim, size in enumerate(shape) if draw(st.booleans())
    ]
    data = np.arange(float(np.prod(shape))).reshape(shape)
    dwa = DataRaw("d", data=[data, -data], errors=[data / 2, data], nav_indexes=nav, axes=draw(st.permutations(axes)))
    which = draw(st.sampled_from(["inav", "isig"]))
    dims = nav if which == "inav" else dwa.sig_indexes
    used = draw(st.integers(0, len(dims)))
    parts = [draw(st.slices(shape[d]) | st.integers(-shape[d], shape[d] - 1)) for d in dims[:used]]
    full: list[object] = [slice(None)] * len(shape)
    for dim, part in zip(dims, parts, strict=False):
        full[dim] = part
    key: object = tuple(parts)
    if draw(st.booleans()):
        at = draw(st.integers(0, used))
        full = [slice(None)] * len(shape)
        ends = [*dims[:at], *(dims[len(dims) - (used - at) :] if used > at else ())]
        parts = [draw(st.slices(shape[d]) | st.integers(-shape[d], shape[d] - 1)) for d in ends]
        for dim, part in zip(ends, parts, strict=True):
            full[dim] = part
        key = (*parts[:at], ..., *parts[at:])
    elif used == 1 and draw(st.booleans()):
        key = parts[0]
    return dwa, which, key, tuple(full)


@settings(deadline=None)  # a shared machine may pause at any time
@given(data_and_key())
def test_slicing_is_numpy_slicing(case: tuple[DataRaw, str, object, tuple[object, ...]]) -> None:
    dwa, which, key, full = case
    cut = getattr(dwa, which)[key]
    for mine, theirs in ((cut.data, dwa.data), (cut.errors, dwa.errors)):
        for array, whole in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(array, np.atleast_1d(whole[full]))
    kept = [dim for dim, part in enumerate(full) if isinstance(part, slice)]
    assert cut.nav_indexes == tuple(kept.index(dim) for dim in dwa.nav_indexes if dim in kept)
    assert sorted(axis.index for axis in cut.axes) == sorted(
        kept.index(axis.index) for axis in dwa.axes if axis.index in kept
    )
    for axis in cut.axes:
        dim = kept[axis.index]
        (old,) = dwa.get_axis_from_index(dim)
        assert old is not None
        assert axis.label == old.label
        np.testing.assert_array_equal(axis.get_data(), old.get_data()[full[dim]])
    assert type(cut) is DataRaw
    # a sliced object is a legal one: it can be built anew from its parts
    assert DataRaw("d", data=cut.data, errors=cut.errors, axes=cut.axes, nav_indexes=cut.nav_indexes) == cut


def spread() -> DataRaw:
    """Return five points with two spread axes and a signal axis."""
    axes = [Axis("a", data=np.arange(5.0) ** 2, index=0), Axis("b", data=-np.arange(5.0), index=0, spread_order=1)]
    axes.append(Axis("x", data=np.arange(3), index=1))
    return DataRaw(
        "s", distribution="spread", data=[np.arange(15).reshape(5, 3)], nav_indexes=(0,), axes=axes, gain=2, origin="o"
    )


@settings(deadline=None)
@given(st.slices(5))
def test_spread_axes_are_cut_alike(key: slice) -> None:
    cut = spread().inav[key]
    np.testing.assert_array_equal(cut[0], spread()[0][key])
    assert [list(axis.get_data()) for axis in cut.nav_axes] == [
        list(axis.get_data()[key]) for axis in spread().nav_axes
    ]
    assert [axis.spread_order for axis in cut.nav_axes] == [0, 1]
    assert (cut.distribution, cut.dim) == (DataDistribution.spread, DataDim.DataND)


def test_one_spread_point_is_uniform_signal() -> None:
    cut = spread().inav[-1]
    np.testing.assert_array_equal(cut[0], [12, 13, 14])
    assert [axis.label for axis in cut.axes] == ["x"]
    assert (cut.axes[0].index, cut.nav_indexes, cut.dim) == (0, (), DataDim.Data1D)
    assert cut.distribution is DataDistribution.uniform
    assert (cut.gain, cut.origin, cut.timestamp > 0) == (2, "o", True)  # type: ignore[attr-defined]


def test_signal_of_spread_data() -> None:
    cut = spread().isig[1]
    np.testing.assert_array_equal(cut[0], [1, 4, 7, 10, 13])
    assert (len(cut.axes), cut.distribution, cut.nav_indexes) == (2, DataDistribution.spread, (0,))


def test_the_original_is_not_changed_and_shares_arrays() -> None:
    dwa = spread()
    cut = dwa.isig[1:]
    cut.axes[0].label = "changed"
    cut.add_extra_attribute(more=1)
    assert dwa == spread()
    assert dwa.extra_attributes == ["gain"]
    assert np.shares_memory(cut[0], dwa[0])


def test_everything_sliced_away_leaves_a_point() -> None:
    cut = spread().inav[2].isig[1]
    assert (cut.shape, cut.dim, cut.axes, cut[0].item()) == ((1,), DataDim.Data0D, [], 7)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (5, "index 5 is out of range for navigation dimension 0 with 5 points"),
        (-6, "index -6 is out of range"),
        ((0, 0), "the key has 2 parts, but there are 1 navigation dimensions"),
        ((..., ...), "the key has 2 parts"),
        ("a", "navigation keys are ints, slices or Ellipsis, got str"),
        (True, "got bool"),
        (1.5, "got float"),
    ],
)
def test_messages(key: object, message: str) -> None:
    with pytest.raises(SlicingError, match=message) as caught:
        spread().inav[key]
    assert isinstance(caught.value, IndexError)
    assert isinstance(caught.value, DataMismatchError)


def test_signal_is_named_in_messages() -> None:
    with pytest.raises(IndexError, match="index 3 is out of range for signal dimension 1 with 3 points"):
        spread().isig[3]
