"""What comes back is what went in, whatever changes between two frames: one property, and the cases that led to it."""

import h5py
import numpy as np
import pytest
from changing_frames import CALLS, FACTS, SAVERS, comes_back, frame, moves, recorded, rows, save
from hypothesis import HealthCheck, example, given, settings, strategies as st

from h5saver_widget import (
    DataLoader,
    DataMismatchError,
    Recorder,
)
from h5saver_widget.backends.terms import Compression


@pytest.fixture
def recorder(backend, isolated):
    """Return a recorder whose files are those of a backend, in its process or in another one."""
    recorder = Recorder(backend=backend)
    recorder.store.change(isolated=isolated, save_2D=True, save_raw_only=False)
    yield recorder
    recorder.stop()


changes = st.sampled_from([(name, value) for name, values in FACTS.items() for value in values])
streams = st.lists(st.lists(changes, max_size=2), min_size=2, max_size=7)


def changed(*steps):
    """Return steps from pairs of a fact and its new value."""
    return [[], *([step] for step in steps)]


@pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"])
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(SAVERS + CALLS), steps=streams, level=st.sampled_from([0, 4]), streamed=st.booleans())
@example("time", changed(("units", "V")), 0, False)
@example("scan", changed(("units", "V"), ("units", "mV")), 0, True)
@example(
    "logger", changed(("axis", ("x", "nm", 1.0)), ("axis", ("x", "nm", 2.0)), ("axis", ("x", "nm", -1.0))), 0, False
)
@example("time", changed(*(("axis", ("x", "nm", step)) for step in (1.0, 2.0, -1.0, 1.0, 2.0, 2.0))), 0, False)
@example("time", changed(("labels", ("b", "a"))), 0, False)
@example("scan", changed(("exposure", 0.5), ("exposure", "auto"), ("exposure", 0.1)), 0, True)
@example("enlargeable", [[("dtype", "int64")], [("dtype", "float64")], [("dtype", "int64")]], 0, False)
@example("time", [[("dtype", "bool")], [("dtype", "int64")]], 0, True)
@example("scan", [[], [("dtype", "bool"), ("exposure", 1)], [("exposure", True)]], 0, False)
@example("scan", changed(("shape", (0,)), ("shape", (4,)), ("shape", (0, 3))), 4, True)
@example("time", [[("shape", (0,)), ("dtype", "text")], [], [("dtype", "float64"), ("errors", "float64")]], 0, False)
@example("logger", changed(("shape", (3, 0)), ("axis", ("x", "nm", 1.0)), ("axis", ("x", "um", 1.0))), 0, True)
@example("scan", [[("dtype", "uint8")], [("dtype", "uint16")], [("dtype", "uint8")]], 4, False)
@example("snapshot", changed(("memory", "masked"), ("memory", "repeated")), 0, False)
@example("time", changed(("shape", (4,)), ("shape", (1,))), 4, False)
@example("time", [[("axis", ("x", "", "flags"))], [("dtype", "int64"), ("axis", ("x", "", 1))]], 0, False)
@example("scan", changed(("shape", (4,)), ("shape", (1,))), 0, True)
@example("time", [[("dtype", "int64")], [("memory", "masked")], [("errors", "int64")]], 0, False)
@example("scan", [[], [("errors", "int64")]], 0, False)
@example("time", [[], [("dtype", "complex128"), ("labels", ("b", "a"))]], 0, False)
@example("time", [[("dtype", "text")], [], [("dtype", "bytes")], [("dtype", "text")]], 0, True)
@example("scan", [[("dtype", "text")], [], [("dtype", "datetime64[ns]")], [("labels", ("b", "a"))]], 4, True)
@example("logger", [[("dtype", "datetime64[ns]")], [("memory", "masked")], [("dtype", "object")]], 0, False)
@example(
    "time", [[("axis", ("x", "", "text"))], [("axis", ("x", "", "times"))], [("axis", ("x", "nm", 1.0))]], 0, False
)
def test_whatever_changes_comes_back(saver, recorder, tmp_path_factory, isolated, kind, steps, level, streamed):
    facts, frames = {}, []
    for number, step in enumerate(steps):
        facts = {**facts, **dict(step)}
        frames.append(frame(number, **facts))
    path = tmp_path_factory.mktemp("meaning") / "a.h5"
    streamed = streamed and saver.capabilities.swmr and "snapshot" not in kind
    if kind in CALLS:
        used = recorder
        used.store.change(h5comp_level=level, enable_swmr=streamed)
        used.start(path)
        saved = recorded(used, kind, frames, streamed)
        used.stop()
    else:
        used = saver
        used.compression = Compression("gzip", level)
        used.init_file(path, swmr=streamed)
        saved = save(used, kind, frames, streamed)
        used.close_file()
    assert used.statistics().frames_written == len(saved)  # counted also across the ends of streaming
    comes_back(path, saved)


