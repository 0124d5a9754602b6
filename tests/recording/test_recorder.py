"""What a recorder does by itself, on real files, in a script without Qt and in a window: the same tests for both."""

from __future__ import annotations

import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from recording_helpers import attributes_of, detector, files_in, frame, log_of, numbers_in, start, stop, wait_until

from h5saver_widget import Axis, H5SaverBase, LoggerSaver, Note, ScanSaver
from h5saver_widget.errors import H5SaverError
from h5saver_widget.recording import disk
from h5saver_widget.recording.disk import DiskSpace
from h5saver_widget.recording.status import RecorderState

GB = 10**9


class Told:
    """What a recorder has said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict]] = []
        self.texts: list[str] = []

    @property
    def commands(self) -> list[str]:
        return [command for command, _ in self.said]

    def last(self, command: str) -> dict:
        return [args for said, args in self.said if said == command][-1]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "laser lab" / "Data"


@pytest.fixture(params=["script", "window"])
def recorder(
    request: pytest.FixtureRequest, backend: str, base: Path, told: Told, in_kept_process
) -> Iterator[Callable[[str], H5SaverBase]]:
    """Make recorders of both kinds."""
    kind: type[H5SaverBase] = H5SaverBase
    if request.param == "window":
        request.getfixturevalue("qapp")
        from h5saver_widget import H5Saver

        kind = H5Saver

    class Recorder(kind):  # type: ignore[misc, valid-type]
        def _notify(self, command: str, **args: object) -> None:
            super()._notify(command, **args)
            told.said.append((command, args))

        def update_status(self, text: str) -> None:
            super().update_status(text)
            told.texts.append(text)

    made: list[H5SaverBase] = []

    def make(save_type: str) -> H5SaverBase:
        saver = Recorder(save_type, backend)
        in_kept_process(saver)
        saver.settings["base_path"] = str(base)
        made.append(saver)
        return saver

    yield make
    for saver in made:
        saver.close_file()


@pytest.fixture
def saver(recorder: Callable[[str], H5SaverBase]) -> H5SaverBase:
    return recorder("detector")


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Say what the disk has left, in bytes."""
    free = [50 * GB]
    monkeypatch.setattr(disk, "measure_disk", lambda path: DiskSpace(free[0], 100 * GB, 1000))
    return free


def test_rolling_over_loses_no_frame_of_a_worker(saver, told, base):
    start(saver, roll_over_frames=70)
    module, node = detector(saver)
    total = 350

    def record() -> None:
        for number in range(total):
            module.add_data(node, frame(number))  # the node of the first file, all the time

    worker = threading.Thread(target=record)
    worker.start()
    wait_until(lambda: not worker.is_alive())
    saver.flush()
    status = saver.status()
    assert (status.state, status.part, status.statistics.frames_written) == (RecorderState.RECORDING, 6, total)
    wait_until(lambda: saver.settings["current_h5_file"] == str(saver.file_path))
    assert saver.settings["do_save"] and "error" not in told.commands
    stop(saver)
    files = sorted(files_in(base), key=lambda path: attributes_of(path).get("part", 1))
    assert [number for path in files for number in numbers_in(path)] == list(range(total))
    assert [len(numbers_in(path)) for path in files] == [70] * 5 + [0]
    second = attributes_of(files[1])
    assert (second["part"], second["previous_file"], second["type"]) == (2, files[0].name, "detector")
    assert second["frames_written"] == 70, "each file counts its own"
    assert attributes_of(files[5], "/RawData/Detector000")["TITLE"] == "Camera"
    assert "after 70 frames, the recording continues in the next file" in log_of(files[0])[-1]


def test_rolling_over_with_several_modules_and_settings(saver, base):
    detectors = [types.SimpleNamespace(title=name, settings=None) for name in ("Camera", "Laser")]
    manager = types.SimpleNamespace(detectors_all=detectors, actuators_all=[])
    module = LoggerSaver(types.SimpleNamespace(title="Log", modules_manager=manager))
    saver.init_file(update_h5=True, metadata={"operator": "Ada"})
    saver.settings["recording", "roll_over_frames"] = 10
    module.h5saver = saver
    module.get_set_node(new=True)
    for number in range(35):
        module.add_data(frame(number, "Camera" if number % 2 else "Laser"))
    stop(saver)
    files = sorted(files_in(base), key=lambda path: attributes_of(path).get("part", 1))
    assert [len(numbers_in(p, "Datalogger000/Detector000")) for p in files] == [5, 5, 5, 3 - 1]
    assert sum(len(numbers_in(p, f"Datalogger000/Detector00{n}")) for p in files for n in (0, 1)) == 35
    assert all(attributes_of(path)["operator"] == "Ada" for path in files)


