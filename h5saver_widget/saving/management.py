"""The common base of data savers and loaders: their file, and the names of array nodes."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from h5saver_widget.format import naming
from h5saver_widget.format.layout import DataType, channel_name
from h5saver_widget.nodes.typed import Array, Node
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["DataManagement"]


class DataManagement:
    """Works on the file of a saver, or on its own file.

    Parameters
    ----------
    h5saver
        A saver with an open file, or the path of a file, which is then opened (created if it is not there).
    **options
        For a path: see :meth:`H5SaverLowLevel.from_file`.
    """

    data_type: ClassVar[DataType] = DataType.data

    def __init__(self, h5saver: H5SaverLowLevel | Path | str, **options: Any) -> None:
        own = isinstance(h5saver, (str, Path))
        opened = H5SaverLowLevel.from_file(h5saver, **options) if own else h5saver  # type: ignore[arg-type]
        #: The saver whose file is used.
        self.h5saver: H5SaverLowLevel = opened  # type: ignore[assignment]

    def isopen(self) -> bool:
        """Tell whether the file is open."""
        return self.h5saver.isopen()

    def close(self) -> None:
        """Close the file."""
        self.h5saver.close_file()

    def close_file(self) -> None:
        """Close the file."""
        self.close()

    def flush(self) -> None:
        """Hand everything written so far to the operating system."""
        self.h5saver.flush()

    def __enter__(self) -> Self:
        """Return this object; the file is closed at the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    def nodes_of_type(self, where: Where, data_type: DataType | None = None) -> list[Array]:
        """Return the arrays of a role (this saver's own by default) in a group, 2 before 10."""
        wanted = self.data_type if data_type is None else data_type
        group = self.h5saver.get_group(self.h5saver.path_of(where))  # a node may be kept while its file is reopened
        named = [name for name in group.children_name() if naming.number_of(name, wanted.value) is not None]
        found = [group.get_child(name) for name in named]
        return [node for node in found if isinstance(node, Array)]

    def get_last_node_name(self, where: Where) -> str | None:
        """Return the name of the last array of this role in a group, None if there is none."""
        nodes = self.nodes_of_type(where)
        return nodes[-1].name if nodes else None

    def get_node_from_index(self, where: Where, index: int) -> Node:
        """Return the array of that number; NodeError if there is none."""
        return self.h5saver.get_node(where, channel_name(self.data_type, index))
