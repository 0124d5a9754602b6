"""Before: while nothing is recorded, the last seconds of every source are held, and a start may begin with them. No Qt.

Some of these functions are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.backends.isolated.held import HeldMemory
from h5saver_widget.errors import H5SaverError, QueueFullError
from h5saver_widget.format.text import format_size
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.recording.alike import Alike, Meant
from h5saver_widget.recording.held import Held, Phase, frames_before, order_in
from h5saver_widget.recording.held_frames import said_about, said_of_objects
from h5saver_widget.recording.markers import marker_line
from h5saver_widget.recording.settings import SETTINGS
from h5saver_widget.recording.triggers import Triggers
from h5saver_widget.saving.given import AxesGiven, ErrorsGiven, Given, TimeGiven, UnitsGiven, bundle_of, is_data_object
from h5saver_widget.saving.meaning import Frame
from h5saver_widget.saving.stamps import Stamp

if TYPE_CHECKING:
    from h5saver_widget.backends.isolated.ring import Ring
    from h5saver_widget.recording.saver import H5SaverBase
    from h5saver_widget.saving.repeated import Repeated

__all__ = ["KeptBefore", "follow", "mark", "trigger"]

#: Writes held frames in place of a program that was killed in the middle of that.
_RESCUE: Final = "h5saver_widget.recording.rescue:write_held"


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Number types and shape of a frame; frames like it are compared with them."""

    dtypes: tuple[np.dtype[Any], ...]
    shape: tuple[int, ...]


