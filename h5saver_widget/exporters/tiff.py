"""tiff: images and stacks for ImageJ and Fiji, with pixel sizes and units."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.errors import ExportError
from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.source import Channel, Item, Source

__all__ = ["TiffExporter"]

_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
_IMAGEJ_LIMIT = 4 << 30


class TiffExporter(Exporter):
    """Writes the last two dimensions as images, the ones before them as a stack, channels as channels.

    uint8, uint16 and float32 below 4 GB become an ImageJ hyperstack. Other number types keep their values in a plain
    (big) tiff whose shape tifffile finds again. The description of the data is in it as JSON text either way.
    """

    name = "tiff"
    extensions = (".tif", ".tiff")
    help = "images and stacks for ImageJ and Fiji, with pixel size and units"
    takes = Takes.DATA
    libraries = ("tifffile",)

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write one data object; ExportError if it holds no images."""
        import tifffile

        item = source.items[0]
        channels = _image_channels(item, job)
        first = channels[0].array
        dtype = np.dtype(np.uint8) if first.dtype.kind == "b" else first.dtype
        lead = first.shape[:-2]
        shape = (*lead, len(channels), *first.shape[-2:])
        about = json.dumps(item.about, ensure_ascii=False)
        nbytes = math.prod(shape) * dtype.itemsize
        as_imagej = dtype.name in _IMAGEJ_TYPES and nbytes < _IMAGEJ_LIMIT
        pages = _pages(channels, dtype, job)
        if as_imagej:
            # frames (T) and slices (Z) are all that ImageJ has beside channels: more dimensions follow each other
            stack = (1, 1) if not lead else (lead[0], 1) if len(lead) == 1 else (math.prod(lead[:-1]), lead[-1])
            resolution, metadata = _scale(item)
            tifffile.imwrite(
                path,
                pages,
                shape=(*stack, *shape[-3:]),
                dtype=dtype,
                imagej=True,
                resolution=resolution,
                metadata={**metadata, "axes": "TZCYX", "Info": about},
            )
        else:
            tifffile.imwrite(
                path,
                pages,
                shape=shape,
                dtype=dtype,
                bigtiff=nbytes >= _IMAGEJ_LIMIT,
                photometric="minisblack",
                metadata={"about": about},
            )


def _image_channels(item: Item, job: Job) -> list[Channel]:
    channels = [channel for channel in item.channels if channel.role == "data"]
    data = item.data
    if data.ndim < 2 or 0 in data.shape:
        raise ExportError(f"{data.name} of shape {data.shape} holds no images; export it as csv or npz")
    if len({channel.array.dtype for channel in channels}) > 1:
        raise ExportError(f"{data.name}: its channels have several number types; export them one by one, or as npz")
    if len(channels) < len(item.channels):
        job.note("tiff holds images only: errors and background are not exported (export their nodes, or use npz)")
    return channels


def _pages(channels: list[Channel], dtype: np.dtype[Any], job: Job) -> Iterator[npt.NDArray[Any]]:
    """Iterate over the images in the order of the file: points of the stack, and channels for each."""
    for at in np.ndindex(channels[0].array.shape[:-2]):
        for channel in channels:
            image = np.asarray(channel.array[(*at, slice(None), slice(None))])
            job.advance(image.nbytes)
            yield image.astype(dtype, copy=False)


def _scale(item: Item) -> tuple[tuple[float, float] | None, dict[str, Any]]:
    """Return pixels per unit along x and y, and ImageJ's name of the units; None if an axis has no even steps."""
    steps: list[float] = []
    units: list[str] = []
    for dimension in (item.data.ndim - 1, item.data.ndim - 2):
        axes = item.axes_of(dimension)
        step = axes[0].scaling if len(axes) == 1 and axes[0].size > 1 else None
        steps.append(abs(float(step)) if step else 0.0)
        units.append(str(axes[0].units) if axes else "")
    if not all(steps):
        return None, {}
    # ImageJ stores the unit as ASCII, and knows this spelling of the micro sign
    names = [unit.replace("µ", "\\u00B5").replace("μ", "\\u00B5").encode("ascii", "replace").decode() for unit in units]
    return (1 / steps[0], 1 / steps[1]), {"unit": names[0] or "pixel", "yunit": names[1] or "pixel"}
