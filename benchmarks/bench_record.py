"""What a frame costs by the simple way, beside the same frame by a module saver, and beside a copy of its bytes.

Ratios within one run: the numbers of another machine, or of a busy one, differ.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from itertools import count
from math import inf
from pathlib import Path
from time import perf_counter

import numpy as np

from h5saver_widget import Axis, DataRaw, DataToExport, DetectorTimeSaver, Recorder

ROUNDS = 7


def best(actions: list[Callable[[], object]], calls: int, rest: Callable[[], object] = lambda: None) -> list[float]:
    """Return the seconds of one call of each action, of the best of some rounds in turn, with a rest after each."""
    found = [inf] * len(actions)
    for _ in range(ROUNDS):
        for number, action in enumerate(actions):
            began = perf_counter()
            for _ in range(calls):
                action()
            found[number] = min(found[number], (perf_counter() - began) / calls)
            rest()
    return found


def main() -> None:
    """Print one line for each kind of frame."""
    time, spectrum = np.arange(500.0), np.arange(500.0)
    image, copy = np.zeros((1024, 1024), np.uint16), np.empty((1024, 1024), np.uint16)
    kinds = {
        "number": (1.5, {}, [np.array([1.5])], [], 2000),
        "spectrum": (spectrum, {"time": (time, "s")}, [spectrum], [Axis("time", "s", data=time)], 1000),
        "image of 2 MB": (image, None, [image], [], 30),
    }
    numbers = count()
    with Recorder(Path(tempfile.mkdtemp()) / "bench.h5") as recorder:
        for name, (frame, axes, data, made, calls) in kinds.items():
            saver = DetectorTimeSaver(f"{name}, module")
            saver.h5saver = recorder

            def by_module(saver=saver, data=data, made=made) -> None:
                bundle = DataToExport("frame", data=[DataRaw("frame", data=data, units="V", axes=made)])
                saver.add_data(saver.get_set_node(), bundle)

            def by_record(name=name, frame=frame, axes=axes) -> None:
                recorder.record(name, frame, units="V", axes=axes)

            def by_number(name=f"{name}, numbered", frame=frame, axes=axes) -> None:
                recorder.record(name, frame, units="V", axes=axes, number=next(numbers), clock=1.5)

            simple, module, numbered = best([by_record, by_module, by_number], calls, recorder.flush)
            line = f"{name:14} record {simple * 1e6:8.1f} us   module saver {module * 1e6:8.1f} us"
            line += f"   ratio {simple / module:.2f}"
            line += f"   with number and clock {numbered / simple:.2f}"
            if frame is image:
                (copied,) = best([lambda: np.copyto(copy, image)], calls)
                line += f"   one copy {copied * 1e6:.1f} us, beside it {(simple - copied) * 1e6:.1f} us"
            print(line)
            recorder.flush()


if __name__ == "__main__":
    sys.exit(main())
