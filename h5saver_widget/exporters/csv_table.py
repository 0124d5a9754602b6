"""csv: a table that spreadsheets and pandas read; any number of dimensions, a row per point."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.source import Source
from h5saver_widget.exporters.text_table import columns_of, header_lines, table_rows

__all__ = ["CsvExporter"]


class CsvExporter(Exporter):
    """Writes a table: comment lines, a line of column names, a row per point in C order.

    With `bom`, it begins with the mark by which Excel knows UTF-8: without it, Excel shows ``Âµm`` for ``µm``.
    """

    name = "csv"
    extensions = (".csv",)
    help = "table for spreadsheets and pandas: a row per point, with axes, units and errors"
    takes = Takes.DATA
    kinds = "biufcmMUS"

    def __init__(self, bom: bool = False) -> None:
        self._encoding = "utf-8-sig" if bom else "utf-8"

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write the table of one data object."""
        item = source.items[0]
        names = io.StringIO()
        csv.writer(names, lineterminator="\n").writerow(map(_no_formula, columns_of(item)))
        with path.open("x", encoding=self._encoding, newline="\n") as file:
            file.writelines(f"{_no_formulas(line)}\n" for line in header_lines(item, "table", ","))
            file.write(names.getvalue())
            file.writelines(table_rows(item, ",", job))


def _no_formula(cell: str) -> str:
    """Return a text that a spreadsheet takes for a text, not for something to be worked out.

    >>> _no_formula('=1+1'), _no_formula('U [V]')
    ("'=1+1", 'U [V]')
    """
    return f"'{cell}" if cell[:1] in tuple("=+-@") else cell


def _no_formulas(line: str) -> str:
    """Return a line of JSON in which no comma begins a formula: a spreadsheet divides comments into cells, too."""
    return re.sub(r"(?<=,)[=+\-@]|(?<=, )[=+@]", lambda found: f"\\u{ord(found[0]):04x}", line)
