"""Held frames in memory: how many there are, how old they may be, and their times."""

from __future__ import annotations

import numpy as np
import pytest

from h5saver_widget.recording.held import Held
from h5saver_widget.recording.held_frames import said_about


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that frames are held by."""
    found = Clock()
    monkeypatch.setattr("h5saver_widget.recording.held.monotonic", found)
    return found


def held_values(held: Held, before: float) -> list[float]:
    held.fire({"reason": ""}, before)
    found = [float(frame.arrays[0].flat[0]) for frame in held.frames()]
    held.done()
    return found


def test_time_and_memory_are_bounds(clock: Clock) -> None:
    """The oldest frames go, when they are too old or there is no room; the memory never grows."""
    held = Held(1 << 20, 10.0)
    for number in range(100):
        clock.now += 0.5
        values = np.array([float(number)])
        held.put(0.0, said_about("meter", "", None, {}, None, [values]), [values])
    assert held.span == pytest.approx(10.0)
    assert held_values(held, 4.0) == [91.0, 92.0, 93.0, 94.0, 95.0, 96.0, 97.0, 98.0, 99.0]
    for number in range(100):
        values = np.full(5000, float(number))
        held.put(0.0, said_about("camera", "", None, {}, None, [values]), [values])
        assert held.used <= 1 << 20
    found = held_values(held, 10.0)
    assert found == list(range(100))[-len(found) :]
    assert len(found) * 40_000 > 0.95 * (1 << 20)
    held.close()


def test_times_are_even_when_the_clock_is_set(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a held frame is that of its arrival, by the clock of the start."""
    wall = [1_000_000.0]
    monkeypatch.setattr("h5saver_widget.recording.held.wall_clock", lambda: wall[0])
    held, values = Held(1 << 20, 10.0), [np.zeros(1)]
    for number in range(5):
        clock.now += 1.0
        wall[0] += 1.0 if number != 2 else -3600.0
        held.put(float("nan"), said_about("meter", "", None, {}, None, values), values)
    held.fire({"reason": ""}, 10.0)
    assert [frame.time - wall[0] for frame in held.frames()] == [-4.0, -3.0, -2.0, -1.0, 0.0]
    held.close()


def test_a_frame_that_was_looked_at_too_early_is_recorded(clock: Clock) -> None:
    """A recording may have begun since the caller has asked whether frames are held."""
    is_recording = [False]
    held = Held(1 << 20, 10.0, lambda: is_recording[0])
    values = [np.zeros(1)]
    head = said_about("meter", "", None, {}, None, values)
    assert held.put(0.0, head, values)
    assert held.fire({"reason": ""}, 10.0)
    is_recording[0] = True
    assert held.put(0.0, head, values)
    assert len(list(held.frames())) == 2
    assert not held.put(0.0, head, values)
    held.done()
    assert not held.put(0.0, head, values)
    is_recording[0] = False
    assert held.put(0.0, head, values)
    held.close()
