"""The groups of a recording that show its data once more for NeXus readers: lists of the root leave them out.

They are made by :class:`h5saver_widget.saving.entry.Entry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from h5saver_widget.errors import NodeError
from h5saver_widget.format.layout import RAW_GROUP

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend
    from h5saver_widget.backends.terms import RawAttribute

__all__ = ["LOST_VIEW", "PLACES", "left_of_it", "listed_in_root", "shown_again", "without_entry"]

#: Value of the setting *NeXus entry* to the paths of the entry and of what its links lead to. PyTables, and PyMoDAQ
#: with it, hides nodes whose names begin with ``_i_``, and stops at links in others.
PLACES: Final = {"always": ("/_i_entry", "/_i_nexus"), "plain": ("/entry", "/nexus")}
#: Why a view is not in the copy of a damaged file.
LOST_VIEW: Final = "the array that it shows is lost"
_NAMES: Final = {path.strip("/") for place in PLACES.values() for path in place}


def shown_again(io: Backend) -> tuple[str, ...]:
    """Return the groups of an open file that show its data once more; none where there is no entry.

    Of a repaired file one may be lost, see `left_of_it`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import H5SaverLowLevel
    >>> with H5SaverLowLevel(backend='h5py') as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'a.h5')
    ...     shown_again(h5saver.io), h5saver.root().children_name()
    (('/_i_entry', '/_i_nexus'), ['RawData'])
    """
    try:
        return _place_of(io.get_attributes(io.root(), ["creator", "default"]))
    except (NodeError, OSError, RuntimeError):  # a damaged root
        return ()


def left_of_it(io: Backend) -> list[str]:
    """Return those of these groups that are there."""
    found = []
    for path in shown_again(io):
        with suppress(NodeError, OSError, RuntimeError):
            io.node(path)
            found.append(path)
    return found


def _place_of(root: Mapping[str, RawAttribute]) -> tuple[str, ...]:
    is_own = root.get("creator") == "h5saver_widget"
    return next((place for place in PLACES.values() if is_own and place[0].strip("/") == root.get("default")), ())


def listed_in_root(io: Backend, names: list[str]) -> list[str]:
    """Return the names in the root of a file without those that show its data once more.

    A walk through a whole file would meet every array twice.
    """
    if _NAMES.isdisjoint(names):
        return names
    left_out = shown_again(io)
    return [name for name in names if f"/{name}" not in left_out]


def without_entry(root: Mapping[str, RawAttribute]) -> dict[str, RawAttribute]:
    """Return the attributes of a root for a copy that the entry does not come into."""
    return {**root, "default": RAW_GROUP.strip("/")} if _place_of(root) else dict(root)
