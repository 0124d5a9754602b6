"""The position in data of several dimensions: the navigated ones, their points, the visible part of the others."""

from __future__ import annotations

from h5saver_widget.browsing.drawings import DataSummary

__all__ = ["Place"]


class Place:
    """The dimensions of one data object, and where one is along them.

    ``navigation`` are the dimensions that are navigated, one point at a time, ``at`` the point along each dimension,
    ``starts`` where the window of an image begins that can't be shown as a whole, ``span`` the points of a curve that
    are wanted where somebody has zoomed; None for all of them.
    """

    def __init__(self) -> None:
        self.summary: DataSummary | None = None
        self.navigation: list[int] = []
        self.at: dict[int, int] = {}
        self.starts: dict[int, int] = {}
        self.span: tuple[int, int] | None = None

    def show(self, summary: DataSummary, again: bool) -> bool:
        """Take data; of the same ones seen `again`, one stays where one was. Return whether that is so."""
        before, self.summary = self.summary, summary
        kept = again and before is not None and len(before.shape) == len(summary.shape)
        if not kept:
            self.navigation, self.starts, self.span = _navigation_of(summary), {}, None
        middle = len(self.navigation) > 1  # of a map, the middle says more than a corner
        start = {i: size // 2 if middle and i in self.navigation else 0 for i, size in enumerate(summary.shape)}
        if kept and before is not None:  # who is at the newest point stays at the newest while more are added
            start = {i: summary.shape[i] - 1 if at == before.shape[i] - 1 else at for i, at in self.at.items()}
        self.at = {i: min(start[i], size - 1) for i, size in enumerate(summary.shape)}
        return kept

    def set_role(self, index: int, navigation: bool) -> None:
        """Navigate along a dimension, or see all of it."""
        self.navigation = sorted({*self.navigation, index} if navigation else {*self.navigation} - {index})
        self.span = None

    @property
    def signal_dims(self) -> list[int]:
        """The dimensions that the plot of the signal shows: the last two that are not navigated."""
        assert self.summary is not None
        away = {*self.navigation, self.colours}
        return self._wide([i for i in range(len(self.summary.shape)) if i not in away])[-2:]

    @property
    def colours(self) -> int | None:
        """The dimension of the colours, if these are seen as such."""
        assert self.summary is not None
        found = self.summary.colours
        return None if found in self.navigation else found

    @property
    def map_dims(self) -> list[int]:
        """The dimensions that the map shows: the first two that are navigated."""
        return self._wide(sorted(self.navigation))[:2]

    def _wide(self, dimensions: list[int]) -> list[int]:
        """Return the dimensions with more than one point: there is nothing to be seen along the others."""
        assert self.summary is not None
        shape = self.summary.shape
        if all(size == 1 for size in shape):
            return dimensions[-1:]
        return [i for i in dimensions if shape[i] != 1]

    @property
    def shown(self) -> list[int]:
        """The dimensions that the main plot shows: those of the signal, those of the map without one."""
        return self.signal_dims or self.map_dims

    def map_size(self, shown: list[int], over: dict[int, slice]) -> int:
        """Return how many bytes are read for a map over some dimensions."""
        assert self.summary is not None
        size = self.summary.dtype.itemsize
        for i in shown:
            size *= self.summary.shape[i]
        for part in over.values():
            size *= part.stop - part.start
        return size


def _navigation_of(summary: DataSummary) -> list[int]:
    """Return the dimensions that are navigated at first: those before an image in colours are."""
    found = [d.index for d in summary.dimensions if d.is_navigation]
    return found or ([] if summary.colours is None else list(range(len(summary.shape) - 3)))
