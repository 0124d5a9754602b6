"""Flip single bits in sealed files and count which are found: ``seals.py`` is called by ``full.py``, and by a test."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from h5saver_widget import H5SaverBase
from h5saver_widget.sealing.making import seal_file
from h5saver_widget.sealing.records import seal_path
from h5saver_widget.sealing.verifying import _verify_in_child

#: Attributes of the test's own: numbers of several types, text, and lists of both.
ATTRIBUTES = {
    "gain": np.float32(1.5),
    "count": np.int64(-3),
    "phase": 1 + 2j,
    "label": "µ-metal",
    "steps": np.arange(7, dtype="<u2"),
}


def recorded(folder: Path, backend: str, level: int, frames: int = 40) -> Path:
    """Record a camera, a spectrum, a value and a note, and return the sealed file."""
    saver = H5SaverBase("detector", backend)
    saver.settings["base_path"] = str(folder)
    saver.settings["data_format", "compression_options", "h5comp_level"] = level
    saver.settings["recording", "seal"] = True
    saver.start()
    numbers = np.random.default_rng(7)
    for number in range(frames):
        saver.record("camera", numbers.integers(0, 4096, (96, 128), dtype="u2"))
        saver.record("spectrum", numbers.normal(size=64))
        saver.record("value", float(number))
    saver.add_comment("the light was switched on")
    path = saver.file_path
    assert path is not None
    saver.stop()
    return path


def with_attributes(path: Path) -> None:
    """Give a file more attributes, and seal it once more."""
    with h5py.File(path, "r+") as file:
        for node in ("/RawData", "/RawData/Detector000/Data2D/CH00/EnlData00"):
            file[node].attrs.update(ATTRIBUTES)
    seal_file(path)


def targets(path: Path) -> list[tuple[str, str]]:
    """Return what can be flipped: path of an array and ``''``, or path of a node and name of an attribute."""
    found: list[tuple[str, str]] = []

    def look(name: str, node: Any) -> None:
        if name.startswith("_i_"):  # views of what is sealed where it stands
            return
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "iufc" and node.size:
            found.append((f"/{name}", ""))
        for key in ATTRIBUTES:
            if key in node.attrs:
                found.append((f"/{name}", key))

    with h5py.File(path, "r") as file:
        file.visititems(look)
    return found


def flip(path: Path, where: str, attribute: str, choice: random.Random) -> tuple[int, ...]:
    """Flip one bit of a value or an attribute, and return the place of the value, ``()`` for an attribute."""
    with h5py.File(path, "r+") as file:
        node = file[where]
        if attribute:
            value = node.attrs[attribute]
            if isinstance(value, str):
                raw = bytearray(value.encode())
                at = choice.choice([place for place, byte in enumerate(raw) if byte < 128])
                raw[at] ^= 1 << choice.randrange(7)
                node.attrs[attribute] = bytes(raw).replace(b"\0", b"?").decode()
            else:
                node.attrs[attribute] = _flipped(np.array(value), choice)
            return ()
        place = tuple(choice.randrange(length) for length in node.shape)
        node[place] = _flipped(np.array(node[place]), choice)[()]
        return place


def _flipped(value: np.ndarray[Any, Any], choice: random.Random) -> np.ndarray[Any, Any]:
    raw = np.frombuffer(value.tobytes(), np.uint8).copy()
    raw[choice.randrange(raw.size)] ^= np.uint8(1 << choice.randrange(8))
    return raw.view(value.dtype).reshape(value.shape)


def verified(path: Path) -> dict[str, Any]:
    """Return what the child process says of a file; here, for each start of one takes most of the time."""
    return list(_verify_in_child(str(path)))[-1]


def is_named(said: dict[str, Any], where: str, attribute: str, place: tuple[int, ...]) -> bool:
    """Tell whether exactly the flipped bit is named: array and rows, or node and attribute."""
    if len(said["changes"]) != 1:
        return False
    path, _, rows, name = said["changes"][0]
    if attribute:
        return path == where and name == attribute and rows is None
    return path == where and rows is not None and rows[0] <= place[0] < rows[1]


def count_flips(sealed: Path, times: int, seed: int, folder: Path) -> dict[str, Any]:
    """Flip a bit of a copy again and again, and count what is found."""
    choice, row = random.Random(seed), {"times": 0, "found": 0, "named rightly": 0}
    places, copy = targets(sealed), folder / "flipped.h5"
    for _ in range(times):
        shutil.copy(sealed, copy)
        shutil.copy(seal_path(sealed), seal_path(copy))
        where, attribute = choice.choice(places)
        place = flip(copy, where, attribute, choice)
        said = verified(copy)
        row["times"] += 1
        row["found"] += bool(said["changes"])
        row["named rightly"] += is_named(said, where, attribute, place)
    return row


#: How h5repack changes a file: chunks, filters, byte layout, order.
REPACKS = (
    ["-f", "NONE"],
    ["-f", "GZIP=9"],
    ["-f", "SHUF", "-f", "GZIP=1"],
    ["-l", "CONTI"],
    ["-l", "CHUNK=7"],
    ["--low=0", "--high=2"],
)


def count_repacks(sealed: Path, folder: Path) -> dict[str, Any]:
    """Have h5repack write a file anew in several ways, and count where the seal still holds."""
    row = {"times": 0, "unchanged": 0}
    for number, options in enumerate(REPACKS):
        copy = folder / f"repacked{number}.h5"
        done = subprocess.run(["h5repack", *options, str(sealed), str(copy)], capture_output=True)
        assert done.returncode == 0, done.stderr
        shutil.copy(seal_path(sealed), seal_path(copy))
        row["times"] += 1
        row["unchanged"] += not verified(copy)["changes"]
        copy.unlink()
    return row


def count(times: int, seed: int) -> list[dict[str, Any]]:
    """Make the counts of docs/reliability.md."""
    rows = []
    for backend, level in (("h5py", 0), ("h5py", 4), ("tables", 0), ("tables", 4)):
        with tempfile.TemporaryDirectory(prefix="h5saver-seals-") as folder:
            sealed = recorded(Path(folder), backend, level)
            about = {"whose": f"level {level}", "backend": backend}
            rows.append({"fault": "h5repack", **about, **count_repacks(sealed, Path(folder))})
            with_attributes(sealed)
            rows.append({"fault": "a flipped bit", **about, **count_flips(sealed, times // 4, seed, Path(folder))})
    return rows
