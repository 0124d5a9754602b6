"""A real disk that is full: a small one is mounted for it where that is allowed, else no file may get larger.

The program goes on, the frames flushed before are there, and nothing counts as saved that is not in the file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from h5saver_widget import DataLoader, repair_file

MB = 1 << 20

PROGRAM = """
import json, os, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5SaverError, H5SaverLowLevel

folder, backend, how, limit, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
module = DetectorTimeSaver(SimpleNamespace(title="Camera"))

def record(saver, path, most):
    saver.init_file(path)
    module.h5saver = saver
    node = module.get_set_node()
    for number in range(most):
        data = DataRaw("image", data=[np.random.default_rng(number).random((64, 64)) * 0 + number])
        module.add_data(node, DataToExport("frame", data=[data]))
        if number == 20:
            saver.flush()
    saver.flush()

if how == "widget":
    from pyqtgraph.Qt import QtCore, mkQApp
    from h5saver_widget import H5Saver
    app = mkQApp()
    saver, said = H5Saver("detector", backend), []
    saver.status_sig.connect(lambda status: said.append((status.command, str(status.args.get("message", "")))))
    saver.settings["base_path"] = str(folder)
    saver.settings["do_save"] = True
    module.h5saver = saver
    node, number = module.get_set_node(), 0
    while saver.isopen():
        data = DataRaw("image", data=[np.full((256, 256), float(number))])
        module.add_data(node, DataToExport("frame", data=[data]))
        number += 1
        app.processEvents()
        assert number < 10000
    paths = [str(path) for path in folder.rglob("*.h5")]
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    print(json.dumps({"paths": paths, "said": said, "free": free, "written": saver.frames_saved}))
else:
    saver = H5SaverLowLevel("detector", backend, isolated=how == "isolated")
    refused = ""
    try:
        record(saver, folder / "full.h5", 10000)
    except (H5SaverError, OSError, RuntimeError) as error:
        refused = str(error)
    written = saver.statistics().frames_written
    try:
        saver.close_file()
    except OSError as error:
        assert "full.h5" in str(error)
    record(saver, other / "next.h5", 5)  # the program goes on, on another disk
    went_on = saver.frames_saved
    saver.close_file()
    print(json.dumps({"refused": refused, "written": written, "went on": went_on}))
"""


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, int]]:
    """Return a folder on a small disk and 0, or a folder and the size that no file in it may exceed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "h5saver-test", str(folder)]
    mounted = sys.platform == "linux" and subprocess.run(command, capture_output=True).returncode == 0
    yield folder, 0 if mounted else request.param
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def run(folder: Path, backend: str, how: str, limit: int) -> dict[str, object]:
    other = folder.parent / "other"
    other.mkdir()
    words = [sys.executable, "-c", PROGRAM, str(folder), backend, how, str(limit), str(other)]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(folder.parent)}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def frames_in(path: Path) -> np.ndarray:
    with DataLoader(path) as loader:
        return np.asarray(loader.get_node("/RawData/Detector000/Data2D/CH00/EnlData00").read())[:, 0, 0]


@pytest.mark.parametrize("small_disk", [6 * MB], indirect=True)
@pytest.mark.parametrize("how", ["here", "isolated"])
def test_a_disk_that_gets_full(backend: str, how: str, small_disk: tuple[Path, int], tmp_path: Path) -> None:
    folder, limit = small_disk
    said = run(folder, backend, how, limit)
    assert said["refused"] and said["went on"] == 5
    report = repair_file(folder / "full.h5", tmp_path / "repaired.h5")
    found = frames_in(report.out or folder / "full.h5")
    assert len(found) > 20 and found[:21].tolist() == list(range(21))  # what was flushed is there
    assert frames_in(tmp_path / "other" / "next.h5").tolist() == list(range(5))


@pytest.mark.parametrize("small_disk", [64 * MB], indirect=True)  # a twentieth is more than a chunk
def test_the_widget_stops_before(backend: str, small_disk: tuple[Path, int]) -> None:
    """A twentieth of a small disk is kept free; where no disk could be mounted, that of the folder is not full."""
    folder, limit = small_disk
    if limit:
        return
    said = run(folder, backend, "widget", 0)
    (path,) = said["paths"]
    assert frames_in(Path(path)).tolist() == list(range(said["written"]))
    assert said["free"] > 0
    assert any(command == "error" and "free" in message for command, message in said["said"]), said
