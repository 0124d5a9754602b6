"""The NeXus entry made from what is in a file: a copy by values has no views, one that was cut short may have none."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from h5saver_widget.backends.copying import walk
from h5saver_widget.backends.shown_again import PLACES, left_of_it, shown_again
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


def add_entry(io: Backend, places: tuple[str, ...] = (), end: datetime | None = None) -> bool:
    """Make the entry of an open file that is to have one and has none; return whether it was made.

    Parameters
    ----------
    io
        The backend with the file.
    places
        One of the values of :data:`~h5saver_widget.backends.shown_again.PLACES`; by default that which the file
        names, or the first.
    end
        When the recording ended, if that is known.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import H5SaverLowLevel
    >>> with H5SaverLowLevel(backend='h5py') as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'a.h5')
    ...     h5saver.flush()
    ...     add_entry(h5saver.io)  # it has one
    False
    """
    root = Attributes(io, io.root()).to_dict()
    if not (io.capabilities.views and root.get("creator") == "h5saver_widget" and root.get("NX_class") == "NXroot"):
        return False
    if left_of_it(io) or not io.has_child(io.root(), RAW_GROUP.strip("/")):
        return False
    if "NX_class" in io.attribute_names(io.node(RAW_GROUP)):  # in a file without an entry, this group is one
        return False
    entry, place, shown = Entry(io), *(places or shown_again(io) or PLACES["always"])
    with suppress(ValueError):
        begun = datetime.fromisoformat(str(root.get("file_time")))
        entry.begin((place, shown), begun, str(root.get(RECORDING_ID, "")), str(root.get("user_name", "")))
    if not entry.is_there:
        return False
    for path, node, kind in walk(io, RAW_GROUP):
        parent, _, name = path.rpartition("/")
        with suppress(H5SaverError):
            about = Attributes(io, node).to_dict()
            if kind is NodeKind.GROUP:
                module = str(about.get("type", "")) if parent else ""  # that of the group of all data is the file's
                entry.group_made(path, str(about.get("TITLE", "")), module)
            elif kind in _ARRAYS:
                entry.made(parent, name, len(io.info(node).shape), about)
    entry.describe_again(io.get_attributes(io.node(RAW_GROUP), [TOLD]).get(TOLD))
    entry.write()
    if end is not None:
        entry.end(end)
    io.set_attributes(io.root(), root_attributes(place.strip("/")))
    return True
