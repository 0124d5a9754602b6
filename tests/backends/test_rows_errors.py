"""What waits is bounded, and what can't be written is told by the next call."""

from __future__ import annotations

import numpy as np
import pytest
import rows_shared
from rows_shared import GZIP, Slow, growing, numbers

from h5saver_widget.backends import rows, write_buffers
from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.compression import Packing
from h5saver_widget.backends.terms import Compression, Handle
from h5saver_widget.errors import NodeExistsError, RowsLostError
from h5saver_widget.testing.making import make_array
from h5saver_widget.testing.tree import some_values

small_chunks, backend = rows_shared.small_chunks, rows_shared.backend


def test_what_waits_is_bounded(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_buffers, "pack_in_background", Slow)
    monkeypatch.setattr(rows, "PENDING_BYTES", 64_000)
    Slow.most = Slow.waiting = 0
    arrays = [growing(backend, f"E{n}", (1000,)) for n in range(8)]
    for number in range(10):
        for array in arrays:
            backend.append(array, numbers(number * 3, 3, (1000,)))
            if number == 5:
                backend.flush()
    assert 0 < Slow.most <= 64_000 + 16_000
    for array in arrays:
        np.testing.assert_array_equal(backend.read(array), numbers(0, 30, (1000,)))
    assert Slow.waiting == 0


class FullDisk:
    """Makes the library refuse one array's chunks for a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, backend: Backend, array: Handle) -> None:
        backend.append(array, numbers(0, 1))
        self.is_full = True
        writer = array.writer  # type: ignore[attr-defined]
        for name in ("put", "add"):
            real = getattr(writer, name)

            def refuse(*arguments: object, real=real) -> None:
                if self.is_full:
                    raise OSError(28, "No space left on device")
                real(*arguments)

            monkeypatch.setattr(writer, name, refuse)


@pytest.mark.parametrize("level", [0, 4])
def test_rows_that_can_not_be_written(backend: Backend, monkeypatch: pytest.MonkeyPatch, level: int) -> None:
    array, other = growing(backend, compression=Compression("gzip", level)), growing(backend, "other")
    disk = FullDisk(monkeypatch, backend, array)
    backend.append(array, numbers(1, 2))
    backend.append(other, numbers(0, 2))
    with pytest.raises(RowsLostError, match=r"/E: rows 0 to 2 could not be written and are lost: .* No space left"):
        backend.flush()
    assert backend.info(array).shape == (0,) and backend.read(other).tolist() == [0, 100]
    disk.is_full = False
    with pytest.raises(RowsLostError, match=r"/E: rows 0 to 2 .*Nothing more is added to this array"):
        backend.append_many([(other, numbers(2, 1)), (array, numbers(7, 6))])
    backend.append(other, numbers(2, 1))  # nothing of the call that was refused was taken
    backend.flush()
    late = growing(backend, "late")
    disk = FullDisk(monkeypatch, backend, late)
    path = backend.path
    assert path is not None
    with pytest.raises(RowsLostError, match="/late: rows 0 to 0"):
        backend.close()
    assert not backend.is_open
    backend.open(path, "r")
    assert backend.read(backend.node("/E")).tolist() == backend.read(backend.node("/late")).tolist() == []
    assert backend.read(backend.node("/other")).tolist() == numbers(0, 3).tolist()


def test_a_flush_tells_what_another_call_was_told(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """It promises that all is in the file; who asks for it may be another thread than the one that was told."""
    for ask in (backend.flush, backend.settle):
        array = growing(backend, f"of_{ask.__name__}")
        disk = FullDisk(monkeypatch, backend, array)
        backend.append(array, numbers(1, 2))
        with pytest.raises(RowsLostError, match="rows 0 to 2"):
            backend.read(array)
        disk.is_full = False
        backend.flush_soon()
        if ask == backend.flush:
            with pytest.raises(RowsLostError, match="rows 0 to 2"):
                backend.flush()
            backend.flush()
    backend.settle()
    with pytest.raises(RowsLostError, match="of_settle: rows 0 to 2"):
        backend.close()
    assert not backend.is_open


def test_a_chunk_that_fails_later_is_told_by_the_next_call(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    array, other = growing(backend), growing(backend, "other")
    FullDisk(monkeypatch, backend, array)
    monkeypatch.setattr(write_buffers, "pack_in_background", Slow)  # so that nothing is written before it has to be
    monkeypatch.setattr(rows, "PENDING_BYTES", 40)
    backend.append(array, numbers(1, 3))
    with pytest.raises(RowsLostError, match="/E: rows 0 to 43"):
        backend.append(array, numbers(4, 40))
    assert backend.info(array).shape == (0,)
    third = growing(backend, "third")
    FullDisk(monkeypatch, backend, third)
    backend.append(third, numbers(1, 3))
    backend.append(other, numbers(0, 12))  # makes room by writing the other array's chunk, which fails
    with pytest.raises(RowsLostError, match="/third: rows 0 to 3"):
        backend.append_many([(other, numbers(12, 1))])
    assert backend.info(other).shape == (12,), "nothing of the call that told it was taken"
    backend.append(other, numbers(12, 1))
    assert backend.read(other).tolist() == numbers(0, 13).tolist()
    with pytest.raises(RowsLostError, match=r"/E: rows 0 to 43 .*; /third: rows 0 to 3"):
        backend.flush()


def test_a_failed_array_leaves_nothing_behind(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError("not enough memory")

    values = some_values((4, 300, 100), "float64")
    with monkeypatch.context() as patched, pytest.raises(RowsLostError, match="/C: a chunk could not be written"):
        patched.setattr(Packing, "pack", refuse)
        make_array(backend, "/", "C", data=values, compression=GZIP)
    assert backend.children(backend.root()) == []
    made = make_array(backend, "/", "C", data=values, compression=GZIP)
    np.testing.assert_array_equal(backend.read(made), values)
    with pytest.raises(NodeExistsError):
        make_array(backend, "/", "C", data=values, compression=GZIP)
