"""The attributes that a saver reads from the objects it is given.

Savers take anything of this shape: our own classes, and the peer's, which is not imported for it. All is read only:
a saver never changes the caller's data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from numpy.typing import NDArray

__all__ = ["AxisLike", "DataLike", "DataToExportLike", "NamedMember"]


@runtime_checkable
class NamedMember(Protocol):
    """A member of some enum, known by its name.

    Examples
    --------
    >>> from h5saver_widget.data import DataDim
    >>> isinstance(DataDim.Data0D, NamedMember)
    True
    """

    @property
    def name(self) -> str:
        """Name of the member, such as ``Data0D``, ``raw``, ``uniform``."""


@runtime_checkable
class AxisLike(Protocol):
    """An axis to be saved.

    Examples
    --------
    >>> from h5saver_widget.data import Axis
    >>> isinstance(Axis("x"), AxisLike)
    True
    """

    @property
    def label(self) -> str:
        """The quantity along the axis."""

    @property
    def units(self) -> str:
        """Units of the values."""

    @property
    def index(self) -> int:
        """Dimension of the data that the axis describes."""

    @property
    def spread_order(self) -> int:
        """Rank among the axes that share one navigation dimension."""

    @property
    def offset(self) -> float | None:
        """First value of a linear axis, else None."""

    @property
    def scaling(self) -> float | None:
        """Step of a linear axis, else None."""

    @property
    def size(self) -> int:
        """Number of values."""

    def get_data(self) -> NDArray[Any]:
        """Return the values, shape (size,)."""


@runtime_checkable
class DataLike(Protocol):
    """A data object to be saved; the names in `extra_attributes` are attributes of it.

    Examples
    --------
    >>> import numpy as np
    >>> from h5saver_widget.data import DataRaw
    >>> isinstance(DataRaw("a", data=[np.zeros(3)]), DataLike)
    True
    """

    @property
    def name(self) -> str:
        """Name of the data."""

    @property
    def data(self) -> Sequence[NDArray[Any]]:
        """Channels: arrays of one shape."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one channel."""

    @property
    def dim(self) -> NamedMember:
        """``Data0D`` to ``DataND``."""

    @property
    def source(self) -> NamedMember:
        """``raw`` or ``calculated``."""

    @property
    def distribution(self) -> NamedMember:
        """``uniform`` or ``spread``."""

    @property
    def labels(self) -> Sequence[str]:
        """One label per channel."""

    @property
    def origin(self) -> str:
        """Title of the module that the data come from."""

    @property
    def units(self) -> str:
        """Units of the values."""

    @property
    def nav_indexes(self) -> Sequence[int]:
        """Navigation dimensions."""

    @property
    def axes(self) -> Sequence[AxisLike]:
        """Axes in any order; dimensions may lack one."""

    @property
    def errors(self) -> Sequence[NDArray[Any]] | None:
        """Error bars, one array of the data's shape per channel, or None."""

    @property
    def timestamp(self) -> float:
        """Seconds since the epoch."""

    @property
    def extra_attributes(self) -> Sequence[str]:
        """Names of the attributes to be saved beside the known ones."""

    def __len__(self) -> int:
        """Return the number of channels."""

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Iterate over the channels."""


@runtime_checkable
class DataToExportLike(Protocol):
    """A bundle of data objects to be saved.

    Examples
    --------
    >>> from h5saver_widget.data import DataToExport
    >>> isinstance(DataToExport("grab"), DataToExportLike)
    True
    """

    @property
    def name(self) -> str:
        """Name of the bundle."""

    @property
    def data(self) -> Sequence[DataLike]:
        """The data objects."""

    @property
    def timestamp(self) -> float:
        """Seconds since the epoch."""

    def __len__(self) -> int:
        """Return the number of data objects."""

    def __iter__(self) -> Iterator[DataLike]:
        """Iterate over the data objects."""


if TYPE_CHECKING:  # mypy proves here that our own classes fit
    from h5saver_widget.data.axis import Axis
    from h5saver_widget.data.data_to_export import DataToExport
    from h5saver_widget.data.data_with_axes import DataWithAxes

    def _prove(axis: Axis, dwa: DataWithAxes, dte: DataToExport) -> tuple[AxisLike, DataLike, DataToExportLike]:
        return axis, dwa, dte
