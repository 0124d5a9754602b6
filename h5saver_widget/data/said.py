"""All that is said about the arrays of a data object, in one tuple: two frames are compared in one step."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

from numpy.typing import NDArray

from h5saver_widget.data.enums import DataDim, DataSource

__all__ = ["Described", "Said", "said_of"]


class Said(NamedTuple):
    """The words and facts about some arrays.

    The lists are those of the data object, so that a change that a caller makes in them is seen.
    """

    dim: DataDim
    source: DataSource
    name: str
    origin: str
    units: str
    labels: list[str]
    errors: list[NDArray[Any]] | None
    nav_indexes: tuple[int, ...]
    extra_attributes: list[str]


said_of = attrgetter("_said")


def _as_it_is(field: str, doc: str) -> Any:
    """Return the property of a field of `Said` that takes any value."""
    return property(attrgetter(f"_said.{field}"), lambda self, value: self._say(**{field: value}), doc=doc)


class Described:
    """The part of a data object that describes its arrays."""

    _said: Said

    def _say(self, **changes: Any) -> None:
        """Change fields of `Said`."""
        self._said = self._said._replace(**changes)

    name: str = _as_it_is("name", "Name of the data.")
    origin: str = _as_it_is("origin", "Title of the module that the data come from.")
    units: str = _as_it_is("units", "Units of the values of all channels.")
    extra_attributes: list[str] = _as_it_is("extra_attributes", "Names of the attributes that are saved with the data.")

    @property
    def dim(self) -> DataDim:
        """Dimension of one channel, ND as soon as there is navigation."""
        return self._said.dim

    @property
    def source(self) -> DataSource:
        """Raw or calculated; a member or its name is accepted."""
        return self._said.source

    @source.setter
    def source(self, source: DataSource | str) -> None:
        self._say(source=DataSource.of(source))
