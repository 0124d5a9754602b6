"""Small files that other programs find whole or not at all: notes, seals, unsent data."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["written_whole"]


@contextmanager
def written_whole(place: Path) -> Iterator[BinaryIO]:
    """Write a file in the block; once all of it is on the disk, it takes the place of an earlier one.

    Folders above it are made. If the block or the disk fails, the earlier file stays, and nothing else.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".~{place.stem[:80]}-{secrets.token_hex(4)}.tmp")
    try:
        with part.open("xb") as written:
            yield written
            written.flush()
            os.fsync(written.fileno())
        part.replace(place)
    finally:
        with suppress(OSError):  # on success it is gone
            part.unlink()
