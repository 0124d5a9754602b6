"""``h5saver export``: the list of formats as text, and an export with its progress on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from h5saver_widget.exporters.csv_table import CsvExporter
from h5saver_widget.exporters.registry import available_exporters, create_exporter, format_of
from h5saver_widget.exporters.run import Exported, export
from h5saver_widget.progress import TerminalProgress
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["default_target", "format_lines", "run_export"]


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


def run_export(
    h5: H5Backend, node: str, target: Path, format: str | None, overwrite: bool, bom: bool = False
) -> Exported:
    """Export a node of an open file, told on the terminal. Errors as :func:`~h5saver_widget.exporters.run.export`."""
    what = h5 if node == "/" else h5.get_node(node)
    is_csv = (format or format_of(target)) == CsvExporter.name
    return export(
        what, target, CsvExporter(bom) if bom and is_csv else format, overwrite=overwrite, progress=TerminalProgress()
    )
