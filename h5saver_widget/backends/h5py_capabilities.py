"""The capabilities of the h5py backend, without importing h5py: the files of a window are in other processes."""

from __future__ import annotations

from importlib.util import find_spec

from h5saver_widget.backends.terms import Capabilities

__all__ = ["H5PY_CAPABILITIES"]

H5PY_CAPABILITIES = Capabilities(
    swmr=True,
    journal=True,
    copies_objects=True,
    compression=("zlib", "gzip", "lzf", *(("blosc2", "bitshuffle") if find_spec("hdf5plugin") else ())),
)
"""blosc2 and bitshuffle need the package hdf5plugin."""
