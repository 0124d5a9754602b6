"""The filters of the h5py backend's arrays, by the names of h5py and HDF5."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import Any

import h5py
from h5py import h5z

from h5saver_widget.backends.compression import Packing
from h5saver_widget.errors import MissingLibraryError

__all__ = ["compression_of", "filter_options", "learn_plugins", "missing_filters", "packing_of"]

#: Filters that are plugins, by their registered numbers.
_PLUGINS = {32001: "blosc", 32008: "bitshuffle", 32026: "blosc2"}
#: Filters of HDF5 itself have numbers up to this one.
_OWN_FILTERS = 255
#: Registered filters by their numbers: name, and where to get it.
#: https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md
_REGISTERED = {
    4: ("szip", "an HDF5 library with szip"),
    305: ("LZO", "the package tables, of conda-forge"),
    307: ("bzip2", "the package hdf5plugin, or tables"),
    32000: ("lzf", "the package h5py"),
} | {
    number: (name, "the package hdf5plugin")
    for number, name in {
        **_PLUGINS,
        32004: "lz4",
        32013: "zfp",
        32015: "zstd",
        32017: "sz",
        32018: "fcidecomp",
        32024: "sz3",
        32028: "sperr",
    }.items()
}


@functools.cache
def _plugins() -> Any:
    """Return hdf5plugin, None if it is not installed; from now on HDF5 knows its filters.

    Most files need none of them, and they cost every process 7 MB and a tenth of its start.
    """
    try:
        return import_module("hdf5plugin")
    except ImportError:
        return None


def _filter(name: str) -> Any:
    """Return one of hdf5plugin's filters; MissingLibraryError if that is installed but can't be used."""
    plugins = _plugins()
    if plugins is None:
        raise MissingLibraryError(f"{name} needs the package hdf5plugin, which can't be imported: install it again")
    return getattr(plugins, name)


def learn_plugins() -> bool:
    """Let HDF5 know the filters of hdf5plugin; return whether it did not know them before."""
    return not _plugins.cache_info().currsize and _plugins() is not None


def filter_options(library: str, level: int) -> dict[str, Any]:
    """Return the arguments of h5py's ``create_dataset`` for the compression of an array."""
    if library == "lzf":
        return {"compression": "lzf", "shuffle": True}
    if library == "blosc2":
        blosc2 = _filter("Blosc2")
        return dict(blosc2(cname="zstd", clevel=level, filters=blosc2.SHUFFLE))
    if library == "bitshuffle":
        return dict(_filter("Bitshuffle")(cname="zstd", clevel=level))
    return {"compression": "gzip", "compression_opts": min(level, 9), "shuffle": True}


def packing_of(dataset: Any) -> Packing | None:
    """Return the packing that a data set's filters do, None if it is not nothing, or shuffle and deflate."""
    plist = dataset.get_create_plist()
    filters = [plist.get_filter(number) for number in range(plist.get_nfilters())]
    codes = [code for code, *_ in filters]
    item_bytes = dataset.get_type().get_size() if codes[:1] == [h5z.FILTER_SHUFFLE] else 1
    if codes in ([h5z.FILTER_DEFLATE], [h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE]) and filters[-1][2][0] > 0:
        return Packing(filters[-1][2][0], item_bytes)
    return None if codes else Packing()


def missing_filters(dataset: Any) -> list[str]:
    """Return the filters that an array (a ``DatasetID``) needs and that are not here, with their packages."""
    plist = dataset.get_create_plist()
    missing = []
    for place in range(plist.get_nfilters()):
        number, _, _, stored = plist.get_filter(place)
        if not (h5z.filter_avail(number) or (learn_plugins() and h5z.filter_avail(number))):
            name, package = _REGISTERED.get(number, ("", "ask the author of the file for it"))
            name = name or stored.split(b"\0")[0].decode("utf-8", "replace")
            missing.append(f"needs the filter {name + ', ' if name else ''}number {number}: {package}")
    return missing


def compression_of(obj: h5py.Dataset) -> str | None:
    """Return the name of an array's compression; h5py knows its own three."""
    name: str | None = obj.compression
    if name != "unknown":
        return name
    plist = obj.id.get_create_plist()
    codes = [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    known = (_REGISTERED.get(code, (f"filter {code}", ""))[0] for code in codes if code > _OWN_FILTERS)
    return next(known, name)
