"""How frames of several detector panels reach one file, and the count of those that did not.

While *Do Save* of the saver's tree is on, every frame that a panel takes is saved by a ``DetectorTimeSaver`` of its
own; all of them write to the file that the saver has open, whichever it is: a new file is noticed with the next frame.
Saving is done in a thread: a panel continues measuring and drawing while the disk is busy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyqtgraph.Qt import QtCore, isQObjectAlive

from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import QueueFullError
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

__all__ = ["FrameCounts", "PanelRecorder", "save_snapshot"]


@dataclass(frozen=True)
class FrameCounts:
    """The counts of the frames of a recording, by its saver.

    Attributes
    ----------
    path
        The file that is open or was last; None before there is one.
    frames, lost
        Frames that were accepted, and frames that could not be saved.
    bytes
        Size of the accepted data in memory, in bytes.
    seconds
        Time in which frames have come, in s.
    """

    path: Path | None
    frames: int
    lost: int
    bytes: int
    seconds: float


class PanelRecorder(QtCore.QObject):
    """Saves the frames of panels while the saver's *Do Save* is on.

    Parameters
    ----------
    h5saver
        The saver whose tree the user sees.
    panels
        The detectors, in the order of their groups in the file.

    Attributes
    ----------
    most
        How much may wait to be saved, in bytes; further frames are lost, and counted.
    """

    note = QtCore.Signal(str)
    """Something worth a line in the log."""

    def __init__(self, h5saver: H5Saver, panels: list[DetectorPanel]) -> None:
        """Listen to the panels."""
        super().__init__()
        self._keeper = Keeper(self)  # a thread may be the last to hold it
        self.h5saver = h5saver
        self.panels = panels
        self.most = 64_000_000
        self._savers: dict[str, tuple[DetectorTimeSaver, Any]] = {}
        #: Titles of the panels of which frames are in the file, which were left out, and whose background is in it.
        self._saved: set[str] = set()
        self._left_out: set[str] = set()
        self._with_background: set[str] = set()
        self._generation: int | None = None
        self._worker = FileWorker()
        self._waiting, self._counting = 0, threading.Lock()
        h5saver.settings.child("do_save").sigValueChanged.connect(self._on_do_save)
        h5saver.before_closing(self.drain)
        for panel in panels:
            panel.grabbed.connect(partial(self._on_frame, panel))
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
        for panel in self.panels:
            panel.lock_regions(self.is_recording)

    def _on_frame(self, panel: DetectorPanel, data: DataToExport) -> None:
        if self.is_recording and not self._give(partial(self._save, panel, data), frame_bytes(data)):
            self._lose(panel, QueueFullError("too much is waiting to be saved, the disk can't keep up"))

    # ---------------------------------------------------------------------------------------- in the thread that saves
    def _give(self, call: Callable[[], None], size: int = 0) -> bool:
        """Have a call made by the thread that saves; False if too much waits already."""
        with self._counting:
            if self._waiting and self._waiting + size > self.most:
                return False
            self._waiting += size
        self._worker.begin("saving", partial(self._do, call, size))
        return True

    def _do(self, call: Callable[[], None], size: int) -> None:
        try:
            call()
        finally:
            with self._counting:
                self._waiting -= size

    def _save(self, panel: DetectorPanel, data: DataToExport) -> None:
        h5saver = self.h5saver
        try:
            saver, node = self._saver_of(panel)
            kept = saver.filter_data(data)
            if not len(kept):
                self._leave_out(panel)
                return
            before = (h5saver.generation, h5saver.frames_saved)
            saver.add_data(node, kept)
        except Exception as error:
            # Whatever it was (a full disk, a shape that changed, a bug): the frame is lost, and that has to be seen.
            self._lose(panel, error)
            return
        was_saved = before != (h5saver.generation, h5saver.frames_saved)  # else left out during a pause
        if was_saved and panel.title not in self._saved:
            self._saved.add(panel.title)
            self._save_background(panel)

    def _saver_of(self, panel: DetectorPanel) -> tuple[DetectorTimeSaver, Any]:
        """Return the saver and the group of a panel in the file that is open now."""
        self.h5saver.require_open("save a frame")  # waits for one that is being opened
        if self._generation != self.h5saver.generation or not self._savers:
            for known in (self._savers, self._saved, self._left_out, self._with_background):
                known.clear()
            self._generation = self.h5saver.generation
            # Groups of all that grab now, so that their numbers follow the tabs and not who was first.
            for other in self.panels:
                if other.grabbing or other is panel:
                    self._savers[other.title] = self._new_saver(other)
        if panel.title not in self._savers:
            self._savers[panel.title] = self._new_saver(panel)
        return self._savers[panel.title]

    def _new_saver(self, panel: DetectorPanel) -> tuple[DetectorTimeSaver, Any]:
        saver = DetectorTimeSaver(panel)
        saver.h5saver = self.h5saver
        return saver, saver.get_set_node()

    def _leave_out(self, panel: DetectorPanel) -> None:
        """Say once that the user's own settings keep the frames of a panel out of the file."""
        if panel.title not in self._left_out:
            self._left_out.add(panel.title)
            self.note.emit(f"{panel.title}: kept out of the file, as 'Save 2D and above' and 'Save raw only' say")

    def _lose(self, panel: DetectorPanel, error: Exception) -> None:
        self.h5saver.frame_lost(panel.title, error)  # counts it once, and says why once a second

    def _on_background(self, panel: DetectorPanel, _: DataToExport) -> None:
        if self.is_recording:
            self._give(partial(self._save_later_background, panel))

    def _save_later_background(self, panel: DetectorPanel) -> None:
        if panel.title in self._saved:
            self._save_background(panel)

    def _save_background(self, panel: DetectorPanel) -> None:
        """Save the background of a panel beside its data, once for each file."""
        if panel.background is None:
            return
        saver, node = self._savers[panel.title]
        if panel.title in self._with_background:
            self.note.emit(f"{panel.title}: this file keeps its first background; a new file will have the new one")
            return
        try:
            saver.add_bkg(node, panel.background)
        except Exception as error:
            self.h5saver.report(f"The background of {panel.title} is not saved", error)
            return
        self._with_background.add(panel.title)
        self.note.emit(f"{panel.title}: background saved beside the data")


def save_snapshot(
    panel: DetectorPanel,
    data: DataToExport,
    base_path: Path,
    backend: str | None = None,
    server: RemoteOptions | None = None,
) -> Path:
    """Write one frame, with the panel's background if there is one, to a separate file.

    Parameters
    ----------
    panel
        Where the frame comes from.
    data
        The frame.
    base_path
        Folder below which the file is made, in folders of year and day.
    backend
        Library to write with; None for the configured default.
    server
        The server that has the files, if the library keeps them on one; None for the environment's.

    Returns
    -------
    Path
        The file, closed: ``BASE/2026/20261121/Snapshot_20261121_16_58_48.h5``.

    Raises
    ------
    H5SaverError
        If the file cannot be made or written.
    """
    with H5SaverLowLevel(SaveType.detector, backend) as h5saver:
        if server is not None:
            h5saver.use_server(server)
        provider = PathProvider(base_path, "Snapshot", SaveType.detector)
        path = h5saver.create_new_file(provider.candidates(datetime.now()))
        saver = DetectorSaver(panel)
        saver.h5saver = h5saver
        node = saver.get_set_node()
        saver.add_data(node, data)
        if panel.background is not None:
            saver.add_bkg(node, panel.background)
    return path