@pytest.mark.parametrize("kind", ["time", "scan"])
def test_units_are_converted_where_that_is_asked_for_and_no_digit_is_lost(saver, tmp_path, kind):
    frames = [frame(0), frame(1, units="V"), frame(2, units="V", labels=("b", "a")), frame(3, units="uV")]
    frames += [frame(4, units="V", dtype="uint8"), frame(5, units="A")]
    saver.init_file(tmp_path / "a.h5")
    saver.convert_units = True
    save(saver, kind, frames)
    saver.close_file()
    found = {}
    with DataLoader(tmp_path / "a.h5") as loader:
        for at, data, row in rows(loader.load_all("/")):
            found[at - 1000] = (data.units, *(data.inav[row].data[data.labels.index(label)].item() for label in "ab"))
        log = " ".join(loader.h5saver.get_node("/RawData/Logger").read())
    assert found == {
        **{0: ("mV", 1.0, 2.0), 1: ("mV", 11e3, 12e3), 2: ("mV", 22e3, 21e3), 3: ("mV", 0.031, 0.032)},
        **{4: ("V", 41.0, 42.0), 5: ("A", 51.0, 52.0)},
    }
    assert log.count("V is converted to mV") == 2 and "in which some numbers would lose digits" in log


@pytest.mark.parametrize("kind", ["time", "enlargeable", "scan", "logger"])
def test_axes_that_are_not_told_again_are_kept_and_that_is_told(saver, tmp_path, kind):
    axis = ("x", "nm", 1.0)
    saver.init_file(tmp_path / "a.h5")
    save(saver, kind, [frame(0, axis=axis), frame(1), frame(2), frame(3, axis=axis)])
    saver.close_file()
    with DataLoader(tmp_path / "a.h5") as loader:
        log = loader.h5saver.get_node("/RawData/Logger").read()
        assert sum("without axes" in line for line in log) == 1
        (loaded,) = (data for data in loader.load_all("/") if data.name == "v")
        assert loaded.shape[0] == 4 and [axis.label for axis in loaded.get_signal_axes()] == ["x"]


def test_axes_that_move_stay_where_they_were_when_they_are_not_told(saver, tmp_path):
    steps = [1.0, 2.0, -1.0, 3.0, None, 5.0]
    saver.init_file(tmp_path / "a.h5")
    facts = [{} if step is None else {"axis": ("x", "nm", step)} for step in steps]
    save(saver, "time", [frame(i, **fact) for i, fact in enumerate(facts)])
    saver.close_file()
    with DataLoader(tmp_path / "a.h5") as loader:
        found = [data for data in loader.load_all("/") if moves(data)][-1]
        assert found.moving_axes[0]["values"][:, 0].tolist()[-3:] == [3.0, 3.0, 5.0]


@pytest.mark.parametrize("kind", SAVERS)
def test_too_many_words_are_refused_and_nothing_of_them_is_written(saver, tmp_path, kind):
    words = frame(1, dtype="text")
    words.data = [np.array(["w" * 60_000, "a", "b", "c"]), words.data[0].repeat(4)]
    frames = [frame(0, dtype="text", shape=(4,)), words, frame(2, dtype="text", shape=(4,))]
    saver.init_file(tmp_path / "a.h5")
    with pytest.raises(DataMismatchError, match="as a comment in the log"):
        save(saver, kind, frames[:2])
    assert saver.frames_lost == 1


def test_damaged_words_are_empty_text(saver, tmp_path):
    saver.init_file(tmp_path / "a.h5")
    save(saver, "time", [frame(0, dtype="text")])
    node = saver.get_node("/RawData/Detector000/Data0D/CH00/EnlData00")
    assert node.read().tolist() == [[1]]  # other programs see the numbers of the words
    saver.io.write(node.handle, (0, 0), np.array(99, node.dtype))
    saver.close_file()
    with DataLoader(tmp_path / "a.h5") as loader:
        assert loader.load_all("/")[0].data[0].tolist() == [""]


@pytest.mark.parametrize("kind", SAVERS)
def test_attributes_that_are_kept_as_text_are_told_whenever_they_come(saver, tmp_path, kind):
    frames = [frame(0), frame(1, exposure={1, 2})]
    saver.init_file(tmp_path / "a.h5")
    save(saver, kind, frames)
    log = " ".join(saver.get_node("/RawData/Logger").read())
    assert log.count("the extra attribute 'exposure' is kept as text") == 1


@pytest.mark.parametrize("kind", SAVERS)
def test_what_no_file_can_hold_is_refused_in_a_sentence(saver, tmp_path, kind):
    named, enumerated = frame(0), frame(0)
    named.name = "a\0b"
    enumerated.data = [np.zeros(1, h5py.enum_dtype({"OFF": 0, "ON": 1}, "i4"))] * 2
    for data, said in ((named, "a name in a file has no NUL"), (enumerated, r"numbers with names \(OFF, ON\)")):
        saver.init_file(tmp_path / f"{data.name[0]}.h5")
        with pytest.raises(DataMismatchError, match=said):
            save(saver, kind, [data])
        assert saver.frames_lost == 1
