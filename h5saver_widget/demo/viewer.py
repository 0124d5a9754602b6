"""A detector as laboratories use it, in one widget: grab, snap, saving, background, regions, and its saver."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtWidgets

from h5saver_widget.demo.panel import DetectorPanel
from h5saver_widget.demo.recorder import PanelRecorder
from h5saver_widget.demo.station import Station, show_grab, show_record
from h5saver_widget.format.layout import SaveType

if TYPE_CHECKING:
    from h5saver_widget.data import DataToExport
    from h5saver_widget.demo.sources import Source
    from h5saver_widget.qt.h5saver import H5Saver
    from h5saver_widget.recording.status import RecorderStatus

__all__ = ["ViewerPanel"]


class ViewerPanel(Station):
    """A viewer of one source with the saver embedded: to be put into any window, or shown alone.

    Measuring and drawing happen in the thread of the window, saving in one of its own: a slow disk is not seen in the
    picture, and a frame that can't be kept is counted and said.

    Parameters
    ----------
    source
        The source.
    h5saver, saver_beside
        A saver of the host's (one for detectors is made by default), and where its settings are; see :class:`Station`.

    Attributes
    ----------
    panel
        Plot and controls; the module that the module savers ask for title, settings and regions.
    recorder
        Saves its frames and counts.

    Examples
    --------
    >>> import tempfile
    >>> from pyqtgraph.Qt import mkQApp
    >>> from h5saver_widget.demo.sources import SimulatedSpectrometer
    >>> app = mkQApp()
    >>> viewer = ViewerPanel(SimulatedSpectrometer(seed=1))
    >>> viewer.h5saver.settings["base_path"] = tempfile.mkdtemp()
    >>> viewer.record()
    >>> for _ in range(3):
    ...     _ = viewer.snap()
    >>> viewer.finish()
    >>> viewer.recorder.recording.frames, viewer.recorder.recording.lost
    (3, 0)
    """

    def __init__(
        self,
        source: Source,
        h5saver: H5Saver | None = None,
        saver_beside: bool = True,
        parent: QtWidgets.QWidget | None = None,
    ) -> None:
        super().__init__(source.title, SaveType.detector, h5saver, saver_beside, parent)
        self.panel = DetectorPanel(source, buttons=False, hint=_HINT.format(about=source.about))
        self.panel.failed.connect(self.show_error)
        self.panel.grabbing_changed.connect(self._show_grabbing)
        self.recorder = PanelRecorder(self.h5saver, [self.panel])
        self.recorder.note.connect(self.show_message)
        self.recorder.failed.connect(self.show_error)
        self._grab_action = self.add_action(
            "grab", "Grab", "Take frames continuously", self.grab_frames, True, other="Stop"
        )
        tip = "Save every frame that is taken to one file: the same as Do Save"
        self._record_action = self.add_action("record", "Record", tip, self.record, True, other="Stop recording")
        self.toolbar.addSeparator()
        self.add_action("snap", "Snap", "Take one frame", lambda: self.snap())
        tip = "Save the frame on the screen to a separate file"
        self.add_action("save", "Save snapshot", tip, lambda: self.save_snapshot())
        self.set_content(self.panel)
        self.show_status(self.h5saver.status())
        self.end_by(self.recorder.let_go)

    @property
    def recording(self) -> bool:
        """Whether frames are being saved."""
        return self.recorder.is_recording

    def grab_frames(self, on: bool = True) -> None:
        """Take frames continuously, or stop."""
        self.panel.grab(on)

    def snap(self) -> DataToExport | None:
        """Take one frame; None if there was none, and a message says why."""
        return self.panel.snap()

    def record(self, on: bool = True) -> None:
        """Save every frame from now on, or stop: the file is complete and closed then."""
        if on:
            self.h5saver.start(wait=False)
        else:
            self.h5saver.stop(wait=False)

    def save_snapshot(self) -> Path | None:
        """Save the frame that is shown (a new one, if there is none yet) to a separate file; return its path."""
        return self.recorder.save_snapshot(self.panel)

    def stop(self) -> None:
        """Take no more frames."""
        self.panel.stop()

    def finish(self) -> None:
        """Stop grabbing and recording, save the accepted frames, and close the file; may be called again."""
        self.panel.stop()
        self.record(False)
        self.recorder.drain()
        self.h5saver.close_file()

    def _show_grabbing(self, on: bool) -> None:
        show_grab(self._grab_action, on)

    def show_status(self, status: RecorderStatus) -> None:
        """Show on the button whether a file is recorded into."""
        show_record(self._record_action, status)


_HINT = """<p>{about}.</p><p>Press <b>Grab</b> to see it live, <b>Record</b> to save it.</p>
<p><b>Region</b> measures a part of it: drag it with the mouse.</p>"""
