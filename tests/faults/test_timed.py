"""Frames lost at every place, and clocks that are set: all of it is found where it happened, and nothing else."""

from __future__ import annotations

import pytest
import timed


@pytest.mark.parametrize(("backend", "isolated"), [("h5py", True), ("tables", False)])
def test_everything_that_is_lost_is_found_where_it_was_lost(backend, isolated):
    counted = timed.count_mixed(30, 7, backend, isolated)
    assert (counted["found"], counted["false"], counted["files as they should be"]) == (30, 0, 1)


def test_a_healthy_recording_raises_no_alarm():
    counted = timed.count_quiet(0.4, 7)
    assert counted["false"] == 0 and counted["frames"] > 10_000
