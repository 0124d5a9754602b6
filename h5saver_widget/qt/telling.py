"""How a saver is: evaluated in one place, shown everywhere. Methods of :class:`~h5saver_widget.qt.h5saver.H5Saver`."""

from __future__ import annotations

import re
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.geometry import keep_geometry
from h5saver_widget.qt.status import ThreadCommand
from h5saver_widget.recording.settings import SETTINGS
from h5saver_widget.recording.status import RecorderState, RecorderStatus

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["show_file_content", "show_status"]

#: How often numbers that grow are shown, in s.
SHOW_SECONDS: Final = 0.5
#: The same sentence with other numbers is not said again.
_NUMBER: Final = re.compile(r"\d[\d,.]*")


def show_status(saver: H5Saver, only_if_changed: bool = False) -> RecorderStatus:
    """Show how the recorder is, wherever it is shown, and return it.

    With `only_if_changed`, numbers that grow are shown twice a second, and not with every call.
    """
    status, now = saver.status(), monotonic()
    counts = (saver.frames_saved, saver.bytes_saved, status.statistics.frames_dropped)
    if counts != saver._reported and saver.isopen():
        saver._reported = counts
        saver.status_sig.emit(ThreadCommand("saved", dict(zip(("frames", "bytes", "lost"), counts, strict=True))))
    names = tuple(_NUMBER.sub("", line.partition(":")[0]) for line in status.missing)
    if names != saver._missing:
        saver._missing = names
        if status.missing:
            saver.update_status(f"Warning: {'; '.join(status.missing)}")
    shown = (status.state, status.is_open, status.path, status.problem, status.ended, names, saver.is_paused)
    if only_if_changed and shown == saver._shown and now - saver._shown_at < SHOW_SECONDS:
        return status
    saver._shown, saver._shown_at = shown, now
    doing, _ = saver.pending()
    pause, stop = (saver.settings.child("recording", name) for name in ("pause", "stop"))
    pause.setOpts(enabled=status.can_pause, title="Resume" if saver.is_paused else "Pause")
    stop.setOpts(enabled=status.can_pause)
    saver.settings.child("recording", "marker").setOpts(enabled=status.can_pause)
    saver.settings.child("recording", "save_before").setOpts(enabled=status.state is RecorderState.ARMED)
    saver.settings.child("do_save").setOpts(title=f"{SETTINGS['do_save'].title}{f' ({doing}...)' if doing else ''}")
    saver.status_changed.emit(status)
    return status


def show_file_content(saver: H5Saver) -> H5Browser | None:
    """Open a window with the content of the current file, read through this saver; it stays in ``analysis_prog``.

    When the file was closed already, it is opened for reading only. None, and a message, if there is no file.
    """
    if saver.analysis_prog is not None:
        saver.analysis_prog.close()
        saver.analysis_prog.deleteLater()
        saver.analysis_prog = None
    saver._require_gui_thread("a window")
    path = saver.file_path or Path(saver.settings["current_h5_file"] or ".")
    try:
        if saver.isopen():
            saver.analysis_prog = H5Browser(h5saver=saver)
        elif saver.capabilities.remote and saver.settings["current_h5_file"]:
            saver.analysis_prog = H5Browser(h5file=path, backend=saver.backend, server=saver.server_options())
        elif path.is_file():
            saver.analysis_prog = H5Browser(h5file=path, backend=saver.backend)
            saver.analysis_prog.offer_form(saver)
        else:
            saver.update_status("There is no file to show yet: switch Do Save on, or press New file")
            return None
    except Exception as error:
        saver.report("The file can't be shown", error)
        return None
    keep_geometry(saver.analysis_prog, "content")
    saver.analysis_prog.show()
    return saver.analysis_prog
