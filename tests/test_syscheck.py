"""A missing system library costs one line, not a page of Qt's or an aborted process."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from h5saver_widget.qt import syscheck

ROOT = Path(__file__).resolve().parents[1]
QT = syscheck.qt_binding()
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 and apt are Linux's")


def child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    names = ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    env = {name: value for name, value in os.environ.items() if name not in names} | environment
    return subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_importing_it_loads_no_qt() -> None:
    done = child("import sys, h5saver_widget.qt.syscheck; print([m for m in sys.modules if 'Qt' in m])")
    assert done.stdout.strip() == "[]", done.stderr


def test_nothing_is_missing_offscreen() -> None:
    done = child(
        "from h5saver_widget.qt import syscheck\n"
        "syscheck.choose_platform(offscreen=True)\n"
        "print(syscheck.missing_qt_libraries())\n"
    )
    assert done.stdout.strip() == "None", done.stderr


@linux
def test_missing_library_of_the_x11_plugin_is_named(tmp_path: Path) -> None:
    # A real failure of the real loader: away from its folder the plug-in no longer finds the library beside it.
    code = (
        "import shutil; from pathlib import Path; from h5saver_widget.qt import syscheck\n"
        f"copy = shutil.copy(syscheck._xcb_plugin(), {str(tmp_path)!r})\n"
        "syscheck._xcb_plugin = lambda: Path(copy)\n"
        "print(syscheck.missing_qt_libraries())\n"
    )
    done = child(code, QT_QPA_PLATFORM="xcb")
    (line,) = done.stdout.splitlines()
    assert re.match(r"Missing system library libQt(\d)XcbQpa\.so\.\1: sudo apt-get install libgl1 libegl1 ", line), (
        done.stderr
    )
    assert "libxkbcommon-x11-0" in line


@linux
def test_missing_library_of_qt_itself_is_named() -> None:
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == '{QT}.QtWidgets':\n"
        "            raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import runpy; runpy.run_path('h5saver_widget/qt/syscheck.py', run_name='__main__')\n"
    )
    done = child(code)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Missing system library libGL.so.1: sudo apt-get install libgl1 ")


def test_missing_qt_is_one_line() -> None:
    code = (
        f"import sys; sys.modules['{QT}'] = None\n"
        "from h5saver_widget.qt import syscheck; print(syscheck.missing_qt_libraries())\n"
    )
    (line,) = child(code).stdout.splitlines()
    assert line.startswith("Qt is not installed")
    assert line.endswith(f"pip install {QT}")


@linux
def test_other_words_of_the_loader_are_passed_on() -> None:
    assert syscheck._advice(OSError("wrong ELF\nclass")) == "Qt cannot be loaded: wrong ELF class"


@linux
@pytest.mark.parametrize("display", ["", "nonsense", ":987", "localhost:987", "unix:987.0"])
def test_display_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch, display: str) -> None:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert syscheck.has_display() is False


@linux
def test_wayland_compositor_that_listens_is_a_display(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wl-7")
    assert syscheck.has_display() is False
    with socket.socket(socket.AF_UNIX) as compositor:
        compositor.bind(str(tmp_path / "wl-7"))
        compositor.listen()
        assert syscheck.has_display() is True


@pytest.fixture
def x_server() -> Iterator[str]:
    """Give the name of a display without any client."""
    if shutil.which("Xvfb") is None:
        pytest.skip("no Xvfb")
    reading, writing = os.pipe()
    # -displayfd: the server picks a free number and says it when it is ready.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-nolisten", "tcp"], pass_fds=[writing], stderr=subprocess.DEVNULL
    )
    os.close(writing)
    with os.fdopen(reading) as said:
        number = said.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


@linux
def test_x_server_that_answers_is_a_display(x_server: str) -> None:
    # Several times: a probe that left would make this server start afresh and throw out the next one (or Qt).
    code = (
        "from h5saver_widget.qt import syscheck; syscheck.choose_platform(); import os\n"
        "print(syscheck.has_display(), os.environ.get('QT_QPA_PLATFORM'), syscheck.missing_qt_libraries())\n"
        f"from {QT}.QtWidgets import QApplication\n"
        "app = QApplication([]); print(syscheck.has_display(), app.platformName())\n"
    )
    for _ in range(4):
        done = child(code, DISPLAY=x_server)
        assert done.stdout.splitlines() == ["True None None", "True xcb"], done.stderr


@linux
def test_x_server_that_lets_nobody_in_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscheck, "_connects", lambda family, address: True)
    monkeypatch.setenv("DISPLAY", "localhost:987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert syscheck.has_display() is False


@linux
def test_platform_is_offscreen_only_where_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("QT_QPA_PLATFORM", "vnc")
    syscheck.choose_platform()
    assert os.environ["QT_QPA_PLATFORM"] == "vnc"
    syscheck.choose_platform(offscreen=True)
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"
    monkeypatch.delenv("QT_QPA_PLATFORM")
    syscheck.choose_platform()
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"
