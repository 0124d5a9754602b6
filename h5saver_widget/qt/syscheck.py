"""Says in one line which system library Qt misses, before Qt ends the program with a page of its own.

A Qt wheel brings Qt but not the libraries of the window system; without them ``import QtWidgets`` raises (no
libGL) or ``QApplication`` aborts the process (no libxcb-...). Only the standard library is imported here, so that the
file can also be run by itself: ``python h5saver_widget/qt/syscheck.py``.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import os
import re
import socket
import sys
import time
from pathlib import Path

__all__ = ["APT_PACKAGES", "choose_platform", "has_display", "missing_qt_libraries", "qt_binding"]

#: pyqtgraph's bindings, in its order of choice.
_BINDINGS = ("PyQt6", "PySide6", "PyQt5")

APT_PACKAGES = (
    "libgl1",
    "libegl1",
    "libglib2.0-0",
    "libfontconfig1",
    "libdbus-1-3",
    "libx11-xcb1",
    "libxkbcommon-x11-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-sync1",
    "libxcb-xfixes0",
    "libxcb-xinerama0",
    "libxcb-xkb1",
)
"""Debian's and Ubuntu's names of what Qt opens and its wheels do not bring (.ci/run reads this list too)."""

_CANNOT_OPEN = re.compile(r"(?P<library>[\w+.-]+\.so[\w.]*): cannot open shared object file")


def has_display() -> bool:
    """Tell whether a window can be shown: on Linux only if the display named by the environment really answers.

    That is so if the X server of ``DISPLAY`` accepts a connection, or the Wayland compositor of ``WAYLAND_DISPLAY``
    does. On Windows and macOS, it always is.
    """
    if not sys.platform.startswith("linux"):
        return True
    return _x11_answers(os.environ.get("DISPLAY", "")) or _wayland_answers(os.environ.get("WAYLAND_DISPLAY", ""))


def choose_platform(offscreen: bool = False) -> None:
    """Set ``QT_QPA_PLATFORM`` to a platform that works here; call it before the ``QApplication`` is made.

    That is the display if there is one; else, or if it is asked for, there is no window at all. A platform that the
    environment names already is kept, unless ``offscreen`` is asked for.

    >>> choose_platform(offscreen=True)
    >>> os.environ["QT_QPA_PLATFORM"]
    'offscreen'
    """
    if offscreen or not (os.environ.get("QT_QPA_PLATFORM") or has_display()):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"


def qt_binding() -> str:
    """Name the Qt binding that pyqtgraph takes: the one of ``PYQTGRAPH_QT_LIB``, one in use, the first installed.

    It is ``'PyQt5'``, ``'PyQt6'`` or ``'PySide6'``; ``'PyQt5'`` if there is none.
    """
    wanted = os.environ.get("PYQTGRAPH_QT_LIB")
    used = (name for name in _BINDINGS if sys.modules.get(name) is not None)
    installed = (name for name in _BINDINGS if importlib.util.find_spec(name) is not None)
    return wanted or next(used, None) or next(installed, "PyQt5")


def missing_qt_libraries() -> str | None:
    """Name the system library that keeps Qt from starting, in one line with the packages to install.

    None when Qt can start. The X11 plug-in is only looked at when it would be used. The order is
    :func:`choose_platform`, this, Qt.

    >>> choose_platform(offscreen=True)
    >>> missing_qt_libraries() is None
    True
    """
    try:
        importlib.import_module(f"{qt_binding()}.QtWidgets")
        importlib.import_module(f"{qt_binding()}.QtSvg")
        if _x11_is_used():
            _load_library(_xcb_plugin())
    except (ImportError, OSError) as error:
        return _advice(error)
    return None


def _x11_is_used() -> bool:
    """Tell whether Qt would load its X11 plug-in."""
    if not sys.platform.startswith("linux"):
        return False
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    return platform.startswith("xcb") or (not platform and bool(os.environ.get("DISPLAY")))


def _xcb_plugin() -> Path:
    """Return where Qt looks for its X11 plug-in."""
    info = importlib.import_module(f"{qt_binding()}.QtCore").QLibraryInfo
    # Qt 6 has a new name for it
    found = info.path(info.LibraryPath.PluginsPath) if hasattr(info, "path") else info.location(info.PluginsPath)
    return Path(found) / "platforms" / "libqxcb.so"


def _load_library(path: Path) -> None:
    """Open a shared library; an OSError names the library that it needs and that is not there."""
    ctypes.CDLL(str(path))


def _advice(error: ImportError | OSError) -> str:
    """Make one line out of the loader's words."""
    words = " ".join(str(error).split())
    if isinstance(error, ModuleNotFoundError):
        return f"Qt is not installed ({words}): {Path(sys.executable).name} -m pip install {qt_binding()}"
    found = _CANNOT_OPEN.search(words)
    if found is None:
        return f"Qt cannot be loaded: {words}"
    return f"Missing system library {found['library']}: sudo apt-get install {' '.join(APT_PACKAGES)}"


def _x11_answers(display: str) -> bool:
    """Tell whether the X server of this display name lets us in."""
    found = re.fullmatch(r"(?:unix)?(?P<host>[^:/]*):(?P<number>\d+)(?:\.\d+)?", display)
    if found is None:
        return False
    if found["host"] and not _connects(socket.AF_INET, (found["host"], 6000 + int(found["number"]))):
        return False  # asked first because libxcb has no time limit
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        # The missing library is what missing_qt_libraries() is going to name.
        path = f"/tmp/.X11-unix/X{found['number']}"
        return bool(found["host"]) or _connects(socket.AF_UNIX, path) or _connects(socket.AF_UNIX, "\0" + path)
    return any(_xcb_lets_us_in(xcb, display, pause) for pause in (0.0, 0.1, 0.3))


def _wayland_answers(display: str) -> bool:
    """Tell whether the Wayland compositor of this display name takes a connection."""
    if not display:
        return False
    return _connects(socket.AF_UNIX, str(Path(os.environ.get("XDG_RUNTIME_DIR", "/run")) / display))


def _connects(family: int, address: str | tuple[str, int]) -> bool:
    """Tell whether somebody listens there, in a second at most."""
    try:
        with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as connection:
            connection.settimeout(1.0)
            connection.connect(address)
    except OSError:
        return False
    return True


_displays_held: set[str] = set()


def _xcb_lets_us_in(xcb: ctypes.CDLL, display: str, pause: float) -> bool:
    """Connect as Qt does, after a pause in seconds: a server that listens may still refuse for want of an authority.

    The connection stays open until the process ends. An X server without other clients (Xvfb) resets when its last one
    leaves and then drops new clients: with the connection closed here, 18 of 40 runs under Xvfb lost the display a
    moment later, and in one of them Qt aborted the process.
    """
    if display in _displays_held:
        return True
    time.sleep(pause)
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(display.encode(), None)
    if xcb.xcb_connection_has_error(connection) == 0:
        _displays_held.add(display)
        return True
    xcb.xcb_disconnect(connection)
    return False


if __name__ == "__main__":
    choose_platform()
    complaint = missing_qt_libraries()
    if complaint:
        sys.exit(complaint)
