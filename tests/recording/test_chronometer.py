"""The clock: exact whatever the pauses, texts that say what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from h5saver_widget.errors import ClockError
from h5saver_widget.recording.chronometer import Chronometer, format_clock, parse_clock

STEPS = st.lists(st.tuples(st.sampled_from(["start", "pause", "lap", "reset", "wait"]), st.integers(0, 5000)))


@given(STEPS)
def test_time_is_the_sum_of_the_running_spans(steps):
    now = [100.0]
    chronometer = Chronometer(clock=lambda: now[0])
    expected, running, laps, started = 0.0, False, 0, False
    for what, milliseconds in steps:
        now[0] += milliseconds / 1000
        expected += milliseconds / 1000 if running else 0
        if what == "lap" and started:
            lap = chronometer.lap()
            laps += 1
            assert (lap.number, lap.total) == (laps, pytest.approx(expected))
        elif what in ("start", "pause"):
            running, started = what == "start", started or what == "start"
            getattr(chronometer, what)()
        elif what == "reset":
            chronometer.reset()
            expected, running, laps, started = 0.0, False, 0, False
        assert chronometer.elapsed == pytest.approx(expected) and chronometer.running == running
    assert sum(lap.seconds for lap in chronometer.laps) <= expected + 1e-9


def test_looking_changes_nothing():
    now = [0.0]
    chronometer = Chronometer(clock=lambda: now[0])
    chronometer.start()
    for tick in range(1000):
        now[0] = tick * 0.05
        assert chronometer.elapsed == now[0]
    now[0] = 500_000.05
    assert chronometer.elapsed == 500_000.05


def test_a_countdown_goes_below_zero_and_says_so():
    now = [0.0]
    chronometer = Chronometer(countdown=90, clock=lambda: now[0])
    assert (chronometer.shown, chronometer.is_over) == (90, False)
    chronometer.start()
    now[0] = 89.9
    assert not chronometer.is_over
    now[0] = 95.0
    assert (chronometer.shown, chronometer.is_over) == (-5, True)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_countdown_from_nothing_is_refused(seconds):
    with pytest.raises(ClockError, match="above zero"):
        Chronometer(countdown=seconds)
    with pytest.raises(ClockError, match="start it first"):
        Chronometer().lap()


@given(st.integers(1, 10**9))
def test_what_is_shown_can_be_typed(milliseconds):
    assert parse_clock(format_clock(milliseconds / 1000, 3)) == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize("text", ["", "abc", "0", "-5", "1:60", "1:2:3:4", "1.5:00", "nan", "inf", "1:-2", ":30"])
def test_texts_that_are_no_times(text):
    with pytest.raises(ClockError, match="1:30"):
        parse_clock(text)


def test_a_time_is_never_shown_before_it_is_reached():
    assert format_clock(59.999) == "00:00:59.9"
    assert format_clock(0.3) == "00:00:00.3" and format_clock(-0.04) == "00:00:00.0"
    assert format_clock(360_000, 0) == "100:00:00"
