"""Streaming (SWMR): one program writes a file while others read it. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.saving.low_level.H5SaverLowLevel`, which lists them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from h5saver_widget.format import codec

if TYPE_CHECKING:
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = [
    "enable_swmr",
    "end_streaming",
    "is_swmr_active",
    "is_swmr_capable",
    "read_swmr_compatible",
    "set_swmr_flush_interval",
    "swmr_mode",
    "tick_flush",
]


def read_swmr_compatible(file: H5SaverLowLevel) -> bool:
    """Return whether the open file says that it was made for SWMR."""
    # asked for by its name: where others are damaged, the file can be opened all the same
    found = file.io.get_attributes(file.io.root(), ["swmr_compatible"])
    return bool(codec.decode(found.get("swmr_compatible", False)))


def swmr_mode(file: H5SaverLowLevel) -> bool:
    """Whether the open file was made for SWMR."""
    return file.session is not None and file.session.swmr and file.is_ready


def is_swmr_capable(file: H5SaverLowLevel) -> bool:
    """Whether the backend can do SWMR."""
    return file.capabilities.swmr


def is_swmr_active(file: H5SaverLowLevel) -> bool:
    """Whether the file streams: only appending is possible until it is closed."""
    return file.io.swmr_active


def enable_swmr(file: H5SaverLowLevel) -> None:
    """Start streaming: from now on other programs can read the file, and only appending is possible.

    Raises
    ------
    StreamingError
        If the file was not made for SWMR.
    """
    with file.io.lock:
        if not file.io.swmr_active:
            if file.swmr_mode:
                file.io.set_attributes(file.io.root(), {"swmr_active": np.bool_(True)})
            file.describe_plots()  # while it streams nothing can be described
            file.io.start_swmr()


def end_streaming(file: H5SaverLowLevel) -> None:
    """Stop streaming so that groups can be made again: the file is closed and reopened, its readers must too."""
    with file.io.lock:
        if file.io.swmr_active:
            file.require_session().end_streaming()
            file.generation += 1


def set_swmr_flush_interval(file: H5SaverLowLevel, interval: int) -> None:
    """Set after how many steps readers see new data; 0: at the end only."""
    file._swmr_interval = max(0, int(interval))


def tick_flush(file: H5SaverLowLevel) -> None:
    """Count a step, and flush when the interval is over."""
    file._swmr_ticks += 1
    if file._swmr_interval and file._swmr_ticks % file._swmr_interval == 0 and not file.flushes_too_often():
        file.flush()
