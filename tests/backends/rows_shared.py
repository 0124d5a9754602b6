"""What the tests of rows share: small chunks, growing arrays, and packing that nobody does in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_backend_files import BACKENDS, GROWS, opened

from h5saver_widget.backends import chunks
from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.compression import Packing
from h5saver_widget.backends.terms import Compression, Handle
from h5saver_widget.testing.making import make_growing

GZIP = Compression("gzip", 4)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows are a chunk: what happens at its end happens all the time."""
    monkeypatch.setattr(chunks, "MAX_ROWS", 4)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path, small_chunks: None) -> Iterator[Backend]:
    backend = opened(request.param, tmp_path / "a.h5", "x")
    yield backend
    backend.close()


def growing(
    backend: Backend, name: str = "E", row_shape: tuple[int, ...] = (), compression: Compression = GZIP
) -> Handle:
    return make_growing(backend, "/", name, row_shape=row_shape, dtype="i4", compression=compression, attributes=GROWS)


def numbers(start: int, count: int, row_shape: tuple[int, ...] = ()) -> np.ndarray:
    row = np.arange(int(np.prod(row_shape)), dtype="i4").reshape(row_shape)
    return np.arange(start, start + count, dtype="i4").reshape((count,) + (1,) * len(row_shape)) * 100 + row


class Slow:
    """In the place of the threads: nothing is packed before somebody waits for it."""

    waiting = 0
    most = 0

    def __init__(self, packing: Packing, block: np.ndarray) -> None:
        self.packing, self.block = packing, block
        Slow.waiting += block.nbytes
        Slow.most = max(Slow.most, Slow.waiting)

    def done(self) -> bool:
        return False

    def result(self) -> bytes:
        Slow.waiting -= self.block.nbytes
        return self.packing.pack(self.block)
