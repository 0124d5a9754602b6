"""An array that stays where it is until somebody takes a slice of it: how a 4 GB scan is looked at in 50 MB."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from h5saver_widget.data.slicing import expand_key
from h5saver_widget.errors import DataMismatchError

__all__ = ["LazyArray"]


class LazyArray(NDArrayOperatorsMixin):
    """Reads a slice each time it is asked.

    It has the shape and the number type of the stored array. Slices are numpy arrays; in a calculation all of it is
    read. An error of reading (the file was closed) is raised by the slice; an empty slice reads nothing.

    Parameters
    ----------
    read
        Returns part of the array for a tuple of one non negative int or forward slice per dimension. Called from any
        thread; never for an empty part.
    shape
        Shape of the array.
    dtype
        Number type of the values.
    chunks
        Shape of the blocks in which it is stored, None if it is in one piece.

    Examples
    --------
    >>> stored = np.arange(12).reshape(3, 4)
    >>> lazy = LazyArray(lambda part: stored[part], stored.shape, stored.dtype)
    >>> lazy[1, ::-1], lazy.shape
    (array([7, 6, 5, 4]), (3, 4))
    """

    def __init__(
        self,
        read: Callable[[tuple[int | slice, ...]], Any],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        chunks: tuple[int, ...] | None = None,
    ) -> None:
        self._read = read
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.chunks = chunks

    @classmethod
    def of(cls, values: NDArray[Any]) -> LazyArray:
        """Return an array in memory as a lazy one, so that code for both is written once.

        >>> LazyArray.of(np.arange(4.0)).reshape((4, 1))[1:3].tolist()
        [[1.0], [2.0]]
        """
        return cls(values.__getitem__, values.shape, values.dtype)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of all values in bytes."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read ints, slices and Ellipsis as numpy does; IndexError out of range or for any other key."""
        parts = expand_key(key, range(self.ndim), self.shape, "array")
        wanted: list[int | slice] = []
        turned: list[slice] = []
        shape: list[int] = []
        for part, size in zip(parts, self.shape, strict=True):
            if isinstance(part, slice):
                forward, backward = _forward(part, size)
                wanted.append(forward)
                turned.append(slice(None, None, -1) if backward else slice(None))
                shape.append(len(range(size)[part]))
            else:
                wanted.append(part)
        if 0 in shape:
            return np.empty(shape, self.dtype)
        values: NDArray[Any] = np.asarray(self._read(tuple(wanted)))
        return values[tuple(turned)] if turned else values

    def take(self, rows: NDArray[Any]) -> LazyArray:
        """Return these rows along the first axis, still unread: shape ``(len(rows), ...)``.

        >>> LazyArray.of(np.arange(4) * 10).take(np.array([0, 3]))[...]
        array([ 0, 30])
        """
        chunks = self.chunks if len(rows) and _is_run(rows) and not rows[0] else None
        return LazyArray(_Taken(self._read, rows), (len(rows), *self.shape[1:]), self.dtype, chunks)

    @classmethod
    def joined(cls, arrays: Sequence[LazyArray], dtype: np.dtype[Any]) -> LazyArray:
        """Return arrays one after the other along the first axis, still unread, in a number type that holds them all.

        >>> LazyArray.joined([LazyArray.of(np.arange(2)), LazyArray.of(np.array([0.5]))], np.dtype(float))[1:]
        array([1. , 0.5])
        """
        reads, sizes = tuple(array._read for array in arrays), tuple(len(array) for array in arrays)
        return cls(_Joined(reads, sizes, dtype), (sum(sizes), *arrays[0].shape[1:]), dtype)

    @classmethod
    def chosen(
        cls, arrays: Sequence[LazyArray], choice: NDArray[Any], numbers: Sequence[int], dtype: np.dtype[Any]
    ) -> LazyArray:
        """Return arrays of one shape as one, still unread: at every point, the one whose number is chosen there.

        >>> parts = [LazyArray.of(np.array([1, 2])), LazyArray.of(np.array([0.5, 0.25]))]
        >>> LazyArray.chosen(parts, np.array([0, 1]), [0, 1], np.dtype(float))[...]
        array([1.  , 0.25])
        """
        reads = tuple(array._read for array in arrays)
        return cls(_Chosen(reads, choice, tuple(numbers), dtype), arrays[0].shape, dtype, arrays[0].chunks)

    def reshape(self, shape: tuple[int, ...]) -> LazyArray:
        """Return the same values with axes of length 1 more or less, still unread.

        Parameters
        ----------
        shape
            The shape of this array but for ones; of an array without values, any shape without values.

        Raises
        ------
        DataMismatchError
            If other axes would change: their parts do not lie together in the file.

        Examples
        --------
        >>> LazyArray.of(np.arange(6).reshape(6, 1)).reshape((6,))[::-2]
        array([5, 3, 1])
        """
        if shape == self.shape:
            return self
        if self.size == 0 == math.prod(shape):
            return LazyArray.of(np.empty(shape, self.dtype))
        stored = self.shape
        if [n for n in shape if n != 1] != [n for n in stored if n != 1]:
            raise DataMismatchError(
                f"an array of shape {stored} can't be read with shape {shape}: only axes of length 1 may come and go; "
                "read it first ([...])"
            )

        blocks = iter([c for c, n in zip(self.chunks or (), stored, strict=False) if n != 1])
        chunks = tuple(1 if n == 1 else next(blocks) for n in shape) if self.chunks else None
        return LazyArray(_Reshaped(self._read, stored, shape), shape, self.dtype, chunks)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read everything."""
        values = self[...]
        return values if dtype is None else values.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Calculate with everything, read now."""
        read = (np.asarray(item) if isinstance(item, LazyArray) else item for item in inputs)
        return getattr(ufunc, method)(*read, **options)

    def __deepcopy__(self, memo: dict[int, Any]) -> LazyArray:
        return self  # it holds no values that a copy could share

    def __repr__(self) -> str:
        return f"LazyArray(shape={self.shape}, dtype={self.dtype})"


