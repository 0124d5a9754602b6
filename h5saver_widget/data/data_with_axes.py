"""The data object: one or more arrays of one shape ("channels") with everything needed to understand them later.

Arrays are held by reference and checked by shape alone, so an object costs microseconds for frames of any size.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.data.arithmetic import Arithmetic
from h5saver_widget.data.axis import Axis
from h5saver_widget.data.checks import (
    add_extras,
    checked_arrays,
    checked_axes,
    checked_dim,
    checked_errors,
    checked_nav_indexes,
    completed_labels,
    dim_of,
    same_arrays,
    same_axes,
)
from h5saver_widget.data.enums import DataDim, DataDistribution, DataSource
from h5saver_widget.data.said import Described, Said, said_of
from h5saver_widget.data.slicing import Slicer, cut_axes, expand_key, moved_down
from h5saver_widget.errors import DataMismatchError

__all__ = ["DataWithAxes", "Said", "arrays_of", "axes_of", "said_of"]


arrays_of, axes_of = attrgetter("_data"), attrgetter("_axes")


class DataWithAxes(Described, Arithmetic):
    """Channels of one shape with axes, units, errors, origin and time.

    Parameters
    ----------
    name
        Name of the data.
    source
        `DataSource`, its name, or a foreign member of that name; raw by default.
    dim
        `DataDim` or its name; computed from the shape if omitted, else compared with it.
    distribution
        `DataDistribution` or its name: navigation points on a grid, or a list of points whose axes all have index 0.
    data
        Channels: arrays of one shape and any dtype, kept by reference. A single array is one channel; numbers
        become arrays of shape (1,).
    labels
        One per channel, completed by ``CH00``, ``CH01``, ...
    origin
        Title of the module that the data come from.
    units
        Units of the values of all channels.
    axes
        `Axis` objects in any order; not every dimension needs one.
    nav_indexes
        Dimensions that are navigation; all others are signal.
    errors
        Error bars in `units`, one array of the data's shape per channel.
    timestamp
        Seconds since the epoch; now by default.
    **kwargs
        Extra attributes: set on the object, listed in `extra_attributes`, saved with the data.

    Raises
    ------
    DataMismatchError
        If shapes, labels, errors, dimension or names do not fit each other.
    AxisError
        If an axis does not fit the shape, or two axes want one dimension.

    Examples
    --------
    >>> frame = np.arange(6).reshape(2, 3)
    >>> dwa = DataWithAxes("camera", data=[frame], units="counts", axes=[Axis("x", "um", index=1)], exposure=0.1)
    >>> dwa
    <DataWithAxes 'camera' [counts] Data2D: 1 channel (|2, 3) int64>
    >>> dwa.isig[0].shape, dwa.exposure, dwa.extra_attributes
    ((3,), 0.1, ['exposure'])
    >>> dwa - dwa.deepcopy() == dwa * 0
    True
    """

    def __init__(
        self,
        name: str,
        source: DataSource | str | None = None,
        dim: DataDim | str | None = None,
        distribution: DataDistribution | str = DataDistribution.uniform,
        data: Iterable[NDArray[Any]] | NDArray[Any] | float | None = None,
        labels: Iterable[str] | None = None,
        origin: str = "",
        units: str = "",
        axes: Iterable[Axis] | None = None,
        nav_indexes: Iterable[int] = (),
        errors: Iterable[NDArray[Any]] | None = None,
        timestamp: float | None = None,
        **kwargs: Any,
    ) -> None:
        arrays = checked_arrays(data, name)
        shape = arrays[0].shape
        dims = checked_nav_indexes(nav_indexes, len(shape), name)
        self._data = arrays
        self._distribution = DataDistribution.of(distribution)
        self._said = Said(
            checked_dim(dim, shape, dims, name),
            DataSource.raw if source is None else DataSource.of(source),
            name,
            origin,
            units,
            completed_labels(labels or (), len(arrays), name),
            checked_errors(errors, shape, len(arrays), name),
            dims,
            [],
        )
        self.timestamp = time.time() if timestamp is None else timestamp
        self._axes = checked_axes(axes, shape, self._shared(), name) if axes else []
        if kwargs:
            add_extras(self, kwargs)

    def _shared(self) -> tuple[int, ...]:
        return self.nav_indexes if self._distribution is DataDistribution.spread else ()

    @property
    def data(self) -> list[NDArray[Any]]:
        """The channels; a new list is checked against axes and errors, and may change the dimension."""
        return self._data

    @data.setter
    def data(self, data: Iterable[NDArray[Any]]) -> None:
        arrays = checked_arrays(data, self.name)
        shape = arrays[0].shape
        nav_indexes = checked_nav_indexes(self.nav_indexes, len(shape), self.name)
        checked_axes(self._axes, shape, self._shared(), self.name)
        checked_errors(self.errors, shape, len(arrays), self.name)
        labels = completed_labels(self.labels[: len(arrays)], len(arrays), self.name)
        self._data = arrays
        self._say(labels=labels, dim=dim_of(shape, nav_indexes))

    @property
    def distribution(self) -> DataDistribution:
        """Whether navigation points form a grid (uniform) or a list (spread)."""
        return self._distribution

    @property
    def labels(self) -> list[str]:
        """One label per channel; a shorter list is completed."""
        return self._said.labels

    @labels.setter
    def labels(self, labels: Iterable[str]) -> None:
        self._say(labels=completed_labels(labels, len(self._data), self.name))

    @property
    def axes(self) -> list[Axis]:
        """All axes, in the order given; new ones are checked against the shape."""
        return self._axes

    @axes.setter
    def axes(self, axes: Iterable[Axis]) -> None:
        self._axes = checked_axes(axes, self.shape, self._shared(), self.name)

    @property
    def nav_indexes(self) -> tuple[int, ...]:
        """Navigation dimensions, ascending; new ones are checked and may change the dimension."""
        return self._said.nav_indexes

    @nav_indexes.setter
    def nav_indexes(self, nav_indexes: Iterable[int]) -> None:
        dims = checked_nav_indexes(nav_indexes, self.ndim, self.name)
        shared = dims if self._distribution is DataDistribution.spread else ()
        checked_axes(self._axes, self.shape, shared, self.name)
        self._say(nav_indexes=dims, dim=dim_of(self.shape, dims))

    @property
    def sig_indexes(self) -> tuple[int, ...]:
        """Signal dimensions: all that are not navigation."""
        return tuple(dim for dim in range(self.ndim) if dim not in self.nav_indexes)

    @property
    def errors(self) -> list[NDArray[Any]] | None:
        """Error bars in `units`, one array of the data's shape per channel, or None."""
        return self._said.errors

    @errors.setter
    def errors(self, errors: Iterable[NDArray[Any]] | None) -> None:
        self._say(errors=checked_errors(errors, self.shape, len(self._data), self.name))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one channel."""
        return self._data[0].shape

    @property
    def ndim(self) -> int:
        """Number of dimensions of one channel."""
        return self._data[0].ndim

    @property
    def size(self) -> int:
        """Number of values of one channel."""
        return self._data[0].size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of the first channel (others may differ)."""
        return self._data[0].dtype

    @property
    def length(self) -> int:
        """Number of channels."""
        return len(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter(self._data)

    @overload
    def __getitem__(self, channel: int) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, channel: slice) -> list[NDArray[Any]]: ...
    def __getitem__(self, channel: int | slice) -> NDArray[Any] | list[NDArray[Any]]:
        """Return the array of a channel, or the list of arrays of a slice of channels."""
        return self._data[channel]

    def get_full_name(self) -> str:
        """Return ``origin/name``."""
        return f"{self.origin}/{self.name}"

    def add_extra_attribute(self, **kwargs: Any) -> None:
        """Set attributes that are saved with the data.

        Raises
        ------
        DataMismatchError
            If a name belongs to the data object itself.
        """
        add_extras(self, kwargs)

    # ------------------------------------------------------------------------------------------------- axes

    @overload
    def get_axis_from_index(self, index: int, create: Literal[True]) -> list[Axis]: ...
    @overload
    def get_axis_from_index(self, index: int, create: bool = False) -> list[Axis | None]: ...
    def get_axis_from_index(self, index: int, create: bool = False) -> list[Axis] | list[Axis | None]:
        """Return the axes of one dimension: one, or all that share a spread navigation dimension.

        Parameters
        ----------
        index
            Dimension of the data.
        create
            The result without an axis: ``[Axis]`` that counts the points (not added to the data), or ``[None]``, which
            callers written for the peer expect.

        Raises
        ------
        DataMismatchError
            If the data have no such dimension.
        """
        if not 0 <= index < self.ndim:
            raise DataMismatchError(f"data {self.name!r} of shape {self.shape} has no dimension {index}")
        found = self._axes_of((index,))
        if found:
            return found
        default: Axis | None = Axis(index=index, offset=0, scaling=1, size=self.shape[index]) if create else None
        return [default]

    def _axes_of(self, dims: tuple[int, ...]) -> list[Axis]:
        return sorted((a for a in self._axes if a.index in dims), key=lambda a: (a.index, a.spread_order))

    def get_nav_axes(self) -> list[Axis]:
        """Return the navigation axes there are, by index and spread order."""
        return self._axes_of(self.nav_indexes)

    def get_signal_axes(self) -> list[Axis]:
        """Return the signal axes there are, by index."""
        return self._axes_of(self.sig_indexes)

    @property
    def nav_axes(self) -> list[Axis]:
        """The navigation axes there are, by index and spread order."""
        return self.get_nav_axes()

    # ------------------------------------------------------------------------------------- slices and copies

    @property
    def inav(self) -> Slicer[Self]:
        """Slicing by index along navigation: ``dwa.inav[3, 1:]``; arrays of the result are views."""
        return Slicer(lambda key: self._cut(expand_key(key, self.nav_indexes, self.shape, "navigation")))

    @property
    def isig(self) -> Slicer[Self]:
        """Slicing by index along signal dimensions: ``dwa.isig[..., -1]``; arrays of the result are views."""
        return Slicer(lambda key: self._cut(expand_key(key, self.sig_indexes, self.shape, "signal")))

    def _cut(self, full: tuple[int | slice, ...]) -> Self:
        new = self._twin()
        new._data = [np.atleast_1d(array[full]) for array in self._data]
        new._axes = cut_axes(self._axes, full)
        errors = None if self.errors is None else [np.atleast_1d(array[full]) for array in self.errors]
        dims = moved_down(self.nav_indexes, full)
        new._say(errors=errors, nav_indexes=dims, dim=dim_of(new.shape, dims))
        if not dims:
            new._distribution = DataDistribution.uniform
        return new

    def _twin(self) -> Self:
        """Return a copy that shares arrays and axes, but no list."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._axes = list(self._axes)
        new._say(labels=list(self.labels), extra_attributes=list(self.extra_attributes))
        return new

    def deepcopy(self) -> Self:
        """Return a copy that shares nothing."""
        return copy.deepcopy(self)

    def to_xarray(self) -> Any:
        """Return an ``xarray.Dataset``, a variable per channel; needs the optional extra ``xarray``."""
        from h5saver_widget.data.xarray_export import to_dataset

        return to_dataset(self)

    def errors_as_dwa(self) -> DataWithAxes:
        """Return the error bars as calculated data named ``<name>_errors``, with the same axes and attributes.

        Raises
        ------
        DataMismatchError
            If there are no error bars.
        """
        if self.errors is None:
            raise DataMismatchError(f"data {self.name!r} have no errors; give one array per channel as errors=[...]")
        return DataWithAxes(
            f"{self.name}_errors",
            DataSource.calculated,
            self.dim,
            self._distribution,
            self.errors,
            self.labels,
            self.origin,
            self.units,
            self._axes,
            self.nav_indexes,
            timestamp=self.timestamp,
            **{name: getattr(self, name) for name in self.extra_attributes},
        )

    # ----------------------------------------------------------------------------------- comparison

    def __eq__(self, other: object) -> bool:
        """Return whether both hold the same data; class, origin, time and extra attributes may differ.

        Compared are name, units, labels, source, dimension, distribution, navigation, arrays (NaN equals NaN), errors
        and axes in any order.
        """
        if not isinstance(other, DataWithAxes):
            return NotImplemented
        return (
            self._facts() == other._facts()
            and same_axes(self._axes, other._axes)
            and same_arrays(self._data, other._data)
            and same_arrays(self.errors or (), other.errors or ())
        )

    def _facts(self) -> tuple[object, ...]:
        return (self.name, self.units, self.labels, self.source, self.dim, self._distribution, self.nav_indexes)

    def __repr__(self) -> str:
        """Return one line: class, name, units, dimension, channels, (navigation|signal) shape, number type."""
        nav = ", ".join(str(self.shape[dim]) for dim in self.nav_indexes)
        sig = ", ".join(str(self.shape[dim]) for dim in self.sig_indexes)
        units = f" [{self.units}]" if self.units else ""
        channels = f"{self.length} channel{'s' if self.length > 1 else ''}"
        return f"<{type(self).__name__} {self.name!r}{units} {self.dim.name}: {channels} ({nav}|{sig}) {self.dtype}>"