def test_rolling_over_by_size_and_by_time(saver, base):
    start(saver, roll_over_size=4)
    module, node = detector(saver)
    for number in range(40):
        module.add_data(node, frame(number, size=50_000))  # 400 kB each
        saver.flush()
    stop(saver)
    sizes = [path.stat().st_size for path in files_in(base)]
    assert len(sizes) > 2 and max(sizes) < 8_000_000, "files grow by blocks of up to 2 MB"
    assert sorted(n for path in files_in(base) for n in numbers_in(path)) == list(range(40))
    start(saver, roll_over_size=0, roll_over_time=1e-5)
    module, node = detector(saver)
    for number in range(3):
        module.add_data(node, frame(number))
    stop(saver)
    assert len(files_in(base)) > len(sizes) + 2


def test_a_scan_is_never_cut(recorder, base):
    saver = recorder("scan")
    saver.init_file(update_h5=True)
    saver.settings["recording", "roll_over_frames"] = 4
    manager = types.SimpleNamespace(detectors_all=[types.SimpleNamespace(title="Camera")], actuators_all=[])
    module = ScanSaver(types.SimpleNamespace(title="Scan", modules_manager=manager))
    module.h5saver = saver
    data = frame(1)
    data.data[0].origin = "Camera"
    for _ in range(3):
        module.set_scan_shape((6,))
        module.get_set_node(new=True)
        module.add_nav_axes([Axis("x", "", data=np.arange(6.0))])
        for point in range(6):
            module.add_data(data, (point,))
    stop(saver)
    files = sorted(files_in(base), key=lambda path: attributes_of(path).get("part", 1))
    assert len(files) == 4, "one scan each, and what comes next: the limit was reached in the middle of every one"
    for path in files[:3]:
        assert attributes_of(path, "/RawData/Scan000")["type"] == "scan"


def test_a_new_file_waits_for_the_end_of_a_scan(recorder, told, base):
    saver = recorder("scan")
    saver.init_file(update_h5=True)
    manager = types.SimpleNamespace(detectors_all=[types.SimpleNamespace(title="Camera")], actuators_all=[])
    module = ScanSaver(types.SimpleNamespace(title="Scan", modules_manager=manager))
    module.h5saver = saver
    data = frame(1)
    data.data[0].origin = "Camera"
    press = getattr(saver, "_new_file_pressed", lambda: saver.watcher.wait_for_scan(saver.new_file))

    def begin() -> None:
        module.set_scan_shape((3,))
        module.get_set_node(new=True)
        module.add_data(data, (0,))

    begin()
    first = saver.file_path
    press()
    module.add_data(data, (1,))
    assert saver.file_path == first and "when the scan ends" in told.texts[-1]
    assert saver.status().remarks == ("The new file is made when the scan ends",)
    module.add_data(data, (2,))
    assert saver.file_path != first and saver.status().part == 1 and not saver.watcher.due
    assert not saver.status().remarks
    begin()
    second = saver.file_path
    press()
    begin()  # the one before was given up
    assert saver.file_path not in (first, second) and saver.scan_runs
    stop(saver)
    assert [attributes_of(path, "/RawData/Scan000")["type"] for path in files_in(base)] == ["scan"] * 3


def test_where_no_next_file_can_be_made_it_goes_on_in_the_same(saver, told, base, tmp_path):
    start(saver, roll_over_frames=5)
    module, node = detector(saver)
    (tmp_path / "file").write_text("in the way")
    saver.settings["base_path"] = str(tmp_path / "file")
    for number in range(12):
        module.add_data(node, frame(number))
    assert "continues in the same one" in told.last("error")["message"]
    assert saver.status().statistics.frames_written <= 12 and saver.status().part == 1
    stop(saver)
    (path,) = files_in(base)
    assert numbers_in(path) == list(range(12))


