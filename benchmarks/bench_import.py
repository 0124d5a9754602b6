"""How long ``import h5saver_widget`` takes, as a ratio to ``import numpy``: fresh interpreters, taken in turns."""

from __future__ import annotations

import statistics
import subprocess
import sys

RUNS = 15
CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(module: str) -> float:
    """Return the time of one import in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", CODE.format(module)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Print the table."""
    names = ("numpy", "h5saver_widget", "h5saver_widget.data")
    times: dict[str, list[float]] = {name: [] for name in names}
    for run in range(RUNS + 1):
        for name in names:
            took = seconds(name)
            if run:  # the first round warms the disk cache
                times[name].append(took)
    median = {name: statistics.median(times[name]) for name in names}
    print("| import | median ms | ratio to numpy |")
    print("|---|---:|---:|")
    for name in names:
        print(f"| {name} | {median[name] * 1e3:.1f} | {median[name] / median['numpy']:.2f} |")


if __name__ == "__main__":
    main()
