"""What is unpacked outside the HDF5 library is what the library reads; what is unusual is read by the library."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from h5saver_widget.backends import compression
from h5saver_widget.backends.h5py_unpacking import unpacked
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.errors import NodeError

DTYPES = ("u1", "?", "<u2", ">i2", "<f4", "<f8", ">f8", "<c16")
numbers = itertools.count()


@pytest.fixture(scope="module")
def memory() -> Iterator[h5py.File]:
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        yield file


def packed(file: h5py.File, shape: tuple[int, ...], dtype: str = "<u2", **options: Any) -> h5py.Dataset:
    """Make an array of values that are not all the same."""
    values = np.random.default_rng(1).integers(0, 50, shape).astype(dtype)
    chunks = options.pop("chunks", (1, *shape[1:]))
    return file.create_dataset(
        f"a{next(numbers)}", data=values, chunks=chunks, **{"compression": "gzip", "shuffle": True, **options}
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_part_is_what_the_library_reads(memory: h5py.File, data: st.DataObject) -> None:
    shape, chunks = (5, 300, 170), (data.draw(st.integers(1, 3)), data.draw(st.sampled_from([200, 256, 300])), 170)
    array = packed(memory, shape, data.draw(st.sampled_from(DTYPES)), chunks=chunks, shuffle=data.draw(st.booleans()))

    def part(length: int) -> Any:
        start, stop = sorted((data.draw(st.integers(0, length)), data.draw(st.integers(0, length))))
        some = slice(None), slice(None), slice(start, stop), slice(stop, start), slice(0, stop, 2), start % length, -1
        return data.draw(st.sampled_from(some))

    selection: Any = tuple(part(length) for length in shape[: data.draw(st.integers(1, 3))])
    selection = data.draw(st.sampled_from([selection, selection[0], ...]))
    found, expected = unpacked(array, selection), array[selection]
    if found is not None:
        assert (found.shape, found.dtype) == (np.shape(expected), expected.dtype)
        np.testing.assert_array_equal(found, expected)
    else:
        assert selection is not ...


def test_rows_and_edges_take_the_short_way(memory: h5py.File, monkeypatch: pytest.MonkeyPatch) -> None:
    array = packed(memory, (7, 300, 170), chunks=(2, 128, 100))
    for selection in (..., slice(2, 7), (slice(0, 4), slice(128, 300)), (slice(None), slice(None), slice(0, 100))):
        np.testing.assert_array_equal(unpacked(array, selection), array[selection])
    frames = packed(memory, (3, 300, 170))
    np.testing.assert_array_equal(unpacked(frames, 1), frames[1])
    monkeypatch.setattr(compression, "igzip_lib", None)
    np.testing.assert_array_equal(unpacked(frames, ...), frames[...])


def test_what_has_no_place_in_the_file_is_the_fill_value(memory: h5py.File) -> None:
    array = memory.create_dataset("holes", (4, 300, 170), "<i2", compression="gzip", chunks=(1, 300, 170), fillvalue=-7)
    array[2] = 5
    np.testing.assert_array_equal(unpacked(array, ...), array[...])
    assert array[...].min() == -7


@pytest.mark.parametrize(
    "options",
    [
        {"fletcher32": True},
        {"scaleoffset": 0, "dtype": "<i4"},
        {"compression": "lzf"},
        {"dtype": "S3"},
        {"dtype": [("a", "<i4"), ("b", "<f8")]},
    ],
    ids=["checksum", "scale-offset", "lzf", "text", "records"],
)
def test_the_library_reads_what_is_unusual(memory: h5py.File, options: dict[str, Any]) -> None:
    array = packed(memory, (1, 300, 170), **options)
    assert unpacked(array, ...) is None
    assert array[...].shape == (1, 300, 170)


def test_a_chunk_that_left_filters_out_is_read_by_the_library(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        array = packed(file, (2, 300, 170))
        array.id.write_direct_chunk((1, 0, 0), np.ones(array.shape[1:], array.dtype).tobytes(), 3)
    with h5py.File(tmp_path / "a.h5") as file:
        (array,) = file.values()
        assert unpacked(array, 1) is None and unpacked(array, 0) is not None
        assert (array[1] == 1).all()


def test_numbers_of_fewer_bits_are_converted_by_the_library(memory: h5py.File) -> None:
    kind = h5py.h5t.STD_U16LE.copy()
    kind.set_precision(12)
    kind.set_offset(4)
    array = packed(memory, (1, 300, 170), dtype=h5py.Datatype(kind).dtype)
    plist, space = array.id.get_create_plist(), array.id.get_space()
    odd = h5py.Dataset(h5py.h5d.create(memory.id, b"twelve bits", kind, space, plist))
    odd[...] = array[...]
    assert unpacked(odd, ...) is None
    np.testing.assert_array_equal(odd[...], array[...])


def test_damage_is_told_as_by_the_library(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        array = packed(file, (3, 300, 170))
        name, whole = array.name, array[1]
        raw = bytearray(array.id.read_direct_chunk((0, 0, 0))[1])
        raw[len(raw) // 2] ^= 4
        array.id.write_direct_chunk((0, 0, 0), bytes(raw))
        array.id.write_direct_chunk((2, 0, 0), zlib.compress(bytes(10)))
        assert [unpacked(array, row) is None for row in range(3)] == [True, False, True]
    io = create_backend("h5py")
    io.open(tmp_path / "a.h5", "r")
    try:
        with pytest.raises(NodeError, match="can't be read, it may be damaged"):
            io.read(io.node(name), 0)
        np.testing.assert_array_equal(io.read(io.node(name), 1), whole)
    finally:
        io.close()


def test_what_is_written_and_waits_is_read(tmp_path: Path) -> None:
    """The library keeps chunks that were changed in memory for a while."""
    io = create_backend("h5py")
    io.open(tmp_path / "a.h5", "x")
    try:
        io.raw_file["a"] = 0
        array = packed(io.raw_file, (2, 300, 170))
        array[1] = 3
        array[0, 7:] = 9
        assert unpacked(array, ...) is not None
        np.testing.assert_array_equal(io.read(io.node(array.name), ...), array[...])
    finally:
        io.close()
