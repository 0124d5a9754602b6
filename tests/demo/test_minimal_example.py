"""examples/minimal.py does what it says."""

from __future__ import annotations

import runpy
from pathlib import Path

import h5py

EXAMPLE = Path(__file__).parents[2] / "examples" / "minimal.py"


def test_it_saves_while_do_save_is_checked(qtbot, tmp_path) -> None:
    window = runpy.run_path(str(EXAMPLE))["Window"]()
    qtbot.addWidget(window)
    window.h5saver.settings["base_path"] = str(tmp_path)
    window.show()
    window.h5saver.settings["do_save"] = True
    qtbot.waitUntil(lambda: window.h5saver.frames_saved >= 3)
    count = window.h5saver.frames_saved
    window.close()
    (path,) = tmp_path.rglob("*.h5")
    with h5py.File(path, "r") as file:
        assert file["RawData/Detector000/Data1D/CH00/EnlData00"].shape == (count, 500)
        assert len(file["RawData/Detector000/NavAxes/Axis00"]) == count
