"""What a frame costs while it is held, beside the same frame while it is recorded; and how soon a recording is safe.

Ratios within one run: the numbers of another machine, or of a busy one, differ.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep

import numpy as np

from h5saver_widget import H5SaverBase

ROUNDS = 9
HELD, RECORDED, OFF = "held", "recorded", "neither"


def saver_in(folder: Path, how: str, trigger: str = "") -> H5SaverBase:
    """Return a saver that holds frames, records them, or does nothing with them."""
    saver = H5SaverBase("detector")
    saver.settings["base_path"] = str(folder)
    saver.settings["recording", "trigger"] = trigger
    if how == HELD:
        saver.settings["recording", "keep_before"] = 60.0
        saver.settings["recording", "keep_before_memory"] = 512.0
    elif how == RECORDED:
        saver.start()
    return saver


def rounds(actions: dict[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """Return the seconds of one call of each action, of the best of some rounds, in turn."""
    found: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            began = perf_counter()
            for _ in range(calls):
                action()
            found[name].append((perf_counter() - began) / calls)
            sleep(0.05)  # what waits is written
    return {name: min(times) for name, times in found.items()}


def costs(folder: Path) -> None:
    """Print one line for each kind of frame."""
    x = np.arange(500.0)
    image = np.zeros((1024, 1024), np.uint16)
    kinds = {
        "number": (1.5, None, 2000),
        "spectrum": (x, {"time": (x, "s")}, 1000),
        "image of 2 MB": (image, None, 12),
    }
    savers = {how: saver_in(folder, how) for how in (HELD, RECORDED)}
    savers["with a trigger"] = saver_in(folder, HELD, ";".join(f"{name} above 1e9" for name in kinds))
    for name, (frame, axes, calls) in kinds.items():
        actions = {
            how: lambda saver=saver, name=name, frame=frame, axes=axes: saver.record(name, frame, units="V", axes=axes)
            for how, saver in savers.items()
        }
        for _ in range(300 if calls < 100 else 1):  # the memory is touched once
            for action in actions.values():
                action()
        took = rounds(actions, calls)
        held, recorded = took[HELD], took[RECORDED]
        line = f"{name:14} held {held * 1e6:8.1f} us   recorded {recorded * 1e6:8.1f} us   ratio {held / recorded:.2f}"
        print(f"{line}   with a trigger {took['with a trigger'] * 1e6:8.1f} us")
    for saver in savers.values():
        saver.settings["recording", "keep_before"] = 0.0
        saver.close_file()


def nothing_held(folder: Path) -> None:
    """Print what `record` costs while nothing is recorded, without *Keep before*."""
    saver = saver_in(folder, OFF)
    took = rounds({"off": lambda: saver.record("number", 1.5, units="V")}, 2000)["off"]
    print(f"neither held nor recorded: {took * 1e6:.1f} us")


def safe_after(folder: Path, megabytes: int) -> None:
    """Print how soon after a trigger the first frame, and everything that was held, can be read by others."""
    saver = saver_in(folder, HELD)
    image = np.zeros((1024, 1024), np.uint16)
    for _ in range(megabytes // 2):
        saver.record("camera", image)
    saver.wait()
    began = perf_counter()
    saver.trigger("bench")
    while not saver.statistics().frames_written:
        sleep(0.001)
    first = perf_counter() - began
    while saver.statistics().frames_written < megabytes // 2:
        sleep(0.001)
    everything = perf_counter() - began
    print(f"{megabytes} MB held: first frames safe after {first:.2f} s, all after {everything:.2f} s")
    saver.settings["recording", "keep_before"] = 0.0
    saver.stop()


def main() -> None:
    """Print all lines."""
    with tempfile.TemporaryDirectory() as folder:
        costs(Path(folder))
        nothing_held(Path(folder))
        for megabytes in (20, 400):
            safe_after(Path(folder), megabytes)


if __name__ == "__main__":
    sys.exit(main())
