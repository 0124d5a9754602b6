"""The part of the backend contract that is about arrays: growing, fixed, text; reading and writing parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import Compression, NodeKind
from h5saver_widget.errors import DataMismatchError, FileNotOpenError, NodeError
from h5saver_widget.testing.attributes import AttributeContract
from h5saver_widget.testing.making import make_array, make_growing, make_text
from h5saver_widget.testing.tree import CHECKS, DTYPES, ROW_SHAPES, SLICES, Array, some_values

__all__ = ["BackendContract"]


class BackendContract(AttributeContract):
    """Every rule of ``backends/base.py``: inherit from it and give `make_backend`.

    Examples
    --------
    >>> from h5saver_widget.backends.registry import create_backend
    >>> class TestMine(BackendContract):
    ...     def make_backend(self):
    ...         return create_backend('h5py')
    """

    # --------------------------------------------------------------- growing
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("row_shape", ROW_SHAPES, ids=str)
    def test_growing(self, backend: Backend, dtype: str, row_shape: tuple[int, ...]) -> None:
        values = some_values((6, *row_shape), dtype)
        array = make_growing(backend, "/", "E", row_shape=row_shape, dtype=dtype)
        info = backend.info(array)
        assert (info.shape, info.dtype, info.max_shape) == ((0, *row_shape), np.dtype(dtype), (None, *row_shape))
        assert backend.read(array).shape == (0, *row_shape)
        for start, stop in ((0, 1), (1, 4), (4, 4), (4, 6)):
            backend.append(array, values[start:stop])
            assert backend.info(array).shape == (stop, *row_shape)
        np.testing.assert_array_equal(backend.read(array), values, strict=True)
        self.reopen(backend)
        array = backend.node("/E")
        assert backend.kind(array) is NodeKind.GROWING
        found = backend.read(array)
        np.testing.assert_array_equal(found, values)
        backend.append(array, values[:1])
        assert backend.info(array).shape == (7, *row_shape)

    def gzip(self, backend: Backend, level: int) -> Compression | None:
        """Return a compression, None where the backend has none."""
        return Compression("gzip", level) if "gzip" in backend.capabilities.compression else None

    @pytest.mark.parametrize("level", [0, 4])
    def test_rows_that_nobody_writes(self, backend: Backend, level: int) -> None:
        options: dict[str, Any] = {"dtype": "f8", "fill_value": np.nan, "compression": self.gzip(backend, level)}
        small = make_growing(backend, "/", "S", **options)
        large = make_growing(backend, "/", "L", row_shape=(300, 500), **options)
        expected = np.concatenate([[1.0], np.full(20000, np.nan), [2.0], np.full(3, np.nan), [3.0]])
        for array, counts in ((small, (20000, 3)), (large, (3, 2))):
            row_shape = backend.info(array).shape[1:]
            for value, count in zip((1.0, 2.0, 3.0), (*counts, 0), strict=True):
                backend.append(array, np.full((1, *row_shape), value))
                backend.extend(array, count, np.nan)
        np.testing.assert_array_equal(backend.read(small), expected)
        self.reopen(backend)
        np.testing.assert_array_equal(backend.read(backend.node("/S")), expected)
        found = backend.read(backend.node("/L"))[:, 7, 7]
        np.testing.assert_array_equal(found, [1, np.nan, np.nan, np.nan, 2, np.nan, np.nan, 3])
        backend.extend(backend.node("/S"), 2, np.nan)  # made by others: written
        np.testing.assert_array_equal(backend.read(backend.node("/S"))[-3:], [3, np.nan, np.nan])

    def test_rows_that_do_not_fit(self, backend: Backend) -> None:
        array = make_growing(backend, "/", "E", row_shape=(2, 3), dtype="int16")
        rows = np.arange(12, dtype="int16").reshape(2, 2, 3)
        backend.append(array, rows)
        wrong_shapes = [rows[0], rows.reshape(2, 3, 2), rows.reshape(12), np.zeros((), "int16"), rows[np.newaxis]]
        wrong_types = [rows.astype(t) for t in ("int32", "uint16", "float32", "complex64", "U4", "object")]
        for wrong in (*wrong_shapes, *wrong_types):
            with pytest.raises(DataMismatchError, match="/E"):
                backend.append(array, wrong)
        with pytest.raises(DataMismatchError, match=r"rows of shape \(2, 3\), got shape \(2, 3\)"):
            backend.append(array, rows[0])
        with pytest.raises(DataMismatchError, match="holds int16, got float64"):
            backend.append(array, rows.astype(float))
        np.testing.assert_array_equal(backend.read(array), rows, strict=True)
        backend.append(array, rows.astype("int8"))
        np.testing.assert_array_equal(backend.read(array), np.concatenate((rows, rows)), strict=True)

    def test_rows_in_any_memory_layout(self, backend: Backend) -> None:
        array = make_growing(backend, "/", "E", row_shape=(4,), dtype="<i4")
        rows = np.arange(24, dtype="i4").reshape(4, 6)
        for values in (rows.T, rows[:, ::-1][:, :4], rows[:, :4].astype(">i4")):
            backend.append(array, values)
        expected = np.concatenate((rows.T, rows[:, ::-1][:, :4], rows[:, :4]))
        np.testing.assert_array_equal(backend.read(array), expected)
        assert rows.flags.c_contiguous and rows[0, 1] == 1

    def test_caller_may_reuse_its_buffer(self, backend: Backend) -> None:
        array = make_growing(backend, "/", "E", row_shape=(3,), dtype="f8")
        buffer = np.zeros((1, 3))
        for number in range(4):
            buffer[:] = number
            backend.append(array, buffer)
        buffer[:] = 99
        assert backend.read(array)[:, 0].tolist() == [0, 1, 2, 3]

    def test_rows_of_several_arrays_at_once(self, backend: Backend) -> None:
        root = backend.root()
        scalars = make_growing(backend, root, "S", row_shape=(1,), dtype="f8")
        lines = make_growing(backend, root, "L", row_shape=(3,), dtype="i4")
        text = make_text(backend, root, "T")
        row = np.arange(3, dtype="i4")[np.newaxis]
        for number in range(3):
            # one array twice: its rows keep their order
            backend.append_many(
                [
                    (lines, row + number),
                    (scalars, np.array([[number]], "f8")),
                    (text, np.full(number, 7, "u1")),
                    (lines, (row - number)[:0] if number == 1 else row - number),
                ]
            )
        backend.append_many([])
        assert backend.read(scalars).tolist() == [[0], [1], [2]]
        assert backend.read(lines)[:, 0].tolist() == [0, 0, 1, 2, -2]
        assert [len(found) for found in backend.read(text)] == [0, 1, 2]

    @pytest.mark.parametrize("width", [3, 5000])
    def test_rows_by_a_layout(self, backend: Backend, width: int) -> None:
        """A row of each array in one piece, in between rows of single arrays; large ones go another way."""
        root = backend.root()
        scalars = make_growing(backend, root, "S", row_shape=(1,), dtype="f8")
        lines = make_growing(backend, root, "L", row_shape=(width, 2), dtype="u2")
        flags = make_growing(backend, root, "F", dtype="bool")
        layout = backend.row_layout([scalars, lines, flags])
        other = backend.row_layout([flags, scalars])
        line = np.zeros((width, 2), "u2")
        for number in range(4):
            line[:] = number
            backend.append_row(layout, [np.array([number / 2]), line, np.array(number % 2 == 0)])
            if number == 1:
                assert backend.info(lines).shape == (2, width, 2)
                backend.append(lines, np.full((1, width, 2), 9, "u2"))
                backend.append_row(other, [np.array(True), np.array([7.0])])
                backend.flush()
        line[:] = 99
        assert backend.read(scalars)[:, 0].tolist() == [0, 0.5, 7, 1, 1.5]
        assert backend.read(lines)[:, -1, 1].tolist() == [0, 1, 9, 2, 3]
        assert backend.read(flags).tolist() == [True, False, True, True, False]
        backend.delete(flags)
        with pytest.raises(NodeError, match="gone"):
            backend.append_row(layout, [np.array([0.0]), line, np.array(True)])
        backend.append_row(backend.row_layout([lines]), [line])
        assert backend.read(lines)[-1, 0, 0] == 99
        self.reopen(backend)
        assert [backend.info(backend.node(name)).shape[0] for name in ("/S", "/L")] == [5, 6]
        with pytest.raises(NodeError, match="gone"):
            backend.append_row(layout, [np.array([0.0]), line, np.array(True)])
        self.reopen(backend, "r")
        with pytest.raises(FileNotOpenError, match="reading only"):
            backend.row_layout([backend.node("/S")])

    def test_a_point_of_several_arrays_at_once(self, backend: Backend) -> None:
        root = backend.root()
        lines = make_array(backend, root, "L", shape=(2, 3, 4), dtype="i4", fill_value=0, frame_axes=1)
        scalars = make_array(backend, root, "S", shape=(2, 3), dtype="f8", fill_value=np.nan, frame_axes=0)
        line = np.arange(4, dtype="i4")
        for at in ((1, 2), (0, 0), (0, 1)):
            backend.write_point(at, [(lines, line), (scalars, np.array(sum(at), "f8"))])
            line += 1  # the caller's memory is its own again
        for other, error in ((line.astype("f8"), DataMismatchError), (np.zeros(4, "c8"), DataMismatchError)):
            with pytest.raises(error):
                backend.write_point((1, 0), [(scalars, np.array(9.0)), (lines, other)])
        assert backend.read(lines)[:, :, 0].tolist() == [[1, 2, 0], [0, 0, 0]]
        np.testing.assert_array_equal(backend.read(scalars), [[0, 1, np.nan], [np.nan, np.nan, 3]])
        backend.delete(lines)
        with pytest.raises(NodeError, match="gone"):
            backend.write_point((1, 0), [(scalars, np.array(9.0)), (lines, line)])
        self.reopen(backend)
        assert backend.read(backend.node("/S"), (1, 2)) == 3

    def test_rows_of_several_arrays_of_which_one_does_not_fit(self, backend: Backend) -> None:
        root = backend.root()
        scalars = make_growing(backend, root, "S", dtype="i4")
        lines = make_growing(backend, root, "L", row_shape=(3,), dtype="i4")
        text, fixed = make_text(backend, root, "T"), make_array(backend, root, "C", data=np.zeros(3, "i4"))
        good, one = (scalars, np.zeros(1, "i4")), np.zeros((1, 3), "i4")
        for array, rows, error in (
            (lines, one[0], DataMismatchError),
            (lines, one.astype("f8"), DataMismatchError),
            (text, one, DataMismatchError),
            (fixed, one, NodeError),
            (root, one, NodeError),
        ):
            with pytest.raises(error):
                backend.append_many([good, (array, rows)])
        assert backend.info(scalars).shape == (0,), "all is checked before any is written"
        backend.delete(lines)
        with pytest.raises(NodeError, match="gone"):
            backend.append_many([good, (lines, one)])
        assert backend.info(scalars).shape == (0,)
        path = backend.path
        assert path is not None
        self.reopen(backend, "r")
        with pytest.raises(FileNotOpenError, match="reading only"):
            backend.append_many([(backend.node("/S"), np.zeros(1, "i4"))])
        backend.close()
        with pytest.raises(FileNotOpenError):
            backend.append_many([good])

    @pytest.mark.parametrize("dtype", ["bool", "uint16", "float32", "complex128"])
    def test_rows_that_are_chunks(self, backend: Backend, dtype: str) -> None:
        """A row of more than half a megabyte is a chunk of its own, which may be written by another way."""
        frames = some_values((5, 512, 1100), dtype)
        array = make_growing(backend, "/", "F", row_shape=(512, 1100), dtype=dtype)
        info = backend.info(array)
        assert info.chunks in (None, (1, 512, 1100)) or dtype == "bool"
        backend.append(array, frames[:1])
        backend.append_many([(array, frames[1:3]), (array, np.asfortranarray(frames[3:4]))])
        np.testing.assert_array_equal(backend.read(array), frames[:4], strict=True)
        backend.write(array, (1, 2), frames[0, 3])
        backend.append(array, frames[4:])
        self.reopen(backend)
        array = backend.node("/F")
        frames[1, 2] = frames[0, 3]
        np.testing.assert_array_equal(backend.read(array), frames)
        backend.append(array, frames[:2].astype(np.dtype(dtype).newbyteorder(">")))
        np.testing.assert_array_equal(backend.read(array, slice(3, None)), frames[[3, 4, 0, 1]])

    @settings(max_examples=25, deadline=None, suppress_health_check=CHECKS)
    @given(st.lists(st.integers(0, 5), max_size=8), st.sampled_from(ROW_SHAPES))
    def test_any_sequence_of_blocks(self, backend: Backend, blocks: list[int], row_shape: tuple[int, ...]) -> None:
        values = some_values((sum(blocks), *row_shape), "int32")
        array = make_growing(backend, "/", "E", row_shape=row_shape, dtype="int32")
        done = 0
        for count in blocks:
            backend.append(array, values[done : done + count])
            done += count
        np.testing.assert_array_equal(backend.read(array), values, strict=True)
        backend.delete(array)

    # ------------------------------------------------------------------ text
    def test_text_rows(self, backend: Backend) -> None:
        rows = [b"first", b"", b"\0\xff" * 40, b"x" * 100_000, b""]
        text = make_text(backend, "/", "T", {"TITLE": "log"})
        assert backend.read(text) == [] and backend.info(text).shape == (0,)
        for row in rows:
            backend.append(text, np.frombuffer(row, np.uint8))
        for mode in ("r+", "r"):
            assert [row.tobytes() for row in backend.read(text)] == rows
            assert [row.tobytes() for row in backend.read(text, slice(1, 3))] == rows[1:3]
            assert backend.read(text, slice(2, 2)) == []
            assert backend.read(text, 2).tobytes() == rows[2] and backend.read(text, -2).tobytes() == rows[3]
            info = backend.info(text)
            assert (info.shape, info.dtype, info.max_shape) == ((5,), np.dtype("uint8"), (None,))
            self.reopen(backend, mode)
            text = backend.node("/T")
            assert backend.kind(text) is NodeKind.TEXT

    def test_text_takes_one_row_of_bytes(self, backend: Backend) -> None:
        text = make_text(backend, "/", "T")
        for wrong in (np.zeros((1, 3), "u1"), np.zeros(3), np.zeros(3, "i2"), np.array(["abc"]), np.uint8(3)):
            with pytest.raises(DataMismatchError, match="/T"):
                backend.append(text, np.asarray(wrong))
        assert backend.read(text) == []
        backend.append(text, np.zeros(2, "u1"))
        with pytest.raises(NodeError, match="not overwritten"):
            backend.write(text, 0, np.zeros(2, "u1"))

    # ----------------------------------------------------------------- fixed
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3, 4), (0,), (0, 3), (3, 0, 2)], ids=str)
    def test_fixed_from_data(self, backend: Backend, dtype: str, shape: tuple[int, ...]) -> None:
        values = some_values(shape, dtype)
        array = make_array(backend, "/", "C", data=values)
        assert backend.kind(array) is NodeKind.FIXED
        for _ in range(2):
            info = backend.info(array)
            assert info.shape == shape and None not in info.max_shape
            np.testing.assert_array_equal(backend.read(array), values)
            assert np.shape(backend.read(array)) == shape
            self.reopen(backend, "r")
            array = backend.node("/C")

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_fixed_from_fill_value(self, backend: Backend, dtype: str) -> None:
        fill = np.dtype(dtype).type(1)
        array = make_array(backend, "/", "C", shape=(3, 4), dtype=dtype, fill_value=fill)
        scalar = make_array(backend, "/", "S", shape=(), dtype=dtype, fill_value=fill)
        zeros = make_array(backend, "/", "Z", shape=(2,), dtype=dtype)
        backend.write(array, (1, slice(0, 2)), np.zeros(2, dtype))
        expected = np.ones((3, 4), dtype)
        expected[1, :2] = 0
        np.testing.assert_array_equal(backend.read(array), expected)
        assert backend.read(scalar) == fill and not backend.read(zeros).any()

    def test_an_array_of_one_value_goes_where_a_number_goes(self, backend: Backend) -> None:
        """The points of a scan come as arrays of shape (1,)."""
        array = make_array(backend, "/", "A", shape=(2, 3), dtype="f8")
        for number, selection in enumerate([(0, 1), (np.int64(1), np.int64(2))], 1):
            backend.write(array, selection, np.array([float(number)]))
        assert backend.read(array).tolist() == [[0, 1, 0], [0, 0, 2]]

    def test_nan_as_fill_value(self, backend: Backend) -> None:
        for dtype in ("float32", "complex128"):
            made = make_array(backend, "/", dtype, shape=(2, 2), dtype=dtype, fill_value=np.dtype(dtype).type(np.nan))
            assert np.isnan(backend.read(made)).all()

    @pytest.mark.parametrize("dtype", ["U5", "object", "datetime64[s]"])
    def test_dtypes_that_no_array_has(self, backend: Backend, dtype: str) -> None:
        with pytest.raises(DataMismatchError, match="/C could not be made"):
            make_array(backend, "/", "C", data=np.zeros(2, dtype))
        with pytest.raises(DataMismatchError, match="/C could not be made"):
            make_growing(backend, "/", "C", dtype=dtype)
        assert backend.children(backend.root()) == []

    # --------------------------------------------------------- parts of arrays
    @pytest.mark.parametrize("selection", SLICES, ids=str)
    @pytest.mark.parametrize("growing", [False, True])
    def test_reading_and_writing_parts(self, backend: Backend, selection: Any, growing: bool) -> None:
        values = some_values((4, 5, 3), "int32")
        if growing:
            array = make_growing(backend, "/", "A", row_shape=(5, 3), dtype="int32")
            backend.append(array, values)
        else:
            array = make_array(backend, "/", "A", data=values)
        expected = values[selection]
        found = backend.read(array, selection)
        np.testing.assert_array_equal(found, expected)
        assert np.shape(found) == expected.shape
        changed = values.copy()
        changed[selection] = -expected
        backend.write(array, selection, np.asarray(-expected))
        np.testing.assert_array_equal(backend.read(array), changed)

    def test_points_of_a_scan(self, backend: Backend) -> None:
        """Whole points at numbers from 0 on, the way of every scan step, which may be a shorter one."""
        array = make_array(backend, "/", "A", shape=(3, 4, 5), dtype="f8", fill_value=-1.0)
        grown = make_growing(backend, "/", "E", row_shape=(4, 5), dtype="f8")
        backend.append(grown, np.full((2, 4, 5), -1.0))
        expected = np.full((3, 4, 5), -1.0)
        line = np.arange(5.0)
        for at, values in (
            ((2, 3), line),
            ((0, 0), line[::-1]),
            ((1, 2, 3), np.array(7.0)),
            ((1, 3), np.arange(10, dtype="i2")[::2]),
            ((0,), np.arange(20, dtype=">f8").reshape(5, 4).T),
            ((1, 3), line + 1),
        ):
            backend.write(array, at, values)
            expected[at] = values
            if at[0] < 2:
                backend.write(grown, at, values)
        np.testing.assert_array_equal(backend.read(array), expected)
        np.testing.assert_array_equal(backend.read(grown), expected[:2])
        backend.append(grown, expected[2:])
        backend.write(grown, (2, 0), line)
        assert backend.read(grown, (2, 0)).tolist() == line.tolist()
        for outside, some in (((3, 0), line), ((0, 4), line), ((0, 0), line[:4]), ((0, 0, 0, 0), np.array(1.0))):
            with pytest.raises(DataMismatchError, match="/A"):
                backend.write(array, outside, some)
        np.testing.assert_array_equal(backend.read(array), expected)

    def test_writing_one_value_over_many(self, backend: Backend) -> None:
        array = make_array(backend, "/", "A", data=np.zeros((3, 4)))
        backend.write(array, 1, np.array(2.5))
        backend.write(array, (slice(None), 0), np.array(1.0))
        assert backend.read(array).tolist() == [[1, 0, 0, 0], [1, 2.5, 2.5, 2.5], [1, 0, 0, 0]]

    @pytest.mark.parametrize(
        ("selection", "values"),
        [
            (7, np.zeros(4)),
            (-8, np.zeros(4)),
            ((0, 0, 0), np.zeros(())),
            (0, np.zeros(3)),
            (slice(0, 2), np.zeros((3, 4))),
            ("x", np.zeros(4)),
            (slice(None, None, -1), np.zeros((3, 4))),
        ],
        ids=str,
    )
    def test_parts_that_do_not_fit(self, backend: Backend, selection: Any, values: Array) -> None:
        before = some_values((3, 4), "float64")
        array = make_array(backend, "/", "A", data=before)
        with pytest.raises(DataMismatchError, match="/A"):
            backend.write(array, selection, values)
        np.testing.assert_array_equal(backend.read(array), before)

    @pytest.mark.parametrize("selection", [7, -8, (0, 0, 0), "x", slice(None, None, -1)], ids=str)
    def test_reading_outside(self, backend: Backend, selection: Any) -> None:
        array = make_array(backend, "/", "A", data=np.zeros((3, 4)))
        with pytest.raises(DataMismatchError, match=r"can't read .* of /A, shape \(3, 4\)"):
            backend.read(array, selection)

    def test_writing_another_number_type(self, backend: Backend) -> None:
        array = make_array(backend, "/", "A", data=np.arange(3, dtype="int16"))
        with pytest.raises(DataMismatchError, match="holds int16, got float64"):
            backend.write(array, ..., np.zeros(3))
        backend.write(array, 1, np.array(7, "int8"))
        assert backend.read(array).tolist() == [0, 7, 2]

    def test_flush_and_refresh_change_nothing(self, backend: Backend, path: Path) -> None:
        array = make_growing(backend, "/", "E", dtype="i8")
        backend.append(array, np.arange(3))
        backend.flush()
        backend.refresh(array)
        backend.append(array, np.arange(2))
        assert backend.read(array).tolist() == [0, 1, 2, 0, 1] and path.exists()
