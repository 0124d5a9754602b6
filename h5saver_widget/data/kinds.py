"""Data objects with their source (and more) already chosen: raw, calculated, from a region of interest, a position."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from h5saver_widget.data.axis import Axis
from h5saver_widget.data.data_with_axes import DataWithAxes
from h5saver_widget.data.enums import DataDim, DataDistribution, DataSource
from h5saver_widget.errors import DataMismatchError

__all__ = ["DataActuator", "DataCalculated", "DataFromRoi", "DataRaw"]


class _Sourced(DataWithAxes):
    """Data whose source is fixed by their class."""

    _default_source = DataSource.raw

    def __init__(
        self,
        name: str,
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
        """Check and hold the data; parameters as for `DataWithAxes`, without source.

        `source` is accepted by keyword only if it is the one of the class: code that copies attributes passes it.
        """
        source = DataSource.of(kwargs.pop("source", self._default_source))
        if source is not self._default_source:
            raise DataMismatchError(
                f"data {name!r}: {type(self).__name__} means source {self._default_source.name}, got {source.name}"
            )
        super().__init__(
            name,
            source,
            dim,
            distribution,
            data,
            labels,
            origin,
            units,
            axes,
            nav_indexes,
            errors,
            timestamp,
            **kwargs,
        )


class DataRaw(_Sourced):
    """Data straight from an instrument.

    Examples
    --------
    >>> import numpy as np
    >>> DataRaw("thermometer", data=[np.array([21.5])], units="degC")
    <DataRaw 'thermometer' [degC] Data0D: 1 channel (|1) float64>
    """


class DataCalculated(_Sourced):
    """Data that were computed from other data.

    Examples
    --------
    >>> import numpy as np
    >>> DataCalculated("fit", data=[np.zeros(5)]).source.name
    'calculated'
    """

    _default_source = DataSource.calculated


class DataFromRoi(DataCalculated):
    """Data that a viewer computed from a region of interest.

    Examples
    --------
    >>> import numpy as np
    >>> DataFromRoi("ROI_00", data=[np.array([12.0])], labels=["integral"]).labels
    ['integral']
    """


class DataActuator(DataRaw):
    """A position: 0D raw data, 0.0 by default, made from a number as well.

    Examples
    --------
    >>> position = DataActuator("stage", data=3.2, units="mm")
    >>> position.value(), position[0]
    (3.2, array([3.2]))
    """

    def __init__(
        self,
        name: str = "actuator",
        dim: DataDim | str | None = None,
        distribution: DataDistribution | str = DataDistribution.uniform,
        data: Iterable[NDArray[Any]] | NDArray[Any] | float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, dim, distribution, data, **kwargs)

    def value(self) -> float:
        """Return the position in `units`: the first value of the first channel, as a Python number."""
        value: float = self._data[0].flat[0].item()
        return value
