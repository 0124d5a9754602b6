"""The groups of a recording that show its data once more for NeXus readers: who walks through a file passes them over.

It is made by :class:`h5saver_widget.saving.entry.Entry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from h5saver_widget.errors import NodeError
from h5saver_widget.format.layout import RAW_GROUP

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend
    from h5saver_widget.backends.terms import RawAttribute

__all__ = ["ENTRY", "SHOWN", "shown_again", "without_entry"]

#: Path of the entry, and of what its links lead to.
ENTRY: Final = "/entry"
SHOWN: Final = "/nexus"
#: Attributes of the root of a file with an entry that was made here.
_OWN: Final = {"creator": "h5saver_widget", "default": ENTRY.strip("/")}


def shown_again(io: Backend) -> tuple[str, ...]:
    """Return the groups of an open file that show its data once more; none where there is no entry.

    Whoever walks through a whole file passes it over, or meets every array twice.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import H5SaverLowLevel
    >>> with H5SaverLowLevel(backend='h5py') as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'a.h5')
    ...     shown_again(h5saver.io)
    ('/entry', '/nexus')
    """
    try:
        return (ENTRY, SHOWN) if io.get_attributes(io.root(), list(_OWN)) == _OWN else ()
    except (NodeError, OSError, RuntimeError):  # a damaged root
        return ()


def without_entry(root: Mapping[str, RawAttribute]) -> dict[str, RawAttribute]:
    """Return the attributes of a root for a copy that the entry does not come into."""
    is_own = all(root.get(name) == value for name, value in _OWN.items())
    return {**root, "default": RAW_GROUP.strip("/")} if is_own else dict(root)
