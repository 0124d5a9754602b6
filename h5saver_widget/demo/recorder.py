"""How frames of several detector panels reach one file, and the count of those that did not.

While *Do Save* of the saver's tree is on, every frame that a panel takes is saved by a ``DetectorTimeSaver`` of its
own; all of them write to the file that the saver has open, whichever it is: a new file is noticed with the next frame.
Saving is done in a thread of its own: a panel goes on measuring and drawing while the disk is busy.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyqtgraph.Qt import QtCore, isQObjectAlive

from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.demo.saving_thread import SavingThread
from h5saver_widget.errors import FileNotOpenError, QueueFullError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.format.naming import PathProvider
from h5saver_widget.modules.detector import DetectorSaver, DetectorTimeSaver
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.saving.bundle import frame_bytes
from h5saver_widget.saving.low_level import H5SaverLowLevel

if TYPE_CHECKING:
    from h5saver_widget.data import DataToExport
    from h5saver_widget.demo.panel import DetectorPanel
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["FrameCounts", "PanelRecorder", "save_snapshot"]


@dataclass
class FrameCounts:
    """Counts of the frames of one file.

    Attributes
    ----------
    path
        The file; None while none could be opened.
    saved, dropped
        Frames saved, and frames taken while recording that were not, by title of the panel.
    bytes
        Size of the saved data in memory, in bytes.
    seconds
        Time from the first frame to the last, in s.
    """

    path: Path | None
    saved: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    @property
    def frames(self) -> int:
        """Number of frames saved, of all panels."""
        return sum(self.saved.values())

    @property
    def lost(self) -> int:
        """Number of frames dropped, of all panels."""
        return sum(self.dropped.values())


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
    recording
        Counts of the frames of the current file, or of the last one.
    """

    note = QtCore.Signal(str)
    """Something worth a line in the log."""

    def __init__(self, h5saver: H5Saver, panels: list[DetectorPanel]) -> None:
        """Listen to the panels."""
        super().__init__()
        self._keeper = Keeper(self)  # a thread may be the last to hold it
        self.h5saver = h5saver
        self.panels = panels
        self.recording = FrameCounts(None)
        self._savers: dict[str, tuple[DetectorTimeSaver, Any]] = {}
        self._left_out: set[str] = set()
        self._with_background: set[str] = set()
        self._generation: int | None = None
        self._thread = SavingThread(lambda error: h5saver.report("A frame could not be counted", error))
        h5saver.settings.child("do_save").sigValueChanged.connect(self._on_do_save)
        h5saver.before_closing(self.drain)
        for panel in panels:
            panel.grabbed.connect(partial(self._on_frame, panel))
            panel.background_taken.connect(partial(self._on_background, panel))

    @property
    def is_recording(self) -> bool:
        """Whether frames are to be saved now."""
        return bool(self.h5saver.settings["do_save"])

    def drain(self) -> None:
        """Wait until every frame that was taken is in the file, or counted as lost."""
        self._thread.drain()

    def close(self) -> None:
        """Save the accepted frames, and no later one."""
        self._thread.close()

    def let_go(self) -> None:
        """Save the accepted frames, and disconnect: the panels are about to be deleted."""
        self._thread.close()
        if not isQObjectAlive(self):
            return  # forgotten together, this object may be gone before the panels
        with suppress(RuntimeError):  # and so may the saver
            self.h5saver.settings.child("do_save").sigValueChanged.disconnect(self._on_do_save)

    def _on_do_save(self) -> None:
        if self.is_recording:
            # Also when no file could be opened: the frames lost until then must have a place to be counted.
            self._begin(None)
        for panel in self.panels:
            panel.lock_regions(self.is_recording)

    def _begin(self, path: Path | None) -> None:
        self._savers.clear()
        self._left_out.clear()
        self._with_background.clear()
        self.recording = FrameCounts(path)

    def _on_frame(self, panel: DetectorPanel, data: DataToExport) -> None:
        if not self.is_recording:
            return
        if not self._thread.give(partial(self._save, panel, data), frame_bytes(data)):
            self._lose(panel, QueueFullError("too much is waiting to be saved, the disk can't keep up"))

    def _save(self, panel: DetectorPanel, data: DataToExport) -> None:
        """Save a frame; called in the thread that saves."""
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
        if before == (h5saver.generation, h5saver.frames_saved):
            return  # skipped by the saver itself, which has counted it: paused, or told to drop
        self._count_in(node.known_as.generation)  # a new file may have begun while the frame was on its way
        recording = self.recording
        recording.saved[panel.title] = recording.saved.get(panel.title, 0) + 1
        recording.bytes += frame_bytes(kept)
        recording.seconds = time.perf_counter() - recording.started
        if recording.saved[panel.title] == 1:
            self._save_background(panel)

    def _saver_of(self, panel: DetectorPanel) -> tuple[DetectorTimeSaver, Any]:
        """Return the saver and the group of a panel in the file that is open now."""
        self.h5saver.require_open("save a frame")  # waits for one that is being opened
        if self.h5saver.file_path is None:
            raise FileNotOpenError("no file is open: look at the messages before this one, then press Record again")
        self._count_in(self.h5saver.generation)
        if not self._savers:
            # Groups of all that grab now, so that their numbers follow the tabs and not who was first.
            for other in self.panels:
                if other.grabbing or other is panel:
                    self._savers[other.title] = self._new_saver(other)
        if panel.title not in self._savers:
            self._savers[panel.title] = self._new_saver(panel)
        return self._savers[panel.title]

    def _count_in(self, generation: int) -> None:
        """Count in the file that the saver has opened as its n-th, if that is another one than before."""
        path = self.h5saver.file_path
        if generation == self._generation and self.recording.path is not None:
            return
        if self.recording.path not in (None, path):
            self._begin(path)
        self.recording.path, self._generation = path, generation
        self._savers.clear()

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
        self.recording.dropped[panel.title] = self.recording.dropped.get(panel.title, 0) + 1
        self.h5saver.frame_lost(panel.title, error)  # counts it once, and says why once a second

    def _on_background(self, panel: DetectorPanel, _: DataToExport) -> None:
        if self.is_recording:
            self._thread.give(partial(self._save_later_background, panel))

    def _save_later_background(self, panel: DetectorPanel) -> None:
        if self.recording.saved.get(panel.title, 0) and panel.title in self._savers:
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
    """Write one frame, with the panel's background if there is one, to a file of its own.

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
