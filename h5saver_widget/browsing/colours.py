"""Images in colour, as the file says that they are: by the image specification of HDF5, and by NeXus' interpretation.

https://support.hdfgroup.org/documentation/hdf5/latest/_i_m_g.html,
https://manual.nexusformat.org/classes/base_classes/NXdata.html (``interpretation``)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.browsing.drawings import Dimension
from h5saver_widget.data import DataWithAxes
from h5saver_widget.errors import H5SaverError
from h5saver_widget.nodes.typed import Array, node_of
from h5saver_widget.saving.conventions import text_in

__all__ = ["as_bytes", "colours_at", "likely_colours", "palette_of"]

#: Which dimension of a true colour image holds the colours, counted from the last.
_COLOURS_AT: Final = {"INTERLACE_PIXEL": 1, "INTERLACE_LINE": 2, "INTERLACE_PLANE": 3}

Pixels = npt.NDArray[np.uint8]


def colours_at(shape: tuple[int, ...], about: Mapping[str, Any]) -> int | None:
    """Return the dimension that holds red, green, blue (and opacity), None if no attribute says that there is one.

    >>> colours_at((9, 4, 5, 3), {'interpretation': 'rgb-image'}), colours_at((3, 4), {'interpretation': 'rgb-image'})
    (3, None)
    """
    at = None
    if text_in(about.get("interpretation")).lower() in ("rgb-image", "rgba-image"):
        at = 1
    elif text_in(about.get("CLASS")) == "IMAGE" and text_in(about.get("IMAGE_SUBCLASS")) == "IMAGE_TRUECOLOR":
        at = _COLOURS_AT.get(text_in(about.get("INTERLACE_MODE")), 1)
    return len(shape) - at if at is not None and len(shape) >= 3 and shape[-at] in (3, 4) else None


def likely_colours(data: DataWithAxes, dimensions: tuple[Dimension, ...]) -> int | None:
    """Return the last dimension if it looks like that of the colours of an image, about which a file says nothing."""
    shape, last = data.shape, data.ndim - 1
    may_be = data.dtype.kind == "u" and data.dtype.itemsize <= 2 and last >= 2 and shape[last] in (3, 4)
    plain = may_be and min(shape[last - 2 : last]) > 4 and not dimensions[last].is_navigation
    return last if plain and all(axis.is_counted for axis in dimensions[last].axes) else None


def palette_of(node: Array) -> Pixels | None:
    """Return the colours that the numbers of an image stand for: shape (numbers, 3); None if it refers to none."""
    try:
        path = node.backend.inspection.details(node.handle).references.get("PALETTE", "").partition(", ")[0]
        found = node_of(node.backend, path) if path and len(node.shape) == 2 and node.dtype.kind in "iu" else None
        colours: npt.NDArray[Any] = np.asarray(found.read() if isinstance(found, Array) else [])
    except H5SaverError:
        return None
    return as_bytes(colours) if colours.ndim == 2 and colours.shape[1] == 3 and len(colours) else None


def as_bytes(values: npt.NDArray[Any]) -> Pixels:
    """Return colours as bytes; of other number types, the largest value becomes 255."""
    if values.dtype == np.uint8:
        return values
    largest = np.iinfo(values.dtype).max if values.dtype.kind == "u" else float(np.nanmax(np.abs(values))) or 1.0
    return np.clip(np.nan_to_num(values / largest) * 255, 0, 255).astype(np.uint8)
