"""The first program of the README as it stands, and the examples of hosts whose package is installed here.

``make hosts`` installs all of these packages in a place of their own and runs this file there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from h5saver_widget import DataLoader

ROOT = Path(__file__).parents[1]

#: example -> (package that it needs, an array of its file, frames in it; 0: some)
HOSTS = {
    "pymeasure_procedure": ("pymeasure", "Detector000/Data0D/CH00/EnlData00", 20),
    "pylablib_thread": ("pylablib", "Detector000/Data2D/CH00/EnlData00", 0),
    "bluesky_plan": ("bluesky", "Detector000/Data0D/CH00/EnlData00", 21),
    "qasync_loop": ("qasync", "Detector000/Data1D/CH00/EnlData00", 100),
    "napari_dock": ("napari", "Detector000/Data2D/CH00/EnlData00", 0),
    "qcodes_loop": ("qcodes", "Scan000/Detector000/Data0D/CH00/Data00", 41),
    "jupyter_cells": ("ipykernel", "Detector000/Data2D/CH00/EnlData00", 100),
}
#: A kernel takes seconds to start: ``make hosts`` runs it.
BY_HAND = ("ipykernel",)
README = """
import os, sys
from h5saver_widget import DataLoader
before, after = open(sys.argv[1], encoding="utf-8").read().split("app.exec()\\n")
exec(before)
saver.settings["base_path"] = sys.argv[2]
saver.settings["do_save"] = True  # as the button does
saver.status_sig.connect(lambda said: app.quit() if said.command == "saved" and said.args["frames"] > 2 else None)
app.exec()
exec(after)
saver.settings["do_save"] = False
saver.wait()
"""


def run(*command: object, folder: Path) -> None:
    environment = {**os.environ, "HOME": str(folder), "IPYTHONDIR": str(folder), "USERPROFILE": str(folder)}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_first_program_of_the_readme(tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[:1]
    assert len([line for line in program.splitlines() if line.strip()]) == 10
    (tmp_path / "first.py").write_text(program, encoding="utf-8")
    run("-c", README, tmp_path / "first.py", tmp_path / "data", folder=tmp_path)
    (path,) = (tmp_path / "data").rglob("*.h5")
    with DataLoader(path) as loader:
        found = loader.load_data("/RawData/Detector000/Data2D/CH00/EnlData00")
    assert found.units == "counts" and found.data[0].shape[0] > 2 and found.data[0].shape[1:] == (64, 64)


def test_hosts_of_other_projects_that_are_installed(tmp_path):
    for name, (package, array, frames) in HOSTS.items():
        if find_spec(package) and (package not in BY_HAND or os.environ.get("ALL_HOSTS")):
            path = tmp_path / f"{name}.h5"
            run(ROOT / "examples" / "hosts" / f"{name}.py", path, folder=tmp_path)
            with DataLoader(path) as loader:
                found = loader.load_data(f"/RawData/{array}").data[0]
            assert len(found) == frames if frames else len(found) > 5, name


def test_every_host_has_an_example_that_compiles():
    found = sorted((ROOT / "examples" / "hosts").glob("*.py"))
    assert {path.stem for path in found} == set(HOSTS)
    for path in found:
        compile(path.read_text(encoding="utf-8"), str(path), "exec")
