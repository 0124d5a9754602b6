"""npz: arrays of any number of data objects, their axes, and a description as JSON text."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.npy import write_array
from h5saver_widget.exporters.source import Source

__all__ = ["NpzExporter"]


class NpzExporter(Exporter):
    """Writes ``data_0``, ``error_0``, ``background_0``, ``axis_0``... and ``about``; several data have a prefix each.

    ``about`` is JSON text: name, units, labels, and of every axis label, units, dimension and size, in the order of the
    ``axis_N``.
    """

    name = "npz"
    extensions = (".npz",)
    help = "all arrays with their axes for numpy.load; one file also for a whole scan"
    takes = Takes.BUNDLE
    kinds = "biufcmMUS"

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write all data objects."""
        with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for item, name in zip(source.items, source.names(), strict=True):
                prefix = f"{name}/" if len(source.items) > 1 else ""
                for channel in item.channels:
                    if channel.role == "text":  # as numbers of bytes that numpy.load needs no pickle for
                        texts = np.array([str(value) for value in channel.array[...]], dtype=np.str_)
                        _write(archive, f"{prefix}text_{channel.number}", texts, [texts])
                        continue
                    blocks = (block for _, block in job.blocks(channel.array))
                    _write(archive, f"{prefix}{channel.role}_{channel.number}", channel.array, blocks)
                for number, axis in enumerate(item.axes):
                    values = np.asarray(axis.get_data())
                    _write(archive, f"{prefix}axis_{number}", values, [values])
                about = np.array(json.dumps(item.about, ensure_ascii=False))
                _write(archive, f"{prefix}about", about, [about])


def _write(
    archive: zipfile.ZipFile,
    name: str,
    array: LazyArray | npt.NDArray[Any],
    blocks: Iterable[npt.NDArray[Any]],
) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        write_array(file, array, blocks)
