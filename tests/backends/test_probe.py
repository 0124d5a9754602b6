"""A file that would end the process is refused before PyTables touches it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from h5saver_widget import FileOpenError, H5Backend, H5SaverLowLevel
from h5saver_widget.format.superblock import superblock_version


def swmr_file(path, libver):
    """Write what the peer writes for SWMR: a boolean attribute on the root."""
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["CLASS"] = "GROUP"
        file.attrs["swmr_compatible"] = '{"module": "builtins", "type": "bool", "data": "True"}'
        file.attrs["swmr_active"] = True
        scan = file.create_group("RawData/Scan000")
        scan.attrs["CLASS"] = "GROUP"
        scan["Data00"] = np.arange(6.0).reshape(2, 3)
    return path


def test_the_peers_swmr_file_is_refused_and_the_saver_usable_afterwards(tmp_path):
    path = swmr_file(tmp_path / "peer.h5", "latest")
    before = path.read_bytes()
    with H5Backend("tables") as h5:
        with pytest.raises(FileOpenError, match="open it with the h5py backend"):
            h5.open_file(path, "r")
        assert not h5.isopen()
        h5.open_file(tmp_path / "other.h5", "x")
    assert path.read_bytes() == before
    with H5Backend("h5py") as h5:
        h5.open_file(path, "r")
        assert h5.get_node("/RawData/Scan000/Data00").shape == (2, 3)


def test_files_of_the_newer_format_that_do_no_harm_are_opened(tmp_path):
    path = swmr_file(tmp_path / "v110.h5", ("v110", "v110"))
    assert superblock_version(path) == 3
    with H5Backend("tables") as h5:
        h5.open_file(path, "r")
        assert h5.get_node("/RawData/Scan000/Data00").shape == (2, 3)


def test_our_swmr_files_are_opened(tmp_path):
    with H5SaverLowLevel("scan", "h5py") as saver:
        saver.init_file(tmp_path / "ours.h5", swmr=True)
        saver.enable_swmr()
    with H5SaverLowLevel("scan", "tables") as saver:
        saver.init_file(tmp_path / "ours.h5", mode="r")
        assert [node.name for node in saver.walk_nodes("/RawData")] == ["RawData", "Logger"]


@pytest.mark.parametrize("size", [0, 5, 3000])
def test_what_is_no_hdf5_file_has_no_superblock(tmp_path, size):
    path = tmp_path / "noise.bin"
    path.write_bytes(bytes(size))
    assert superblock_version(path) is None


def test_a_user_block_is_passed_over(tmp_path):
    path = tmp_path / "block.h5"
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["a"] = 1
    assert superblock_version(path) == 0
