"""Intake: takes frames in one line, from any thread, and never raises because a file is opened or closed. No Qt.

While a file is being opened, and where a thread must not wait for a full buffer, frames wait in a bounded queue; the
thread that opens the file writes them first, so the order of a source's frames is that of the calls.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from h5saver_widget.browsing.formatting import count_text
from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.errors import FileNotOpenError, H5SaverError, QueueFullError
from h5saver_widget.modules.detector import DetectorTimeSaver
from h5saver_widget.saving.bundle import frame_bytes
from h5saver_widget.saving.given import AxesGiven, copy_of
from h5saver_widget.saving.repeated import Repeated

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["Intake", "Stream"]

logger = logging.getLogger(__name__)

#: So much may wait for a file that is being opened, bytes and frames.
WAITING_BYTES: Final = 256 << 20
WAITING_FRAMES: Final = 200_000


class Intake:
    """Frames of many sources on their way into the file of a saver.

    Parameters
    ----------
    saver
        The saver.

    Attributes
    ----------
    streams
        The streams, by source.
    is_gated
        Whether frames go into the queue now.
    by_hand
        Whether the open file was opened by a person: it takes frames only while *Do Save* is on.
    window_thread
        Number of the thread that must not wait for room; 0 for none.
    """

    def __init__(self, saver: H5SaverBase) -> None:
        self._saver = saver
        self.streams: dict[str, Stream] = {}
        self.is_gated = self.by_hand = False
        self.window_thread = 0
        self._gates = 0
        self._queue: deque[tuple[str, int, Callable[[], object]]] = deque()
        self._bytes = 0
        self._changing = threading.Condition(threading.Lock())
        self._is_drained = False
        weakref.finalize(self, _tell_rest, self._queue)

    # ------------------------------------------------------------------- queue
    def gate(self) -> None:
        """Have frames wait from now on: a file is being opened."""
        with self._changing:
            self._gates += 1
            self.is_gated = True

    def let_in(self) -> None:
        """Write waiting frames, and let frames pass again if no other file is being opened; in the thread that opened.

        Frames that waited for a file that could not be opened are counted as lost, and reported.
        """
        self._is_drained = True
        while True:
            with self._changing:
                if not self._queue:
                    self._gates -= 1
                    self.is_gated, self._is_drained = self._gates > 0, False
                    self._changing.notify_all()
                    return
                source, size, write = self._queue.popleft()
                self._bytes -= size
            try:
                if not write():
                    reason = FileNotOpenError("it waited for a file that was not opened")
                    self._saver.frame_lost(source, reason)
            except (H5SaverError, OSError, ValueError, TypeError) as error:
                self._saver.frame_lost(source, error)

    def is_empty(self) -> bool:
        """Tell whether no frame waits."""
        return not self._queue

    def put(self, source: str, bundle: DataToExportLike, write: Callable[[DataToExportLike], bool]) -> bool | None:
        """Have a frame wait for its turn.

        Returns
        -------
        bool or None
            Whether there was room for it; None if frames need not wait (any more).
        """
        size = frame_bytes(bundle.data)
        waits = threading.get_ident() != self.window_thread and not self._saver.io.holds_lock()
        with self._changing:
            while self._is_drained and waits:  # else many sources could fill the queue faster than it is written
                self._changing.wait()
            if not self.is_gated:
                return None
            has_room = self._bytes + size <= WAITING_BYTES and len(self._queue) < WAITING_FRAMES
            if has_room:
                self._queue.append((source, size, partial(write, copy_of(bundle))))
                self._bytes += size
        if not has_room:
            reason = f"{len(self._queue):,} frames wait for the disk already, this one was dropped"
            self._saver.frame_lost(source, QueueFullError(reason))
        return has_room

    # ------------------------------------------------------------------ frames
    def is_taking(self) -> bool:
        """Tell whether frames are recorded now. Never waits."""
        saver = self._saver
        return saver.isopen() and (saver.store.current.do_save or not self.by_hand)

    def take(self, source: str, bundle: DataToExportLike, write: Callable[[DataToExportLike], bool]) -> bool:
        """Have a frame written now, or as soon as its file is open; return whether it was taken.

        Parameters
        ----------
        source
            Where it comes from.
        bundle
            The frame, checked.
        write
            Writes it into the open file, with the file's lock; returns whether it was saved.
        """
        saver = self._saver
        if not self.is_taking():
            return False
        if self.is_gated:
            waits = self.put(source, bundle, write)
            if waits is not None:
                return waits
        if saver.leaves_out_frame():
            return False
        if self.window_thread == threading.get_ident() and not saver.io.queue.has_room():
            return self._later(source, bundle, write)
        saver.io.queue.wait_for_room()
        try:
            return self._written(bundle, write)
        except (OSError, FileNotOpenError):  # counted and told: a source does not end for what the disk refuses
            return False

    def _written(self, bundle: DataToExportLike, write: Callable[[DataToExportLike], bool]) -> bool:
        saver = self._saver
        with saver.io.lock:
            if saver.session is None or not saver.io.writable:
                return False  # it was closed a moment ago
            return write(bundle)

    def _later(self, source: str, bundle: DataToExportLike, write: Callable[[DataToExportLike], bool]) -> bool:
        """Have the saver's worker wait in place of this thread."""
        self.gate()
        found = self.put(source, bundle, partial(self._after_room, write))
        self._saver.background.begin("", self.let_in, "What waited for the disk could not be saved")
        return bool(found)

    def _after_room(self, write: Callable[[DataToExportLike], bool], bundle: DataToExportLike) -> bool:
        self._saver.io.queue.wait_for_room()
        return self._written(bundle, write)

    def stream(self, source: str) -> Stream:
        """Return the stream of a source."""
        found = self.streams.get(source)
        if found is None:
            found = self.streams.setdefault(source, Stream(self._saver, source))
        return found


