"""A file that a killed program left is opened again by the widget: a copy where it must be, and the user is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recorded import CAMERA, FRAMES

from h5saver_widget import FileOpenError, H5Saver
from h5saver_widget.recovery import repaired_copy

PROGRAM = """
import os, sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from recorded import record
saver = record(Path(sys.argv[1]), "h5py", swmr=True, close=False)
saver.flush()
if sys.argv[2] == "streaming":
    saver.enable_swmr()
os._exit(9)
"""


@pytest.mark.parametrize("state", ["streaming", "open"])
def test_a_file_whose_program_was_killed(state: str, tmp_path: Path, qtbot) -> None:
    path = tmp_path / "a.h5"
    words = [sys.executable, "-c", PROGRAM, str(path), state, str(Path(__file__).parent)]
    assert subprocess.run(words, stderr=subprocess.PIPE).returncode == 9
    before = path.read_bytes()
    saver, said = H5Saver("detector", "h5py"), []
    saver.settings["base_path"] = str(tmp_path / "base")
    saver.status_sig.connect(lambda status: said.append(status.args.get("text", "")))
    saver.init_file(addhoc_file_path=path)
    assert saver.file_path == tmp_path / "a_repaired.h5" and path.read_bytes() == before
    assert any("a_repaired.h5" in text and "was not closed properly" in text for text in said)
    assert len(saver.get_node(f"{CAMERA}/Data2D/CH00/EnlData00")) == FRAMES
    saver.add_log("going on")
    saver.close_file()


def test_files_with_other_troubles_are_not_copied(tmp_path: Path, qtbot) -> None:
    (tmp_path / "text.h5").write_text("no HDF5 file")
    saver = H5Saver("detector", "h5py")
    with pytest.raises(FileOpenError):
        saver.init_file(addhoc_file_path=tmp_path / "text.h5")
    saver.init_file(addhoc_file_path=tmp_path / "held.h5")
    saver.flush()
    assert repaired_copy(tmp_path / "held.h5") is None and repaired_copy(tmp_path / "nothing.h5") is None
    saver.close_file()
    assert sorted(os.listdir(tmp_path)) == ["held.h5", "text.h5"]