@pytest.mark.parametrize("limits", [{"stop_after_frames": 7}, {"stop_after_frames": 7, "roll_over_frames": 3}])
def test_it_stops_after_so_many_frames(saver, told, base, limits):
    start(saver, **limits)
    module, node = detector(saver)
    for number in range(7):
        module.add_data(node, frame(number))
    assert not saver.isopen() and not saver.settings["do_save"]
    assert "7 frames" in told.texts[-1]
    assert saver.status().state is RecorderState.CLOSED and saver.status().statistics.frames_written == 7
    assert sum(len(numbers_in(path)) for path in files_in(base)) == 7


def test_it_stops_after_a_time_also_when_nothing_comes(saver):
    start(saver, stop_after_time=0.1 / 60)
    wait_until(lambda: not saver.isopen())
    wait_until(lambda: not saver.settings["do_save"])


def test_it_stops_between_two_looks_when_much_comes_at_once(saver, room):
    saver.settings["recording", "reserve"] = 1.0
    start(saver)
    module, node = detector(saver)
    room[0] = 2_000_000
    saver.watcher.space.watch.look()
    sent = 0
    with pytest.raises(H5SaverError):
        for number in range(1000):
            module.add_data(node, frame(number, size=10_000))
            sent += 80_000
            room[0] = 2_000_000 - sent
    assert 900_000 < sent < 1_300_000, "the reserve of 1 MB is kept"


def test_without_a_reserve_it_is_not_watched(saver, room):
    room[0] = 1
    start(saver, reserve=0)
    module, node = detector(saver)
    module.add_data(node, frame(1))
    assert saver.isopen()


def test_notes_are_saved_with_every_file_and_scan(recorder, base):
    saver = recorder("scan")
    saver.notes = (Note("Sample", "Si"), Note("Power", "3.5", "mW"))
    saver.new_file()
    group = saver.add_scan_group(title="first")
    saver.notes = (Note("Sample", "Ge"),)
    saver.add_scan_group(title="second", metadata={"user_Sample": "the caller's own"})
    assert {"user_Sample": "Si", "user_Power": 3.5, "user_Power_units": "mW"}.items() <= group.attrs.to_dict().items()
    path = saver.file_path
    stop(saver)
    assert attributes_of(path)["user_Sample"] == "Ge", "the file has the newest"
    assert attributes_of(path, "/RawData/Scan001")["user_Sample"] == "the caller's own"


def test_a_pause_leaves_out_and_counts(saver, base):
    start(saver)
    module, node = detector(saver)
    module.add_data(node, frame(0))
    saver.pause()
    elapsed = saver.status().seconds
    assert saver.status().state is RecorderState.PAUSED
    module.add_data(node, frame(99))
    assert saver.status().seconds == elapsed, "time stands"
    saver.resume()
    module.add_data(node, frame(1))
    saver.add_comment("after the pause")
    counts = saver.status().statistics
    assert (counts.frames_received, counts.frames_left_out, counts.frames_dropped) == (2, 1, 0)
    stop(saver)
    (path,) = files_in(base)
    assert numbers_in(path) == [0, 1] and log_of(path)[-1].endswith(" after the pause")


def test_a_script_records_without_qt(tmp_path):
    script = f"""
import sys, types, numpy as np
from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5SaverBase, Note
saver = H5SaverBase("detector")
saver.settings["base_path"] = {str(tmp_path)!r}
saver.settings["recording", "roll_over_frames"] = 4
saver.notes = (Note("Sample", "Si"),)
saver.start()
camera = DetectorTimeSaver(types.SimpleNamespace(title="Camera"))
camera.h5saver = saver
node = camera.get_set_node()
for number in range(10):
    camera.add_data(node, DataToExport("grab", data=[DataRaw("v", data=[np.full(3, number)])]))
assert saver.status().part == 3 and saver.status().state.value == "recording", saver.status()
saver.stop()
assert not [name for name in sys.modules if "Qt" in name or "pyqtgraph" in name]
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=120)
    assert sorted(len(numbers_in(path)) for path in files_in(tmp_path)) == [2, 4, 4]
    assert all(attributes_of(path)["user_Sample"] == "Si" for path in files_in(tmp_path))
    settings = attributes_of(files_in(tmp_path)[0], "/RawData/Detector000")["settings"]
    assert "roll_over_frames" in str(settings)
