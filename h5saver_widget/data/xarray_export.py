"""Data objects as xarray objects (optional extra ``xarray``): labelled dimensions, coordinates with units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from h5saver_widget.data.enums import DataDistribution
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import MissingLibraryError
from h5saver_widget.format.naming import free_name

if TYPE_CHECKING:
    from h5saver_widget.data.axis import Axis
    from h5saver_widget.data.data_to_export import DataToExport
    from h5saver_widget.data.data_with_axes import DataWithAxes

__all__ = ["blocks_of", "to_dataset", "to_datatree"]

_BLOCK_BYTES = 8 << 20
_FRAME_BYTES = 64 << 20
_MANY_BLOCKS = 20_000


def _import(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingLibraryError(
            f"to_xarray() of these data needs {name}: pip install 'h5saver_widget[xarray]'"
        ) from error


def _blocks(array: LazyArray, sig_indexes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the blocks that dask reads: the chunks of the file, or about 8 MB of whole frames.

    A frame is the last two signal axes; only one above 64 MB is cut. Of very many chunks, several along the last axis
    that is cut make one block, because dask spends about 0.1 ms on each block.
    """
    shape = array.shape
    if array.chunks is None:
        blocks, size = [1] * array.ndim, array.dtype.itemsize
        frame = sig_indexes[-2:]
        for i in sorted(range(array.ndim), key=lambda i: (i in frame, i), reverse=True):
            limit = _FRAME_BYTES if i in frame and size * shape[i] <= _FRAME_BYTES else _BLOCK_BYTES
            blocks[i] = max(1, min(shape[i], limit // max(1, size)))
            size *= blocks[i]
        return tuple(blocks)
    blocks = [min(n, size) for n, size in zip(array.chunks, shape, strict=True)]
    while (several := [i for i, n in enumerate(blocks) if n < shape[i]]) and (
        math.prod(math.ceil(size / max(1, n)) for n, size in zip(blocks, shape, strict=True)) > _MANY_BLOCKS
    ):
        blocks[several[-1]] = min(2 * blocks[several[-1]], shape[several[-1]])
    return tuple(blocks)


def blocks_of(array: Any, sig_indexes: tuple[int, ...]) -> Any:
    """Return an array for xarray: one on disk becomes a dask array of blocks."""
    if not isinstance(array, LazyArray):
        return array
    # a name of its own: to make one from the content, dask would pickle the array. Not fancy: lists are taken from the
    # blocks, a LazyArray knows ints and slices only
    return _import("dask.array").from_array(
        array, chunks=_blocks(array, sig_indexes), name=False, asarray=False, fancy=False
    )


def to_dataset(dwa: DataWithAxes) -> Any:
    """Return a data object as an ``xarray.Dataset``: one variable per channel, and one per channel with errors.

    Dimensions are named after their axes. The variables of lazy data are dask arrays: cut like the chunks of the file,
    or into blocks of about 8 MB of whole frames where the file holds an array in one piece. They are computed in any
    thread, as long as the file is open.

    MissingLibraryError if xarray, or dask for lazy data, is not installed.
    """
    xarray = _import("xarray")
    spread = dwa.distribution is DataDistribution.spread
    by_index: dict[int, list[Axis]] = {}
    for axis in sorted(dwa.axes, key=lambda axis: (axis.index, axis.spread_order)):
        by_index.setdefault(axis.index, []).append(axis)
    dims: list[str] = []
    for index in range(len(dwa.shape)):
        axes = by_index.get(index, [])
        label = "point" if spread and len(axes) > 1 else axes[0].label if axes else ""
        dims.append(free_name(label or f"dim_{index}", dims))
    coords: dict[str, Any] = {}
    for index, axes in by_index.items():
        for axis in axes:
            name = dims[index] if len(axes) == 1 else free_name(axis.label or f"axis_{index}", [*dims, *coords])
            coords[name] = (dims[index], np.asarray(axis.get_data()), {"units": axis.units, "long_name": axis.label})
    variables: dict[str, Any] = {}
    for channel, label in enumerate(dwa.labels):
        name = free_name(label or f"channel_{channel}", [*variables, *coords, *dims])
        about = {"units": dwa.units, "long_name": label}
        variables[name] = (dims, blocks_of(dwa.data[channel], dwa.sig_indexes), about)
        if dwa.errors is not None:
            errors = blocks_of(dwa.errors[channel], dwa.sig_indexes)
            variables[free_name(f"{name}_errors", variables)] = (dims, errors, about)
    about = {"name": dwa.name, "origin": dwa.origin, "units": dwa.units, "source": dwa.source.name}
    extras = {name: getattr(dwa, name) for name in dwa.extra_attributes}
    return xarray.Dataset(variables, coords, {**extras, **about, "timestamp": dwa.timestamp})


def to_datatree(dte: DataToExport) -> Any:
    """Return a bundle as an ``xarray.DataTree``: a node ``origin/name`` per data object. Errors as `to_dataset`."""
    xarray = _import("xarray")
    datasets: dict[str, Any] = {}
    for dwa in dte:
        parts = [part.replace("/", "_") for part in (dwa.origin or dte.name, dwa.name) if part]
        datasets[free_name("/" + "/".join(parts), datasets)] = to_dataset(dwa)
    tree = xarray.DataTree.from_dict(datasets, name=dte.name.replace("/", "_") or None)
    tree.attrs["timestamp"] = dte.timestamp
    return tree
