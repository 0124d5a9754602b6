"""A stream: the frames of one source on their way into its group; one like the last needs no check. No Qt."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.errors import FileNotOpenError
from h5saver_widget.modules.detector import DetectorTimeSaver
from h5saver_widget.recording.alike import Alike, Meant
from h5saver_widget.recording.gaps import lost_at, place_of
from h5saver_widget.saving.stamps import Stamp

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["Stream"]


class Stream:
    """One source: its module saver, and the meaning of its last frame, so that the next one needs no check.

    The source is the title of its group in the file; `module` is the instrument, if there is more to it than its name.
    """

    def __init__(self, saver: H5SaverBase, source: str, module: Any = None) -> None:
        self._saver, self._source = saver, source
        self._module = DetectorTimeSaver(module or SimpleNamespace(title=source))
        self._module.h5saver = saver
        #: The last frame, if frames like it need no check.
        self.alike: Alike | None = None

    @property
    def group(self) -> Any:
        """Its group in the file; None before it has one."""
        return self._module.module_group

    def kept(self, bundle: DataToExportLike) -> DataToExportLike:
        """Return the data of a frame that the settings do not leave out."""
        return self._module.filter_data(bundle)

    def write(self, meant: Meant | None, stamp: Stamp | None, bundle: DataToExportLike) -> bool:
        """Save a frame as a module saver does. The lock is held.

        `meant` is None if the next frame has to be checked as well; `stamp` is None for a frame without number and
        clock.
        """
        module, saver, alike = self._module, self._saver, self.alike
        if meant is not None and alike is not None and alike.meant == meant:  # it has waited: others came meanwhile
            rows = alike.rows_of(bundle.data[0].data)
            taken = None if rows is None else self.append(alike, rows, float(bundle.timestamp), stamp, is_late=True)
            if taken is not None:
                return taken
        self.alike = None
        generation, settings = saver.generation, saver.store.current
        node = module.get_set_node()
        module.data_saver.append(node, bundle, [float(bundle.timestamp)], stamp)
        saver.source_saved(self._source)
        if stamp is not None:
            saver.timing.taken(self._source, stamp)
        if meant is not None and saver.dynamic is None and generation == saver.generation and module.module_group:
            repeat = module.data_saver.repeat(module.module_group)
            if repeat is not None and repeat.labels == bundle.data[0].labels:
                self.alike = Alike(meant, repeat, generation, settings)
        return True

    def append(
        self, alike: Alike, rows: list[Any], time: float, stamp: Stamp | None = None, is_late: bool = False
    ) -> bool | None:
        """Append rows of a frame like the last one; None if it has to go the long way after all.

        One that `is_late` is written by the thread that has opened the file, before all frames that wait for that.
        """
        saver, repeat = self._saver, alike.repeat
        io, intake = saver.io, saver.intake
        is_window = intake.window_thread == threading.get_ident()
        if (saver.when_full != "wait" and not is_late) or (is_window and not io.queue.has_room()):
            return None
        io.queue.wait_for_room()
        try:
            if not io.lock.acquire(blocking=not is_window):
                return None
            try:
                if (
                    self.alike is not alike
                    or not repeat.is_valid
                    or not repeat.takes(stamp)
                    or saver.generation != alike.generation
                    or saver.store.current is not alike.settings
                    or (not is_late and (saver.pending_task is not None or intake.is_gated))
                    or saver.watcher.is_paused
                    or not io.is_open
                ):
                    return None
                try:
                    repeat.append_rows(rows, [self._module.data_saver.on_axis(time)], stamp)
                    saver.frame_saved(repeat.size)
                    if stamp is not None:
                        saver.timing.taken(self._source, stamp)
                except BaseException:
                    io.queue.frame_refused()
                    raise
            finally:
                io.lock.release()
        except Exception as error:
            lost_at(stamp, place_of(error))
            saver.frame_lost(self._source, error)
            if isinstance(error, (OSError, FileNotOpenError)):
                return False
            raise
        saver._step_ended()
        if saver.wants_sources:
            saver.source_saved(self._source)
        return True
