"""Opens the files that `full_speed.py` left, with one library: ``readers.py LIBRARY``, one path per line of input.

For each file a line of JSON: ``error``, or how much of everything is in it. Counted are rows that hold what was written
there: row n of the camera holds n. The libraries are used as anybody would use them, not through this package.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

CAMERA = "/RawData/Detector000"
POINTS = 10


def rows_as_written(values: np.ndarray[Any, Any]) -> int:
    """Return how many rows from the first on hold their own number, in every place."""
    if not len(values):
        return 0
    flat = values.reshape(len(values), -1)
    wanted = np.arange(len(flat)).astype(flat.dtype)
    good = (flat == wanted[:, None]).all(axis=1)
    return int(len(good) if good.all() else good.argmin())


def lines_as_written(lines: list[str]) -> int:
    """Return how many log lines from the first on are what was written."""
    good = [line.endswith(f"line {number}") for number, line in enumerate(lines)]
    return len(good) if all(good) else good.index(False)


def with_h5py(path: str) -> dict[str, Any]:
    """Read everything with h5py."""
    import h5py

    with h5py.File(path, "r") as file:
        return counted(lambda name: name in file, lambda name: file[name][:], lambda: list(file["RawData"]))


def with_tables(path: str) -> dict[str, Any]:
    """Read everything with PyTables."""
    import tables

    with tables.open_file(path, "r") as file:
        return counted(
            lambda name: name in file,
            lambda name: file.get_node(name).read(),
            lambda: [node._v_name for node in file.list_nodes("/RawData")],
        )


def counted(has: Any, read: Any, names: Any) -> dict[str, Any]:
    """Count what is in a file."""
    image, value = f"{CAMERA}/Data2D/CH00/EnlData00", f"{CAMERA}/Data0D/CH00/EnlData00"
    frames = min(rows_as_written(read(where)) if has(where) else 0 for where in (image, value))
    # the rows are pickles of a text, our own text: these files come from a program of ours
    lines = [pickle.loads(bytes(bytearray(row))) for row in read("/RawData/Logger")]
    scans = [name for name in names() if name.startswith("Scan")]
    points = 0
    for number in range(len(scans)):
        where = f"/RawData/Scan{number:03d}/Detector000/Data1D/CH00/Data00"
        if has(where):
            values = read(where)
            good = (values == (number * POINTS + np.arange(POINTS))[:, None]).all(axis=1)
            points += int(len(good) if good.all() else good.argmin())
    return {"c": frames, "l": lines_as_written(lines), "s": len(scans), "p": points}


def with_pymodaq(path: str) -> dict[str, Any]:
    """Open a file with PyMoDAQ, read its log, and load the frames of the camera."""
    from pymodaq_data.h5modules import data_saving
    from pymodaq_data.h5modules.saving import H5SaverLowLevel

    found: dict[str, Any] = {}
    for backend in ("tables", "h5py"):
        saver = H5SaverLowLevel(backend=backend)
        saver.init_file(Path(path), mode="r")
        loader = data_saving.DataLoader(saver)
        try:
            # with PyTables it stops at the links of /entry
            nodes = {node.path: node for node in loader.walk_nodes("/RawData")}
            where = f"{CAMERA}/Data2D/CH00/EnlData00"
            there = where in nodes and len(nodes[where].read()) > 0  # it can't load an array without rows
            frames = rows_as_written(np.asarray(loader.load_data(where).data[0])) if there else 0
            lines = lines_as_written(list(loader.get_node("/RawData/Logger").read()))
            writer = nodes[where].attrs["backend"] if where in nodes else backend
        finally:
            loader.close_file()
        here = {"c": frames, "l": lines, "s": sum(path.count("/") == 2 and "/Scan" in path for path in nodes)}
        if found and found != here:
            return {"error": f"tables: {found}, h5py: {here}"}
        found = here
        if writer == "tables":
            break  # the units in files of PyTables are bytes for PyMoDAQ with h5py: in its own files, too
    return found


READERS = {"h5py": with_h5py, "tables": with_tables, "pymodaq": with_pymodaq}


def main() -> None:
    """Answer for each path."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints
    for line in sys.stdin:
        try:
            said = READERS[sys.argv[1]](line.strip())
        except Exception as error:
            said = {"error": f"{type(error).__name__}: {str(error).strip()[-300:]}"}
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
