"""Held: the frames of the last seconds, in memory, before anything is recorded. No Qt.

They lie in a ring of bytes, whose size is the bound: the oldest goes when it is too old, or when there is no room. Once
the ring has *fired*, nothing goes any more: the held frames are written into a file that is being opened, and later
ones are put behind them, as long as there is room. Then frames *pass*: they go the ordinary way.

The ring is the memory of :mod:`h5saver_widget.backends.isolated.ring`, so another process may look after it.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf, isnan, nan
from time import monotonic, time as wall_clock
from typing import Any, Final

from numpy.typing import NDArray

from h5saver_widget.backends.isolated.messages import pack, unpack
from h5saver_widget.backends.isolated.ring import PADDING, Counter, Ring, RingError, allowed_capacity
from h5saver_widget.backends.ownership import register_owned
from h5saver_widget.errors import QueueFullError
from h5saver_widget.recording.held_frames import Said, array_bytes, frame_arrays, understood
from h5saver_widget.saving.stamps import Stamp

__all__ = ["Held", "HeldFrame", "Phase", "frames_before", "held_frames", "order_in"]

#: In front of a record: when it came (monotonic), the time of the frame, the length of its meaning, and the
#: stamp of the frame.
_HEAD: Final = struct.Struct("=ddI4xqddd")
_NO_STAMP: Final = (-1, nan, nan, nan)
_FRAME: Final = 1
_ORDER: Final = 2
_ALIGNED: Final = 16
#: Values of one array that are copied into one piece first: a piece more costs more than that.
_SHORT: Final = 4096
#: The smallest memory, bytes: a few small frames, and an order.
_LEAST: Final = 1 << 20


class Phase(Enum):
    """The way of a frame that comes: it is held, held behind those that are being written, or not held."""

    HOLDS = "holds"
    FIRED = "fired"
    PASSES = "passes"


@dataclass(frozen=True, slots=True)
class HeldFrame:
    """A frame that was held; its arrays look at the memory."""

    #: When it came, in s of the monotonic clock.
    arrived: float
    #: Its time, in s since 1970; that of its arrival, unless another one was given.
    time: float
    said: Said
    arrays: list[NDArray[Any]]
    #: Number and clock of its device; None if it has none.
    stamp: Stamp | None = None


class Held:
    """Frames of many sources, in the order in which they came, each for so many seconds, in a memory of so many bytes.

    `is_recording` tells, without waiting, whether frames are recorded now; none is held then. `seconds` may be changed.
    """

    def __init__(self, capacity: int, seconds: float, is_recording: Callable[[], bool] = lambda: False) -> None:
        self.ring = Ring(allowed_capacity(max(capacity, _LEAST) & ~7))
        self.seconds = seconds
        self.phase = Phase.HOLDS
        self._is_recording = is_recording
        self._lock = threading.Lock()
        self._oldest, self._newest = inf, 0.0
        register_owned(self)

    def disown(self) -> None:
        """Hold nothing any more, in a copy of the program: the memory is the program's."""
        self.phase, self._lock = Phase.PASSES, threading.Lock()

    def close(self) -> None:
        """Give the memory back."""
        with self._lock:
            self.phase = Phase.PASSES
            self.ring.close()

    @property
    def span(self) -> float:
        """How many seconds are held, in s. Never waits."""
        return max(0.0, self._newest - max(self._oldest, self._newest - self.seconds))

    @property
    def used(self) -> int:
        """Bytes that are held."""
        return self.ring.used

    def fits(self, size: int) -> bool:
        """Tell whether a frame of so many bytes can be held at all."""
        return size <= self.ring.longest

    # ------------------------------------------------------------------- frames
    def put(self, time: float, head: bytes, arrays: Sequence[NDArray[Any]], stamp: Stamp | None = None) -> bool:
        """Hold a frame; False if it is to go the ordinary way, because it is past that phase.

        Its time is nan for now. (That is told by the clock of the start: it may be set before.) `head` is its meaning,
        as bytes; the arrays are copied.
        """
        padding = bytes(-(_HEAD.size + len(head)) % _ALIGNED)
        if sum(array.nbytes for array in arrays) < _SHORT:
            values: list[bytes | memoryview] = [b"".join([head, padding, *(array.tobytes() for array in arrays)])]
        else:
            values = [head, padding, *map(array_bytes, arrays)]
        with self._lock:
            now = monotonic()
            stamped = _NO_STAMP if stamp is None else (stamp.number, stamp.clock, stamp.wall, stamp.monotonic)
            record = [_HEAD.pack(now, time, len(head), *stamped), *values]
            if self.phase is Phase.HOLDS:
                if self._is_recording():  # since the caller has looked
                    return False
                while self._oldest < now - self.seconds:
                    self._drop()
                self._put_surely(_FRAME, now, record)
            elif self.phase is Phase.PASSES or not self.ring.put(_FRAME, record):
                self.phase = Phase.PASSES
                return False
            self._newest = now
        return True

    def _put_surely(self, kind: int, now: float, record: Sequence[bytes | memoryview]) -> None:
        """Put a record in; the oldest go where there is no room for it."""
        while not self.ring.put(kind, record):
            if not self.ring.used:
                raise QueueFullError(f"a record of {sum(map(len, record)):,} bytes is too long for the memory")
            self._drop()
        self._oldest = min(self._oldest, now)

    def _drop(self) -> None:
        """Let go of the oldest, and look up which one is the oldest then."""
        ring, self._oldest = self.ring, inf
        found = ring.take(ring[Counter.tail])
        while found is not None:
            ring.release(found[2])
            found = ring.take(found[2])
            if found is not None and found[0] != PADDING:
                self._oldest = _HEAD.unpack_from(found[1])[0]
                return

    # -------------------------------------------------------------------- order
    def fire(self, order: dict[str, Any], before: float) -> bool:
        """Let nothing go from now on: the frames of the last seconds are to be written. False if it has fired already.

        The order says how it is to be written, as plain data: for the process that does it if this one is killed.
        """
        with self._lock:
            if self.phase is not Phase.HOLDS:
                return False
            now = monotonic()
            said = pack({**order, "since": now - before, "fired": now, "time": wall_clock()})
            record = [_HEAD.pack(now, nan, len(said), *_NO_STAMP), said]
            at = self.ring.position
            self._put_surely(_ORDER, now, record)
            self.ring[Counter.fired] = at + 1
            self.phase = Phase.FIRED
        return True

    def frames(self, keeps_all: bool = False) -> Iterator[HeldFrame]:
        """Go through the frames to be written, in order; at the end, all later ones go the ordinary way.

        `keeps_all` keeps their memory until :meth:`done`: another process looks after them. Else there is room again
        for those that come meanwhile.
        """
        ring = self.ring
        position, order = ring[Counter.tail], order_in(ring)
        while True:
            with self._lock:
                if position == ring.position:
                    self.phase = Phase.PASSES
                    return
            for kind, after, content in _records(ring, position):
                position = after
                if kind == _FRAME and _HEAD.unpack_from(content)[0] >= order["since"]:
                    yield _frame(content, order)
                if not keeps_all:
                    ring.release(position)

    def done(self) -> None:
        """Forget the frames: they are written, or counted as lost. The next ones are held again."""
        with self._lock:
            self.ring[Counter.fired] = 0
            self.ring.release(self.ring.position)
            self._oldest = inf
            self.phase = Phase.HOLDS

    def not_done(self) -> None:
        """Go on holding frames: there is no file that they could be written into."""
        with self._lock:
            self.ring[Counter.fired] = 0
            self.phase = Phase.HOLDS


