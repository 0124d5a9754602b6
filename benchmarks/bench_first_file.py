"""The way of a first-time user: from ``pip install`` to a file with data; its time, its lines, and the names to know.

A new environment gets this package with PyQt5, and runs the two programs at the top of the README as they stand; a
person's press of *Do Save* is one line here. ``python benchmarks/bench_first_file.py``
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: In place of a person who presses *Do Save*, and closes the window when frames are in the file.
PRESSED = """
saver.settings["base_path"] = "data"
saver.settings["do_save"] = True
looking = QtCore.QTimer()
looking.timeout.connect(lambda: saver.statistics().frames_written and (saver.stop(), app.quit()))
looking.start(20)
app.exec()
"""


def programs() -> list[str]:
    """Return the programs of the README: the window's, the script's."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[:2]


def names(program: str) -> list[str]:
    """Return the names of ours that a program uses."""
    tree = ast.parse(program)
    imported = [
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "h5saver_widget"
        for name in node.names
    ]
    ours = {"saver", "recorder", "loader"}
    called = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours
    ]
    return list(dict.fromkeys(imported + called))


def main() -> None:
    """Print the table."""
    window, script = programs()
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        start = time.perf_counter()
        venv.create(there / "env", with_pip=True)
        made = time.perf_counter()
        python = there / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        subprocess.run([python, "-m", "pip", "install", "-q", f"{ROOT}[pyqt5]"], check=True)
        installed = time.perf_counter()
        print("| program | lines | names of ours | first start to a closed file with data, s |\n|---|---:|---|---:|")
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        environment.pop("PYTHONPATH", None)
        for name, program in (("window", window.replace("app.exec()\n", PRESSED)), ("script", script)):
            begun = time.perf_counter()
            subprocess.run([python, "-c", program], cwd=there, env=environment, check=True, stdout=subprocess.DEVNULL)
            took = time.perf_counter() - begun
            shown = window if name == "window" else script
            lines = sum(bool(line.strip()) for line in shown.splitlines())
            print(f"| {name} | {lines} | {', '.join(names(shown))} | {took:.1f} |")
        files = [path for path in there.rglob("*.h5") if "env" not in path.parts]
        assert len(files) == 2, files
    print(f"\nnew environment {made - start:.0f} s, pip install {installed - made:.0f} s")


if __name__ == "__main__":
    main()