def _tell_rest(queue: deque[Any]) -> None:
    """Say at the end of a program how many frames have waited in vain: the disk has not answered for that long."""
    if queue:
        logger.error("The program has ended before the file was open: %s lost", count_text(len(queue), "frame"))


class Stream:
    """One source: its module saver, and the meaning of its last frame, so that the next one needs no check.

    Parameters
    ----------
    saver
        The saver.
    source
        Title of its group in the file.
    """

    def __init__(self, saver: H5SaverBase, source: str) -> None:
        self._saver, self._source = saver, source
        self._module = DetectorTimeSaver(SimpleNamespace(title=source))
        self._module.h5saver = saver
        self._repeat: Repeated | None = None
        self._generation = -1
        self._settings: Any = None
        self._labels: tuple[str, ...] | None = None
        self._meaning: tuple[Any, Any] = ("", {})
        self._axes: list[tuple[Any, Any, Any, bytes]] = []

    def write(self, bundle: DataToExportLike) -> bool:
        """Save a frame as a module saver does; return False if the settings leave it out. The lock is held."""
        module = self._module
        self._repeat = None
        kept = module.filter_data(bundle)
        if not len(kept):
            return False
        node = module.get_set_node()
        module.data_saver.append(node, kept, [float(bundle.timestamp)])
        self._saver.source_saved(self._source)
        return True

    def learn(self, data: Any, units: Any, axes: AxesGiven, extras: Mapping[str, Any], labels: list[str]) -> None:
        """Keep the meaning of the frame that was just saved, if frames like it need no check."""
        saver, axes = self._saver, axes or {}
        if not isinstance(axes, Mapping) or saver.dynamic is not None:
            return
        words = units, *axes, *(data if isinstance(data, Mapping) else ())
        if any(type(word) is not str for word in words):  # 1 and True are equal, and mean something else
            return
        with saver.io.lock:
            generation = saver.generation
            if saver.session is None or self._module.module_group is None:
                return
            repeat = self._module.data_saver.repeat(self._module.module_group)
        known = [_parts(label, given) for label, given in axes.items()]
        are_plain = all(type(values) is np.ndarray for _, _, values in known)
        if repeat is None or repeat.labels != labels or not are_plain:
            return
        self._axes = [(label, rest, values.dtype, values.tobytes()) for label, rest, values in known]
        self._labels = tuple(data) if type(data) is dict else None
        typed = {name: (type(value), value) for name, value in extras.items()}
        self._meaning, self._generation, self._settings = (units, typed), generation, saver.store.current
        self._repeat = repeat

    def rows_like_before(self, data: Any, units: Any, axes: AxesGiven, extras: dict[str, Any]) -> list[Any] | None:
        """Return the rows of a frame with the meaning of the last one; None if the frame has to be checked."""
        repeat = self._repeat
        if repeat is None or units != self._meaning[0]:
            return None
        known = self._meaning[1]
        if (extras or known) and {name: (type(value), value) for name, value in extras.items()} != known:
            return None
        if (axes or self._axes) and not self._has_axes(axes):
            return None
        if self._labels is None:
            row = _row(data, repeat.dtypes[0], repeat.shape)
            return None if row is None or len(repeat.dtypes) != 1 else [row]
        if type(data) is not dict or tuple(data) != self._labels:
            return None
        rows = [_row(value, dtype, repeat.shape) for value, dtype in zip(data.values(), repeat.dtypes, strict=True)]
        return None if any(row is None for row in rows) else rows

    def _has_axes(self, axes: AxesGiven) -> bool:
        if not isinstance(axes, Mapping) or len(axes) != len(self._axes):
            return False
        for (label, given), (name, rest, dtype, raw) in zip(axes.items(), self._axes, strict=True):
            _, more, values = _parts(label, given)
            if label != name or more != rest or type(values) is not np.ndarray or values.dtype != dtype:
                return False
            if values.tobytes() != raw:  # the caller may have changed them in place
                return False
        return True

    def append(self, rows: list[Any], time: float) -> bool | None:
        """Append rows of a frame like the last one; None if it has to go the long way after all."""
        saver, repeat = self._saver, self._repeat
        io, intake = saver.io, saver.intake
        if intake.window_thread == threading.get_ident() and not io.queue.has_room():
            return None
        io.queue.wait_for_room()
        try:
            with io.lock:
                if (
                    repeat is None
                    or not repeat.is_valid
                    or saver.generation != self._generation
                    or saver.store.current is not self._settings
                    or saver.pending_task is not None
                    or intake.is_gated
                    or saver.watcher.is_paused
                    or saver.when_full != "wait"
                    or not io.is_open
                ):
                    return None
                try:
                    repeat.append_rows(rows, [self._module.data_saver.on_axis(time)])
                    saver.frame_saved(repeat.size)
                except BaseException:
                    io.queue.frame_refused()
                    raise
        except Exception as error:
            saver.frame_lost(self._source, error)
            if isinstance(error, (OSError, FileNotOpenError)):
                return False
            raise
        saver._step_ended()
        if saver.wants_sources:
            saver.source_saved(self._source)
        return True


def _parts(label: Any, given: Any) -> tuple[Any, Any, Any]:
    """Return the label of an axis, its unit and dimension as they were given, and its values."""
    if type(given) is tuple and len(given) > 1 and type(given[1]) is str:
        return label, given[1:], given[0]
    return label, (), given


def _row(value: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """Return a value as a row of an array, None if it is not just that."""
    kind = type(value)
    if kind is np.ndarray:
        fits = value.dtype == dtype and value.shape == shape and value.flags.c_contiguous
        return value[np.newaxis] if fits else None
    if shape != (1,):
        return None
    if kind is float and dtype.char == "d":
        return np.array(((value,),))
    if kind is int and dtype.char == "l" and -(1 << 63) <= value < 1 << 63:
        return np.array(((value,),))
    return np.array(((value,),)) if isinstance(value, np.generic) and value.dtype == dtype else None
