"""Settings of the data format as attributes of a saver: those that a frame has begun with, in the thread that saves it.

The functions of this module are properties of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from h5saver_widget.backends.terms import Compression
from h5saver_widget.recording.file_settings import AS_ACQUIRED
from h5saver_widget.recording.settings import Settings

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = [
    "compression",
    "dynamic",
    "fill_value",
    "followed",
    "frame_format",
    "set_compression",
    "set_dynamic",
    "set_fill_value",
]


def _now(saver: H5SaverBase) -> Settings:
    """Return the settings that count: in the thread that saves a frame, those that the frame has begun with."""
    in_step = saver._depth and saver._step_thread == threading.get_ident()
    return saver._in_step if in_step else saver.store.current


def frame_format(saver: H5SaverBase) -> tuple[np.dtype[Any] | None, bool]:
    """Return the number type in which measured data are stored, and whether units are converted."""
    in_step = saver._depth and saver._step_thread == threading.get_ident()  # _now() without the call
    now = saver._in_step if in_step else saver.store.current
    return None if now.dynamic == AS_ACQUIRED else np.dtype(now.dynamic), now.convert_units


def dynamic(saver: H5SaverBase) -> np.dtype[Any] | None:
    """Return the number type in which measured data are stored; None keeps each array's own."""
    return frame_format(saver)[0]


def set_dynamic(saver: H5SaverBase, dtype: Any) -> None:
    """Set the value of :func:`dynamic`."""
    saver.store.change(dynamic=AS_ACQUIRED if dtype is None else np.dtype(dtype).name)


def fill_value(saver: H5SaverBase) -> float:
    """Return the value of a scan's points before they are measured."""
    return _now(saver).fill_value


def set_fill_value(saver: H5SaverBase, value: float) -> None:
    """Set the value of :func:`fill_value`."""
    saver.store.change(fill_value=np.nan if value != value else value)


def compression(saver: H5SaverBase) -> Compression:
    """Return how arrays made from now on are compressed."""
    now = _now(saver)
    return Compression(now.h5comp_library, now.h5comp_level)


def set_compression(saver: H5SaverBase, compression: Compression) -> None:
    """Set the value of :func:`compression`."""
    saver.store.change(h5comp_library=compression.library, h5comp_level=compression.level)


def followed(name: str) -> property:
    """Return a property that is a setting of this name."""
    return property(lambda saver: getattr(_now(saver), name), lambda saver, value: saver.store.change(**{name: value}))
