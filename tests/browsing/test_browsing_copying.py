"""The open file under another name: the same bytes if nobody writes it, the same content if somebody does."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from browsing_files import CURVES, write_file

from h5saver_widget import DataLoader, FileNotOpenError, H5SaverLowLevel
from h5saver_widget.browsing import FileView, H5BrowserUtil
from h5saver_widget.browsing.copying import copy_file
from h5saver_widget.errors import WorkStoppedError
from h5saver_widget.format.superblock import read_superblock
from h5saver_widget.progress import Progress


def test_a_file_that_nobody_writes_is_copied_byte_by_byte(tmp_path, backend, isolated):
    path = write_file(tmp_path / "a.h5", backend)
    with FileView(path, backend, isolated=isolated) as view:
        done = copy_file(view.h5, tmp_path / "new folder" / "b.h5")
        with pytest.raises(FileExistsError, match="nothing is overwritten"):
            copy_file(view.h5, done.path)
    assert done.path.read_bytes() == path.read_bytes()
    with pytest.raises(FileNotOpenError):
        copy_file(H5SaverLowLevel(), tmp_path / "c.h5")


def test_a_file_that_is_written_is_copied_and_goes_on(saver, tmp_path):
    rows = saver.create_earray("/RawData", "Rows", np.int32, (4,))
    rows.append(np.arange(8, dtype=np.int32).reshape(2, 4))
    saver.add_log("before")
    done = copy_file(saver, tmp_path / "copy.h5")
    rows.append(np.zeros((1, 4), np.int32))
    saver.add_log("after")
    assert done.notes == [] and not read_superblock(done.path).is_writing
    with H5BrowserUtil() as copy:
        copy.open_file(done.path)
        assert copy.get_node("/RawData/Rows").read().tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert copy.log_lines() == ["before"]
        assert copy.get_node("/").attrs["creator"] == "h5saver_widget"
    assert rows.shape == (3, 4)


def test_a_file_that_streams_is_copied_as_one_that_is_closed(tmp_path, isolated):
    path = tmp_path / "stream.h5"
    with H5SaverLowLevel("scan", "h5py") as saver:
        saver.init_file(path, swmr=True)
        rows = saver.create_earray("/RawData", "Rows", np.int32, (2,))
        saver.enable_swmr()
        rows.append(np.ones((3, 2), np.int32))
        saver.flush()
        if isolated:  # another program: it has no more than the file
            with FileView(path, isolated=True) as view:
                assert "SWMR" in view.note
                copy_file(view.h5, tmp_path / "copy.h5")
        else:
            copy_file(saver, tmp_path / "copy.h5")
        rows.append(np.ones((1, 2), np.int32))
    with h5py.File(tmp_path / "copy.h5", "r") as copy:
        assert copy["RawData/Rows"].shape == (3, 2) and "swmr_active" not in copy.attrs


def test_a_copy_is_loaded_as_the_file(tmp_path, backend):
    path = write_file(tmp_path / "a.h5", backend)
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(path)
        copy_file(saver, tmp_path / "b.h5")
    with DataLoader(path) as one, DataLoader(tmp_path / "b.h5") as other:
        ours, theirs = (loader.load_data(f"{CURVES}/Data00", with_bkg=True, load_all=True) for loader in (one, other))
        assert [array.tolist() for array in ours] == [array.tolist() for array in theirs]
        assert ours.axes[0].units == theirs.axes[0].units == "ms"


def test_a_copy_that_is_stopped_leaves_nothing(tmp_path, backend):
    path = write_file(tmp_path / "a.h5", backend)
    progress = Progress()
    progress.stop()
    with FileView(path, backend) as view, pytest.raises(WorkStoppedError):
        copy_file(view.h5, tmp_path / "b.h5", progress)
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5"]
