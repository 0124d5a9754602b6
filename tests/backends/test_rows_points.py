"""Points of a scan: in any order, collected like rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rows_shared
from rows_shared import GZIP, Slow
from test_backend_files import both, opened

from h5saver_widget.backends import write_buffers
from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import Compression
from h5saver_widget.errors import RowsLostError
from h5saver_widget.testing.making import make_array, make_growing
from h5saver_widget.testing.tree import some_values

small_chunks, backend = rows_shared.small_chunks, rows_shared.backend


ORDERS = {
    "along": [(y, x) for y in range(5) for x in range(4)],
    "there and back": [(y, x if y % 2 == 0 else 3 - x) for y in range(5) for x in range(4)],
    "across": [(y, x) for x in range(4) for y in range(5)],
    "again": [(0, 0), (0, 1), (0, 1), (0, 0), (0, 1), (0, 2)],
}


@pytest.mark.parametrize("compression", [None, GZIP], ids=["plain", "gzip"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("point_shape", [(), (3,), (50, 50)])
def test_points_in_any_order(
    backend: Backend, point_shape: tuple[int, ...], order: str, compression: Compression | None
) -> None:
    array = make_array(
        backend, "/", "S", shape=(5, 4, *point_shape), dtype="f8", fill_value=-1.0, compression=compression
    )
    wanted = np.full((5, 4, *point_shape), -1.0)
    for number, at in enumerate(ORDERS[order]):
        wanted[at] = some_values(point_shape, "float64") + number
        backend.write(array, at, wanted[at])
        if number == 5:
            np.testing.assert_array_equal(backend.read(array), wanted)
            assert backend.info(array).shape == wanted.shape
    wanted[3] = 7.0
    backend.write(array, (3,), wanted[3])  # a whole line
    wanted[3, 1] = 8.0
    backend.write(array, (3, 1), wanted[3, 1])
    np.testing.assert_array_equal(backend.read(array, (3,)), wanted[3])
    wanted[4, 2] = 9.0
    backend.write(array, (4, 2), wanted[4, 2])
    path = backend.path
    assert path is not None
    backend.close()
    backend.open(path, "r+")
    np.testing.assert_array_equal(backend.read(backend.node("/S")), wanted)


def test_a_large_scan_takes_no_room_before_its_points_come(backend: Backend) -> None:
    frames = make_array(backend, "/", "F", shape=(2000, 1024, 1024), dtype="u2", fill_value=0, frame_axes=2)
    spectra = make_array(backend, "/", "S", shape=(500, 500, 1024), dtype="f8", fill_value=np.nan, frame_axes=1)
    backend.write(frames, (1999,), np.ones((1024, 1024), "u2"))
    backend.write(spectra, (0, 1), np.ones(1024))
    backend.flush()
    assert backend.path is not None and backend.path.stat().st_size < 4 << 20
    assert (backend.info(frames).chunks, backend.info(spectra).chunks) == ((1, 1024, 1024), (1, 8, 1024))
    assert np.isnan(backend.read(spectra, (0, 0))).all() and backend.read(spectra, (0, 1)).all()


def test_neighbouring_points_are_written_together(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    array = make_array(backend, "/", "S", shape=(3, 100), dtype="f8")
    backend.write(array, (0, 0), np.array(0.0))
    writer, blocks = backend._nodes.get(array).writer, []  # type: ignore[attr-defined]
    monkeypatch.setattr(writer, "write", lambda start, count, values: blocks.append((start, count)))
    for at in [(0, x) for x in range(1, 100)] + [(1, x) for x in range(10)] + [(2, 5)]:
        backend.write(array, at, np.array(1.0))
    backend.flush()
    assert blocks == [((0, 0), (1, 100)), ((1, 0), (1, 10)), ((2, 5), (1, 1))]


def test_small_points_do_not_wait_for_large_ones_to_be_deflated(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_buffers, "pack_in_background", Slow)  # nothing is ready before it is asked for
    images = make_array(backend, "/", "I", shape=(3, 200, 200), dtype="u2", compression=GZIP, frame_axes=2)
    values = make_array(backend, "/", "V", shape=(3,), dtype="f8", frame_axes=0)
    for number in range(3):
        backend.write(images, (number,), np.full((200, 200), number + 1, "u2"))
        backend.write(values, (number,), np.array(float(number)))
    assert len(backend._rows._jobs) == 3  # type: ignore[attr-defined]
    backend.write(images, (0, 5), np.zeros(200, "u2"))  # part of one that waits
    assert backend.read(values).tolist() == [0, 1, 2]
    found = backend.read(images)
    assert found[:, 0, 0].tolist() == [1, 2, 3] and not found[0, 5].any()


def test_the_library_s_own_array_holds_every_point(backend: Backend) -> None:
    array = make_array(backend, "/", "S", shape=(4,), dtype="f8", fill_value=0.0)
    for number in range(2):
        backend.write(array, (number,), np.array(1.0))
    theirs = backend.raw_node(array)
    assert theirs[:].tolist() == [1, 1, 0, 0]
    backend.write(array, (2,), np.array(1.0))
    assert theirs[:].tolist() == [1, 1, 1, 0]


def test_points_that_can_t_be_written_are_told_and_the_array_goes_on(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = make_array(backend, "/", "S", shape=(4,), dtype="f8", fill_value=0.0)
    for number in range(2):
        backend.write(array, (number,), np.array(1.0))

    def refuse(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(backend._nodes.get(array).writer, "write", refuse)  # type: ignore[attr-defined]
        with pytest.raises(RowsLostError, match=r"/S: the last 2 points could not be written .*No space left"):
            backend.flush()
    backend.write(array, (3,), np.array(1.0))
    assert backend.read(array).tolist() == [0, 0, 0, 1]


@both
def test_every_promised_compression_grows(tmp_path: Path, name: str) -> None:
    values = some_values((300, 100), "int32")
    backend = opened(name, tmp_path / "a.h5", "x")
    for library in backend.capabilities.compression:
        array = make_growing(backend, "/", library, row_shape=(100,), dtype="i4", compression=Compression(library, 5))
        for start in range(0, 300, 50):
            backend.append(array, values[start : start + 50])
    backend.close()
    backend.open(tmp_path / "a.h5", "r")
    for library in backend.capabilities.compression:
        array = backend.node(f"/{library}")
        np.testing.assert_array_equal(backend.read(array), values)
        said = backend.info(array).compression
        assert said is not None and (said == library or {said, library} <= {"zlib", "gzip"})
    backend.close()
