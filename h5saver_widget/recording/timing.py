"""Timing: numbers and clocks of the frames of a recording, the missing ones, and how clocks go. No Qt.

A recorder has one :class:`Timing`. It looks at every frame that carries a number or a clock, and knows at the end of a
file how many of how many frames are in it, where the others were lost, and how far a device's clock drifts. Frames
without number and clock never come here.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import astuple
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from h5saver_widget.errors import DataMismatchError, H5SaverError
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.recording.complete import Summary
from h5saver_widget.recording.drift import Drift, DriftFit
from h5saver_widget.recording.gaps import DISK, DRIVER, PLACES, SKIPPED, Gap, Numbers, checked_numbers
from h5saver_widget.saving import files
from h5saver_widget.saving.gap_table import GapTable
from h5saver_widget.saving.notices import tell, tell_step
from h5saver_widget.saving.stamps import Stamp

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["Timing"]

#: Gaps and drifts that are new are written into the file so often, in s; it can be killed at any time.
_WRITE_SECONDS: Final = 5.0
#: And drifts alone.
_DRIFT_SECONDS: Final = 60.0
#: After so many frames it is looked which of them are on the disk, and need not be remembered.
_MANY: Final = 1000


class _Source:
    """Numbers and clock of one source; its methods take the lock of all."""

    def __init__(self, timing: Timing, source: str) -> None:
        self._timing = timing
        self.numbers, self.drift = Numbers(source, timing.news.append), Drift()

    def came(self, stamp: Stamp) -> None:
        timing, number, clock = self._timing, stamp.number, stamp.clock
        with timing.lock:
            if number >= 0:
                self.numbers.came(number, timing.watcher.pauses, stamp.wall)
            if clock == clock:
                self.drift.add(clock, stamp.monotonic)
        stamp.lost = self.lost

    def lost(self, number: int, place: str) -> None:
        """Note that a frame is not saved."""
        if number >= 0:
            with self._timing.lock:
                self.numbers.lost(number, place, self._timing.now())


class Timing:
    """Numbers and clocks of the sources of a recorder."""

    def __init__(self, saver: H5SaverBase) -> None:
        self._saver = saver
        #: Held while the numbers are looked at.
        self.lock = threading.Lock()
        self.watcher = saver.watcher
        #: Gaps that nobody was told of yet.
        self.news: deque[Gap] = deque()
        self._untold: list[Gap] = []
        self._begin()

    def _begin(self) -> None:
        """Begin another recording."""
        self._is_over = False
        self._sources: dict[str, _Source] = {}
        self._earlier: list[Gap] = []
        self._total = Summary()
        self._begin_file()

    def _begin_file(self) -> None:
        for source in self._sources.values():
            source.numbers.begin_file()
        self._table: GapTable | None = None
        self._recent: deque[tuple[int, Numbers, int]] = deque()
        self._unknown: list[Gap] = []  # frames that were lost without a number
        self._lost_on_disk = 0
        self._written, self._written_at = 0, monotonic()

    def now(self) -> float:
        """Return the wall clock, in s since 1970."""
        return self._saver.clocks()[0]

    # ----------------------------------------------------------------- frames
    def came(self, source: str, stamp: Stamp) -> None:
        """Take note of a frame that has come, if it is recorded."""
        if self._saver.intake.is_taking():
            known = None if self._is_over else self._sources.get(source)
            (known or self._source(source)).came(stamp)

    def _source(self, source: str) -> _Source:
        with self.lock:
            if self._is_over:  # the first frame of another recording, be it before its file is open
                self._begin()
            return self._sources.setdefault(source, _Source(self, source))

    def taken(self, source: str, stamp: Stamp) -> None:
        """Take note that a frame was handed over; the file's lock is held."""
        known = self._sources.get(source)
        if known is not None and stamp.number >= 0:
            self._recent.append((self._saver.frames_saved, known.numbers, stamp.number))
            if len(self._recent) % _MANY == 0:
                self._forget_safe()

    def _forget_safe(self) -> None:
        recent, (written, dropped) = self._recent, self._settled()
        while dropped == self._lost_on_disk and recent and recent[0][0] <= written + dropped:
            recent.popleft()

    def _settled(self) -> tuple[int, int]:
        """Return how many frames of the file are written, and how many were handed over and can't be."""
        counted = self._saver.file_statistics()
        return counted.frames_written, counted.frames_dropped - self._saver.frames_refused

    def lost(self, source: str, frames: Any, place: str = DRIVER) -> None:
        """Note frames that were lost before they came here; see :meth:`.H5SaverBase.lost`."""
        if place not in PLACES:
            raise DataMismatchError(f"{source}: frames are lost in one of {', '.join(PLACES)}; got {place!r}")
        given = checked_numbers(source, frames)
        if self._saver.intake.is_taking():
            known = self._source(source)
            with self.lock:
                known.numbers.told(given, place)

    def gaps(self) -> tuple[Gap, ...]:
        """Return the gaps of the recording so far, or of the last one, in the order of time."""
        with self.lock:
            return (*self._earlier, *self._rows())

    def _rows(self) -> list[Gap]:
        rows = [*self._unknown, *(row for known in [*self._sources.values()] for row in known.numbers.rows)]
        return sorted(rows, key=lambda row: row.time)

    def _version(self) -> int:
        return len(self._unknown) + sum(known.numbers.version for known in [*self._sources.values()])

    # ------------------------------------------------------------------- tick
    def look(self) -> None:
        """Tell new gaps, and have them written: to be called now and then. Never waits."""
        saver = self._saver
        self._take_news()
        if not saver.io.writable or not saver.background.worker.is_idle:
            return
        passed = monotonic() - self._written_at
        is_due = passed > _WRITE_SECONDS and self._version() != self._written
        is_due = is_due or (passed > _DRIFT_SECONDS and bool(self._sources))
        is_due = is_due or (bool(self._sources) and self._settled()[1] != self._lost_on_disk)
        if self._untold or is_due or saver.clock.has_stepped():
            saver.background.begin("", lambda: self._write(is_due), "What is missing could not be noted")

    def _take_news(self) -> None:
        """Raise alarms for new losses, added up for each source and place; the log is told of them later."""
        found: dict[tuple[str, str], Gap] = {}
        with self.lock:
            for gap in self.news:
                key = gap.source, gap.place
                found[key] = gap.after(found[key]) if key in found else gap
            self.news.clear()
            self._untold += [gap for gap in found.values() if gap.place != SKIPPED]
        for gap in found.values():
            if gap.is_lost:
                self._saver.alarms.happened("gap", gap.text, gap.source)

    def _write(self, rows_too: bool) -> None:
        saver = self._saver
        with saver.io.lock:
            if saver.session is None or not saver.io.writable:
                return
            step = saver.clock.look()
            if step:
                tell_step(saver, step)
            self._see_losses()
            self._take_news()
            self._tell_untold()
            if rows_too:
                self._write_rows()

    def _tell_untold(self) -> None:
        with self.lock:
            self._untold, news = [], self._untold
        for gap in news:
            tell(self._saver, gap.text)

    def _write_rows(self) -> None:
        """Write the table and the drifts into the open file, whose lock is held; not while it streams."""
        saver = self._saver
        self._written_at = monotonic()
        if saver.is_swmr_active:
            return
        with self.lock:
            version, rows = self._version(), self._rows()
        if rows and version != self._written:
            self._table = self._table or GapTable(saver)
            self._table.write([astuple(row) for row in rows])
        self._written = version
        for source, drift in self.drifts().items():
            group = saver.intake.stream(source).group
            if isinstance(group, GROUP):
                about = {"clock_drift": drift.text, "clock_drift_ppm": drift.ppm, "clock_drift_error_ppm": drift.error}
                saver.io.set_attributes(group.handle, saver.raw({**about, "clock_drift_seconds": drift.seconds}))

    def drifts(self) -> dict[str, DriftFit]:
        """Return how the clocks of the devices drift, by source, as far as it is known."""
        with self.lock:
            fits = {source: known.drift.fit() for source, known in self._sources.items()}
        return {source: fit for source, fit in fits.items() if fit is not None}

    # ----------------------------------------------------------------- the end
    def final_counts(self) -> dict[str, Any]:
        """Return the counts that are noted in a file when it is closed, and write table and drift; its lock is held."""
        saver = self._saver
        counts = files.final_counts(saver)
        if not counts:
            return counts
        step = saver.clock.look()
        if step:
            tell_step(saver, step)
        self._see_losses()
        with self.lock:
            if not saver.watcher.is_rolling:
                for known in self._sources.values():
                    known.numbers.end(self.now())
        summary = self.summary()
        with suppress(H5SaverError, OSError):  # the file is closed all the same, and that tells
            self._take_news()
            self._tell_untold()
            if self._sources:
                saver.end_streaming()
                self._write_rows()
            if summary.tells:
                saver.add_log(f"{datetime.now():%Y-%m-%d %H:%M:%S} {summary.text}")
        return {**counts, **saver.raw({"completeness": summary.text})}

    def _see_losses(self) -> None:
        """Note frames that were handed over and could not be written; the file's lock is held.

        They come right after those that are settled: frames are written, or lost, in the order in which they were
        handed over. Where single arrays take nothing more, it is not known which frames they are.
        """
        saver, (written, dropped) = self._saver, self._settled()
        new, known = dropped - self._lost_on_disk, 0
        if new <= 0 or not self._sources:
            return
        first = written + self._lost_on_disk
        self._lost_on_disk = dropped
        with self.lock:
            at = self.now()
            for index, numbers, number in self._recent if not saver.io.queue.loses_arrays else ():
                if first < index <= first + new:
                    numbers.lost(number, DISK, at)
                    known += 1
            if not known:
                self._unknown.append(Gap("", -1, -1, new, DISK, at))
                self.news.append(self._unknown[-1])

    def summary(self) -> Summary:
        """Return how many of how many frames are in the open file."""
        counted, steps = self._saver.file_statistics(), self._saver.clock.steps
        with self.lock:
            never = sum(known.numbers.never_came for known in self._sources.values())
            has_numbers = any(known.numbers.last is not None for known in self._sources.values())
            kept, expected = counted.frames_received - counted.frames_dropped, counted.frames_received + never
            return Summary.of(kept, expected, self._rows(), has_numbers, (s for _, s in steps))

    def file_closed(self) -> None:
        """Take note that a file was closed, and say how complete it is; of a recording of several, at its end."""
        saver = self._saver
        self._see_losses()
        self._take_news()
        found = self.summary()
        self._total += found
        is_last = not saver.watcher.is_rolling
        if is_last and saver.watcher.counts.part > 1:
            found = self._total
        if is_last and found.tells and found.expected:
            saver.update_status(found.text)
        with self.lock:
            self._earlier += self._rows()
            self._begin_file()
            self._is_over = is_last

    def opened(self) -> None:
        """Take note that a file was opened: another recording begins, if none of its frames has come already."""
        with self.lock:
            if self._is_over:
                self._begin()

    def given_up(self) -> None:
        """Take note that no file could be opened."""
        self._is_over = True
