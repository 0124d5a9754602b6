"""The part of a repair that runs in a child process: copy readable objects, and do the updates of closing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.derived import update_shapes
from h5saver_widget.backends.registry import READS_ALL, create_backend
from h5saver_widget.backends.shown_again import PLACES, left_of_it, shown_again
from h5saver_widget.backends.terms import Durability
from h5saver_widget.errors import H5SaverError
from h5saver_widget.format.layout import RAW_GROUP
from h5saver_widget.recovery.survey import opened
from h5saver_widget.saving.entry_of_copies import add_entry

__all__ = ["BY_HAND", "HOLLOW", "bring_up_to_date", "entry_anew", "look_for_entry", "rescue_file"]

#: How careful an object is copied that has ended the library: in pieces, or without what is in it.
BY_HAND: Final = 1
HOLLOW: Final = 2


def rescue_file(
    source: str, target: str, shown: dict[str, Any] | None, skip: dict[str, str], care: dict[str, int]
) -> Iterator[dict[str, Any]]:
    """Copy everything that can be read into a new file, see :func:`~h5saver_widget.backends.h5py_rescue.rescue`."""
    from h5saver_widget.backends.h5py_rescue import rescue

    backend = opened(Path(source), READS_ALL, shown)
    in_front = backend.raw_file.userblock_size
    hollow = {where for where, level in care.items() if level == HOLLOW}
    yield from rescue(backend.raw_file, target, Path(source).stat().st_size, skip, set(care), hollow)
    backend.close()
    with Path(source).open("rb") as file, Path(target).open("r+b") as made:
        made.write(file.read(in_front))


def bring_up_to_date(path: str, writer: str, nodes: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Update a repaired copy as closing would have done: shapes of growing arrays, and the mark of streaming."""
    made = create_backend(writer)
    if made.capabilities.journal:  # should this end the library, the file is as it was
        made.durability.level = Durability.JOURNAL
    made.open(Path(path), "r+", locking=False)
    for where, node in nodes.items():
        yield {"at": where}
        if where == "/":
            handle = made.root()
            if "swmr_active" in made.get_attributes(handle, ["swmr_active"]):
                made.set_attributes(handle, {"swmr_active": np.bool_(False)})
        elif node["kind"] in ("GROWING", "TEXT"):
            update_shapes(made, [made.node(where)])
    made.close()


def look_for_entry(path: str) -> Iterator[dict[str, Any]]:
    """Yield the paths of the NeXus entry that a copy is to have, and those of them that are there."""
    made = create_backend(READS_ALL)
    made.open(Path(path), "r", locking=False)
    try:
        yield {"named": shown_again(made), "there": left_of_it(made)}
    finally:
        made.close()


def entry_anew(path: str) -> Iterator[dict[str, Any]]:
    """Make the NeXus entry of a copy in which something is lost anew; yield the paths that it has, and what was done.

    Parts of the old one may be lost, and other parts show arrays that are.
    """
    made = create_backend(READS_ALL)
    made.open(Path(path), "r+", locking=False)
    try:
        places = next((both for both in PLACES.values() if both == shown_again(made)), None)
        if places is not None:
            end = _end_of(made, places[1])
            for place in left_of_it(made):
                made.delete(made.node(place))
            made.set_attributes(made.root(), {"default": RAW_GROUP.strip("/")})
            if not made.has_child(made.root(), RAW_GROUP.strip("/")):
                yield {"places": places, "done": "the NeXus entry was left out: the data that it shows are lost"}
            elif add_entry(made, places, end):
                yield {"places": places, "done": "the NeXus entry, which shows the data once more, was made anew"}
    finally:
        made.close()


def _end_of(io: Backend, shown: str) -> datetime | None:
    """Return when a recording ended, as its entry says; None if it does not, or not any more."""
    with suppress(H5SaverError, OSError, RuntimeError, ValueError, KeyError):
        for step in io.children(io.node(shown)):
            if io.has_child(io.node(f"{shown}/{step}"), "end_time"):
                said = io.read(io.node(f"{shown}/{step}/end_time"))
                return datetime.fromisoformat(said.decode() if isinstance(said, bytes) else str(said))
    return None
