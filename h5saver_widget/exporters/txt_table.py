"""txt: columns for curves, matrices for everything else; ``numpy.loadtxt`` reads both."""

from __future__ import annotations

from pathlib import Path

from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.source import Source
from h5saver_widget.exporters.text_table import columns_of, header_lines, matrix_rows, table_rows

__all__ = ["TxtExporter"]


class TxtExporter(Exporter):
    """Writes numbers between tabs: columns if there is one dimension, else a matrix per channel."""

    name = "txt"
    extensions = (".txt", ".dat")
    help = "text for numpy.loadtxt and Origin: columns for curves, a matrix per channel for images and scans"
    takes = Takes.DATA
    kinds = "biufcmMUS"

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write one data object."""
        item = source.items[0]
        form = "table" if item.data.ndim <= 1 else "matrix"
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in header_lines(item, form, "\t"))
            if form == "table":
                file.write("# " + "\t".join(columns_of(item)) + "\n")
                file.writelines(table_rows(item, "\t", job))
            else:
                file.writelines(matrix_rows(item, "\t", job))