class KeptBefore:
    """Holds the frames that come while nothing is recorded, and writes them into the file of a recording.

    A frame is held for so many seconds; all of them have at most `capacity` bytes.
    """

    def __init__(self, saver: H5SaverBase, seconds: float, capacity: int) -> None:
        self._saver = saver
        self.capacity = capacity
        self.held = Held(capacity, seconds, lambda: saver.isopen())
        #: The conditions at which a recording begins.
        self.triggers = Triggers()
        self._memory = HeldMemory(self.held.ring, _RESCUE)
        #: Of each source, what was said about its last frame, and the same as bytes.
        self._known: dict[str, tuple[Alike, bytes]] = {}
        self._io: Any = None
        self._is_outside = False
        self._attaching = threading.Lock()

    def close(self) -> None:
        """Hold nothing any more."""
        self.held.close()
        if self._io is not None:
            self._io.look_after(None)

    # ------------------------------------------------------------------- state
    @property
    def has_fired(self) -> bool:
        """Whether held frames are being written, or are about to be."""
        return self.held.phase is not Phase.HOLDS

    @property
    def begins(self) -> bool:
        """Whether a recording begins with the held frames, and takes those that come now."""
        task = self._saver.pending_task
        return self.has_fired and (task is None or task.doing == "opening")

    @property
    def holds(self) -> bool:
        """Whether a frame that comes now is held."""
        phase = self.held.phase
        return (phase is Phase.FIRED and self.begins) or (phase is Phase.HOLDS and not self._saver.isopen())

    def span(self) -> float | None:
        """Return of how many seconds frames are held, in s; None while a recording takes them. Never waits."""
        return self.held.span if self.holds else None

    # ------------------------------------------------------------------ frames
    def take(
        self,
        source: str,
        data: Given,
        units: UnitsGiven = "",
        axes: AxesGiven = None,
        time: TimeGiven = None,
        errors: ErrorsGiven = None,
        extras: Mapping[str, Any] | None = None,
        stamp: Stamp | None = None,
    ) -> bool | None:
        """Hold a frame; parameters and errors as of `record`, which has made its stamp.

        The result is whether it will be in a file that is being opened; None if it is not to be held, but recorded or
        left out.
        """
        if not self.holds:
            return None
        extras = extras or {}
        known = self._known.get(source) if type(source) is str else None
        if known is not None and errors is None and not isinstance(time, datetime):
            alike, head = known
            rows = alike.rows(data, units, axes, cast("dict[str, Any]", extras))
            if rows is not None:
                labels = alike.meant.labels or (source,)
                channels = [(label, row[0]) for label, row in zip(labels, rows, strict=True)]
                return self._put(source, nan if time is None else time, head, rows, channels, stamp)
        bundle = bundle_of(source, data, units, axes, time, errors, extras)
        for dwa in bundle.data:
            Frame(dwa, *self._saver.frame_format())
        self._known.pop(source, None)
        has_said = is_data_object(data)
        is_plain = not has_said and errors is None and len(bundle.data) == 1
        meant = Meant.of(data, units, axes, extras) if is_plain else None
        arrays: Sequence[NDArray[Any]]
        if meant is None:
            head, arrays = said_of_objects(source, bundle.data)
        else:
            arrays = bundle.data[0].data
            head = said_about(source, meant.units, cast("Mapping[str, Any]", axes), extras, meant.labels, arrays)
            kinds = _Kinds(tuple(array.dtype for array in arrays), arrays[0].shape)
            # of what frames are compared with, only these two are needed here
            alike = Alike(meant, cast("Repeated", kinds), 0, self._saver.store.current)
            self._known[source] = alike, head
        is_now = time is None and not has_said
        labelled = [pair for dwa in bundle.data for pair in zip(dwa.labels, dwa.data, strict=True)]
        channels = labelled if meant is None or meant.labels else [(source, array) for _, array in labelled]
        return self._put(source, nan if is_now else float(bundle.timestamp), head, arrays, channels, stamp)

    def _put(
        self,
        source: str,
        time: float,
        head: bytes,
        arrays: Sequence[NDArray[Any]],
        channels: Iterable[tuple[str, NDArray[Any]]],
        stamp: Stamp | None,
    ) -> bool | None:
        size = len(head) + sum(array.nbytes for array in arrays)
        if not self.held.fits(size):
            error = QueueFullError(
                f"{format_size(size)} are too much to be held: give at least {format_size(3 * size)} of memory"
            )
            self._saver.frame_lost(source, error)
            return False
        saver = self._saver
        if saver.io is not self._io or (self._is_outside and not saver.io.looks_after):
            self._attach()
        if not self.held.put(time, head, arrays, stamp):
            return None
        if self.triggers.watches(source):
            reason = self.triggers.reason(source, channels)
            if reason:
                saver.trigger(reason, source=source)
            while self.triggers.problems:
                saver.update_status(self.triggers.problems.pop())
        return self.has_fired

    def _attach(self) -> None:
        """Have the process of the file look after the memory, which is no other one when that process is."""
        if not self._attaching.acquire(blocking=False):
            return
        saver = self._saver
        if saver.io is self._io:
            saver.update_status(
                "The process that looks after the seconds before has ended; another one is started, nothing is lost"
            )
        elif self._io is not None:
            self._io.look_after(None)
        self._io = saver.io
        self._is_outside = saver.io.look_after(self._memory)
        if self._is_outside:
            saver.background.begin("", self._start_process, "The process for the file could not be started")
        else:
            self._attaching.release()

    def _start_process(self) -> None:
        try:
            self._saver.io.prepare()
        finally:
            self._attaching.release()

    # ----------------------------------------------------------------- writing
    def fire(self, before: float, reason: str, source: str, path: str) -> bool:
        """Keep the frames of the last seconds for a file that is about to be opened; False if one is open already.

        `source` is the one whose frame was the reason, and `path` the file that was asked for; ``''`` for none.
        """
        saver = self._saver
        if not self.holds:
            return False
        settings = saver.store.current
        plain = {name: getattr(settings, name) for name, one in SETTINGS.items() if one.kind != "secret"}
        order = {
            "settings": plain,
            "backend": saver.backend,
            "path": path,
            "reason": reason,
            "source": source,
        }
        saver.intake.gate()  # later frames wait behind those that are held, from this moment on
        if self.held.fire(order, before):
            return True
        self._let_pass()
        return False

    def give_up(self) -> None:
        """Hold frames as before: there is no file that they could be written into."""
        self.held.not_done()
        self._let_pass()

    def _let_pass(self) -> None:
        intake = self._saver.intake
        if not intake.ungate():  # there is no opening that would do it
            self._saver.background.begin("", intake.let_in, "What waited for the disk could not be saved")

    def hand_over(self) -> None:
        """Write the held frames into the open file; later ones go behind them. In the thread that has opened it."""
        saver = self._saver
        try:
            saver.watcher.frames_before = mark(saver, self.held.ring)
            for frame in self.held.frames(keeps_all=self._is_outside):
                saver.intake.write_held(frame)
            saver.frames_held = saver.frames_saved
        finally:
            self.held.done()
            self._let_pass()
            follow(saver)  # the settings may have changed meanwhile