def _is_run(rows: NDArray[Any]) -> bool:
    return bool(rows[-1] - rows[0] == len(rows) - 1)


@dataclass(frozen=True)
class _Taken:
    """Reads some rows, in ascending order."""

    read: Callable[[tuple[int | slice, ...]], Any]
    rows: NDArray[Any]

    def __call__(self, part: tuple[int | slice, ...]) -> Any:
        wanted, rest = self.rows[part[0]], part[1:]
        if not isinstance(part[0], slice):
            return self.read((int(wanted), *rest))
        if _is_run(wanted):
            return self.read((slice(int(wanted[0]), int(wanted[-1]) + 1, 1), *rest))
        return np.stack([self.read((int(row), *rest)) for row in wanted])


@dataclass(frozen=True)
class _Joined:
    """Reads arrays that follow each other."""

    reads: tuple[Callable[[tuple[int | slice, ...]], Any], ...]
    sizes: tuple[int, ...]
    dtype: np.dtype[Any]

    def __call__(self, part: tuple[int | slice, ...]) -> Any:
        first, rest = part[0], part[1:]
        rows = range(sum(self.sizes))[first] if isinstance(first, slice) else range(first, first + 1)
        found, start = [], 0
        for read, size in zip(self.reads, self.sizes, strict=True):
            inside = [row - start for row in rows if start <= row < start + size]
            if inside:
                step = inside[1] - inside[0] if len(inside) > 1 else 1
                found.append(np.asarray(read((slice(inside[0], inside[-1] + 1, step), *rest)), self.dtype))
            start += size
        values = np.concatenate(found)
        return values if isinstance(first, slice) else values[0]


@dataclass(frozen=True)
class _Chosen:
    """Reads at every point from the array whose number stands there."""

    reads: tuple[Callable[[tuple[int | slice, ...]], Any], ...]
    choice: NDArray[Any]
    numbers: tuple[int, ...]
    dtype: np.dtype[Any]

    def __call__(self, part: tuple[int | slice, ...]) -> Any:
        choice = self.choice[part[: self.choice.ndim]]
        values = np.array(self.reads[0](part), self.dtype)
        for read, number in zip(self.reads[1:], self.numbers[1:], strict=True):
            here = choice == number
            if np.any(here):
                values[here] = np.asarray(read(part), self.dtype)[here]
        return values


@dataclass(frozen=True)
class _Reshaped:
    """Reads with axes of length 1 more or less; not an inner function: workers could not be sent one."""

    read: Callable[[tuple[int | slice, ...]], Any]
    stored: tuple[int, ...]
    shape: tuple[int, ...]

    def __call__(self, part: tuple[int | slice, ...]) -> NDArray[Any]:
        kept = iter([p for p, n in zip(part, self.shape, strict=True) if n != 1])
        values = np.asarray(self.read(tuple(slice(0, 1, 1) if n == 1 else next(kept) for n in self.stored)))
        return values.reshape([len(range(n)[p]) for p, n in zip(part, self.shape, strict=True) if isinstance(p, slice)])


def _forward(part: slice, size: int) -> tuple[slice, bool]:
    """Return the slice that reads the same points forward, and whether they have to be turned round."""
    start, stop, step = part.indices(size)
    if step > 0:
        return slice(start, max(start, stop), step), False
    count = max(0, math.ceil((start - stop) / -step))
    if count == 0:
        return slice(0, 0, 1), False
    return slice(start + (count - 1) * step, start + 1, -step), True
