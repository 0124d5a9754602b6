"""Files that a killed program left with their journal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from h5saver_widget import H5Backend
from h5saver_widget.backends import journal
from h5saver_widget.backends.journal import journal_path


def left_behind(path: Path, rows: int = 9) -> bytes:
    """Make a file whose program was killed when its journal was complete, and the file half changed; return that."""
    before, put = [b"", b""], journal._put

    def cut_short(descriptor: int, pages: Mapping[int, bytes]) -> None:
        put(descriptor, dict(list(pages.items())[:1]))
        before[:] = path.read_bytes(), journal_path(path).read_bytes()
        put(descriptor, pages)

    h5 = H5Backend("h5py")
    h5.durability = "journal"
    h5.open_file(path, "x")
    h5.create_earray("/", "Rows", "f8", ()).append(np.arange(5.0))
    h5.flush()
    h5.get_node("/Rows").append(np.arange(5.0, rows))
    h5.create_group("/", "New")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(journal, "_put", cut_short)
        h5.flush()
    h5.close()
    path.write_bytes(before[0])
    journal_path(path).write_bytes(before[1])
    return before[1]


def rows_in(path: Path, backend: str = "h5py") -> list[float]:
    with H5Backend(backend) as h5:
        h5.open_file(path, "r")
        return h5.get_node("/Rows").read().tolist()
