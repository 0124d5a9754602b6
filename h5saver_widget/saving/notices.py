"""Notices about data that are saved with a change: in the log of the file, and to people."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from h5saver_widget.data.protocols import DataLike
from h5saver_widget.errors import H5SaverError
from h5saver_widget.saving.describe import altered

if TYPE_CHECKING:
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["tell", "tell_altered", "tell_once", "tell_step"]

logger = logging.getLogger(__name__)

#: The most notices in one file; the last one says that further ones are not reported.
MOST = 100


def tell(saver: H5SaverLowLevel, text: str) -> None:
    """Write a line with the time into the log of the file, and show it where there is somebody to see it."""
    told = saver.told
    if len(told) > MOST or not saver.is_ready:
        return
    told.add(text)
    if len(told) > MOST:
        text += ". Further changes of this kind are not reported"
    logger.info(text)
    with suppress(H5SaverError, OSError):  # what is only said must not cost a frame
        saver.add_log(f"{datetime.now():%Y-%m-%d %H:%M:%S} {text}")
    show = getattr(saver, "update_status", None)
    if show is not None:
        show(text)


def tell_step(saver: H5SaverLowLevel, step: float) -> None:
    """Tell that the wall clock was set, and keep in the file when, and by how much."""
    how = "back" if step < 0 else "forward"
    tell(saver, f"The wall clock was set {how} by {abs(step):.3f} s; the time axes continue evenly")
    raw = saver.raw_group
    if not isinstance(raw, str) and not saver.is_swmr_active:
        saver.io.set_attributes(raw.handle, saver.raw({"clock_steps": saver.clock.steps[-MOST:]}))


def tell_altered(saver: H5SaverLowLevel, dwa: DataLike) -> None:
    """Report, once per file, extra attributes that come back as something else: a set as text, a member by its name."""
    for name in altered(dwa):
        tell_kept_as_text(saver, str(dwa.name), name)


def tell_kept_as_text(saver: H5SaverLowLevel, title: str, name: str) -> None:
    """Report, once per file, an extra attribute that comes back as text."""
    tell_once(saver, f"{title}: the extra attribute {name!r} is kept as text, not as it is")


def tell_once(saver: H5SaverLowLevel, text: str) -> None:
    """Report a sentence, once per file."""
    if text not in saver.told:
        tell(saver, text)
