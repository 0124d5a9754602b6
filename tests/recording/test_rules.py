"""What a recorder decides: limits, the disk, notes, sources. No window, no file."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from h5saver_widget.errors import NamingError
from h5saver_widget.format import codec
from h5saver_widget.recording.disk import DiskSpace, DiskWatch, MinimumFreeSpace, measure_disk, measure_within
from h5saver_widget.recording.limits import Limit
from h5saver_widget.recording.notes import (
    Note,
    check_notes,
    note_attributes,
    notes_from_attributes,
    notes_text,
    read_notes,
)
from h5saver_widget.recording.sources import Sources, source_names

GB = 10**9


def test_limits():
    assert Limit().reached(10**15, 1e9, 10**9) == ""
    limit = Limit(size=2_000_000, seconds=90, frames=10)
    assert limit.reached(1_999_999, 89.9, 9) == ""
    assert [limit.reached(2_000_000, 0, 0), limit.reached(0, 90, 0), limit.reached(0, 0, 10)] == [
        *("2 MB", "1.5 min", "10 frames")
    ]


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_reserve_is_kept_on_every_disk(free, total, size, coming):
    reserve = MinimumFreeSpace(size)
    problem = reserve.problem(DiskSpace(free, total), coming)
    assert reserve.kept(total) <= min(size, total / 20)
    assert bool(problem) == (size > 0 and free - coming < reserve.kept(total))


def test_an_empty_stick_is_not_full():
    assert MinimumFreeSpace().problem(DiskSpace(15 * 10**6, 16 * 10**6)) == ""
    assert "only 400 MB are free" in MinimumFreeSpace().problem(DiskSpace(400 * 10**6, 100 * GB))


def test_a_disk_is_measured(tmp_path):
    file = tmp_path / "a.h5"
    file.write_bytes(b"x" * 1000)
    room = measure_disk(file)
    assert room.file_size == 1000 and 0 < room.free <= room.total
    later = measure_disk(tmp_path / "not" / "there" / "yet.h5")
    assert later.total == room.total and later.file_size is None


def test_a_share_that_hangs_is_not_waited_for():
    gate = threading.Event()
    try:
        assert measure_within(Path("x"), 0.01, lambda path: gate.wait(20)) is None
        assert measure_within(Path("x"), 20, lambda path: DiskSpace(1, 2)) == DiskSpace(1, 2)
    finally:
        gate.set()


def test_a_watch_measures_again_and_again_until_it_is_stopped():
    sizes, threads = iter(range(0, 10**9, 1000)), set()
    enough = threading.Event()

    def measure(path: Path) -> DiskSpace:
        threads.add(threading.current_thread())
        size = next(sizes)
        if size > 5000:
            enough.set()
        return DiskSpace(GB, 2 * GB, size)

    watch = DiskWatch(lambda: 7, measure, 0.001)
    assert watch.latest is None and watch.look() is None
    watch.start(Path("a.h5"))
    assert enough.wait(20)
    assert watch.running and watch.latest.accepted == 7 and watch.bytes_per_second() > 0
    assert watch.look().file_size >= 5000
    watch.stop()
    for thread in threads:
        thread.join(20)
    assert not watch.running and watch.look() is None
    assert not any(thread.is_alive() for thread in threads)


NOTES = st.lists(st.builds(Note, st.text(max_size=8), st.text(max_size=8), st.text(max_size=4)), max_size=5)


@given(NOTES)
def test_notes_are_kept_as_text(notes):
    assert read_notes(notes_text(notes)) == tuple(notes)


@given(
    st.lists(
        st.builds(Note, st.from_regex(r"[a-zA-Z]\w{0,6}", fullmatch=True), st.text(max_size=9), st.text()), max_size=4
    )
)
def test_notes_that_are_accepted_come_back_from_a_file(notes):
    try:
        check_notes(notes)
    except NamingError:
        return
    stored = {name: codec.decode(codec.encode(value)) for name, value in note_attributes(notes).items()}
    back = notes_from_attributes({**stored, "type": "scan"})
    assert [note.name for note in back] == [note.name for note in notes]
    for note, kept in zip(notes, back, strict=True):
        assert kept.unit == (note.unit if note.unit.strip() else "")
        assert kept.value == note.value


@pytest.mark.parametrize(
    "name", ["", " ", "a/b", "_x", "date", "Counter", "power_units", "x" * 61, "a.b", "a\nb", "{a}"]
)
def test_names_that_can_not_be_notes(name):
    with pytest.raises(NamingError):
        check_notes([Note(name, "1")])


TYPED = [("3", 3), ("-2.5", -2.5), ("0", 0), ("1e+20", "1e+20"), ("9" * 19, "9" * 19), ("-0", "-0"), ("nan", "nan")]
TYPED += [(text, text) for text in ("-2.50", "2,5", "1e3", "007", " 3", "inf", "１", "1_000", "True")]


@pytest.mark.parametrize(("text", "value"), TYPED)
def test_what_was_typed_is_a_number_where_the_number_is_written_just_so(text, value):
    found = note_attributes([Note("x", text)])["user_x"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["no", "{}", "[1]", '[["a", "b"]]', '[["a", "b", 3]]', "[" * 100_000])
def test_texts_that_are_no_notes(text):
    with pytest.raises(NamingError, match="can't be read"):
        read_notes(text)


def test_sources_that_are_missing():
    sources = Sources(required=source_names("Camera, Laser,,Camera"))
    assert sources.required == ("Camera", "Laser")
    assert sources.missing(4.0, since=0.0) == ()
    assert sources.missing(6.0, since=0.0) == ("Camera: nothing yet", "Laser: nothing yet")
    for second in range(0, 61, 20):
        sources.saved("Camera", second)
    sources.saved("Laser", 60)
    assert sources.missing(64, since=0.0) == ()
    assert sources.missing(100, since=0.0) == ("Laser: nothing for 40 s",), "every 20 s is the camera's pace"
    assert sources.missing(200, since=0.0)[0] == "Camera: nothing for 140 s"
    sources.clear()
    assert sources.missing(201, since=200) == ()
