"""CPU and bytes that the NeXus entry of a file takes: ``python benchmarks/bench_entry.py [FILES]``.

Files with and without an entry are made in turn, by each library, in the program and in its worker; of each kind the
fifth that took least is looked at, for other programs run beside it. A line says how much an entry adds.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

from h5saver_widget import H5SaverLowLevel

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "nexus"))
import kinds_of_file

KINDS = ("snapshot", "continuous", "scan", "logger")


def cpu() -> float:
    """Return the CPU seconds of this program and of its children, of those that have ended as well."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        for thread in Path(f"/proc/{child}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0]) / 1e9
    return total


def measured(folder: Path, backend: str, isolated: bool, kind: str, files: int) -> dict[str, tuple[float, int]]:
    """Return milliseconds and bytes of a file, without and with an entry."""
    taken: dict[str, list[float]] = {"never": [], "always": []}
    size = dict.fromkeys(taken, 0)
    with H5SaverLowLevel("custom", backend=backend, isolated=isolated) as saver:
        for number in range(files):
            for entry, seconds in taken.items():
                path = folder / f"{entry}-{number}.h5"
                begin = cpu()
                saver.nexus_entry = entry
                saver.init_file(path)
                getattr(kinds_of_file, kind)(saver)
                saver.close_file()
                seconds.append(cpu() - begin)
                size[entry] = path.stat().st_size
                path.unlink()
    least = {entry: mean(sorted(seconds)[: max(1, files // 5)]) * 1e3 for entry, seconds in taken.items()}
    return {entry: (least[entry], size[entry]) for entry in taken}


def main() -> None:
    """Measure all kinds."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with tempfile.TemporaryDirectory() as folder:
        for backend in ("h5py", "tables"):
            for isolated in (False, True):
                for kind in KINDS:
                    found = measured(Path(folder), backend, isolated, kind, files)
                    (off, small), (on, large) = found["never"], found["always"]
                    where = "in a worker" if isolated else "here"
                    print(
                        f"{backend:7}{where:12}{kind:11} {off:6.2f} ms without, {on - off:5.2f} ms and "
                        f"{(large - small) / 1000:.1f} kB for the entry (x {on / off:.2f})",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
