"""The documentation builds without a warning, and the code in it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)

_SCAN_FILE = """
import numpy as np
from h5saver_widget import DataRaw, DataSaverLoader, H5SaverLowLevel
with H5SaverLowLevel("scan") as h5saver:
    h5saver.init_file("scan.h5")
    scan = h5saver.add_scan_group("/RawData", "Scan", metadata={"author": "Ada"})
    DataSaverLoader(h5saver).add_data(scan, DataRaw("curve", data=[np.arange(4.0)]))
"""
#: What a page takes for granted, as everybody has it who reads it.
ASSUMED = {
    "README.md": """
from pyqtgraph.Qt import QtCore, QtWidgets
class Camera(QtCore.QObject):
    frame_ready = QtCore.Signal(object)
camera = Camera()
QtWidgets.QApplication.exec = lambda *_: 0
""",
    "docs/recording.md": """
import sys
from pyqtgraph.Qt import QtCore, QtWidgets
from h5saver_widget import H5Saver, LongWork
app = QtWidgets.QApplication([])
h5saver = H5Saver("detector")
from types import SimpleNamespace
import numpy as np
from h5saver_widget import DataRaw, DataToExport
detector = SimpleNamespace(title="Camera")
frame = DataToExport("grab", data=[DataRaw("spectrum", data=[np.arange(4.0)])])
def QSettings(*names):
    return QtCore.QSettings(sys.argv[1] + "/settings.ini", QtCore.QSettings.Format.IniFormat)
def show_result(result):
    assert result == [4, 5]
export, paths = len, ["a.h5", "ab.h5"]
""",
    "docs/chronotimer.md": """
from pyqtgraph.Qt import QtWidgets
from h5saver_widget import H5Saver
app = QtWidgets.QApplication([])
h5saver, window = H5Saver("detector"), QtWidgets.QWidget()
layout = QtWidgets.QVBoxLayout(window)
def stop_the_pump(): ...
""",
    "docs/browser.md": _SCAN_FILE,
    "docs/exporters.md": f"""{_SCAN_FILE}
from h5saver_widget import DataLoader
loader = DataLoader("scan.h5")
node_or_data = loader.get_node("/RawData")
""",
}
#: What is looked at when the code of a page has run.
AFTERWARDS = {
    "README.md": """
import tempfile, numpy as np
h5saver.settings["base_path"] = tempfile.mkdtemp()
h5saver.start()
camera.frame_ready.emit(np.arange(10.0))
h5saver.flush()
assert h5saver.status().statistics.frames_written == 1
h5saver.stop()
h5saver.close_file()
""",
    "docs/recording.md": "assert line.wait(20)\n",
    "docs/chronotimer.md": "assert not timer.isVisible()\n",
    "docs/browser.md": "from pathlib import Path\nassert Path('scan.nc').is_file()\n",
    "docs/exporters.md": "from pathlib import Path\nassert Path('spectra.npz').is_file()\nloader.close_file()\n",
}


def blocks_of(page: str) -> list[tuple[str, str, str]]:
    """Return language, title and text of the code on a page."""
    return _FENCE.findall((ROOT / page).read_text(encoding="utf-8"))


def run(folder: Path, *words: str) -> None:
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "HOME": str(folder), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_are_built_without_a_warning(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    assert "add_screenshot" in (tmp_path / "site" / "reference" / "widget" / "index.html").read_text(encoding="utf-8")
    assert len(list((tmp_path / "site").rglob("*.html"))) > 25


@pytest.mark.parametrize("page", ["backend", "exporter", "module-saver"])
def test_the_code_of_a_guide_runs_as_it_stands(page: str, tmp_path: Path) -> None:
    program = []
    for language, title, text in blocks_of(f"docs/extending/{page}.md"):
        if language == "toml":  # what pip would write when the package is installed
            about = tmp_path / "lab-1.0.dist-info"
            about.mkdir()
            (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
            groups = tomllib.loads(text)["project"]["entry-points"].items()
            lines = [f"[{group}]\n" + "\n".join(f"{n} = {v}" for n, v in points.items()) for group, points in groups]
            (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
        elif title:
            (tmp_path / title).write_text(text, encoding="utf-8")
        else:
            program.append(text)
    run(tmp_path, "-W", "error", "-c", "\n".join(program))
    for tests in tmp_path.glob("test_*.py"):
        # of a complete backend all, but for each number type with each shape
        some = "not dtype and not growing and not fixed" if "packed" in tests.name else "rows_that or flush_and_refresh"
        run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", some, "-c", os.devnull, str(tests))


def test_a_setting_is_one_declaration_and_one_test(tmp_path: Path) -> None:
    """The test of the guide passes in a copy of the package that has the declaration of the guide."""
    (_, _, declaration), (_, title, text) = blocks_of("docs/extending/setting.md")
    shutil.copytree(ROOT / "h5saver_widget", tmp_path / "h5saver_widget", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "icons", tmp_path / "icons")
    module = tmp_path / "h5saver_widget" / "recording" / "settings.py"
    place = "\n    def __post_init__"
    before, _, after = module.read_text(encoding="utf-8").rpartition(place)
    module.write_text(before + declaration + place + after, encoding="utf-8")
    (tmp_path / title).write_text(text, encoding="utf-8")
    run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, title)


@pytest.mark.parametrize("page", ASSUMED)
def test_the_code_of_a_page_runs(page: str, tmp_path: Path) -> None:
    code = [text for language, _, text in blocks_of(page) if language == "python"]
    (tmp_path / "program.py").write_text(ASSUMED[page] + "\n".join(code) + AFTERWARDS[page], encoding="utf-8")
    run(tmp_path, "program.py", str(tmp_path))


def test_every_page_is_plain_python_where_it_says_so() -> None:
    pages = [path.relative_to(ROOT).as_posix() for path in (*DOCS.rglob("*.md"), ROOT / "README.md")]
    for page in pages:
        for language, _, text in blocks_of(page):
            if language == "python":
                compile(text, page, "exec")
