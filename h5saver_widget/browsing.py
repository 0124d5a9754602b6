"""H5BrowserUtil: look into a file from a script. No Qt; nothing is ever written into the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from h5saver_widget.layout import RAW_GROUP
from h5saver_widget.nodes import StringARRAY
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["H5BrowserUtil", "NodeDescription"]


class NodeDescription(NamedTuple):
    """What a browser shows of a node.

    Attributes
    ----------
    attributes
        All attributes but those below.
    settings
        Settings of the node, as XML texts.
    scan_settings
        Settings of the scan, as XML text, None if there are none.
    pixmaps
        Pictures, as PNG bytes.
    """

    attributes: dict[str, Any]
    settings: list[str]
    scan_settings: str | None
    pixmaps: list[bytes]


class H5BrowserUtil(H5SaverLowLevel):
    """Opens a file for reading and says what is in it.

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
        attributes = self.get_node(where).attrs.to_dict()
        settings, pixmaps, scan_settings = [], [], None
        for name in list(attributes):
            value = attributes[name]
            if name == "scan_settings":
                scan_settings = _text(attributes.pop(name))
            elif name == "settings" or name.endswith("_settings"):
                if value:
                    settings.append(_text(value))
                del attributes[name]
            elif "pixmap" in name and isinstance(value, bytes):
                pixmaps.append(attributes.pop(name))
        return NodeDescription(attributes, settings, scan_settings, pixmaps)

    def log_lines(self, where: Where = RAW_GROUP) -> list[str]:
        """Return the lines of the log."""
        for node in self.get_group(where).children().values():
            if isinstance(node, StringARRAY):
                return node.read()
        return []

    def save_file_as(self, path: Path | str) -> Path:
        """Copy the open file, as it is now, to a path that is free; FileExistsError otherwise."""
        source = self.file_path
        self.require_open("copy the file")
        assert source is not None
        with self.io.lock, Path(path).open("xb") as target:
            self.flush() if self.io.writable else None
            target.write(source.read_bytes())
        return Path(path)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
