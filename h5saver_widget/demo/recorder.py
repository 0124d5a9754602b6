"""How frames of several detector panels reach one file.

While *Do Save* of the saver's tree is on, every frame of a panel is saved by a ``DetectorTimeSaver`` of its own.
That is done in a thread: a panel continues measuring and drawing while the disk is busy.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtCore, isQObjectAlive

from h5saver_widget.errors import H5SaverError, QueueFullError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.format.naming import PathProvider
from h5saver_widget.modules.detector import DetectorSaver, DetectorTimeSaver
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.recording.worker import FileWorker
from h5saver_widget.saving.bundle import frame_bytes
from h5saver_widget.saving.low_level import H5SaverLowLevel

if TYPE_CHECKING:
    from h5saver_widget.data import DataToExport
    from h5saver_widget.demo.panel import DetectorPanel
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["FrameCounts", "PanelRecorder"]


@dataclass(frozen=True)
class FrameCounts:
    """The counts of the frames of a recording, by its saver: accepted and lost ones.

    ``path`` is the file that is open or was last, None before there is one; ``bytes`` the size of the accepted data in
    memory; ``seconds`` the time in which frames have come.
    """

    path: Path | None
    frames: int
    lost: int
    bytes: int
    seconds: float


class PanelRecorder(QtCore.QObject):
    """Saves the frames of panels while the saver's *Do Save* is on, and single frames into files of their own.

    Up to ``most`` bytes may wait to be saved; further frames are lost, and counted.
    """

    note = QtCore.Signal(str)
    """Something worth a line in the log."""

    failed = QtCore.Signal(str)
    """A snapshot was not saved; the sentence says why."""

    def __init__(self, h5saver: H5Saver, panels: list[DetectorPanel]) -> None:
        super().__init__()
        self._keeper = Keeper(self)  # a thread may be the last to hold it
        self.h5saver = h5saver
        self.panels = panels
        self.most = 64_000_000
        self._worker, self._waiting, self._counting = FileWorker(), 0, threading.Lock()
        self._savers = {panel.title: DetectorTimeSaver(panel) for panel in panels}
        self._left_out: set[str] = set()
        #: The file, by its number, that has frames of a panel, and the one that has its background.
        self._saved: dict[str, int] = {}
        self._with_background: dict[str, int] = {}
        h5saver.settings.child("do_save").sigValueChanged.connect(self._on_do_save)
        h5saver.before_closing(self.drain)
        for panel in panels:
            self._savers[panel.title].h5saver = h5saver
            panel.grabbed.connect(partial(self._on_frame, panel))
            panel.grabbed.connect(h5saver.sink_before(panel))  # behind it: the frame that is a trigger is saved once
            panel.background_taken.connect(partial(self._on_background, panel))

    @property
    def is_recording(self) -> bool:
        """Whether frames are to be saved now."""
        return bool(self.h5saver.settings["do_save"])

    @property
    def recording(self) -> FrameCounts:
        """The counts of this recording, or of the last one."""
        status = self.h5saver.status()
        counts = status.statistics
        accepted = counts.frames_received - counts.frames_dropped
        return FrameCounts(status.path, accepted, counts.frames_dropped, counts.bytes_in, status.seconds)

    def drain(self) -> None:
        """Wait until every frame that was taken is in the file, or counted as lost."""
        self._worker.wait()

    def let_go(self) -> None:
        """Save the accepted frames, and disconnect: the panels are about to be deleted."""
        self.drain()
        if not isQObjectAlive(self):
            return  # forgotten together, this object may be gone before the panels
        with suppress(RuntimeError):  # and so may the saver
            self.h5saver.settings.child("do_save").sigValueChanged.disconnect(self._on_do_save)

    def _on_do_save(self) -> None:
        self._left_out.clear()
        for panel in self.panels:
            panel.lock_regions(self.is_recording)

    def _on_frame(self, panel: DetectorPanel, data: DataToExport) -> None:
        if not self.is_recording:
            return
        size = frame_bytes(data)
        with self._counting:
            has_room = not self._waiting or self._waiting + size <= self.most
            self._waiting += size * has_room
        if has_room:
            self._worker.begin("saving", partial(self._save, panel, data, size))
        else:
            reason = QueueFullError("too much is waiting to be saved, the disk can't keep up")
            self.h5saver.frame_lost(panel.title, reason)

    # ---------------------------------------------------------------------------------------- in the thread that saves
    def _save(self, panel: DetectorPanel, data: DataToExport, size: int) -> None:
        try:
            self._record(panel, data)
        except Exception as error:  # of whatever kind: the frame is lost, and that has to be seen
            self.h5saver.frame_lost(panel.title, error)
        finally:
            with self._counting:
                self._waiting -= size

    def _record(self, panel: DetectorPanel, data: DataToExport) -> None:
        h5saver, title, saver = self.h5saver, panel.title, self._savers[panel.title]
        h5saver.require_open("save a frame")  # waits for a file that is being opened
        if not len(saver.filter_data(data)):
            if title not in self._left_out:
                self._left_out.add(title)
                self.note.emit(f"{title}: kept out of the file, as 'Save 2D and above' and 'Save raw only' say")
            return
        before = (h5saver.generation, h5saver.frames_saved)
        saver.add_data(saver.get_set_node(), data)
        was_saved = before != (h5saver.generation, h5saver.frames_saved)  # else left out during a pause
        if was_saved and self._saved.get(title) != h5saver.generation:
            self._saved[title] = h5saver.generation
            self._save_background(panel)

    def _on_background(self, panel: DetectorPanel, _: DataToExport) -> None:
        if self.is_recording:
            self._worker.begin("saving", partial(self._save_background, panel))

    def _save_background(self, panel: DetectorPanel) -> None:
        """Save the background of a panel beside its data, once for each file."""
        generation = self.h5saver.generation
        if panel.background is None or self._saved.get(panel.title) != generation:
            return
        if self._with_background.get(panel.title) == generation:
            self.note.emit(f"{panel.title}: this file keeps its first background; a new file will have the new one")
            return
        self._with_background[panel.title] = generation
        saver = self._savers[panel.title]
        try:
            saver.add_bkg(saver.get_set_node(), panel.background)
        except Exception as error:
            self.h5saver.report(f"The background of {panel.title} is not saved", error)
        else:
            self.note.emit(f"{panel.title}: background saved beside the data")

    # ----------------------------------------------------------------------------------------------- snapshots
    def save_snapshot(self, panel: DetectorPanel) -> Path | None:
        """Write the frame on the screen (a new one, if there is none), with the background, to a separate file.

        Returns the file, closed: ``BASE/2026/20261121/Snapshot_20261121_16_58_48.h5``. None if there is no frame, or it
        could not be saved: a signal says why.
        """
        data = panel.latest if panel.latest is not None else panel.snap()
        if data is None:
            return None  # the panel has said why
        try:
            path = self._write_snapshot(panel, data)
        except (H5SaverError, OSError) as error:
            self.failed.emit(f"No snapshot was saved: {error}")
            return None
        self.note.emit(f"Snapshot of {panel.title} saved: {path}")
        return path

    def _write_snapshot(self, panel: DetectorPanel, data: DataToExport) -> Path:
        provider = PathProvider(self.h5saver.base_folder(), "Snapshot", SaveType.detector)
        with H5SaverLowLevel(SaveType.detector, self.h5saver.backend) as h5saver:
            h5saver.use_server(self.h5saver.server_options())
            path = h5saver.create_new_file(provider.candidates(datetime.now()))
            saver = DetectorSaver(panel)
            saver.h5saver = h5saver
            node = saver.get_set_node()
            saver.add_data(node, data)
            if panel.background is not None:
                saver.add_bkg(node, panel.background)
        return path
