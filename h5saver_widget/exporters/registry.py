"""Which formats there are. Nothing of a format is imported until it is used; third parties come by entry points."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING

from h5saver_widget.errors import ExportError, MissingLibraryError

if TYPE_CHECKING:
    from h5saver_widget.exporters.base import Exporter

__all__ = [
    "ENTRY_POINTS",
    "ExporterInfo",
    "available_exporters",
    "create_exporter",
    "format_of",
    "register_exporter",
]

ENTRY_POINTS = "h5saver_widget.exporters"
"""Entry point group of third parties; what it names is a subclass of Exporter."""

#: name -> (module, class)
_TABLE = {
    "csv": ("h5saver_widget.exporters.text_table", "CsvExporter"),
    "txt": ("h5saver_widget.exporters.text_table", "TxtExporter"),
    "npy": ("h5saver_widget.exporters.npy", "NpyExporter"),
    "npz": ("h5saver_widget.exporters.npz", "NpzExporter"),
    "h5": ("h5saver_widget.exporters.h5_subtree", "H5Exporter"),
    "nexus": ("h5saver_widget.exporters.nexus", "NexusExporter"),
    "netcdf": ("h5saver_widget.exporters.netcdf", "NetcdfExporter"),
    "tiff": ("h5saver_widget.exporters.tiff", "TiffExporter"),
    "eln": ("h5saver_widget.exporters.eln", "ElnExporter"),
}

_registered: dict[str, type[Exporter]] = {}


@dataclass(frozen=True)
class ExporterInfo:
    """A format as a dialog or a list shows it.

    Attributes
    ----------
    name
        Name of the format.
    extensions
        Extensions with the dot, empty if it could not be loaded.
    help
        One sentence.
    missing
        Why it can't be used now (a library is missing, a third party's exporter is broken), ``''`` if it can.
    """

    name: str
    extensions: tuple[str, ...]
    help: str
    missing: str = ""


def register_exporter(exporter: type[Exporter]) -> None:
    """Make a format of this program known, until it ends; one of the same name is replaced."""
    _registered[exporter.name] = exporter


def available_exporters() -> list[ExporterInfo]:
    """Return every format, those that can't be used now with the reason.

    Examples
    --------
    >>> [info.name for info in available_exporters()][:4]
    ['csv', 'txt', 'npy', 'npz']
    """
    found = []
    for name in _names():
        try:
            kind = _class_of(name)
        except ExportError as error:
            found.append(ExporterInfo(name, (), "", str(error)))
        else:
            found.append(ExporterInfo(name, kind.extensions, kind.help, _missing(kind)))
    return found


def create_exporter(name: str) -> Exporter:
    """Return the exporter of a format.

    Raises
    ------
    ExportError
        If there is none of that name, or a third party's can't be loaded.
    MissingLibraryError
        If it needs a library that is not installed.
    """
    kind = _class_of(name)
    reason = _missing(kind)
    if reason:
        raise MissingLibraryError(reason)
    return kind()


def format_of(path: PurePath | str) -> str:
    """Return the format that the extension of a file name stands for.

    Raises
    ------
    ExportError
        If no format has this extension.

    Examples
    --------
    >>> format_of('scan.csv')
    'csv'
    """
    suffix = PurePath(path).suffix.lower()
    known = available_exporters()
    for info in known:
        if suffix and suffix in info.extensions:
            return info.name
    extensions = ", ".join(info.extensions[0] for info in known if info.extensions)
    raise ExportError(f"{PurePath(path).name!r} names no format; use one of the extensions {extensions}, or say which")


def _third_parties() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS) if point.name not in _TABLE}


def _names() -> list[str]:
    return list(dict.fromkeys([*_TABLE, *_registered, *_third_parties()]))


def _class_of(name: str) -> type[Exporter]:
    if name in _registered:
        return _registered[name]
    if name in _TABLE:
        module, cls = _TABLE[name]
        ours: type[Exporter] = getattr(import_module(module), cls)
        return ours
    point = _third_parties().get(name)
    if point is None:
        raise ExportError(f"there is no format {name!r}; choose one of: {', '.join(_names())}")
    return _loaded(point)


def _loaded(point: EntryPoint) -> type[Exporter]:
    from h5saver_widget.exporters.base import Exporter

    try:
        kind = point.load()
    except Exception as error:  # somebody else's code: it must not take the other formats with it
        raise ExportError(f"the exporter {point.value} could not be loaded: {type(error).__name__}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Exporter)):
        raise ExportError(f"the exporter {point.value} is no subclass of h5saver_widget.exporters.Exporter")
    said = [what for what in ("name", "extensions", "help", "takes") if not hasattr(kind, what)]
    if said:
        raise ExportError(f"the exporter {point.value} does not say its {', '.join(said)}")
    return kind


def _missing(kind: type[Exporter]) -> str:
    absent = [library for library in kind.libraries if find_spec(library.partition(".")[0]) is None]
    if not absent:
        return ""
    return f"{kind.name} needs {' and '.join(absent)}: pip install 'h5saver_widget[{kind.extra}]'"
