"""Whether anything comes, and the words that follow from it: pauses, scans, limits, sources, markers. No window."""

from __future__ import annotations

import pytest
from recording_helpers import detector, frame, log_of, start, stop

from h5saver_widget.recording.flow import PATIENCE, SCAN_PATIENCE, Flow
from h5saver_widget.recording.markers import marker_times
from h5saver_widget.recording.saver import H5SaverBase
from h5saver_widget.recording.status import RecorderState as State


@pytest.fixture(params=["h5py", "tables"])
def saver(request, tmp_path, in_kept_process):
    saver = H5SaverBase("detector", request.param)
    in_kept_process(saver)
    saver.settings["base_path"] = str(tmp_path)
    yield saver
    saver.close_file()


@pytest.mark.parametrize(
    ("interval", "patience", "silent"), [(0.04, PATIENCE, 3.1), (60.0, PATIENCE, 301.0), (10.0, SCAN_PATIENCE, 61.0)]
)
def test_a_source_is_silent_after_some_of_its_own_intervals(interval, patience, silent):
    flow, now = Flow(), 0.0
    for number in range(1, 11):
        now += interval
        flow.look(now, number, max(patience, interval * 2))
    flow.look(now + silent * 0.9, 10, patience)
    assert flow.is_on
    seconds = flow.seconds(now)
    flow.look(now + silent * 2, 10, patience)
    assert not flow.is_on and seconds < flow.seconds(now + 1e6) <= seconds + silent
    flow.look(now + 1e6, 11, patience)
    assert flow.is_on and flow.seconds(now + 1e6) < seconds + silent + 1, "a gap is no time recorded"


def test_pauses_are_no_time_recorded():
    flow = Flow()
    flow.resume(0.0)
    assert not flow.is_on, "nothing has come yet"
    flow.look(1.0, 1)
    flow.end(2.0, 1)
    flow.resume(50.0)
    assert flow.is_on and flow.seconds(51.0) == 2.0
    flow.begin()
    assert flow.seconds(60.0) == 0.0


def test_recording_is_said_only_while_frames_come(saver):
    start(saver)
    assert saver.status().state is State.OPEN and saver.status().seconds == 0.0
    module, node = detector(saver)
    module.add_data(node, frame(1))
    saver.flush()
    assert saver.status().state is State.RECORDING
    saver.watcher.flow._last -= 3600
    status = saver.status()
    assert status.state is State.OPEN and status.is_open
    assert status.seconds == saver.status().seconds, "time stands"
    module.add_data(node, frame(2))
    assert saver.status().state is State.RECORDING


def test_a_pause_is_refused_while_a_scan_runs_or_passed_on_to_it(saver):
    class Program:
        def __init__(self) -> None:
            self.told: list[bool] = []

        def pause(self, on: bool) -> None:
            self.told.append(on)

    start(saver)
    saver.scan_begun()
    saver.pause()
    assert not saver.is_paused
    program = Program()
    saver.let_pause(program.pause)
    saver.pause()
    assert saver.is_paused and program.told == [True]
    saver.resume()
    assert not saver.is_paused and program.told == [True, False]
    saver.pause()
    saver.scan_ended()
    assert not saver.is_paused, "a pause ends with its scan"


def test_why_it_ended_and_what_never_came_stay_on_screen(saver):
    start(saver, stop_after_frames=2, sources="Camera, Laser")
    path = saver.file_path
    module, node = detector(saver)
    for number in (1, 2):
        module.add_data(node, frame(number))
    saver.wait()
    status = saver.status()
    assert status.state is State.CLOSED and not saver.isopen()
    assert status.ended == "Saving has ended after 2 frames, as set under Limits. Nothing has come from Laser."
    assert any("Nothing has come from Laser" in line for line in log_of(path))
    start(saver, stop_after_frames=0)
    assert saver.status().ended == ""
    stop(saver)


def test_a_lost_frame_is_one_number_everywhere(saver):
    start(saver)
    for _ in range(3):
        saver.frame_lost("Camera", OSError("the disk is full"))
    assert saver.frames_lost == saver.statistics().frames_dropped == saver.status().statistics.frames_dropped == 3
    stop(saver)
    saver.settings["backend", "backend_type"] = {"h5py": "tables", "tables": "h5py"}[saver.backend]
    assert saver.frames_lost == 3, "another library does not make frames come back"


def test_markers_are_moments_in_the_log(saver):
    start(saver)
    path = saver.file_path
    saver.add_marker()
    saver.add_comment("a remark")
    saver.add_marker()
    saver.wait()
    stop(saver)
    times = marker_times(log_of(path))
    assert len(times) == 2 and 0 <= times[1] - times[0] < 60
    assert marker_times(["2026-99-99 00:00:00.000+00:00 marker", "marker"]) == []
