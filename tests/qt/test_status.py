"""Commands as sentences, and numbers as people read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from h5saver_widget.format.text import format_size
from h5saver_widget.qt.status import ThreadCommand, explain, format_left
from h5saver_widget.recording.chronometer import format_clock


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
    assert [format_clock(s, 0) for s in (0, 59.9, 3600, 360_000)] == ["00:00:00", "00:00:59", "01:00:00", "100:00:00"]


def test_time_left():
    assert [format_left(s) for s in (0, 59.9, 60, 61, 7200, 90_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 min 1 s",
        "2 h",
        "1 d 1 h",
    ]


def test_sentences():
    opened = ThreadCommand("opened", {"path": Path("a.h5"), "created": True, "moved_aside": Path("x/a_old1.h5")})
    assert opened.message == "New file a.h5 (the older file of this name is kept as a_old1.h5)"
    closed = ThreadCommand("closed", {"path": Path("a.h5"), "frames": 22530, "bytes": 1_400_000_000})
    assert closed.message == "Closed a.h5: 22,530 frames saved, 1.4 GB"
    assert ThreadCommand("paused", {"path": Path("a.h5")}).message == "Paused: a.h5"
    assert ThreadCommand("error", {"message": "no", "exception": None}).message == "no"


def test_errors_in_words():
    assert explain(PermissionError(13, "Permission denied", "/x")) == "Permission denied: /x"
    assert explain(ValueError()) == "ValueError"
