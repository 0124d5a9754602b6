"""The short guide that F1 opens."""

from __future__ import annotations

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.qt.geometry import fit

__all__ = ["GUIDE", "GuideWindow"]

GUIDE = """
<h2>Record data in three steps</h2>
<ol>
<li><b>Grab</b> (F5): the source on the shown tab takes frames continuously. <b>Grab all</b> (Shift+F5) starts every
source.</li>
<li><b>Record</b> (Ctrl+R): from now on every frame of every grabbing source goes to one file. It is the same as
<i>Do Save</i> in the panel on the right.</li>
<li><b>Record</b> again: the file is complete and closed. The log and the panel on the right name it.</li>
</ol>

<h3>Single frames</h3>
<p><b>Snap</b> (F6) takes one frame of the shown source. <b>Save snapshot</b> (Ctrl+S) writes the frame on the screen to
a small separate file, with the background if there is one. It does not disturb a recording.</p>

<h3>Background</h3>
<p><b>Take background</b> keeps one frame. It is saved beside the data, which are always saved as measured;
<i>Subtract</i> changes only what is shown.</p>

<h3>Regions of interest</h3>
<p><b>Region</b> below a curve or an image adds a region that you drag with the mouse; its mean is shown, and saved with
every frame. Regions can be moved while recording, but not added or removed.</p>

<h3>Viewer and Scan</h3>
<p>The last two tabs are widgets for your own program, each with its own saver: it is docked on the
right while its tab is shown. <b>Viewer</b> is one detector with everything around it. <b>Scan</b> moves two simulated
stages along a line or over a map and saves every point; <b>Pause</b> stays at a point, <b>Stop</b> ends, and
<b>Resume</b> continues the same scan. Scans go into one file, one after the other.</p>

<h3>The panel on the right</h3>
<p>Where files go (base path, base name), what is saved, and how (library, compression). Files are sorted into
folders by year and day: <tt>2026/20261121/Data_20261121_16_58_48.h5</tt>. The lines below
it say whether it is saving, how many frames and bytes were written, and whether any was lost.</p>

<h3>Every lost frame is counted</h3>
<p>A frame that was taken while recording and could not be saved is counted as <i>lost</i> in the status bar, and the
log says why. Closing the window while recording stops, saves and closes the file.</p>

<h3>Keys</h3>
<table cellspacing="0" cellpadding="3">
<tr><td><b>F5</b></td><td>Grab, or stop, the shown source</td></tr>
<tr><td><b>Shift+F5</b></td><td>Grab, or stop, all sources</td></tr>
<tr><td><b>F6</b></td><td>Snap one frame</td></tr>
<tr><td><b>Ctrl+S</b></td><td>Save the frame on the screen as a snapshot</td></tr>
<tr><td><b>Ctrl+R</b></td><td>Record, or stop recording</td></tr>
<tr><td><b>Ctrl+1 &hellip; Ctrl+7</b></td><td>Show a tab</td></tr>
<tr><td><b>Ctrl+L</b></td><td>Show or hide the log</td></tr>
<tr><td><b>F1</b></td><td>This guide; Esc closes it</td></tr>
<tr><td><b>Ctrl+Q</b></td><td>Stop everything, close the file, leave</td></tr>
</table>

<h3>What is measured</h3>
<p><b>System</b>: processor and memory, disk and network traffic of this computer. <b>Jitter</b>: how late this program
answers its own timer; watch it while recording. <b>Screen</b> or <b>Window</b>: a camera that looks at your screen, or
at this window where programs may not see the screen. <b>Spectrum</b> and <b>Camera (sim.)</b> are simulated, to see
what speed your disk can take.</p>
"""


class GuideWindow(QtWidgets.QDialog):
    """The guide in a window beside the other: it never waits for an answer."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Guide - H5Saver demo")
        self.setModal(False)
        text = QtWidgets.QTextBrowser()
        text.setHtml(GUIDE)
        text.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        close = QtWidgets.QDialogButtonBox(QtWidgets.QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(text)
        layout.addWidget(close)
        fit(self, 560, 620)
        text.setFocus(QtCore.Qt.FocusReason.OtherFocusReason)
