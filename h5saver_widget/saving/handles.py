"""A handle knows its file: the group of a module in an earlier file is answered by that module's group in this one.

The path alone may belong to another module by then: the kelvins of one module would go into the array of milliwatts of
another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from h5saver_widget.errors import NodeError
from h5saver_widget.nodes.typed import GROUP, Node

if TYPE_CHECKING:
    from h5saver_widget.saving.h5_backend import Where
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["KnownAs", "bring_up_to_date", "known_as"]


@dataclass
class KnownAs:
    """The identity of a module's group in any file."""

    #: Where it stands: a path, or a group that may be one of a module itself.
    parent: Where
    #: Type of the group, and title of the module.
    kind: str
    title: str
    #: File of the saver in which its handle was last good.
    generation: int


def known_as(saver: H5SaverLowLevel, group: GROUP, parent: Where, kind: str, title: str) -> GROUP:
    """Note the identity of a group, and return it."""
    kept = parent if isinstance(parent, GROUP) and isinstance(parent.known_as, KnownAs) else saver.path_of(parent)
    group.known_as = KnownAs(kept, kind, title, saver.generation)
    assert group.path  # asked for once: it is remembered after the file is closed
    return group


def bring_up_to_date(saver: H5SaverLowLevel, where: Where, make: bool = True) -> bool:
    """Make a node of an earlier file one of the file that is open; other places stay as they are.

    `make` makes the group, if there is none of that module; without it, the result is False then.
    """
    if not isinstance(where, GROUP):
        return True
    known = where.known_as
    if known is None or known.generation == saver.generation or not isinstance(known, KnownAs):
        return True
    if not saver.is_ready:
        return True  # the caller of the next step gets an error
    found = _found(saver, where, known, make)
    if found is None:
        return False
    where.become(found)
    known.generation = saver.generation
    return True


def _found(saver: H5SaverLowLevel, where: GROUP, known: KnownAs, make: bool) -> GROUP | None:
    try:
        # the file that was closed and opened again: of several groups of one title, this one
        same = saver.get_group(where.last_path)
        if same.title == known.title and str(same.attrs.get("type", "")) == known.kind:
            return same
    except NodeError:
        pass
    if isinstance(known.parent, Node) and not bring_up_to_date(saver, known.parent, make):
        return None
    parent = saver.path_of(known.parent)
    try:
        found = saver.find_group(parent, known.kind, known.title)
    except NodeError:
        return None
    if found is None and make:
        found = saver.add_generic_group(parent, known.title, group_type=known.kind)
    return found