def mark(saver: H5SaverBase, ring: Ring) -> int:
    """Note in an open file why it begins before its start: a marked moment and a line in the log, and attributes.

    The result is how many frames stand before that moment.
    """
    order = order_in(ring)
    counts, seconds = frames_before(ring)
    at = datetime.fromtimestamp(order["time"]).astimezone()
    frames, source = sum(counts.values()), order["source"]
    about = {
        "trigger_time": at.isoformat(timespec="microseconds"),
        "trigger_reason": order["reason"],
        "seconds_before": seconds,
        "frames_before": frames,
    }
    if source in counts:
        about.update({"trigger_source": source, "trigger_frame": counts[source] - 1})
    try:
        with saver.saving():
            saver.add_log(marker_line(at))
            saver.add_log(
                f"{at:%Y-%m-%d %H:%M:%S} {order['reason']}; {frames:,} frames of the {seconds:.3g} s before it"
            )
            raw = saver.raw_group
            if isinstance(raw, GROUP) and not saver.is_swmr_active:
                saver.io.set_attributes(raw.handle, saver.raw(about))
    except (H5SaverError, OSError) as error:
        saver.report("Why the recording began could not be noted in the file", error)
    return frames


def follow(saver: H5SaverBase) -> None:
    """Hold frames, or hold none any more, as the settings say."""
    settings, kept = saver.store.current, saver.kept_before
    capacity = int(settings.keep_before_memory * 1e6)
    if kept is not None and kept.has_fired:
        return  # the recording that begins now has them
    if kept is not None and (settings.keep_before <= 0 or kept.capacity != capacity):
        saver.kept_before = None
        kept.close()
        kept = None
    if settings.keep_before > 0 and kept is None:
        saver.kept_before = KeptBefore(saver, settings.keep_before, capacity)
    elif kept is not None:
        kept.held.seconds = settings.keep_before
    if saver.kept_before is not None and saver.kept_before.triggers.text != settings.trigger:
        saver.kept_before.triggers = Triggers(settings.trigger)
    saver.watcher.held = _held_nothing if saver.kept_before is None else saver.kept_before.span


def _held_nothing() -> None:
    return None


def trigger(saver: H5SaverBase, reason: str = "trigger", *, source: str = "") -> bool:
    """Begin to record, with the seconds before, and note why; at once, from any thread, and never waits.

    Parameters
    ----------
    reason
        Why, in words: it stands in the log of the file, and as the attribute ``trigger_reason`` of its data.
    source
        The source whose last frame is the reason; its number is noted.

    Returns
    -------
    bool
        Whether a recording begins; False if one runs, or the program holds nothing.

    Examples
    --------
    >>> import tempfile
    >>> from h5saver_widget import Recorder
    >>> recorder = Recorder()
    >>> recorder.settings['base_path'] = tempfile.mkdtemp()
    >>> recorder.settings['recording', 'keep_before'] = 10.0
    >>> recorder.record('meter', 0.1, units='V')  # nothing is recorded yet: it is held
    False
    >>> recorder.trigger('the door was opened')
    True
    >>> recorder.stop()
    >>> recorder.statistics().frames_written
    1
    """
    kept = saver.kept_before
    if kept is None or not kept.holds or kept.has_fired:
        return False
    saver.start(wait=False, before=kept.held.seconds, reason=reason, source=source)
    return True
