"""Capabilities, known without importing a library: the files of a window are in other processes."""

from __future__ import annotations

from importlib.util import find_spec

from h5saver_widget.backends.terms import Capabilities

__all__ = ["H5PY_CAPABILITIES", "SERVER_CAPABILITIES"]

H5PY_CAPABILITIES = Capabilities(
    swmr=True,
    journal=True,
    copies_objects=True,
    views=True,
    compression=("zlib", "gzip", "lzf", *(("blosc2", "bitshuffle") if find_spec("hdf5plugin") else ())),
)
"""blosc2 and bitshuffle need the package hdf5plugin."""

SERVER_CAPABILITIES = Capabilities(
    remote=True,
    compression=("zlib", "gzip", "lz4", "blosclz"),
    max_attribute_bytes=150_000,
)
"""JSON takes six bytes for a character that is not ASCII, and a request has at most a megabyte."""
