"""The NeXus entry of a copy by values: views are not copied, so it is made anew from the content of the copy."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from h5saver_widget.backends.copying import walk
from h5saver_widget.backends.shown_again import PLACES, shown_again
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import H5SaverError
from h5saver_widget.format.layout import RAW_GROUP, RECORDING_ID
from h5saver_widget.nodes.attributes import Attributes
from h5saver_widget.saving.entry import TOLD, Entry
from h5saver_widget.saving.nexus import root_attributes

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend

__all__ = ["add_entry"]

_ARRAYS = (NodeKind.FIXED, NodeKind.GROWING)


def add_entry(io: Backend, places: tuple[str, str] = PLACES["always"], end: datetime | None = None) -> bool:
    """Make the entry of an open file whose original had one; return whether it was made.

    Parameters
    ----------
    io
        The backend with the file.
    places
        One of the values of :data:`~h5saver_widget.backends.shown_again.PLACES`.
    end
        When the recording ended, if that is known.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import H5SaverLowLevel
    >>> with H5SaverLowLevel(backend='h5py') as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'a.h5')
    ...     add_entry(h5saver.io)  # it has one
    False
    """
    root = Attributes(io, io.root()).to_dict()
    if not (io.capabilities.views and root.get("creator") == "h5saver_widget" and root.get("NX_class") == "NXroot"):
        return False
    if shown_again(io) or not io.has_child(io.root(), RAW_GROUP.strip("/")):
        return False
    if "NX_class" in io.attribute_names(io.node(RAW_GROUP)):  # in a file without an entry, this group is one
        return False
    entry = Entry(io)
    with suppress(ValueError):
        begun = datetime.fromisoformat(str(root.get("file_time")))
        entry.begin(places, begun, str(root.get(RECORDING_ID, "")), str(root.get("user_name", "")))
    if not entry.is_there:
        return False
    for path, node, kind in walk(io, RAW_GROUP):
        parent, _, name = path.rpartition("/")
        with suppress(H5SaverError):
            about = Attributes(io, node).to_dict()
            if kind is NodeKind.GROUP:
                entry.group_made(path, str(about.get("TITLE", "")), str(about.get("type", "")))
            elif kind in _ARRAYS:
                entry.made(parent, name, len(io.info(node).shape), about)
    if end is not None:
        entry.end(end)
    entry.write()
    entry.describe_again(io.get_attributes(io.node(RAW_GROUP), [TOLD]).get(TOLD))
    io.set_attributes(io.root(), root_attributes(places[0].strip("/")))
    return True
