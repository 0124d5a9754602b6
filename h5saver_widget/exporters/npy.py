"""npy: one array as numpy keeps it, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import ExportError
from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.source import Source

__all__ = ["NpyExporter", "write_array"]


class NpyExporter(Exporter):
    """Writes the array of one channel."""

    name = "npy"
    extensions = (".npy",)
    help = "the bare array of one channel for numpy.load, without axes and units"
    takes = Takes.DATA

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write one channel; ExportError if there are several."""
        item = source.items[0]
        channels = item.channels
        measured = [channel for channel in channels if channel.role == "data"]
        if len(measured) > 1:
            raise ExportError(
                f"{item.data.name} has {len(measured)} channels and npy holds one array; export one channel, or as npz"
            )
        job.note("npy holds numbers only: name, units, axes, errors and background are not exported (npz keeps them)")
        array = measured[0].array
        with path.open("xb") as file:
            write_array(file, array, (block for _, block in job.blocks(array)))


def write_array(file: IO[bytes], array: LazyArray | npt.NDArray[Any], blocks: Iterable[npt.NDArray[Any]]) -> None:
    """Write an array as ``numpy.load`` reads it; its values come in blocks."""
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_2_0(file, header)
    for block in blocks:
        file.write(np.ascontiguousarray(block).tobytes())
