"""The seconds before: frames that come while nothing is recorded are held, and a recording begins with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from recording_helpers import wait_until

from h5saver_widget import Axis, DataLoader, DataRaw, DataToExport, H5SaverBase, Recorder
from h5saver_widget.backends.registry import available_backends
from h5saver_widget.recording.markers import marker_times
from h5saver_widget.recording.status import RecorderState

BACKENDS = [name for name in available_backends() if name in ("h5py", "tables")]


@pytest.fixture(params=[(name, isolated) for name in BACKENDS for isolated in (True, False)], ids=str)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[H5SaverBase]:
    """Return a saver that holds the last 10 s, for each library, with and without a process of its own."""
    backend, isolated = request.param
    saver = H5SaverBase("detector", backend)
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["backend", "isolated"] = isolated
    saver.settings["recording", "keep_before"] = 10.0
    yield saver
    saver.settings["recording", "keep_before"] = 0.0
    saver.close_file()


def arrays(path: Path, source: int = 0) -> list[Any]:
    """Return the data objects of a source in a file, segments in their order."""
    with DataLoader(path) as loader:
        group = f"/RawData/Detector{source:03d}"
        if group.rpartition("/")[2] not in loader.h5saver.raw_group.children_name():
            return []
        found = [str(node.path) for node in loader.h5saver.walk_nodes(group) if node.name.startswith("EnlData")]
        return [loader.load_data(name) for name in found]


def numbers(path: Path, source: int = 0) -> list[float]:
    """Return the first value of every frame of a source, in the order of the file."""
    return [float(row.flat[0]) for data in arrays(path, source) for row in data.data[0]]


def test_recording_begins_with_what_was_held(kept: H5SaverBase) -> None:
    """Nothing is missing or doubled at the seam; the time axis begins with the first held frame."""
    for number in range(20):
        assert not kept.record("camera", np.full((3, 4), float(number)), units="counts", time=1000.0 + number)
    assert kept.status().state is RecorderState.ARMED
    kept.start(before=10)
    for number in range(20, 30):
        assert kept.record("camera", np.full((3, 4), float(number)), units="counts", time=1000.0 + number)
    kept.stop()
    path = kept.file_path or Path(kept.settings["current_h5_file"])
    assert numbers(path) == list(range(30))
    (data,) = arrays(path)
    assert data.units == "counts"
    assert np.ptp(data.get_axis_from_index(0)[0].get_data()) == 29.0
    assert kept.statistics().frames_written == 30
    assert kept.status().state is RecorderState.ARMED


def test_without_a_wish_a_recording_begins_with_its_start(kept: H5SaverBase) -> None:
    """What was held is let go where nobody asks for it."""
    kept.record("meter", 1.0)
    kept.start()
    kept.record("meter", 2.0)
    kept.stop()
    kept.record("meter", 3.0)
    kept.start(before=10)
    kept.stop()
    first, second = sorted(Path(kept.settings["base_path"]).rglob("*.h5"))
    assert numbers(first) == [2.0]
    assert numbers(second) == [3.0]


def say_much(saver: H5SaverBase) -> None:
    """Record frames with units, labels, axes, errors, attributes, in data objects, and with changes between them."""
    x = np.linspace(0.0, 1.0, 4)
    common: dict[str, Any] = {"axes": {"time": (x, "s")}, "mode": Path("fast"), "tags": {"a"}}
    for units, exposure in (("V", 0.1), ("V", 0.2), ("mV", 0.2)):
        saver.record("scope", {"a": x, "b": 2 * x}, units=units, exposure=exposure, time=7.0, **common)
    saver.record("mixed", {"a": x, "b": x[:2], "c": 3}, units={"a": "V", "b": "A"}, time=8.0)
    spectrum = DataRaw("spectrum", data=[x], units="counts", axes=[Axis("k", "1/m", x)], errors=[x / 10], gain=[3])
    flag = DataRaw("flag", data=[np.array([True])], origin="elsewhere")
    saver.record("camera", DataToExport("camera", data=[spectrum, flag]), time=9.0)
    saver.record("single", DataRaw("another name", data=[x], units="V"), time=9.5)
    saver.record("masked", np.ma.masked_array([1, 2], mask=[0, 1]), errors=[0.1, 0.2], time=10.0)
    saver.record("text", np.array(["on", "off"]), time=11.0)
    saver.record("time", np.array(["2026-11-21"], "M8[s]"), time=12.0)
    saver.record("empty", np.zeros((0, 3)), time=13.0)


def test_meaning_is_kept(kept: H5SaverBase, tmp_path: Path) -> None:
    """A frame that was held is in the file as it is when it is recorded at once."""
    say_much(kept)
    kept.start(tmp_path / "held.h5", before=10)
    kept.stop()
    kept.start(tmp_path / "live.h5")
    say_much(kept)
    kept.stop()
    assert kept.statistics().frames_dropped == 0
    with DataLoader(tmp_path / "held.h5") as held, DataLoader(tmp_path / "live.h5") as live:
        names = {str(node.path) for node in live.h5saver.walk_nodes("/RawData")}
        assert {str(node.path) for node in held.h5saver.walk_nodes("/RawData")} == names
        for name in sorted(name for name in names if name.rpartition("/")[2].startswith("EnlData")):
            one, other = held.load_data(name), live.load_data(name)
            assert one == other
            assert (one.extra_attributes, one.labels) == (other.extra_attributes, other.labels)
            for extra in one.extra_attributes:
                assert np.array_equal(getattr(one, extra), getattr(other, extra))
        log = [line[20:] for line in live.h5saver.get_node("/RawData/Logger").read() if "text" in line]
        assert [line[20:] for line in held.h5saver.get_node("/RawData/Logger").read() if "text" in line] == log


def test_what_cannot_be_saved_raises_at_once(kept: H5SaverBase) -> None:
    """Nobody is told when it is too late."""
    with pytest.raises(ValueError, match="object"):
        kept.record("meter", np.array([object()]))
    kept.start(before=10)
    kept.stop()
    assert kept.statistics().frames_received == 0


def test_a_trigger_is_noted(kept: H5SaverBase) -> None:
    """The moment, the reason and the number of the frame stand in the file."""
    kept.record("laser", 0.0)
    for number in range(5):
        kept.record("meter", float(number))
    begun = datetime.now().timestamp()
    assert kept.trigger("the door was opened", source="meter")
    assert not kept.trigger("once more")
    kept.stop()
    with DataLoader(Path(kept.settings["current_h5_file"])) as loader:
        about = loader.h5saver.raw_group.attrs
        assert about["trigger_reason"] == "the door was opened"
        assert (about["frames_before"], about["trigger_source"], about["trigger_frame"]) == (6, "meter", 4)
        assert 0.0 < about["seconds_before"] < 10.0
        assert datetime.fromisoformat(about["trigger_time"]).timestamp() >= begun - 0.001
        lines = loader.h5saver.get_node("/RawData/Logger").read()
    assert marker_times(lines)[0] >= begun - 0.002
    assert any("the door was opened; 6 frames of the " in line for line in lines)


def test_a_file_that_cannot_be_made_costs_nothing(kept: H5SaverBase, tmp_path: Path) -> None:
    """What was held waits for the next attempt."""
    kept.record("meter", 1.0)
    (tmp_path / "no folder").write_text("a file")
    with pytest.raises(OSError, match="no folder"):
        kept.start(tmp_path / "no folder" / "run.h5", before=10)
    kept.record("meter", 2.0)
    kept.start(tmp_path / "run.h5", before=10)
    kept.record("meter", 3.0)
    kept.stop()
    assert numbers(tmp_path / "run.h5") == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_process_that_ends_while_it_waits(backend: str, tmp_path: Path) -> None:
    """The memory is the program's: another process is started, that is said, and nothing is lost."""
    saver = H5SaverBase("detector", backend)
    said: list[str] = []
    saver.update_status = said.append  # type: ignore[method-assign]
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["recording", "keep_before"] = 10.0
    saver.record("meter", 1.0)
    saver.wait()
    first = saver.io.pid
    saver.io._connection.transport.process.kill()
    wait_until(lambda: not saver.io.looks_after)
    saver.record("meter", 2.0)
    saver.wait()
    assert saver.io.pid not in (first, None)
    assert [text for text in said if "another one is started" in text]
    saver.start(before=10)
    saver.stop()
    assert numbers(Path(saver.settings["current_h5_file"])) == [1.0, 2.0]


