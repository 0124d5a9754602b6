"""Every state that a journaled file goes through on the disk has what was flushed before; see `crash_points.py`.

Here every so many of them, and without the other ways of writing: ``make faults`` tries all.
"""

from __future__ import annotations

from pathlib import Path

import crash_points
import pytest


@pytest.mark.parametrize(("durability", "level", "every"), [("journal", 0, 8), ("power", 4, 4)])
def test_what_was_flushed_can_be_read_at_every_instant(durability: str, level: int, every: int, tmp_path: Path) -> None:
    trace = crash_points.traced_here(tmp_path / "a.h5", level, durability)
    outcome = crash_points.try_all(trace, tmp_path, power=int(durability == "power"), every=every, directly=False)
    assert outcome.states > 50
    assert outcome.lost == []
    assert outcome.repaired == 0
    commits = [number for number, step in enumerate(trace.steps) if step[1] == "journal" and step[0] == "write"]
    assert len(commits) > 20
    written = [step for step in trace.steps if step[0] == "write"]
    assert len(written) < 12 * len(commits)  # neighbouring pages are written in one piece


def test_in_the_middle_of_a_commit(tmp_path: Path) -> None:
    """From the last page of the journal to the last of the file: here other programs need `h5saver repair`."""
    trace = crash_points.traced_here(tmp_path / "a.h5", 4, "power")
    journals = [number for number, step in enumerate(trace.steps) if step[:2] == ("write", "journal")]
    around = {number for at in journals[10::15] for number in range(at, at + 12)}
    outcome = crash_points.try_all(trace, tmp_path, power=2, only=around, directly=False)
    assert outcome.lost == []
    assert outcome.by_journal > 0
