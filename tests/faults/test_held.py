"""The seconds before: a small count of each kind; the large ones are made by ``make faults NAMES=before``."""

from __future__ import annotations

from pathlib import Path

import held
import pytest

NOTHING = {"missing": 0, "doubled": 0, "out of order": 0}


@pytest.mark.parametrize(("backend", "isolated"), [("h5py", True), ("tables", False)])
def test_no_frame_is_missing_or_doubled(backend: str, isolated: bool) -> None:
    """Frames have numbers: those in the files are those that were given."""
    row = held.count_events(3, 1, backend, isolated)
    assert row["frames"] > 100
    assert {**row, **NOTHING, "dropped": 0} == row


@pytest.mark.parametrize(("backend", "delay"), [("h5py", 0.0), ("tables", 0.05)])
def test_a_killed_program_loses_nothing(tmp_path: Path, backend: str, delay: float) -> None:
    """Killed right after the trigger, and while held frames are written."""
    seen = held.killed(tmp_path, backend, delay)
    assert seen["frames"] >= 300
    assert {**seen, **NOTHING} == seen


def test_the_memory_is_never_larger_than_its_bound() -> None:
    """Frames of some minutes, in accelerated time."""
    row = held.count_hour(8 << 20, 4000)
    assert 0.9 < row["most"] <= 1.0
    assert row["grown"] < 1.02
