"""Numbers and clocks of frames: what they leave in a file, what is missing, where it was lost, and how clocks go."""

from __future__ import annotations

import itertools
import os
import signal

import numpy as np
import pytest
from recording_helpers import attributes_of, log_of, wait_until

from h5saver_widget import DataLoader, DataMismatchError, DataRaw, H5SaverBase, H5SaverLowLevel
from h5saver_widget.recovery import check_file
from h5saver_widget.saving.stamps import UNSTAMPED

WAYS = [("h5py", True), ("h5py", False), ("tables", True), ("tables", False)]


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}-{'isolated' if way[1] else 'here'}")
def saver(request, tmp_path):
    backend, isolated = request.param
    saver = H5SaverBase("detector", backend)
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["backend", "isolated"] = isolated
    yield saver
    saver.stop()


@pytest.fixture
def simple(tmp_path):
    saver = H5SaverBase("detector", "h5py")
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["backend", "isolated"] = False
    yield saver
    saver.stop()


class Clocks:
    """Two clocks that go as fast as a test wants."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_800_000_000.0, 1000.0

    def __call__(self) -> tuple[float, float]:
        return self.wall, self.steady

    def go(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def table_in(path):
    """Return the table of gaps as any program reads it."""
    with H5SaverLowLevel(backend="h5py") as h5:
        h5.open_file(path, "r")
        if "Gaps" not in h5.get_group("/RawData").children_name():
            return []
        names = ("Source", "First", "Last", "Count", "Place")
        columns = [np.asarray(h5.get_node(f"/RawData/Gaps/{name}").read()).tolist() for name in names]
        texts = ([v.decode() if isinstance(v, bytes) else v for v in column] for column in columns)
        return list(zip(*texts, strict=True))


def stopped(saver):
    path = saver.file_path
    saver.stop()
    return path


def places(gaps):
    return [(gap.first, gap.last, gap.place) for gap in gaps]


# ------------------------------------------------------------------ in the file
def test_a_frame_keeps_the_number_and_the_clock_of_its_device(saver):
    saver.start()
    for number in range(6):
        saver.record("camera", np.full((2, 3), number), number=2**53 + number, clock=number / 4)
    saver.record("camera", np.full((2, 3), 6))
    saver.record("camera", np.full((2, 3), 7), number=2**53 + 6, units="V")  # another segment
    saver.record("meter", 1.5)
    path = stopped(saver)
    with DataLoader(path) as loader:
        first, second = loader.load_all("/RawData/Detector000")
        meter = loader.load_all("/RawData/Detector001")[0]
        times = loader.h5saver.get_node("/RawData/Detector000/NavAxes/Axis00").read()
    assert first.frame_number.tolist() == [2**53 + n for n in range(6)] + [-1]
    assert first.device_clock[:6].tolist() == [n / 4 for n in range(6)] and np.isnan(first.device_clock[6])
    assert second.frame_number.tolist() == [2**53 + 6] and np.isnan(second.device_clock).all()
    assert np.allclose(first.wall_time[:6], times[:6], atol=1.0) and (np.diff(first.monotonic_time[:6]) >= 0).all()
    assert not set(UNSTAMPED) & set(meter.extra_attributes)


@pytest.mark.parametrize("size", [1, 1000, 30_000, 400_000])
def test_frames_of_any_size_keep_them(saver, size):
    saver.start()
    for number in range(6):
        assert saver.record("camera", np.full(size, number, np.float32), number=number, clock=0.5 * number)
    with DataLoader(stopped(saver)) as loader:
        found = loader.load_all("/RawData/Detector000")[0]
    assert found.frame_number.tolist() == found.data[0].reshape(6, -1)[:, -1].tolist() == list(range(6))
    assert found.device_clock.tolist() == [0.5 * number for number in range(6)]


def test_numbers_that_come_later_and_in_a_continued_file(saver):
    saver.start()
    path = saver.file_path
    saver.record("meter", {"a": 1.0, "b": 2.0})
    saver.record("meter", {"a": 1.0, "b": 2.0}, number=5)
    saver.stop()
    saver.init_file(addhoc_file_path=path)
    saver.record("meter", {"a": 1.0, "b": 2.0}, number=6)
    saver.record("meter", {"a": 1.0, "b": 2.0})
    saver.stop()
    with DataLoader(path) as loader:
        assert loader.load_all("/RawData/Detector000")[0].frame_number.tolist() == [-1, 5, 6, -1]


def test_points_of_a_scan_and_snapshots_keep_them_too(saver):
    saver.start()
    with saver.scan("map", {"x": (np.arange(3.0), "mm")}) as scan:
        for point in (2, 0, 1):
            scan.record(point, "camera", [1.0, 2.0], number=10 * point, clock=0.5 * point)
    saver.snapshot("camera", [1.0, 2.0], number=7)
    path = stopped(saver)
    assert table_in(path) == []
    with DataLoader(path) as loader:
        scanned = next(d for d in loader.load_all("/RawData/Scan000") if d.name == "camera")
        once = loader.load_all("/RawData/Detector000")[0]
    assert scanned.frame_number.tolist() == [0, 10, 20] and scanned.device_clock.tolist() == [0.0, 0.5, 1.0]
    assert once.frame_number == 7 and once.wall_time > 1e9


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"number": -1}, "from 0"),
        ({"number": 1.5}, "whole number"),
        ({"number": True}, "whole number"),
        ({"number": "7"}, "whole number"),
        ({"number": 2**63}, "2\\*\\*63"),
        ({"clock": float("nan")}, "finite"),
        ({"clock": float("inf")}, "finite"),
        ({"clock": "noon"}, "seconds"),
        ({"clock": np.array([1.0])}, "seconds"),
    ],
)
def test_what_is_no_number_or_clock_is_refused_before_anything_is_taken(simple, said, expected):
    simple.start()
    with pytest.raises(DataMismatchError, match=expected):
        simple.record("camera", 1.0, **said)
    with pytest.raises(DataMismatchError, match=expected):
        simple.snapshot("camera", 1.0, **said)
    assert simple.statistics().frames_received == 0 and simple.gaps() == ()


def test_a_frame_without_them_costs_no_bytes(simple):
    simple.start()
    for _ in range(3):
        simple.record("meter", 1.0)
    path = stopped(simple)
    with H5SaverLowLevel(backend="h5py") as h5:
        h5.open_file(path, "r")
        names = [node.name for node in h5.walk_nodes("/RawData")]
    assert not [name for name in names if name.startswith(("Extra", "Gaps"))]
    assert attributes_of(path)["completeness"] == "3 of 3 frames"
    assert not [line for line in log_of(path) if "of 3 frames" in line]


def test_data_objects_and_signals_carry_numbers(simple):
    simple.start()
    slot = simple.sink("camera", number=lambda frame, number, clock: number, clock=lambda *carried: carried[2])
    for number in (3, 4, 6):
        slot(np.zeros(3), number, 0.1 * number)
    simple.record("spectrum", DataRaw("spectrum", data=[np.zeros(3)]), number=1)
    slot(np.zeros(3), "no number", 0.7)
    assert places(simple.gaps()) == [(5, 5, "device")] and simple.statistics().frames_dropped == 1
    with DataLoader(stopped(simple)) as loader:
        assert loader.load_all("/RawData/Detector000")[0].frame_number.tolist() == [3, 4, 6]
        assert loader.load_all("/RawData/Detector001")[0].frame_number.tolist() == [1]


# -------------------------------------------------------------------- attribution
def test_each_loss_is_found_where_it_happened(saver):
    saver.start()
    numbers = itertools.count()

    def frames(count: int) -> None:
        for _ in range(count):
            saver.record("camera", np.zeros(4), number=next(numbers))

    frames(5)
    next(numbers)  # 5: the device has lost it
    frames(2)
    saver.lost("camera", 2)  # 8, 9: the driver says so before the next frame
    next(numbers), next(numbers), next(numbers)  # 10: the device
    frames(1)
    saver.lost("camera", [10], where="queue")  # a queue of the program, told later
    saver.pause()
    frames(3)  # 12 to 14
    saver.resume()
    frames(2)
    with pytest.raises(DataMismatchError):
        saver.record("camera", np.zeros(4, [("x", int)]), number=next(numbers))  # 17
    frames(1)
    saver.record("camera", np.zeros(4), number=18)  # again
    frames(2)
    gaps = places(saver.gaps())
    assert gaps == [
        *((5, 5, "device"), (8, 9, "driver"), (10, 10, "queue")),
        *((12, 14, "skipped"), (17, 17, "refused"), (18, 18, "again")),
    ]
    path = stopped(saver)
    assert [(first, last, place) for _, first, last, _, place in table_in(path)] == gaps
    said = "14 of 19 frames; 4 gaps: 1 frame lost in the device, 2 in the driver, 1 in the queue, 1 refused; "
    assert attributes_of(path)["completeness"] == said + "3 left out on purpose"
    assert any(said in line for line in log_of(path))


def test_frames_of_a_queue_that_is_full_are_lost_in_the_queue(simple, monkeypatch):
    simple.settings["backend", "isolated"] = True
    simple.start()
    simple.when_full = "drop"
    number, frame = 3, np.zeros(1 << 20)
    for first in range(number):
        simple.record("camera", frame, number=first)
    os.kill(simple.io.pid, signal.SIGSTOP)
    try:
        while simple.record("camera", frame, number=number):
            number += 1
        for later in range(number + 1, number + 4):
            assert not simple.record("camera", frame, number=later)
    finally:
        os.kill(simple.io.pid, signal.SIGCONT)
    assert places(simple.gaps()) == [(number, number + 3, "queue")]
    wait_until(simple.io.queue.has_room)
    assert simple.record("camera", frame, number=number + 4)
    assert len(simple.gaps()) == 1


def test_what_was_taken_and_not_written_is_lost_on_the_disk(simple, caplog):
    caplog.set_level("INFO")
    simple.settings["backend", "isolated"] = True
    simple.start()
    for number in range(100):
        simple.record("camera", np.full(4, number), number=number)
        if number == 39:
            simple.flush()
            os.kill(simple.io.pid, signal.SIGSTOP)
    os.kill(simple.io.pid, signal.SIGKILL)
    path = stopped(simple)
    assert places(simple.gaps()) == [(40, 99, "disk")]
    with DataLoader(path) as loader:
        assert loader.load_all("/RawData/Detector000")[0].frame_number.tolist() == list(range(40))
    assert "40 of 100 frames; 1 gap: 60 frames lost on the disk" in caplog.text


def test_the_numbers_go_on_in_the_next_file_and_begin_anew_with_the_next_recording(simple, caplog):
    caplog.set_level("INFO")
    simple.settings["recording", "roll_over_frames"] = 10
    simple.start()
    for number in (*range(12), *range(13, 30)):
        simple.record("camera", 1.0, number=number)
    simple.stop()
    assert places(simple.gaps()) == [(12, 12, "device")]
    assert "29 of 30 frames; 1 gap: 1 frame lost in the device" in caplog.text
    simple.start()
    for number in range(5):
        simple.record("camera", 1.0, number=number)
    assert simple.gaps() == ()
    path = stopped(simple)
    assert attributes_of(path)["completeness"] == "5 of 5 frames; no gap"


def test_a_recording_of_nothing_but_a_pause_is_over_as_well(simple):
    simple.start()
    simple.pause()
    for number in range(100, 103):
        assert not simple.record("camera", 1.0, number=number)
    simple.stop()
    assert places(simple.gaps()) == [(100, 102, "skipped")]
    simple.start()
    for number in range(3):
        simple.record("camera", 1.0, number=number)
    assert simple.gaps() == ()


def test_numbers_of_frames_on_the_disk_are_forgotten(simple):
    simple.start()
    for number in range(4000):
        simple.record("meter", 1.0)
        simple.record("camera", 1.0, number=number)
        if number % 500 == 499:
            simple.flush()
    assert len(simple.timing._recent) <= 1500


def test_a_file_that_is_continued_keeps_its_table(saver):
    saver.start()
    path = saver.file_path
    for turn in range(2):
        for number in (0, 2 + turn):
            saver.record("camera", 1.0, number=number)
        saver.stop()
        if not turn:
            saver.init_file(addhoc_file_path=path)
    assert [row[1:] for row in table_in(path)] == [(1, 1, 1, "device"), (1, 2, 2, "device")]


def test_a_streaming_file_has_the_table_when_it_is_closed(simple):
    simple.settings["backend", "swmr_options", "enable_swmr"] = True
    simple.start()
    simple.record("camera", 1.0, number=0)
    simple.enable_swmr()
    simple.record("camera", 1.0, number=2)
    assert [row[1:] for row in table_in(stopped(simple))] == [(1, 1, 1, "device")]


# ------------------------------------------------------------------------- clocks
def test_steps_of_the_wall_clock_are_told_also_when_no_frame_comes(simple):
    simple.clocks = clocks = Clocks()
    simple.start()
    simple.record("camera", 1.0, number=0, time=clocks.wall)
    clocks.go(1.0)
    clocks.wall -= 0.3
    simple.look_after()
    simple.wait()
    (line,) = simple.get_node("/RawData/Logger").read()
    assert line.endswith("The wall clock was set back by 0.300 s; the time axes continue evenly")
    clocks.go(1.0)
    clocks.wall += 3600
    path = stopped(simple)
    assert attributes_of(path)["completeness"] == "1 of 1 frame; no gap; clock stepped 2 times, by +3,599.7 s in all"
    assert [round(step, 3) for _, step in attributes_of(path)["clock_steps"]] == [-0.3, 3600.0]


def test_the_drift_stands_in_the_file(saver):
    saver.clocks = clocks = Clocks()
    saver.start()
    for number in range(300):
        saver.record("camera", 1.0, clock=0.1 * number * (1 + 50e-6), time=clocks.wall)
        clocks.go(0.1)
    path = stopped(saver)
    about = attributes_of(path, "/RawData/Detector000")
    assert about["clock_drift_ppm"] == pytest.approx(50.0, abs=0.1) and about["clock_drift_seconds"] > 25
    assert about["clock_drift_error_ppm"] < 1
    state = check_file(path)
    assert state.completeness == "300 of 300 frames" and state.drifts == (f"camera: {about['clock_drift']}",)
    assert "  complete     300 of 300 frames\n  clock        camera: +50.0 +- 0.0 ppm in 29 s" in state.in_words()


def test_frames_held_before_the_start_keep_their_numbers(simple):
    simple.settings["recording", "keep_before"] = 60.0
    for number in (3, 4, 6):
        simple.record("camera", np.full(4, number), number=number, clock=0.1 * number)
    simple.start(before=60)
    simple.record("camera", np.full(4, 8), number=8)
    assert places(simple.gaps()) == [(5, 5, "device"), (7, 7, "device")]
    with DataLoader(stopped(simple)) as loader:
        found = loader.load_all("/RawData/Detector000")[0]
    assert found.frame_number.tolist() == [3, 4, 6, 8] and np.isfinite(found.wall_time).all()
    simple.settings["recording", "keep_before"] = 0.0
