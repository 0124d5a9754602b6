"""Damage files at random places: bits that flip, blocks that are gone, ends that are missing."""

from __future__ import annotations

import random
from pathlib import Path

from recorded import record

#: What a file is damaged with.
KINDS = ("flipped", "zeroed", "noise", "cut off", "swapped")


def originals(folder: Path) -> list[Path]:
    """Write the files that are damaged then, by every backend, with and without compression and SWMR."""
    made = []
    for backend, level, swmr in (
        ("h5py", 0, False),
        ("h5py", 4, False),
        ("h5py", 0, True),
        ("tables", 0, False),
        ("tables", 4, False),
    ):
        made.append(folder / f"{backend}{level}{'_swmr' if swmr else ''}.h5")
        record(made[-1], backend, level, swmr)
    return made


def damaged(original: Path, target: Path, seed: int) -> str:
    """Write a damaged copy, and return how it was damaged: half of the hits go to metadata."""
    chance = random.Random(seed)
    content = bytearray(original.read_bytes())
    kind = KINDS[seed % len(KINDS)]
    places = _metadata(content)

    def somewhere() -> int:
        if chance.random() < 0.5:
            return min(len(content) - 1, chance.choice(places) + chance.randrange(400))
        return chance.randrange(len(content))

    if kind == "flipped":
        for _ in range(chance.choice((1, 5, 50))):
            content[somewhere()] ^= 1 << chance.randrange(8)
    elif kind in ("zeroed", "noise"):
        for _ in range(chance.choice((1, 3))):
            at, size = somewhere(), chance.choice((8, 64, 512, 4096))
            size = min(size, len(content) - at)
            content[at : at + size] = bytes(size) if kind == "zeroed" else chance.randbytes(size)
    elif kind == "cut off":
        del content[chance.randrange(len(content)) :]
    else:
        first, second, size = somewhere(), somewhere(), chance.choice((16, 512))
        size = min(size, len(content) - max(first, second))
        content[first : first + size], content[second : second + size] = (
            content[second : second + size],
            content[first : first + size],
        )
    target.write_bytes(content)
    return kind


def _metadata(content: bytearray) -> list[int]:
    """Return where the blocks of HDF5's metadata begin that carry a signature."""
    found = [0]
    for signature in (b"TREE", b"HEAP", b"SNOD", b"GCOL", b"OHDR", b"FRHP", b"BTHD", b"FAHD", b"EAHD"):
        at = content.find(signature)
        while at >= 0 and len(found) < 2000:
            found.append(at)
            at = content.find(signature, at + 1)
    return found
