"""How many of our own functions a frame calls, and how deep the saver is: both grow unseen."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType, SimpleNamespace

import pytest
from recording_helpers import detector, frame

import h5saver_widget
from h5saver_widget import DetectorSaver, H5Saver, H5SaverBase

ROOT = str(Path(h5saver_widget.__file__).parent)


def calls_of(action: Callable[[], object]) -> Counter[str]:
    """Return how often each function of ours is called in this thread."""
    found: Counter[str] = Counter()

    def profile(at: FrameType, event: str, _: object) -> None:
        if event == "call" and at.f_code.co_filename.startswith(ROOT):
            found[f"{Path(at.f_code.co_filename).name}:{at.f_code.co_qualname}"] += 1

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return found


@pytest.fixture(params=[H5SaverBase, H5Saver], ids=["script", "window"])
def saver(request: pytest.FixtureRequest, tmp_path: Path, qapp, in_kept_process):
    saver = request.param("detector", "h5py")
    in_kept_process(saver)
    saver.init_file(addhoc_file_path=tmp_path / "calls.h5")
    yield saver
    saver.close_file()


def test_a_frame(saver):  # a dozen of them ask whether it means the same as the one before
    module, node = detector(saver)
    for number in range(5):
        module.add_data(node, frame(number))
    calls = min((calls_of(lambda: module.add_data(node, frame(9))) for _ in range(3)), key=Counter.total)
    made = calls_of(lambda: frame(9))
    assert (calls - made).total() < 90, calls.most_common(20)


@pytest.mark.parametrize("backend", ["h5py", "tables"])
@pytest.mark.parametrize("isolated", [True, False], ids=["isolated", "here"])
def test_a_snapshot(tmp_path: Path, in_kept_process, backend: str, isolated: bool):
    saver = H5SaverBase("detector", backend)
    saver.settings["backend", "isolated"] = isolated
    if isolated:
        in_kept_process(saver)
    saver.init_file(addhoc_file_path=tmp_path / "calls.h5")
    module = DetectorSaver(SimpleNamespace(title="Camera"))
    module.h5saver = saver
    node, data = module.get_set_node(), frame(1)
    module.add_data(node, data)  # the entry shows it, and what comes in the same second later
    calls = calls_of(lambda: module.add_data(node, data))
    saver.close_file()
    assert calls.total() < (365 if isolated else 350), calls.most_common(20)


def test_how_deep_a_saver_is():
    ours = [cls.__name__ for cls in H5Saver.__mro__ if cls.__module__.startswith("h5saver_widget")]
    assert ours == ["H5Saver", "H5SaverBase", "H5SaverLowLevel", "H5Backend"]
