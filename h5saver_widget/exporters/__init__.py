"""Data out of a file (or out of memory) into other programs' formats: a table of formats, one file each. No Qt."""

from __future__ import annotations

from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.registry import (
    ExporterInfo,
    available_exporters,
    create_exporter,
    format_of,
    register_exporter,
)
from h5saver_widget.exporters.run import Exported, export
from h5saver_widget.exporters.source import Item, Source

__all__ = [
    "Exported",
    "Exporter",
    "ExporterInfo",
    "Item",
    "Job",
    "Source",
    "Takes",
    "available_exporters",
    "create_exporter",
    "export",
    "format_of",
    "register_exporter",
]
