"""A file that can't be completed is let go of, said so, and the frames flushed before are got back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from h5saver_widget import DataLoader, repair_file

#: Frames that are in the file before there is no room any more.
SAFE = 20

#: The file may not grow beyond a limit, as on a full disk; a crash would end this program, not the tests.
PROGRAM = """
import os, resource, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
import psutil
from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5SaverError, H5SaverLowLevel

path, backend, isolated, swmr = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "True", sys.argv[4] == "swmr"
said = []

class Saver(H5SaverLowLevel):
    def _notify(self, command, **args):
        said.append((command, args))

def save(number):
    data = DataRaw("image", data=[np.random.default_rng(number).random((50, 40)) * 0 + number])
    module.add_data(node, DataToExport("frame", data=[data]))

saver = Saver("detector", backend, isolated=isolated)
saver.durability = "power" if sys.argv[4] == "journal" else saver.durability
saver.init_file(path, swmr=swmr)
module = DetectorTimeSaver(SimpleNamespace(title="Camera"))
module.h5saver = saver
node = module.get_set_node()
for number in range(20):
    save(number)
if swmr:
    saver.enable_swmr()
saver.flush()
process = psutil.Process(saver.io.pid) if isolated else psutil.Process()
process.rlimit(psutil.RLIMIT_FSIZE, (path.stat().st_size + 50_000, resource.RLIM_INFINITY))
saver.flush_seconds = 3600.0
try:
    for number in range(20, 120):
        save(number)
except (H5SaverError, OSError, RuntimeError) as error:
    print("refused", type(error).__name__)
try:
    saver.close_file()
except OSError as error:
    assert str(path) in str(error)
errors = [args["message"] for command, args in said if command == "error"]
assert errors and str(path) in errors[-1] and "repair" in errors[-1], errors
assert said[-1][0] == "closed" and not saver.isopen() and saver.file_path is None
held = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")
        if os.path.lexists(f"/proc/{process.pid}/fd/{fd}")] if sys.platform == "linux" and process.is_running() else []
assert str(path) not in held, held
path.rename(path.with_name("moved.h5"))
process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
saver.init_file(path)
node = module.get_set_node()
save(1)
saver.close_file()
print("went on")
"""


def test_no_room_left_for_the_end_of_a_file(tmp_path: Path, backend: str, isolated: bool) -> None:
    fill_the_disk(tmp_path, backend, isolated, "")


@pytest.mark.parametrize("how", ["swmr", "journal"])
def test_no_room_left_for_a_file_that_others_read_or_that_has_a_journal(
    tmp_path: Path, isolated: bool, how: str
) -> None:
    fill_the_disk(tmp_path, "h5py", isolated, how)


def fill_the_disk(folder: Path, backend: str, isolated: bool, how: str) -> None:
    """Have a program write until there is no room, and look what it left."""
    words = [sys.executable, "-c", PROGRAM, str(folder / "full.h5"), backend, str(isolated), how]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.endswith("went on\n") and not done.stderr, done.stdout + done.stderr
    repaired = folder / "repaired.h5"
    repair_file(folder / "moved.h5", repaired)
    with DataLoader(repaired if repaired.exists() else folder / "moved.h5") as loader:
        (images,) = [node for node in loader.walk_nodes("/RawData/Detector000") if node.name == "EnlData00"]
        found = np.asarray(images.read())
    assert len(found) >= SAFE
    assert np.array_equal(found[:SAFE], np.broadcast_to(np.arange(SAFE)[:, None, None], (SAFE, 50, 40)))