def test_off_there_is_nothing(tmp_path: Path) -> None:
    """Neither memory nor a process, and a frame goes the way it always went."""
    recorder = Recorder(tmp_path / "run.h5")
    assert recorder.kept_before is None
    assert not recorder.trigger()
    assert not recorder.record("meter", 1.0)
    assert recorder.io.pid is None
    with recorder:
        assert recorder.record("meter", 2.0)
    assert numbers(tmp_path / "run.h5") == [2.0]


class _Model:
    """What has to be in the files, from what was done."""

    def __init__(self, saver: H5SaverBase) -> None:
        self.saver, self.next = saver, 0
        self.held: list[int] = []
        self.files: list[list[int]] = []
        self.is_open = self.is_paused = False

    def frames(self, count: int, shape: int, units: str) -> None:
        for _ in range(count):
            taken = self.saver.record("camera", np.full((shape, 3), self.next), units=units)
            assert taken == (self.is_open and not self.is_paused)
            if not self.is_open:
                self.held.append(self.next)
            elif taken:
                self.files[-1].append(self.next)
            self.next += 1

    def start(self, with_held: bool) -> None:
        if not self.is_open:
            self.saver.start(before=10 if with_held else 0)
            self.files.append(self.held if with_held else [])
            self.is_open, self.held = True, []

    def stop(self) -> None:
        self.saver.stop()
        self.is_open = self.is_paused = False

    def pause(self, on: bool) -> None:
        if self.is_open:
            self.is_paused = on
            (self.saver.pause if on else self.saver.resume)()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("frames"), st.integers(1, 5), st.sampled_from([1, 2]), st.sampled_from(["V", "mV"])),
        st.tuples(st.just("start"), st.booleans()),
        st.tuples(st.just("stop")),
        st.tuples(st.just("pause"), st.booleans()),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_files_hold_what_was_held_and_what_came(
    backend: str, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    """Whatever is done in whatever order: no frame is missing, doubled or out of its order."""
    folder = tmp_path_factory.mktemp("files")
    saver = H5SaverBase("detector", backend)
    saver.settings["base_path"] = str(folder)
    saver.settings["recording", "name_template"] = "{counter}"
    saver.settings["backend", "isolated"] = False
    saver.settings["recording", "keep_before"] = 10.0
    model = _Model(saver)
    for name, *arguments in steps:
        call: Callable[..., None] = getattr(model, name)
        call(*arguments)
    model.stop()
    found = [numbers(path) for path in sorted(folder.rglob("*.h5"))]
    assert [sorted(values) for values in found] == model.files  # segments of one meaning stand together


TRIGGERS = [
    ("meter above 5", 6.0),
    ("meter below -1", -2.0),
    ("meter inside 8 9", 8.5),
    ("meter outside -1 5", 7.0),
    ("meter/meter above 5 ; other above 1", 6.0),
]


@pytest.mark.parametrize(("text", "value"), TRIGGERS)
def test_a_value_is_a_trigger(tmp_path: Path, text: str, value: float) -> None:
    """The frame that fires is in the file, with those before it and after it."""
    recorder = Recorder()
    recorder.settings["base_path"] = str(tmp_path)
    recorder.settings["recording", "keep_before"] = 10.0
    recorder.settings["recording", "trigger"] = text
    values = [0.0, 1.0, 2.0, value, 3.0, 4.0]
    assert [recorder.record("meter", number) for number in values] == [False] * 3 + [True] * 3
    recorder.stop()
    path = Path(recorder.settings["current_h5_file"])
    assert numbers(path) == values
    with DataLoader(path) as loader:
        about = loader.h5saver.raw_group.attrs
        assert about["trigger_reason"] == f"{text.partition(';')[0].strip()}: {value:g}"
        assert (about["trigger_source"], about["trigger_frame"]) == ("meter", 3)


def test_a_region_or_a_channel_is_a_trigger(kept: H5SaverBase) -> None:
    """Only what is named counts; frames in one piece and data objects are the same."""
    kept.settings["recording", "trigger"] = "camera[1:3, 0] mean above 5; scope/b above 5"
    picture = np.zeros((4, 4))
    picture[0] = picture[:, 1] = 100.0
    kept.record("camera", picture)
    kept.record("camera", DataRaw("camera", data=[picture]))
    kept.record("scope", {"a": 100.0, "b": 0.0})
    kept.record("scope", {"a": 100.0, "b": 0.0})
    assert kept.status().state is RecorderState.ARMED
    assert kept.record("scope", {"a": 0.0, "b": 6.0})
    kept.stop()
    picture[1, 0] = 11.0
    assert kept.record("camera", DataRaw("camera", data=[picture]))
    kept.stop()
    assert len(sorted(Path(kept.settings["base_path"]).rglob("*.h5"))) == 2


def test_each_event_is_a_file(kept: H5SaverBase) -> None:
    """A limit ends the recording, and the saver waits for the next event; one that lasts is one event."""
    kept.settings["recording", "trigger"] = "meter/value above 5"
    kept.settings["recording", "stop_after_frames"] = 2
    kept.settings["recording", "name_template"] = "{counter}"
    folder, frame = Path(kept.settings["base_path"]), 0
    for event in range(3):
        for value in (0.0, 0.0, 9.0, 9.0, 9.0, 9.0):
            kept.record("meter", {"number": float(frame), "value": value})
            frame += 1
            kept.wait()
        assert kept.status().state is RecorderState.ARMED
        assert len(list(folder.rglob("*.h5"))) == event + 1
    files = sorted(folder.rglob("*.h5"))  # the last frame of each event is held for the next one
    assert [numbers(path)[: (5, 6)[event > 0]] for event, path in enumerate(files)] == [
        [0.0, 1.0, 2.0, 3.0, 4.0],
        [5.0, 6.0, 7.0, 8.0, 9.0, 10.0],
        [11.0, 12.0, 13.0, 14.0, 15.0, 16.0],
    ]


@pytest.mark.parametrize(
    "text", ["meter", "meter above", "meter above x", "meter inside 3 1", "meter[a] above 1", "above 5"]
)
def test_a_trigger_that_cannot_be_understood_is_refused(text: str) -> None:
    """The sentence shows one that can."""
    saver = H5SaverBase()
    with pytest.raises(ValueError, match="camera above 5"):
        saver.settings["recording", "trigger"] = text


def test_a_trigger_that_does_not_fit_is_told(tmp_path: Path) -> None:
    """A region that the frames don't have is no reason, and no error of the frame."""
    recorder, said = Recorder(), []
    recorder.update_status = said.append  # type: ignore[method-assign]
    recorder.settings["recording", "keep_before"] = 10.0
    recorder.settings["recording", "trigger"] = "meter[3, 4] above 1"
    assert not recorder.record("meter", 7.0)
    assert [text for text in said if "does not fit the frames of meter" in text]
