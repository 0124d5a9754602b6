"""Size of a file over that of its data: short logs of many channels stay small, and so do long ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from h5saver_widget import DataRaw, DataToExport, DataToExportTimedSaver, H5SaverLowLevel


def log(path: Path, backend: str, channels: int, points: int, per_object: int = 1, block: int = 1) -> int:
    """Log scalar channels, flush as a log of 10 Hz is flushed, and return the size of the file."""
    with H5SaverLowLevel("detector", backend) as h5:
        h5.init_file(path)
        saver = DataToExportTimedSaver(h5)
        values = [np.ones(block)] * per_object
        names = range(channels // per_object)
        nav = (0,) if block > 1 else ()
        dte = DataToExport("grab", data=[DataRaw(f"s{i}", data=values, units="V", nav_indexes=nav) for i in names])
        for point in range(points // block):
            saver.add_data("/RawData", dte)
            if (point * block) % 10 == 0:
                h5.flush()
    return path.stat().st_size


def test_short_log_of_many_channels(tmp_path: Path, backend: str) -> None:
    """HDF5 takes 4 kB for an array, 2.6 of them for its index; a data object has a group and a name beside that."""
    assert log(tmp_path / "one.h5", backend, 300, 100, per_object=300) <= 8 * (300 * 100 * 8)
    assert log(tmp_path / "many.h5", backend, 60, 100) <= 10.5 * (60 * 100 * 8)


def test_an_hour_of_a_slow_log(tmp_path: Path, backend: str) -> None:
    points = 36_000
    assert log(tmp_path / "a.h5", backend, 4, points, per_object=4, block=20) <= 1.3 * 8 * points * 6  # with two axes


def test_a_few_spectra(tmp_path: Path, backend: str) -> None:
    with H5SaverLowLevel("detector", backend) as h5:
        h5.init_file(tmp_path / "a.h5")
        saver = DataToExportTimedSaver(h5)
        for _ in range(2):
            saver.add_data("/RawData", DataToExport("grab", data=[DataRaw("s", data=[np.zeros(640)])]))
    assert (tmp_path / "a.h5").stat().st_size <= 80_000
