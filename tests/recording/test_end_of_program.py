"""However a program ends while a file is being opened: each frame for which record() returned True is in the file."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from h5saver_widget import DataLoader

PROGRAM = """
import gc, os, signal, sys, threading
import numpy as np
from h5saver_widget import Recorder
from h5saver_widget.recording import worker

def begin(saver):
    saver.start(sys.argv[1], wait=False)
    taken = sum(saver.record("camera", np.full((4, 4), i), units="counts") for i in range(50))
    print(taken, "later" if saver.intake.is_gated else "now", flush=True)
"""
SCRIPT = PROGRAM + "\nsaver = Recorder(backend={backend!r})\nbegin(saver)\n"
WINDOW = (
    PROGRAM
    + """
from pyqtgraph.Qt import QtCore, QtWidgets
from h5saver_widget import H5Saver
app = QtWidgets.QApplication([])
saver = H5Saver("detector")
window = QtWidgets.QMainWindow()
window.setCentralWidget(saver.settings_tree)
window.show()
QtCore.QTimer.singleShot(0, lambda: (begin(saver), {end}))
sys.exit(app.exec())
"""
)
OPENS_IN_PROCESS = "saver = Recorder()\nsaver.settings['backend', 'isolated'] = False\nbegin(saver)"
IN_A_THREAD = "thread = threading.Thread(target=lambda: begin(Recorder()))\nthread.start()"
#: A program that was started in the background of a shell ignores the signal.
CTRL_C = """
signal.signal(signal.SIGINT, signal.default_int_handler)
os.kill(os.getpid(), signal.SIGINT)
threading.Event().wait()
"""
ENDINGS = {
    "end of the script": (SCRIPT.format(backend="h5py"), 0),
    "in this process": (PROGRAM + OPENS_IN_PROCESS, 0),
    "thread that is not waited for": (PROGRAM + IN_A_THREAD, 0),
    "sys.exit": (SCRIPT.format(backend="tables") + "sys.exit(3)", 3),
    "unhandled exception": (SCRIPT.format(backend="h5py") + "1 / 0", 1),
    "Ctrl-C": (SCRIPT.format(backend="h5py") + CTRL_C, None),
    "forgotten saver": (SCRIPT.format(backend="tables") + "del saver\ngc.collect()", 0),
    "quit": (WINDOW.format(end="app.quit()"), 0),
    "last window closed": (WINDOW.format(end="window.close()"), 0),
}


def run(program, path):
    command = [sys.executable, "-W", "ignore", "-c", program, path]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


@pytest.mark.parametrize("ending", ENDINGS)
def test_frames_that_wait_for_the_file_are_in_it(tmp_path, ending):
    program, code = ENDINGS[ending]
    done = run(program, tmp_path / "run.h5")
    assert done.stdout == "50 later\n" and code in (None, done.returncode), done.stderr
    with DataLoader(tmp_path / "run.h5") as loader:
        found = loader.load_data("/RawData/Detector000/Data2D/CH00/EnlData00").data[0]
    assert found[:, 0, 0].tolist() == list(range(50)) and found.shape == (50, 4, 4)
    assert np.all(found == found[:, :1, :1])


def test_a_disk_that_does_not_answer_keeps_no_program_and_what_is_lost_is_said(tmp_path):
    program = """
worker.EXIT_SECONDS = 0.2
saver = Recorder()
saver.apply_settings()
saver.io.prepare()
os.kill(saver.io.pid, signal.SIGSTOP)
pid = saver.io.pid
begin(saver)
print(pid)
"""
    done = run(PROGRAM + program, tmp_path / "run.h5")
    said, pid = done.stdout.splitlines()
    subprocess.run(["kill", "-KILL", pid], check=False)
    assert said == "50 later" and done.returncode == 0, done.stderr
    assert "The program has ended before the file was open: 50 frames lost" in done.stderr
