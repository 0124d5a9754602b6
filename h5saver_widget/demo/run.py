"""``h5saver demo``: with a display it opens the window, without one it records some seconds and reports."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h5saver_widget.format.text import format_size
from h5saver_widget.qt import syscheck

if TYPE_CHECKING:
    from h5saver_widget.demo.recorder import FrameCounts
    from h5saver_widget.demo.window import DemoWindow

__all__ = ["run_demo"]

DEFAULT_SECONDS = 10.0
FONTS = Path("/usr/share/fonts/truetype/dejavu")


def run_demo(
    seconds: float | None = None, offscreen: bool = False, out: Path | None = None, backend: str | None = None
) -> int:
    """Run the demo and return the exit code of the program.

    With `seconds`, all sources are recorded for so long (in s). None opens the window and leaves when it is closed;
    without a display it means the environment variable ``DEMO_SECONDS``, or 10. Files go below ``~/h5saver-demo`` by
    default.

    The code is 0 if all went well: after a timed recording that means a file that is closed and holds frames, none
    lost.
    """
    syscheck.choose_platform(offscreen)
    complaint = syscheck.missing_qt_libraries()
    if complaint:
        print(complaint, file=sys.stderr)
        return 1
    hidden = os.environ.get("QT_QPA_PLATFORM", "").startswith(("offscreen", "minimal"))
    if hidden:
        _prepare_offscreen()
        if seconds is None:
            seconds = _seconds_from_environment()
    # Qt is imported from here on; the lines above have to be able to say why it cannot be.
    from pyqtgraph.Qt import QtCore, mkQApp

    from h5saver_widget.demo.window import DemoWindow
    from h5saver_widget.qt.geometry import keep_geometry
    from h5saver_widget.qt.leaving import deleted_at_the_end

    if hidden:
        QtCore.qInstallMessageHandler(_print_qt_message)
    # Warnings are shown in the window, in plain words; without a handler logging would print them once more.
    logging.getLogger("h5saver_widget").addHandler(logging.NullHandler())
    app = mkQApp("h5saver demo")
    window = DemoWindow(out=out, backend=backend)
    if not hidden:
        keep_geometry(window, "demo")
    window.show()
    try:
        with deleted_at_the_end(window), _leave_on_signal(window):
            if seconds is None:
                app.exec()
                return _farewell(window)
            return _record_and_report(app, window, seconds)
    finally:
        QtCore.qInstallMessageHandler(None)


def _record_and_report(app: Any, window: DemoWindow, seconds: float) -> int:
    """Record all sources for some seconds, close the file, and print the counts."""
    from pyqtgraph.Qt import QtCore

    window.show_panel("Camera (simulated)")
    window.grab_all()
    window.record()
    if not window.recording:
        window.close()
        print(window.last_error or "The recording could not be started", file=sys.stderr)
        return 1
    print(f"Recording {len(window.panels)} sources for {seconds:g} s ...", flush=True)
    screenshots: list[Path] = []

    def finish() -> None:
        path = window.recorder.recording.path
        if window.isVisible() and path is not None:
            screenshots.append(path.with_suffix(".png"))
            window.grab().save(str(screenshots[0]))
        window.finish()
        window.close()
        app.quit()

    end = QtCore.QTimer(singleShot=True, timerType=QtCore.Qt.TimerType.PreciseTimer, timeout=finish)
    end.start(round(seconds * 1000))
    app.exec()
    end.stop()
    return _report(window, screenshots)


def _report(window: DemoWindow, screenshots: list[Path]) -> int:
    """Print the written and lost frames; 0 only if the file is closed, holds all counted frames, and lacks nothing."""
    recording = window.recorder.recording
    closed = not window.h5saver.isopen() and recording.path is not None and recording.path.is_file()
    for line in report_lines(recording, screenshots):
        print(line)
    if window.last_error:
        print(f"Last error: {window.last_error}", file=sys.stderr)
    return 0 if closed and recording.frames > 0 and recording.lost == 0 and not window.last_error else 1


def report_lines(recording: FrameCounts, screenshots: list[Path]) -> Iterator[str]:
    """Yield the report, one line for each fact, with units."""
    if recording.path is None or not recording.path.is_file():
        yield "File:       none was written"
        return
    seconds = max(recording.seconds, 1e-9)
    yield f"File:       {recording.path} ({format_size(recording.path.stat().st_size)} on disk)"
    amount = f"{recording.frames:,} frames, {format_size(recording.bytes)}"
    yield f"Saved:      {amount} of data in {recording.seconds:.1f} s"
    yield f"Rate:       {recording.frames / seconds:,.1f} frames/s, {recording.bytes / seconds / 1e6:,.1f} MB/s"
    yield f"Dropped:    {recording.lost:,} frames"
    for path in screenshots:
        yield f"Screenshot: {path}"


def _farewell(window: DemoWindow) -> int:
    """After an interactive session: say where the last file is, as the log is gone with the window."""
    recording = window.recorder.recording
    if recording.path is not None:
        for line in report_lines(recording, []):
            print(line)
    return 1 if recording.lost else 0


@contextmanager
def _leave_on_signal(window: DemoWindow) -> Iterator[None]:
    """Close the window, and with it the file, on Ctrl-C and on a request to terminate."""
    from pyqtgraph.Qt import QtCore

    def leave(number: int, frame: object) -> None:
        # Not from within the handler: it may have interrupted anything, a save among others.
        QtCore.QTimer.singleShot(0, window.close)

    numbers = [signal.SIGINT, signal.SIGTERM] + ([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])
    before: dict[int, Callable | int | None] = {number: signal.signal(number, leave) for number in numbers}
    heart = QtCore.QTimer()  # Python runs handlers only between two of its own instructions: give it some
    heart.timeout.connect(lambda: None)
    heart.start(100)
    try:
        yield
    finally:
        heart.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare_offscreen() -> None:
    """Say where there are fonts: a machine without a desktop may not tell Qt."""
    if "QT_QPA_FONTDIR" not in os.environ and FONTS.is_dir():
        os.environ["QT_QPA_FONTDIR"] = str(FONTS)


def _print_qt_message(kind: object, context: object, text: str) -> None:
    """Print Qt's messages, except those it prints on every machine without a desktop."""
    if not text.startswith(("This plugin does not support", "QStandardPaths: XDG_RUNTIME_DIR")):
        print(text, file=sys.stderr)


def _seconds_from_environment() -> float:
    text = os.environ.get("DEMO_SECONDS", "").strip()
    try:
        seconds = float(text) if text else DEFAULT_SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        print(f"DEMO_SECONDS is {text!r}, not a number of seconds: {DEFAULT_SECONDS:g} s are taken", file=sys.stderr)
        seconds = DEFAULT_SECONDS
    return seconds
