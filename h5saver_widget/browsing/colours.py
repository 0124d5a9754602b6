"""Images in colour, as the file says that they are: by the image specification of HDF5, and by NeXus' interpretation.

https://support.hdfgroup.org/documentation/hdf5/latest/_i_m_g.html,
https://manual.nexusformat.org/classes/base_classes/NXdata.html (``interpretation``)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Details
from h5saver_widget.errors import H5SaverError
from h5saver_widget.nodes.typed import Array, node_of
from h5saver_widget.saving.conventions import text_in

__all__ = ["colour_picture", "png_of"]

#: Images of more pixels are shown with every second, third... of them.
_MOST_PIXELS: Final = 4_000_000
#: Which dimension of a true colour image holds the colours, counted from the last.
_COLOURS_AT: Final = {"INTERLACE_PIXEL": 1, "INTERLACE_LINE": 2, "INTERLACE_PLANE": 3}

Pixels = npt.NDArray[np.uint8]


def colour_picture(node: Array, about: Mapping[str, Any], details: Details) -> tuple[str, bytes] | None:
    """Return a caption and the PNG of an array that is an image in colour, None if it says nothing of the kind.

    Parameters
    ----------
    node
        The array; of a stack of images, the first one is shown.
    about
        Its attributes.
    details
        The details from the library: the palette that it refers to.
    """
    shape = node.shape
    at = _colours_at(about)
    if at is not None and len(shape) >= 3 and shape[-at] in (3, 4) and 0 not in shape:
        rows, columns = (size for i, size in enumerate(shape[-3:]) if i != 3 - at)
        step = _step(rows, columns)
        parts = [slice(None, None, step)] * 3
        parts[3 - at] = slice(None)
        values = np.moveaxis(np.asarray(node[(*(0 for _ in shape[:-3]), *parts)]), 3 - at, -1)
        count = int(np.prod(shape[:-3]))
        return (f"first of {count:,} images in colour" if count > 1 else "image in colour"), png_of(_as_bytes(values))
    palette = _palette(node, details) if len(shape) == 2 and node.dtype.kind in "iu" and 0 not in shape else None
    if palette is None:
        return None
    step = _step(shape[0], shape[1])
    places = np.clip(np.asarray(node[::step, ::step]), 0, len(palette) - 1)
    return "in the colours of its palette", png_of(palette[places])


def _colours_at(about: Mapping[str, Any]) -> int | None:
    if text_in(about.get("interpretation")).lower() in ("rgb-image", "rgba-image"):
        return 1
    if text_in(about.get("CLASS")) == "IMAGE" and text_in(about.get("IMAGE_SUBCLASS")) == "IMAGE_TRUECOLOR":
        return _COLOURS_AT.get(text_in(about.get("INTERLACE_MODE")), 1)
    return None


def _palette(node: Array, details: Details) -> Pixels | None:
    path = details.references.get("PALETTE", "").partition(", ")[0]
    if not path:
        return None
    try:
        found = node_of(node.backend, path)
        colours: npt.NDArray[Any] = np.asarray(found.read() if isinstance(found, Array) else [])
    except H5SaverError:
        return None
    return _as_bytes(colours) if colours.ndim == 2 and colours.shape[1] == 3 and len(colours) else None


def _step(rows: int, columns: int) -> int:
    return max(1, int(np.ceil(np.sqrt(rows * columns / _MOST_PIXELS))))


def _as_bytes(values: npt.NDArray[Any]) -> Pixels:
    """Return colours as bytes; of other number types, the largest value becomes 255."""
    if values.dtype == np.uint8:
        return values
    largest = np.iinfo(values.dtype).max if values.dtype.kind == "u" else float(np.nanmax(np.abs(values))) or 1.0
    return np.clip(np.nan_to_num(values / largest) * 255, 0, 255).astype(np.uint8)


def png_of(pixels: Pixels) -> bytes:
    r"""Return an image as PNG.

    Parameters
    ----------
    pixels
        Shape (rows, columns, 3 or 4), uint8.

    Examples
    --------
    >>> png_of(np.zeros((2, 2, 3), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    rows, columns, colours = pixels.shape
    lines = np.zeros((rows, 1 + columns * colours), np.uint8)  # every line begins with its filter, 0 for none
    lines[:, 1:] = pixels.reshape(rows, -1)
    head = struct.pack(">IIBBBBB", columns, rows, 8, 2 if colours == 3 else 6, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
