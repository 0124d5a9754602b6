"""H5BrowserUtil: look into a file from a script, and take data out of it. Nothing is ever written into the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from h5saver_widget.browsing.copying import copy_file
from h5saver_widget.browsing.describing import sort_attributes
from h5saver_widget.browsing.exporting import export_node
from h5saver_widget.browsing.file_view import FileView
from h5saver_widget.browsing.text import info_lines, tree_lines
from h5saver_widget.format.layout import RAW_GROUP
from h5saver_widget.nodes.typed import GROUP, StringARRAY
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.older import OLDER_RAW_GROUPS

if TYPE_CHECKING:
    from h5saver_widget.exporters import Exported

__all__ = ["H5BrowserUtil", "NodeDescription", "ScanDescription"]


class NodeDescription(NamedTuple):
    """What a browser shows of a node: attributes, and apart from them settings (XML texts) and pictures (PNG bytes)."""

    attributes: dict[str, Any]
    settings: list[str]
    scan_settings: str | None
    pixmaps: list[bytes]


class ScanDescription(NamedTuple):
    """A scan of a file, with its attributes (author, date, sample...), and its screenshots as PNG bytes by name."""

    group: GROUP
    attributes: dict[str, Any]
    pixmaps: dict[str, bytes]


class H5BrowserUtil(H5SaverLowLevel):
    """Opens a file for reading and describes its content.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import H5SaverLowLevel
    >>> path = pathlib.Path(tempfile.mkdtemp()) / 'look.h5'
    >>> with H5SaverLowLevel('detector') as h5saver:
    ...     _ = h5saver.init_file(path)
    ...     h5saver.add_log('acquisition has started')
    >>> with H5BrowserUtil() as browser:
    ...     _ = browser.open_file(path)
    ...     browser.get_h5_attributes('/RawData').attributes['type'], browser.log_lines()
    ('detector', ['acquisition has started'])
    """

    def get_h5_attributes(self, where: Where) -> NodeDescription:
        """Return attributes, settings and pictures of a node."""
        attributes, settings, pictures = sort_attributes(self.get_node(where).attrs.to_dict())
        scan = settings.pop("scan_settings", None)
        texts = [_text(value) for value in settings.values()]
        return NodeDescription(attributes, texts, None if scan is None else _text(scan), list(pictures.values()))

    def scans(self, where: Where = RAW_GROUP) -> list[ScanDescription]:
        """Return the scans in a group, 2 before 10, with their attributes and screenshots."""
        found = []
        for group in self.get_scan_groups(self._raw(where)):
            attributes, _, pictures = sort_attributes(group.attrs.to_dict())
            found.append(ScanDescription(group, attributes, pictures))
        return found

    def info(self, where: Where = "/") -> str:
        """Return the kind of a node, and its attributes, as text."""
        return "\n".join(info_lines(FileView(self), self.path_of(where)))

    def tree(self, where: Where = "/", depth: int | None = None) -> str:
        """Return the tree below a node as text, 2 before 10, down to so many levels."""
        return "\n".join(tree_lines(FileView(self), self.path_of(where), depth))

    def log_lines(self, where: Where = RAW_GROUP) -> list[str]:
        """Return the lines of the log."""
        for node in self.get_group(self._raw(where)).children().values():
            if isinstance(node, StringARRAY):
                return node.read()
        return []

    def _raw(self, where: Where) -> Where:
        """Return the group of all data, which PyMoDAQ called otherwise at first; any other place as it is."""
        if where == RAW_GROUP and not self.is_node_in_group("/", RAW_GROUP.strip("/")):
            return next((f"/{name}" for name in OLDER_RAW_GROUPS if self.is_node_in_group("/", name)), where)
        return where

    def get_h5file_scans(self, where: Where = RAW_GROUP) -> list[dict[str, Any]]:
        """Return the scans that have a screenshot, as dicts: ``scan_name``, ``path`` and ``data`` (PNG bytes)."""
        return [
            {"scan_name": scan.group.name, "path": scan.group.path, "data": next(iter(scan.pixmaps.values()))}
            for scan in self.scans(where)
            if scan.pixmaps
        ]

    def export(
        self, where: Where, target: Path | str, format: str | None = None, *, overwrite: bool = False
    ) -> Exported:
        """Export a node in the format that the extension of the target says, or in the one that is named.

        ``h5saver_widget.exporters.available_exporters()`` lists the formats; see
        :func:`h5saver_widget.exporters.export` for the errors.
        """
        self.require_open("export")
        return export_node(self, self.path_of(where), Path(target), format, overwrite=overwrite)

    def export_data(
        self, node_path: Where = "/", filesavename: Path | str = "datafile.h5", filter: str | None = None
    ) -> Path:
        """Export a node under the name that hosts know; `filter` is a format, or a file dialog's filter for one."""
        from h5saver_widget.exporters import available_exporters

        named = filter.rpartition("*.")[2].strip(" )*;") if filter else None
        formats = {extension: info.name for info in available_exporters() for extension in info.extensions}
        chosen = formats.get(f".{named}", named) if named else None
        return self.export(node_path, filesavename, chosen, overwrite=True).path

    def save_file_as(self, path: Path | str) -> Path:
        """Copy the open file, as it is now, to a path that is free; FileExistsError otherwise."""
        return copy_file(self, path).path


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
