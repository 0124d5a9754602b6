"""Commands as sentences, and the strip below the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from h5saver_widget.qt import status as status_module
from h5saver_widget.qt.status import StatusStrip, ThreadCommand, explain, format_duration, format_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *[(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_949, "1.0 MB")],
        *[(123_400_000, "123 MB"), (1_440_000_000, "1.4 GB"), (25_000_000_000_000, "25.0 TB")],
    ],
)
def test_sizes(count, text):
    assert format_size(count) == text


def test_durations():
    assert [format_duration(s) for s in (0, 59.9, 3600, 360_000)] == ["00:00:00", "00:00:59", "01:00:00", "100:00:00"]


def test_sentences():
    opened = ThreadCommand("opened", {"path": Path("a.h5"), "created": True, "moved_aside": Path("x/a_old1.h5")})
    assert opened.message == "New file a.h5 (the older file of this name is kept as a_old1.h5)"
    closed = ThreadCommand("closed", {"path": Path("a.h5"), "frames": 22530, "bytes": 1_400_000_000})
    assert closed.message == "Closed a.h5: 22,530 frames saved, 1.4 GB"
    assert ThreadCommand("error", {"message": "no", "exception": None}).message == "no"


def test_errors_in_words():
    assert explain(PermissionError(13, "Permission denied", "/x")) == "Permission denied: /x"
    assert explain(ValueError()) == "ValueError"


def test_the_strip(qtbot, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(status_module.time, "monotonic", lambda: now[0])
    strip = StatusStrip()
    qtbot.addWidget(strip)
    assert strip.state == "no file"
    strip.show_command(ThreadCommand("opened", {"path": Path("a.h5"), "created": True}))
    assert strip.state == "file open"
    strip.show_command(ThreadCommand("saving", {"path": Path("a.h5")}))
    for _ in range(20):
        now[0] += 0.5
        size = int((now[0] - 100) * 61e6)
        strip.show_command(ThreadCommand("saved", {"frames": size // 1000, "bytes": size}), lost=2)
    strip._tick()
    assert (strip.state, strip.clock.text(), strip.rate.text()) == ("saving", "00:00:10", "61.0 MB/s")
    assert (strip.frames.text(), strip.lost.text(), strip.written.text()) == (
        "610,000 frames",
        "2 lost",
        "610 MB saved",
    )
    now[0] += 20
    strip._tick()
    assert strip.rate.text() == "0 B/s"
    strip.show_command(ThreadCommand("closed", {"path": Path("a.h5"), "frames": 610_001, "bytes": 610_001_000}))
    assert (strip.state, strip.frames.text(), strip.rate.text()) == ("closed", "610,001 frames", "")
    strip.show_command(ThreadCommand("error", {"message": "the disk is full", "exception": None}), lost=3)
    assert (strip.state, strip.problem.text(), strip.lost.text()) == ("error", "the disk is full", "3 lost")
    assert not strip.grab().isNull()
