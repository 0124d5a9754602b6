"""Numbers that are missing, each at one place, and the drift of a clock: by plain numbers, without a file."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings, strategies as st

from h5saver_widget.recording.drift import Drift
from h5saver_widget.recording.gaps import MOST, Numbers


def places(gaps):
    return [(gap.first, gap.last, gap.place) for gap in gaps]


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        ([0, 1, 2, 2, 3, 4], [(2, 2, "again")]),
        ([0, 1, 2, 3, 2, 4, 5], [(2, 2, "again")]),
        ([0, 1, 4, 2, 5, 3, 6], [(2, 2, "late"), (3, 3, "late")]),
        ([7, 8, 9, 0, 1, 2, 3], [(0, 0, "restarted")]),
        ([7, 8, 9, 0, 1, 4, 5], [(0, 0, "restarted"), (2, 3, "device")]),
        ([0, 1, 0, 1, 2, 3], [(0, 1, "again")]),
        ([65534, 65535, 0, 1], []),
        ([5, 6, 6], [(6, 6, "again")]),
        ([5, 6, 0, 1], [(0, 0, "restarted")]),
        ([5, 6, 3, 8, 9], [(3, 3, "again"), (7, 7, "device")]),
    ],
)
def test_numbers_that_go_backwards(came, expected):
    numbers = Numbers("camera")
    for number in came:
        numbers.came(number, 0, 0.0)
    numbers.end(0.0)
    assert places(numbers.rows) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["ok"] * 4 + ["device", "driver", "told", "queue", "disk", "skipped"]), max_size=60))
def test_every_number_belongs_to_one_place(fates):
    """Frames with any fate, in any order: each number that is missing stands in the table once, at its place."""
    numbers, expected, waiting, last = Numbers("camera"), {}, 0, 0
    numbers.came(0, 0, 0.0)
    for number, fate in enumerate(fates, 1):
        if fate in ("device", "driver", "told"):
            expected[number] = fate
            continue
        missing = range(last + 1, number)
        drivers = [n for n in missing if expected[n] == "driver"]
        numbers.told([n for n in missing if expected[n] == "told"], "driver")
        waiting = len(drivers)
        # counts go to the first numbers of a gap that nobody has named
        unnamed = [n for n in missing if expected[n] != "told"]
        for at, n in enumerate(unnamed):
            expected[n] = "driver" if at < waiting else "device"
        numbers.told(waiting, "driver")
        numbers.came(number, 0, 0.0)
        last = number
        if fate != "ok":
            numbers.lost(number, fate, 0.0)
            expected[number] = fate
    numbers.end(0.0)
    expected = {n: "driver" if place == "told" else place for n, place in expected.items() if n < last + 1}
    found = [(n, row.place) for row in numbers.rows for n in range(row.first, row.last + 1)]
    assert dict(found) == expected and len(found) == len(expected)
    assert all(row.count == row.last - row.first + 1 for row in numbers.rows)
    came = sum(place in ("queue", "disk") for place in expected.values())
    assert numbers.never_came == sum(place in ("device", "driver") for place in expected.values())
    assert came + numbers.never_came == sum(row.count for row in numbers.rows if row.is_lost)


def test_ten_thousand_gaps_are_a_table_and_the_rest_is_added_up():
    numbers = Numbers("camera")
    for number in range(0, 2 * (MOST + 50), 2):
        numbers.came(number, 0, 0.0)
    numbers.lost(0, "queue", 0.0)
    numbers.lost(1, "queue", 0.0)
    *_, before, device, queue = numbers.rows
    assert before.first >= 0 and (device.first, device.count, queue.count) == (-1, 49, 2)
    assert numbers.never_came == MOST + 49


@pytest.mark.parametrize("jitter", [1e-3, 5e-3])
@pytest.mark.parametrize("ppm", [50.0, -50.0, 0.0, 3.0])
def test_the_drift_of_a_clock_is_found_to_a_part_per_million_in_ten_minutes(ppm, jitter):
    chance = random.Random(f"{ppm}{jitter}")
    drift = Drift()
    for number in range(6000):
        true = number / 10
        late = 2e-3 + chance.expovariate(1 / jitter) + (3.0 * chance.random() if 2000 < number < 2100 else 0.0)
        drift.add(17.0 + true * (1 + ppm * 1e-6), 1000.0 + true + late)
    found = drift.fit()
    assert found is not None and abs(found.ppm - ppm) < 1.0 and found.error < 0.5
    assert abs(found.ppm - ppm) < 5 * found.error + 1e-6


def test_a_clock_that_is_set_begins_anew_and_a_day_keeps_few_points():
    drift = Drift()
    for number in range(100_000):
        true = float(number)
        drift.add(true * (1 + 20e-6) + (50.0 if number > 90_000 else 0.0) - (true if number > 99_990 else 0.0), true)
    assert len(drift._blocks) <= 1024
    found = drift.fit()
    assert found is not None and round(found.ppm, 3) == 20.0 and found.seconds > 80_000
