"""``h5saver export``: the list of formats as text, and what an export is made of where little was said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from h5saver_widget.exporters.base import Exporter
from h5saver_widget.exporters.registry import available_exporters, create_exporter, format_of
from h5saver_widget.exporters.text_table import CsvExporter

__all__ = ["chosen_format", "default_target", "format_lines"]


def format_lines() -> Iterator[str]:
    """Iterate over the formats: name, extensions, a sentence; or why it can't be used."""
    for info in available_exporters():
        yield f"{info.name:8} {' '.join(info.extensions):13} {info.help}"
        if info.missing:
            yield f"{'':8} not available: {info.missing}"


def default_target(file: Path, node: str, format: str) -> Path:
    """Return the name of an export that nobody named, in the current folder: after the file and the node.

    >>> default_target(Path('/data/run.h5'), '/RawData/Scan000', 'npz').name
    'run_RawData_Scan000.npz'
    """
    parts = [file.stem, *(part for part in node.split("/") if part)]
    return Path("_".join(parts) + create_exporter(format).extensions[0])


def chosen_format(target: Path, format: str | None, bom: bool) -> Exporter | str | None:
    """Return the format of an export; one of tables begins with the mark of UTF-8 if that is wanted."""
    return CsvExporter(bom) if bom and (format or format_of(target)) == CsvExporter.name else format
