"""The contract of every backend, kept by the one on h5py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tables

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.testing import Hdf5Contract
from h5saver_widget.testing.making import make_group, make_growing


class TestH5pyBackend(Hdf5Contract):
    def make_backend(self) -> Backend:
        return create_backend("h5py")


def test_frames_that_stream_are_seen_by_another_program(tmp_path: Path) -> None:
    """Frames of one chunk each are written past HDF5's chunk cache: a reader must see them all the same."""
    path = tmp_path / "stream.h5"
    backend = create_backend("h5py")
    backend.open(path, "x", swmr=True)
    frames = make_growing(backend, "/", "F", row_shape=(512, 1024), dtype="u2")
    backend.flush()
    backend.start_swmr()
    for number in range(3):
        backend.append(frames, np.full((1, 512, 1024), number, "u2"))
    backend.flush()
    look = "import h5py, sys\nwith h5py.File(sys.argv[1], 'r', swmr=True, locking=False) as f: print(f['F'][:, -1, -1])"
    found = subprocess.run([sys.executable, "-c", look, str(path)], capture_output=True, text=True, check=False)
    backend.close()
    assert found.stdout.strip() == "[0 1 2]", found.stderr


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("swmr", [False, True])
def test_pytables_lists_channels_in_their_order(tmp_path: Path, swmr: bool, isolated: bool) -> None:
    path = tmp_path / "channels.h5"
    backend = create_backend("h5py", isolated=isolated)
    backend.open(path, "x", swmr=swmr)
    names = [f"Data{number:02d}" for number in range(40)]
    group = make_group(backend, "/", "Detector000", {"TITLE": "40 channels", "type": "detector"})
    inner = make_group(backend, group, "CH00")
    for name in names:
        make_growing(backend, group, name, dtype="f8", attributes={"units": "V"})
        make_group(backend, inner, name)
    backend.close()
    with tables.open_file(path) as file:
        for where in ("/Detector000", "/Detector000/CH00"):
            found = list(file.get_node(where)._v_children)  # as PyMoDAQ's windows list them
            assert [name for name in found if name in names] == names
