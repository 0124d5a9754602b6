"""The end of a recording waits for a host's frames, and the thread that saves them may ask for anything meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from h5saver_widget import DataLoader, DataRaw, DataToExport, DetectorTimeSaver, H5Saver, H5SaverBase


def grab(units: str = "V") -> DataToExport:
    return DataToExport("grab", data=[DataRaw("spectrum", data=[np.arange(3.0)], units=units)])


class Host:
    """Saves frames in a thread, and waits for it before the file is closed."""

    def __init__(self, saver: Any, last_call: Callable[[Any], object]) -> None:
        self.saver, self.last_call = saver, last_call
        self.ending, self.error = threading.Event(), None
        self.module = DetectorTimeSaver(SimpleNamespace(title="camera"))
        self.module.h5saver = saver
        self.node = self.module.get_set_node()
        saver.before_closing(self.wait_for_frames)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def wait_for_frames(self) -> None:
        self.ending.set()
        self.thread.join()

    def run(self) -> None:
        self.ending.wait()
        try:
            self.module.add_data(self.node, grab())
            self.last_call(self.saver)
            if self.saver.is_ready:
                self.module.add_data(self.node, grab())
        except Exception as error:
            self.error = error


CALLS = {
    "new_file": lambda saver: saver.new_file(),
    "init_file": lambda saver: saver.init_file(update_h5=True),
    "snapshot": lambda saver: saver.snapshot("camera", np.arange(3.0)),
    "flush": lambda saver: saver.flush(),
    "stop": lambda saver: saver.stop(),
    "close_file": lambda saver: saver.close_file(),
    "wait": lambda saver: saver.wait(),
    "settings": lambda saver: saver.settings.__getitem__("do_save"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", [H5SaverBase, H5Saver], ids=["script", "window"])
def test_a_frame_thread_may_call_anything_while_the_end_waits_for_it(qapp, tmp_path: Path, kind, call):
    saver = kind("detector", "h5py")
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["backend", "isolated"] = False
    saver.start()
    host = Host(saver, CALLS[call])
    saver.stop(wait=30)
    assert host.error is None and not host.thread.is_alive()
    found = 0
    for path in tmp_path.rglob("*.h5"):
        with DataLoader(path) as loader:
            found += sum(len(data.data[0]) for data in loader.load_all("/RawData") if data.data[0].ndim == 2)
    assert found == (1 if call == "close_file" else 2)


def test_what_changes_in_frames_on_their_way_is_told_in_the_log(tmp_path: Path):
    saver = H5SaverBase("detector", "h5py")
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["backend", "isolated"] = False
    saver.start()
    path = saver.file_path
    host = Host(saver, lambda _: host.module.add_data(host.node, grab("K")))
    saver.stop(wait=30)
    assert host.error is None
    with DataLoader(path) as loader:
        assert "units 'K' instead of 'V'" in "".join(loader.h5saver.get_node("/RawData/Logger").read())
