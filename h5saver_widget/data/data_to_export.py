"""A bundle of data objects that belong together: the result of one grab of one or more modules."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, overload

from h5saver_widget.data.checks import add_extras
from h5saver_widget.data.data_with_axes import DataWithAxes
from h5saver_widget.data.enums import DataDim, DataSource
from h5saver_widget.errors import DataMismatchError

__all__ = ["DataToExport"]


class DataToExport:
    """A named, timed list of data objects that can be searched by name, origin, dimension and source.

    Where an object has no origin, the name of the bundle stands for it; the object is not changed.

    Parameters
    ----------
    name
        Name of the bundle, usually the title of the module.
    data
        The data objects; a single one is accepted.
    timestamp
        Seconds since the epoch; now by default.
    **kwargs
        Extra attributes, set on the bundle and listed in `extra_attributes`.

    Raises
    ------
    DataMismatchError
        If something else than data objects is given.

    Examples
    --------
    >>> import numpy as np
    >>> temperature = DataWithAxes("temperature", data=[np.array([21.5])], origin="lab")
    >>> image = DataWithAxes("image", data=[np.zeros((4, 3))], origin="camera")
    >>> dte = DataToExport("grab", [temperature, image])
    >>> dte.get_full_names(), dte.get_dim_presents()
    (['lab/temperature', 'camera/image'], ['Data0D', 'Data2D'])
    >>> dte.get_data_from_dim("Data2D")
    <DataToExport 'grab': 1 data [camera/image Data2D]>
    """

    def __init__(
        self,
        name: str,
        data: Iterable[DataWithAxes] | DataWithAxes = (),
        timestamp: float | None = None,
        **kwargs: Any,
    ) -> None:
        self.name = name
        self.timestamp = time.time() if timestamp is None else timestamp
        self.extra_attributes: list[str] = []
        self._data: list[DataWithAxes] = []
        self.data = data
        if kwargs:
            add_extras(self, kwargs)

    @property
    def data(self) -> list[DataWithAxes]:
        """The data objects, in order; new ones are checked."""
        return self._data

    @data.setter
    def data(self, data: Iterable[DataWithAxes] | DataWithAxes) -> None:
        self._data = _checked(data, self.name)

    def append(self, data: DataWithAxes | Iterable[DataWithAxes]) -> None:
        """Add one data object, or all of a list or of another bundle.

        Nothing is replaced: two objects of one name and origin are two objects (the peer drops the first).

        Raises
        ------
        DataMismatchError
            If something else is given; nothing is added then.
        """
        self._data.extend(_checked(data, self.name))

    def add_extra_attribute(self, **kwargs: Any) -> None:
        """Set attributes and list them in `extra_attributes`.

        Raises
        ------
        DataMismatchError
            If a name belongs to the bundle itself.
        """
        add_extras(self, kwargs)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[DataWithAxes]:
        return iter(self._data)

    @overload
    def __getitem__(self, index: int) -> DataWithAxes: ...
    @overload
    def __getitem__(self, index: slice) -> DataToExport: ...
    def __getitem__(self, index: int | slice) -> DataWithAxes | DataToExport:
        """Return one data object, or the bundle of a slice."""
        return self._with(self._data[index]) if isinstance(index, slice) else self._data[index]

    def _with(self, data: list[DataWithAxes]) -> DataToExport:
        """Return a bundle of the same name, time and extra attributes with other data.

        The time is kept on purpose: a filtered bundle was acquired when the whole one was.
        """
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.extra_attributes, new._data = list(self.extra_attributes), data
        return new

    def _where(self, wanted: Callable[[DataWithAxes], bool]) -> DataToExport:
        return self._with([dwa for dwa in self._data if wanted(dwa)])

    def _origin(self, dwa: DataWithAxes) -> str:
        return dwa.origin or self.name

    def _of_dim(self, dim: DataDim | str | None) -> list[DataWithAxes]:
        return self._data if dim is None else self.get_data_from_dim(dim).data

    def get_dim_presents(self) -> list[str]:
        """Return the names of the dimensions that occur, from 0D to ND."""
        present = {dwa.dim for dwa in self._data}
        return [dim.name for dim in DataDim if dim in present]

    def get_data_from_dim(self, dim: DataDim | str) -> DataToExport:
        """Return the bundle of the data of one dimension.

        Raises
        ------
        ValueError
            If `dim` is not a dimension.
        """
        wanted = DataDim.of(dim)
        return self._where(lambda dwa: dwa.dim is wanted)

    def get_data_from_source(self, source: DataSource | str) -> DataToExport:
        """Return the bundle of the raw or of the calculated data.

        Raises
        ------
        ValueError
            If `source` is not a source.
        """
        wanted = DataSource.of(source)
        return self._where(lambda dwa: dwa.source is wanted)

    def get_names(self, dim: DataDim | str | None = None) -> list[str]:
        """Return the names of all data, or of those of one dimension, in order."""
        return [dwa.name for dwa in self._of_dim(dim)]

    def get_full_names(self, dim: DataDim | str | None = None) -> list[str]:
        """Return ``origin/name`` of all data, or of those of one dimension, in order."""
        return [f"{self._origin(dwa)}/{dwa.name}" for dwa in self._of_dim(dim)]

    def get_origins(self, dim: DataDim | str | None = None) -> list[str]:
        """Return the origins of all data, or of those of one dimension, each once, in order of appearance."""
        return list(dict.fromkeys(self._origin(dwa) for dwa in self._of_dim(dim)))

    def get_data_from_origins(self, origins: Iterable[str]) -> DataToExport:
        """Return the bundle of the data that come from one of `origins`."""
        wanted = {origins} if isinstance(origins, str) else set(origins)
        return self._where(lambda dwa: self._origin(dwa) in wanted)

    def get_data_from_name(self, name: str) -> DataWithAxes | None:
        """Return the first data of this name, or None."""
        return next((dwa for dwa in self._data if dwa.name == name), None)

    def get_data_from_name_origin(self, name: str, origin: str = "") -> DataWithAxes | None:
        """Return the first data of this name and origin (of any origin, if it is empty), or None."""
        if not origin:
            return self.get_data_from_name(name)
        return next((dwa for dwa in self._data if dwa.name == name and self._origin(dwa) == origin), None)

    def get_data_from_full_name(self, full_name: str) -> DataWithAxes | None:
        """Return the first data whose ``origin/name`` this is, or None."""
        # Compared as a whole, not split: titles of modules and names of data may hold slashes.
        return next((dwa for dwa in self._data if f"{self._origin(dwa)}/{dwa.name}" == full_name), None)

    def to_xarray(self) -> Any:
        """Return an ``xarray.DataTree``, a node per data object; needs the optional extra ``xarray``."""
        from h5saver_widget.data.xarray_export import to_datatree

        return to_datatree(self)

    def deepcopy(self) -> DataToExport:
        """Return a copy that shares nothing."""
        return copy.deepcopy(self)

    def __eq__(self, other: object) -> bool:
        """Return whether name and data, in order, are the same; times and extra attributes are not compared."""
        if not isinstance(other, DataToExport):
            return NotImplemented
        return self.name == other.name and self._data == other._data

    def __repr__(self) -> str:
        """Return one line: name, number of data, full names and dimensions."""
        content = ", ".join(f"{self._origin(dwa)}/{dwa.name} {dwa.dim.name}" for dwa in self._data)
        return f"<{type(self).__name__} {self.name!r}: {len(self)} data [{content}]>"


def _checked(data: Iterable[DataWithAxes] | DataWithAxes, name: str) -> list[DataWithAxes]:
    """Return the list of data objects that `data` means."""
    items: list[Any] = [data] if isinstance(data, DataWithAxes) or not isinstance(data, Iterable) else list(data)
    for item in items:
        if not isinstance(item, DataWithAxes):
            raise DataMismatchError(f"bundle {name!r}: expected DataWithAxes objects, got {type(item).__name__}")
    return items
