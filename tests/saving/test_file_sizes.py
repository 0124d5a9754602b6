"""Size of a file over that of its data: short logs of many channels stay small, and so do long ones."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from h5saver_widget import DataRaw, DataToExport, DataToExportTimedSaver, H5SaverLowLevel
from h5saver_widget.saving import groups

#: What archives see of an object in the NeXus entry: a view, in a group of its own; of the first 200 channels.
SHOWN = 1_500
#: Of a further channel of an object.
SHOWN_TOO = 850


def log(
    path: Path, backend: str, channels: int, points: int, per_object: int = 1, block: int = 1, swmr: bool = False
) -> int:
    """Log scalar channels, flush as a log of 10 Hz is flushed, and return the size of the file."""
    with H5SaverLowLevel("detector", backend) as h5:
        h5.init_file(path, swmr=swmr)
        saver = DataToExportTimedSaver(h5)
        values = [np.arange(block, dtype=float)] * per_object
        names = range(channels // per_object)
        nav = (0,) if block > 1 else ()
        dte = DataToExport("grab", data=[DataRaw(f"s{i}", data=values, units="V", nav_indexes=nav) for i in names])
        for point in range(points // block):
            values[0] += 1  # one that never changes would take no room
            saver.add_data("/RawData", dte)
            if swmr and point == 0:
                h5.enable_swmr()
            if (point * block) % 10 == 0:
                h5.flush()
    return path.stat().st_size


def test_short_log_of_many_channels(tmp_path: Path, backend: str) -> None:
    """HDF5 takes 2.4 kB for an array, 0.7 of them for its index; a data object has a group and a name beside that."""
    assert log(tmp_path / "one.h5", backend, 300, 100, per_object=300) <= 6 * (300 * 100 * 8) + 200 * SHOWN_TOO
    assert log(tmp_path / "many.h5", backend, 150, 100) <= 8 * (150 * 100 * 8) + 150 * SHOWN


def test_short_log_of_many_channels_that_streams(tmp_path: Path) -> None:
    assert log(tmp_path / "a.h5", "h5py", 150, 100, swmr=True) <= 8 * (150 * 100 * 8) + 150 * SHOWN


def test_an_hour_of_a_slow_log(tmp_path: Path, backend: str) -> None:
    points = 36_000
    assert log(tmp_path / "a.h5", backend, 4, points, per_object=4, block=20) <= 1.2 * 8 * points * 6  # with two axes


def test_a_few_spectra(tmp_path: Path, backend: str) -> None:
    with H5SaverLowLevel("detector", backend) as h5:
        h5.init_file(tmp_path / "a.h5")
        saver = DataToExportTimedSaver(h5)
        for _ in range(2):
            saver.add_data("/RawData", DataToExport("grab", data=[DataRaw("s", data=[np.zeros(640)])]))
    assert (tmp_path / "a.h5").stat().st_size <= 80_000


def test_values_that_never_change_are_not_written(tmp_path: Path, backend: str) -> None:
    """Of a channel that keeps its first value only the number of rows is written, until it does change."""
    path, count = tmp_path / "a.h5", 20_000
    with H5SaverLowLevel("detector", backend) as h5:
        h5.init_file(path)
        saver = DataToExportTimedSaver(h5)
        constants = {"gain": np.array([1.5]), "mode": np.array([3], "u1"), "nothing": np.array([np.nan])}
        for block in range(4):
            steps = np.full(count // 4, 2.0 if block < 3 else 4.0)
            values = {name: np.repeat(value, count // 4) for name, value in constants.items()} | {"step": steps}
            data = [DataRaw(name, data=[value], nav_indexes=(0,)) for name, value in values.items()]
            saver.add_data("/RawData", DataToExport("grab", data=data))
            h5.flush()
        sizes = {}
        for number, name in enumerate(values):
            node = h5.get_node(f"/RawData/DataND/CH{number:02d}/EnlData00")
            expected = np.repeat(constants.get(name, 2.0), count)
            if name == "step":
                expected[-count // 4 :] = 4.0
            np.testing.assert_array_equal(node.read().ravel(), expected)
            sizes[name] = node.path
    with h5py.File(path) as file:
        stored = {name: file[where].id.get_storage_size() for name, where in sizes.items()}
    assert stored["gain"] == stored["mode"] == stored["nothing"] == 0
    assert 0 < stored["step"] <= 2 * 8 * count // 4 + (64 << 10)


def test_a_group_for_each_frame_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MANY_GROUPS", 5)
    with H5SaverLowLevel("detector") as h5:
        h5.init_file(tmp_path / "a.h5")
        for _ in range(12):
            h5.add_det_group("/RawData", "camera")
        lines = [line for line in h5.get_set_logger().read() if "arrays that grow" in line]
    assert len(lines) == 1 and "5 groups were made" in lines[0]