def order_in(ring: Ring) -> dict[str, Any]:
    """Return the order in a memory that has fired."""
    for kind, _, content in _records(ring, ring[Counter.fired] - 1):
        if kind == _ORDER:
            found: dict[str, Any] = unpack(_said(content))
            return found
    raise RingError("the memory has fired, and there is no order in it")


def frames_before(ring: Ring) -> tuple[dict[str, int], float]:
    """Return how many frames of each source stand before the order, and how long before it the first one came, in s."""
    found: dict[str, int] = {}
    order = order_in(ring)
    first = fired = order["fired"]
    for kind, _, content in _records(ring, ring[Counter.tail]):
        if kind == PADDING:
            continue
        arrived = _HEAD.unpack_from(content)[0]
        if kind == _ORDER and arrived == fired:  # an earlier one has come to nothing
            break
        if kind == _FRAME and arrived >= order["since"]:
            first = min(first, arrived)
            source = understood(_said(content)).source
            found[source] = found.get(source, 0) + 1
    return found, fired - first


def held_frames(ring: Ring) -> Iterator[HeldFrame]:
    """Go through the frames that are to be written, of a memory whose program is gone."""
    order = order_in(ring)
    for kind, _, content in _records(ring, ring[Counter.tail]):
        if kind == _FRAME and _HEAD.unpack_from(content)[0] >= order["since"]:
            yield _frame(content, order)


def _records(ring: Ring, position: int) -> Iterator[tuple[int, int, memoryview]]:
    """Go through the records from a position on: kind, position behind it, and content."""
    while (found := ring.take(position)) is not None:
        kind, content, position = found
        yield kind, position, content


def _said(content: memoryview) -> bytes:
    return bytes(content[_HEAD.size : _HEAD.size + _HEAD.unpack_from(content)[2]])


def _frame(content: memoryview, order: dict[str, Any]) -> HeldFrame:
    arrived, time, length, *stamped = _HEAD.unpack_from(content)
    if isnan(time):
        time = order["time"] + arrived - order["fired"]
    said = understood(_said(content))
    begin = _HEAD.size + length
    stamp = None if isnan(stamped[2]) else Stamp(*stamped)
    return HeldFrame(arrived, time, said, frame_arrays(said, content[begin + -begin % _ALIGNED :]), stamp)
