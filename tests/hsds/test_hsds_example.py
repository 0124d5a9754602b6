"""Examples that need a server, as programs of their own, warnings being errors; lazy data go to other processes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
from hsds_server import PASSWORD

from h5saver_widget import DataLoader, DataRaw, DataSaverLoader, H5SaverLowLevel, RemoteOptions
from h5saver_widget.data.lazy import LazyArray

EXAMPLE = Path(__file__).parents[2] / "examples" / "hsds_reduce.py"


def test_a_cluster_reduces_more_than_it_has_memory_for(tmp_path: Path) -> None:
    """48 frames of 2 MB in workers that may take 80 MB each: one that loads all of them has no memory."""
    sizes = ["--frames", "48", "--side", "720", "--memory", "80", "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), *sizes],
        cwd=tmp_path,
        env={**os.environ, "DASK_TEMPORARY_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "100 MB on the server in chunks of (1, 720, 720); 80 MB for each worker" in done.stdout
    assert "48 means from -0.00 to 47.00" in done.stdout.replace("from 0.00", "from -0.00")
    assert "loading all of it in one worker: no memory" in done.stdout or sys.platform != "linux"


def test_lazy_data_are_sent_without_a_password(domain: Path, tmp_path: Path) -> None:
    """The reader of another process opens the file itself, on the server as on the disk."""
    for path, backend in ((domain, "h5pyd"), (tmp_path / "local.h5", "h5py")):
        values = np.arange(24.0).reshape(4, 6)
        with H5SaverLowLevel(backend=backend) as h5saver:
            h5saver.use_server(RemoteOptions(password=PASSWORD))
            h5saver.init_file(path)
            DataSaverLoader(h5saver).add_data("/RawData", DataRaw("d", data=[values, values]))
            lazy = DataLoader(h5saver).load_data("/RawData/Data01", lazy=True).data[0]
            assert isinstance(lazy, LazyArray)
            sent = pickle.dumps(lazy.reshape((1, *lazy.shape)))
            assert PASSWORD.encode() not in sent
        np.testing.assert_array_equal(pickle.loads(sent)[0, 1:3, 0], values[1:3, 0])
