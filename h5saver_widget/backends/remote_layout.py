"""How arrays and attributes are laid out so that a server takes them: chunks, filters, the size of a request."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from h5saver_widget.backends.h5pyd_client import MAX_JSON
from h5saver_widget.backends.terms import Compression

__all__ = ["bounded_chunks", "filters", "within_one_request"]

_MAX_CHUNK = 16 << 20
_PACKERS: dict[str, dict[str, Any]] = {
    "lz4": {"class": "H5Z_FILTER_LZ4", "id": 32004},
    "blosclz": {"class": "H5Z_FILTER_BLOSC", "id": 32001},
}


def filters(library: str | None, compression: Compression | None) -> dict[str, Any]:
    """Return the creation properties of a compressed array; `library` is the checked name, None for none."""
    if library is None or compression is None:
        return {}
    shuffle = {"class": "H5Z_FILTER_SHUFFLE", "id": 2, "name": "shuffle"}
    if library == "zlib":
        packed = {"class": "H5Z_FILTER_DEFLATE", "id": 1, "level": min(compression.level, 9), "name": "gzip"}
    else:
        packed = {**_PACKERS[library], "name": library}
    return {"filters": [shuffle, packed]}


def bounded_chunks(chunks: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Halve chunks that a server's cache can't hold.

    >>> bounded_chunks((1, 4096, 4096), np.dtype('float64'))
    (1, 512, 4096)
    """
    found = list(chunks)
    for axis in range(len(found)):
        while int(np.prod(found)) * dtype.itemsize > _MAX_CHUNK and found[axis] > 1:
            found[axis] = (found[axis] + 1) // 2
    return tuple(found)


def within_one_request(encoded: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Spread attributes over requests: HSDS refuses more than 1 MiB of them in one."""
    parts: list[dict[str, Any]] = [{}]
    size = 0
    for name, value in encoded.items():
        length = len(json.dumps(value)) + len(name) + 20
        if parts[-1] and size + length > MAX_JSON:
            parts.append({})
            size = 0
        parts[-1][name] = value
        size += length
    return parts[0], parts[1:]
