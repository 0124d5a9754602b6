"""The three words that describe any data object: its dimension, its source, its distribution.

Member names are the words in the files (``data_dimension``, ``source``, ``distribution``) and in the peer; members are
found by name, by value, or from a foreign enum's member of the same name.
"""

from __future__ import annotations

from h5saver_widget.format.layout import _Named

__all__ = ["DataDim", "DataDistribution", "DataSource"]


class DataDim(_Named):
    """How many dimensions one channel has; `DataND` means navigation axes, or more than two dimensions.

    Examples
    --------
    >>> DataDim["Data2D"] is DataDim("Data2D") is DataDim.of("data2d")
    True
    """

    Data0D = "Data0D"
    Data1D = "Data1D"
    Data2D = "Data2D"
    DataND = "DataND"


class DataSource(_Named):
    """Whether data come from an instrument or from a computation.

    Examples
    --------
    >>> DataSource("raw")
    <DataSource.raw: 'raw'>
    """

    raw = "raw"
    calculated = "calculated"


class DataDistribution(_Named):
    """Whether navigation points form a grid (`uniform`) or a list of points (`spread`).

    Examples
    --------
    >>> DataDistribution["spread"].name
    'spread'
    """

    uniform = "uniform"
    spread = "spread"
