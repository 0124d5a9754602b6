"""A recording takes frames from when its file is laid out until its closing begins: no thread finds it in between."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from h5saver_widget import DataRaw, DataToExport, DataToExportSaver, H5SaverBase, H5SaverLowLevel, ScanSaver
from h5saver_widget.backends.h5py_backend import H5pyBackend
from h5saver_widget.recording.worker import Task

SECONDS = 20  # a thread that never comes fails the test


class Gate(H5pyBackend):
    """Stays where a file was opened to be read, until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.is_there, self.go_on = threading.Event(), threading.Event()

    def open(self, path, mode="r", **options):
        super().open(path, mode, **options)
        if mode == "r":
            self.is_there.set()
            assert self.go_on.wait(SECONDS)


def point(value: float) -> DataToExport:
    dwa = DataRaw(name="power", data=[np.array([value])], labels=["a"])
    dwa.origin = "Powermeter"
    return DataToExport("scan", [dwa])


def test_a_point_waits_while_its_file_is_looked_at_before_it_is_opened_again(tmp_path, monkeypatch) -> None:
    gate, decided = Gate(), threading.Event()

    class Announcing(Task):
        def wait(self, timeout=None):
            decided.set()
            return super().wait(timeout)

    monkeypatch.setattr("h5saver_widget.recording.background.Task", Announcing)
    with H5SaverBase("scan", "h5py") as saver:
        saver.store.change(isolated=False)
        saver._exchange(gate)
        saver.init_file(addhoc_file_path=tmp_path / "scan.h5")
        detector = SimpleNamespace(title="Powermeter")
        manager = SimpleNamespace(detectors_all=[detector], actuators_all=[])
        scan = ScanSaver(SimpleNamespace(title="Scan", settings=None, modules_manager=manager))
        scan.h5saver = saver
        scan.set_scan_shape((2,))
        scan.get_set_node(new=True)
        scan.initialize_time_array()
        scan.add_data(point(1.0), (0,))
        saver.close_file()

        opening = saver.background.begin("opening", lambda: saver.open_existing(tmp_path / "scan.h5"), "not opened")
        assert gate.is_there.wait(SECONDS)
        errors = []

        def save() -> None:
            try:
                scan.add_data(point(2.0), (1,))
            except Exception as error:
                errors.append(error)
            decided.set()

        thread = threading.Thread(target=save)
        thread.start()
        assert decided.wait(SECONDS)  # it waits for the file, or has failed
        gate.go_on.set()
        thread.join(SECONDS)
        assert opening.wait(SECONDS) and not errors
        found = saver.get_node("/RawData/Scan000/Detector000/Data0D/CH00/Data00").read()
        assert np.ravel(found).tolist() == [1.0, 2.0] and saver.frames_lost == 0


def test_a_file_that_is_only_looked_at_is_not_open_for_anybody(tmp_path) -> None:
    gate = Gate()
    gate.go_on.set()
    with H5SaverLowLevel("scan", "h5py") as saver:
        saver._exchange(gate)
        saver.init_file(tmp_path / "a.h5")
        saver.close_file()
        gate.open(tmp_path / "a.h5", "r")
        assert not saver.isopen() and not saver.is_ready and isinstance(saver.raw_group, str)
        gate.close()


@pytest.mark.parametrize("isolated", [False, True])
def test_who_has_borrowed_a_file_saves_into_it_and_into_the_next_one(backend, isolated, tmp_path) -> None:
    with (
        H5SaverLowLevel("scan", backend, isolated=isolated) as lender,
        H5SaverLowLevel("scan", backend, isolated=isolated) as borrower,
    ):
        for name in ("a.h5", "b.h5"):
            lender.init_file(tmp_path / name)
            if borrower.session is None:
                borrower.h5file = lender.h5file
            made = borrower.add_scan_group("/RawData", "Scan")
            DataToExportSaver(borrower).add_data(made, point(3.0))
            assert lender.get_node(f"{made.path}/Data0D/CH00/Data00").read().tolist() == [3.0]
            lender.close_file()
            assert not borrower.isopen() and not lender.isopen()
        borrower.close_file()
        lender.init_file(tmp_path / "c.h5")
        assert not borrower.isopen()  # it has given the file back
