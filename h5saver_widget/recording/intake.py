"""Intake: takes frames in one line, from any thread, and never raises because a file is opened or closed. No Qt.

While a file is being opened, and where a thread must not wait for the disk, frames wait in a bounded queue; a worker
writes them before later ones, so the order of a source's frames is that of the calls.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from h5saver_widget.browsing.formatting import count_text
from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.errors import FileNotOpenError, H5SaverError, QueueFullError
from h5saver_widget.recording.alike import Meant
from h5saver_widget.recording.gaps import QUEUE, SKIPPED, lost_at, place_of
from h5saver_widget.recording.held import HeldFrame
from h5saver_widget.recording.stream import Stream
from h5saver_widget.saving.bundle import Bundle, frame_bytes
from h5saver_widget.saving.given import bundle_of, copy_of
from h5saver_widget.saving.meaning import Frame
from h5saver_widget.saving.notices import tell_kept_as_text
from h5saver_widget.saving.stamps import Stamp

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["Intake"]

logger = logging.getLogger(__name__)

#: So much may wait for a file that is being opened, bytes and frames.
WAITING_BYTES: Final = 256 << 20
WAITING_FRAMES: Final = 200_000


class Intake:
    """Frames of many sources on their way into the file of a saver.

    While it is gated, frames go into the queue. A file that a person opened, `by_hand`, takes frames only while *Do
    Save* is on.
    """

    def __init__(self, saver: H5SaverBase) -> None:
        self._saver = saver
        #: The streams, by source.
        self.streams: dict[str, Stream] = {}
        self.is_gated = self.by_hand = False
        #: Number of the thread that must not wait for room; 0 for none.
        self.window_thread = 0
        self._gates = 0
        self._queue: deque[tuple[int, Callable[[], None]]] = deque()
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

    def ungate(self) -> bool:
        """Take one gate away if there is another one; return whether it was."""
        with self._changing:
            is_one_of_several = self._gates > 1
            self._gates -= is_one_of_several
            return is_one_of_several

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
                size, write = self._queue.popleft()
                self._bytes -= size
            write()

    def _write_late(self, source: str, write: Callable[[], bool], generation: int, stamp: Stamp | None) -> None:
        """Write a frame that has waited; there is nobody any more who could be told of an error by raising it.

        What comes after the last frame that the limits allow is left out, as it is without waiting.
        """
        saver = self._saver
        try:
            saver.io.queue.wait_for_room()
            if self._in_file(write) is not None:
                return
            if saver.watcher.ended and saver.generation > generation:
                saver.watcher.counts.leave_out()
                lost_at(stamp, SKIPPED)
                return
            raise FileNotOpenError(saver.watcher.stopped_because or "it waited for a file that was not opened")
        except (H5SaverError, OSError, ValueError, TypeError) as error:
            lost_at(stamp, place_of(error))
            self._saver.frame_lost(source, error)

    def write_held(self, frame: HeldFrame) -> None:
        """Write a frame that was held before the file was opened; in the thread that has opened it."""
        said, saver = frame.said, self._saver
        stream, given = self.stream(said.source), said.given(frame.arrays)
        units, axes, extras, stamp = said.units, said.axes, dict(said.extras), frame.stamp
        if stamp is not None:
            saver.timing.came(said.source, stamp)
        try:
            if stream.alike is not None and not said.objects:
                rows = stream.alike.rows(given, units, axes, extras)
                if rows is not None and stream.append(stream.alike, rows, frame.time, stamp, is_late=True) is not None:
                    return
            if said.objects:
                bundle: DataToExportLike = Bundle(said.source, frame.time, given)
            else:
                bundle = bundle_of(said.source, given, units, axes, frame.time, None, extras)
            meant = None if said.objects else Meant.of(given, units, axes, extras)
            kept = stream.kept(bundle)
        except (H5SaverError, OSError, ValueError, TypeError) as error:
            lost_at(stamp, place_of(error))
            saver.frame_lost(said.source, error)
            return
        for title, name in said.altered:
            tell_kept_as_text(saver, title, name)
        if len(kept):
            self._write_late(said.source, partial(stream.write, meant, stamp, kept), saver.generation - 1, stamp)
        else:
            lost_at(stamp, SKIPPED)

    def after_waiting(self, action: Callable[[], None]) -> None:
        """Call a function once the frames that wait now are written; at once if none waits."""
        with self._changing:
            if self.is_gated:
                self._queue.append((0, action))
                return
        action()

    def is_empty(self) -> bool:
        """Tell whether no frame waits."""
        return not self._queue

    def put(
        self,
        source: str,
        bundle: DataToExportLike,
        write: Callable[[DataToExportLike], bool],
        stamp: Stamp | None = None,
    ) -> bool | None:
        """Have a frame wait for its turn; data that can't be saved as they are raise at once.

        The result is whether there was room for it; None if frames need not wait (any more).
        """
        saver = self._saver
        try:
            for dwa in bundle.data:
                Frame(dwa, *saver.frame_format())
        except Exception as error:
            lost_at(stamp, place_of(error))
            saver.frame_lost(source, error)
            raise
        size = frame_bytes(bundle.data)
        waits = threading.get_ident() != self.window_thread and not saver.io.holds_lock()
        with self._changing:
            # else many sources could fill the queue faster than it is written
            while waits and (self._is_drained or (self._is_behind_held and not self._has_room(size))):
                self._changing.wait()
            if not self.is_gated:
                return None
            has_room = self._has_room(size)
            if has_room:
                late = partial(write, copy_of(bundle))
                before = saver.generation - (saver.session is not None)  # the file it waits for is a later one
                self._queue.append((size, partial(self._write_late, source, late, before, stamp)))
                self._bytes += size
        if not has_room:
            reason = f"{len(self._queue):,} frames wait for the disk already, this one was dropped"
            lost_at(stamp, QUEUE)
            saver.frame_lost(source, QueueFullError(reason))
        return has_room

    def _has_room(self, size: int) -> bool:
        return self._bytes + size <= WAITING_BYTES and len(self._queue) < WAITING_FRAMES

    @property
    def _is_behind_held(self) -> bool:
        """Whether the file is open, and held frames are written into it first."""
        kept = self._saver.kept_before
        return self.is_gated and kept is not None and kept.begins and self._saver.is_ready

    # ------------------------------------------------------------------ frames
    def is_taking(self) -> bool:
        """Tell whether frames are recorded now. Never waits."""
        saver = self._saver
        kept = saver.kept_before
        if kept is not None and kept.begins:
            return True
        return saver.isopen() and (saver.store.current.do_save or not self.by_hand)

    def take(
        self,
        source: str,
        bundle: DataToExportLike,
        write: Callable[[DataToExportLike], bool],
        stamp: Stamp | None = None,
    ) -> bool:
        """Have a frame written now, or as soon as its file is open; return whether it was taken.

        `write` writes the frame, which is checked, into the open file, with the file's lock, and returns whether it was
        saved. The stamp is told where the frame is lost, if it is.
        """
        saver = self._saver
        if not self.is_taking():
            return False
        if self.is_gated:
            waits = self.put(source, bundle, write, stamp)
            if waits is not None:
                return waits
        if saver.leaves_out_frame():
            lost_at(stamp, SKIPPED if saver.is_paused else QUEUE)
            return False
        if self.window_thread == threading.get_ident():
            return self._later(source, bundle, write, stamp)
        saver.io.queue.wait_for_room()
        try:
            return bool(self._in_file(partial(write, bundle)))
        except Exception as error:
            lost_at(stamp, place_of(error))
            if isinstance(error, (OSError, FileNotOpenError)):
                return False  # counted and told: a source does not end for what the disk refuses
            raise

    def _in_file(self, write: Callable[[], bool]) -> bool | None:
        """Call a function with the lock of the open file, and return its result; None if the file was closed."""
        saver = self._saver
        with saver.io.lock:
            is_open = saver.session is not None and saver.io.writable
            return write() if is_open else None

    def _later(
        self,
        source: str,
        bundle: DataToExportLike,
        write: Callable[[DataToExportLike], bool],
        stamp: Stamp | None,
    ) -> bool:
        """Have the saver's worker write a frame: groups and arrays may have to be made, and the disk may not answer."""
        self.gate()
        try:
            return bool(self.put(source, bundle, write, stamp))
        finally:
            self._saver.background.begin("", self.let_in, "What waited for the disk could not be saved")

    def stream(self, source: str, module: Any = None) -> Stream:
        """Return the stream of a source; the settings of a `module`, if there is one, are saved with its group."""
        found = self.streams.get(source)
        if found is None:
            found = self.streams.setdefault(source, Stream(self._saver, source, module))
        return found


def _tell_rest(queue: deque[Any]) -> None:
    """Say at the end of a program how many frames have waited in vain: the disk has not answered for that long."""
    if queue:
        logger.error("The program has ended before the file was open: %s lost", count_text(len(queue), "frame"))
