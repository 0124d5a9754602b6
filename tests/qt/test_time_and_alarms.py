"""Numbers of frames, the closing line and alarms in the window: by signals, by a button, and in a table."""

from __future__ import annotations

import shlex
import sys

import numpy as np
import pytest
from recording_helpers import settle, wait_until

from h5saver_widget import H5SaverBase
from h5saver_widget.browsing.describing import describe
from h5saver_widget.saving.h5_backend import H5Backend


@pytest.fixture
def shown(make):
    return make("detector", "h5py")


def test_a_frame_of_the_window_is_numbered_and_a_gap_is_an_alarm(shown):
    saver, alarms, said = shown.saver, [], []
    saver.alarm_sig.connect(alarms.append)
    saver.status_sig.connect(lambda status: said.append(status.message))
    saver.settings["do_save"] = True
    for number in (0, 1, 4):
        assert saver.record("camera", np.zeros(3), number=number)
    wait_until(lambda: bool(alarms))
    assert (alarms[0].kind, alarms[0].source) == ("gap", "camera")
    saver.settings["do_save"] = False
    settle(saver)
    assert "3 of 5 frames; 1 gap: 2 frames lost in the device" in said
    assert "camera: 2 frames lost in the device, numbers 2 to 3" in said


def test_the_command_is_tried_by_a_button(shown, tmp_path):
    saver, said = shown.saver, []
    saver.status_sig.connect(lambda status: said.append(status.message))
    saver.settings["recording", "alarm_command"] = shlex.join([sys.executable, "-c", "import sys; sys.stdin.read()"])
    saver.settings.child("recording", "try_alarm").activate()
    wait_until(lambda: "The alarm command works" in said)
    saver.settings["recording", "alarm_command"] = "/no/such/program"
    saver.settings.child("recording", "try_alarm").activate()
    wait_until(lambda: any("The alarm command can't be run: No such file or directory" in line for line in said))


@pytest.mark.parametrize("backend", ["h5py", "tables"])
def test_the_browser_shows_the_gaps_as_a_table(tmp_path, backend):
    saver = H5SaverBase("detector", backend)
    saver.start(tmp_path / "run.h5")
    for number in (0, 3, 3, 4):
        saver.record("camera", 1.0, number=number)
    saver.stop()
    with H5Backend(backend) as h5:
        h5.open_file(tmp_path / "run.h5", "r")
        report = describe(h5, "/RawData/Gaps")
    assert report.columns == ("Source", "First", "Last", "Count", "Place", "Time") and report.line_count == 2
    assert [row[:5] for row in report.table] == [
        ("camera", "1", "2", "2", "device"),
        ("camera", "3", "3", "1", "again"),
    ]
