"""What has to stand on each surface of the demo window, and what stands there."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

import h5py
from pyqtgraph.Qt import QtGui, QtWidgets

from h5saver_widget.demo.window import DemoWindow
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.qt.state_signs import state_icon
from h5saver_widget.recording.chronometer import format_clock
from h5saver_widget.recording.status import RecorderState as State, RecorderStatus

#: The last status of each saver that was told.
told_last: dict[H5Saver, RecorderStatus] = {}


def handle_events_until(done, seconds: float = 20.0) -> bool:
    """Handle events until something is so; return whether it has come to be. Most often it is at once."""
    application, end = QtWidgets.QApplication.instance(), monotonic() + seconds
    while True:
        application.processEvents()
        if done():
            return True
        if monotonic() > end:
            return False
        sleep(0.001)  # the threads that write


def settle(savers) -> None:
    """Wait until what was begun in the background is done, and told."""
    told: list[H5Saver] = []
    for saver in savers:
        assert handle_events_until(lambda saver=saver: saver.background.worker.is_idle), (
            "a disk that works is waited for"
        )
        saver._call.emit(lambda saver=saver: told.append(saver))  # comes after the signals of the worker
    assert handle_events_until(lambda: len(told) == len(savers))


def picture(icon: QtGui.QIcon) -> bytes:
    image = icon.pixmap(16).toImage().convertToFormat(QtGui.QImage.Format.Format_ARGB32)
    return bytes(image.constBits().asarray(image.sizeInBytes())) if not image.isNull() else b""


def told(window: DemoWindow) -> dict[str, object]:
    """Return what status() says, for each surface in its own form; numbers that grow as they were told last."""
    saver, scan = window.docked, window.scan
    status, main, numbers = saver.status(), window.h5saver.status(), told_last[saver]
    counts = status.statistics
    if counts.frames_written - numbers.statistics.frames_written > 100:
        numbers = status  # 25 frames/s are 12 until the next time
    return {
        "strip": status.state.value,
        "light": status.state,
        "clock": format_clock(numbers.seconds, 0) if numbers.is_open or numbers.seconds else "",
        "frames": numbers.statistics.frames_written,
        "lost": numbers.statistics.frames_dropped,
        "remarks": "\n".join(status.remarks),
        "file in the details": "–" if status.path is None else status.path.name,
        "part": f"{status.part}",
        "title": status.headline,
        "icon of the window": picture(state_icon(status.state)),
        "dock": status.state.value,
        "record": main.is_open,
        "record of the viewer": window.viewer.h5saver.status().is_open,
        "grab": ("Stop" if window.panel.grabbing else "Grab"),
        "grab of the viewer": ("Stop" if window.viewer.panel.grabbing else "Grab"),
        "sources": f"grabbing {sum(panel.grabbing for panel in window.panels)} of",
        "Do Save": (status.is_open, "Do Save"),
        "file in the tree": "" if status.path is None else str(status.path),
        "Pause": (status.can_pause, "Resume" if saver.is_paused else "Pause"),
        "Stop": status.can_pause,
        "Marker": status.can_pause,
        "offer": status.is_given_up,
        "tab": status.state is not State.CLOSED,
        "tray": status.headline,
        "start of the scan": not scan.running,
        "pause of the scan": (scan.running or scan.can_resume, "Resume" if scan.can_resume else "Pause"),
        "stop of the scan": scan.running,
    }


def shown(window: DemoWindow) -> dict[str, object]:
    """Return what stands on each surface."""
    saver, strip = window.docked, window.docked.strip
    button = saver.tree.button_of
    is_source = saver is window.h5saver
    grabs = not is_source or window.panel.grabbing
    state_on_tab = grabs and not window._tabs.tabIcon(window._tabs.currentIndex()).isNull()
    do_save = saver.tree.row_of("do_save").widget
    viewer, scan = window.viewer, window.scan

    def is_on(action: QtGui.QAction) -> bool:
        return action.isChecked() and action.text() == "Stop recording"

    return {
        "strip": strip.word.text(),
        "light": strip.light.state,
        "clock": strip.clock.text(),
        "frames": int(strip.frames.text().partition(" ")[0].replace(",", "")),
        "lost": int(strip.lost.text().partition(" ")[0].replace(",", "")),
        "remarks": strip.problem.text(),
        "file in the details": strip._rows["File"].text(),
        "part": strip._rows["Part"].text(),
        "title": window.windowTitle().removesuffix(" - H5Saver demo"),
        "icon of the window": picture(window.windowIcon()),
        "dock": window._saver_dock.windowTitle().rpartition(": ")[2],
        "record": is_on(window._record_action),
        "record of the viewer": is_on(viewer._record_action),
        "grab": window._grab_action.text(),
        "grab of the viewer": viewer._grab_action.text(),
        "sources": window._source_label.text().rpartition(" of ")[0] + " of",
        "Do Save": (do_save.isChecked(), do_save.text()),
        "file in the tree": saver.tree.row_of("current_h5_file").widget.text(),
        "Pause": (button("pause").isEnabled(), button("pause").text()),
        "Stop": button("stop").isEnabled(),
        "Marker": button("marker").isEnabled(),
        "offer": not strip.offer.isHidden(),
        "tab": state_on_tab if grabs and not is_source else told(window)["tab"],
        "tray": window._tray.toolTip().removeprefix("H5Saver demo: "),
        "start of the scan": scan._start_action.isEnabled(),
        "pause of the scan": (scan._pause_action.isEnabled(), scan._pause_action.text()),
        "stop of the scan": scan._stop_action.isEnabled(),
    }


def frames_in(path: Path) -> int:
    """Return how many frames of detectors a closed file has, of each as many as its longest array."""
    with h5py.File(path, "r") as file:
        found = 0
        for group in file["RawData"].values():
            rows: list[int] = []
            if isinstance(group, h5py.Group) and group.name.startswith("/RawData/Detector"):
                group.visititems(
                    lambda name, node, rows=rows: (
                        rows.append(len(node))
                        if isinstance(node, h5py.Dataset) and "/EnlData" in name and node.maxshape[0] is None
                        else None
                    )
                )
            found += max(rows, default=0)
        return found
