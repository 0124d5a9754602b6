"""A frame that could not be saved is counted and told; nothing of it is in the file."""

from __future__ import annotations

import errno
import os
import threading

import numpy as np
import pytest

from h5saver_widget import (
    DataExtendedSaver,
    DataRaw,
    DataToExport,
    DataToExportExtendedSaver,
    DataToExportSaver,
    DataToExportTimedSaver,
    DynamicRangeError,
    FileNotOpenError,
    H5SaverLowLevel,
)
from h5saver_widget.backends.journal import Journal
from h5saver_widget.backends.terms import Durability


class Told(H5SaverLowLevel):
    """A saver that remembers what it was told."""

    def __init__(self, backend):
        super().__init__("detector", backend)
        self.told = []

    def _notify(self, command, **args):
        self.told.append((command, args))

    def errors(self):
        return [args for command, args in self.told if command == "error"]


@pytest.fixture
def told(backend, tmp_path):
    with Told(backend) as saver:
        saver.init_file(tmp_path / "file.h5")
        yield saver


def frame(value):
    return DataToExport("grab", data=[DataRaw("t", data=[np.array([value])], origin="det")])


def test_a_value_that_does_not_fit_is_a_lost_frame(told):
    told.dynamic = np.dtype("uint8")
    saver = DataToExportTimedSaver(told)
    saver.add_data("/RawData", frame(3))
    with pytest.raises(DynamicRangeError):
        saver.add_data("/RawData", frame(300))
    saver.add_data("/RawData", frame(4))
    assert (told.frames_saved, told.frames_lost) == (2, 1)
    (error,) = told.errors()
    assert "grab" in error["message"]
    assert "300" in error["message"]
    assert isinstance(error["exception"], DynamicRangeError)
    assert told.get_node("/RawData/Data0D/CH00/EnlData00").read().ravel().tolist() == [3, 4]


def test_every_loss_is_counted_the_same_reason_is_told_once(told):
    told.dynamic = np.dtype("uint8")
    saver = DataToExportTimedSaver(told)
    saver.add_data("/RawData", frame(3))
    for _ in range(50):
        with pytest.raises(DynamicRangeError):
            saver.add_data("/RawData", frame(300))
    assert told.frames_lost == 50
    assert 1 <= len(told.errors()) <= 3  # once a second at the most


@pytest.mark.parametrize("make", [DataToExportSaver, DataToExportTimedSaver])
def test_a_frame_after_the_file_was_closed_is_lost(told, make):
    saver = make(told)
    saver.add_data("/RawData", frame(1.0))
    told.close_file()
    with pytest.raises(FileNotOpenError):
        saver.add_data("/RawData", frame(2.0))
    assert told.frames_lost == 1


def test_points_outside_a_scan_are_lost(told):
    saver = DataToExportExtendedSaver(told, (2,))
    with pytest.raises(ValueError, match="not in a scan"):
        saver.add_data("/RawData", frame(1.0), indexes=(5,))
    single = DataExtendedSaver(told, (2,))
    single.add_data("/RawData", frame(1.0)[0], indexes=(1,))
    assert (told.frames_saved, told.frames_lost) == (1, 1)


def test_losses_of_several_threads_are_all_counted(told):
    told.dynamic = np.dtype("uint8")

    def lose():
        saver = DataToExportTimedSaver(told)
        for _ in range(100):
            with pytest.raises(DynamicRangeError):
                saver.add_data("/RawData", frame(-1))

    threads = [threading.Thread(target=lose) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.frames_lost == 400


def test_a_disk_that_refuses_a_flush_is_told_if_it_goes_on(tmp_path, monkeypatch):
    def full(journal):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Told("h5py") as told:
        told.io.durability.level = Durability.JOURNAL
        told.init_file(tmp_path / "file.h5")
        told.flush_seconds = 0.0
        saver = DataToExportTimedSaver(told)
        saver.add_data("/RawData", frame(0.0))
        with monkeypatch.context() as patched:
            patched.setattr(Journal, "packed", full)
            saver.add_data("/RawData", frame(1.0))
            assert not told.errors()
            told._flushed_at -= 1.0
            saver.add_data("/RawData", frame(2.0))
        assert [error["message"].partition("can't be flushed")[2][:1] for error in told.errors()] == [":"]
        told.flush()
        assert told.statistics().frames_written == 3


def test_counts_begin_anew_with_a_file(told, tmp_path):
    told.frame_lost("grab", ValueError("no"))
    told.init_file(tmp_path / "other.h5")
    assert (told.frames_saved, told.frames_lost) == (0, 0)
