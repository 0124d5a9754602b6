"""The seam to an HDF5 library: the primitives that a backend provides, on the library's own objects.

To write a backend, derive from :class:`~h5saver_widget.backends.base.Backend` and provide the seventeen abstract
methods here; the others have a default that is right for most libraries. They are called under the lock of the file,
with arguments that were checked, and may raise the library's own errors (`Storage.library_errors`).
docs/extending/backend.md has a complete backend of 100 lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.handles import Handles, TreeNode
from h5saver_widget.backends.terms import (
    ArrayInfo,
    Capabilities,
    NodeKind,
    NodeSpec,
    OpenMode,
    Plain,
    RawAttribute,
    Selection,
)
from h5saver_widget.errors import StreamingError
from h5saver_widget.format.naming import natural_key

__all__ = ["Storage"]


class Storage(ABC):
    """The primitives of one library, and the state of its open file.

    A group is given as the library's object. Of other nodes a :class:`TreeNode` is given: its ``obj`` is the object
    that `_child` or `_create` returned, with its ``kind`` and ``path``. ``self._path`` and ``self._mode`` are those of
    the open file.
    """

    #: By which users choose the backend.
    name: ClassVar[str]
    #: The features that differ between backends; asked instead of testing a name.
    capabilities: ClassVar[Capabilities]
    #: Exceptions by which the library refuses something.
    library_errors: ClassVar[tuple[type[Exception], ...]] = ()
    #: Versions of the libraries that write, by the name of the attribute that keeps them in a file.
    versions: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        self._path: Path | None = None
        self._mode: OpenMode = "r"
        self._swmr = False
        self._nodes = Handles(self.name)

    # ------------------------------------------------------------------ file
    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether a file is open. Never waits for another thread."""

    @abstractmethod
    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        """Open or create a file; `path` was checked, nothing else is open."""

    @abstractmethod
    def _close(self) -> None:
        """Close the file, also if it can't be written."""

    @abstractmethod
    def _flush(self) -> None:
        """Put everything written so far on storage."""

    # ------------------------------------------------------------------ tree
    @abstractmethod
    def _root_object(self) -> Any:
        """Return the library's object of the root group."""

    @abstractmethod
    def _names(self, group: Any) -> Iterable[str]:
        """Return the names in a group, in any order."""

    @abstractmethod
    def _child(self, group: Any, name: str) -> tuple[Any, NodeKind]:
        """Return object and kind of a child that exists; a link is not followed. Growing arrays have a ``shape``."""

    @abstractmethod
    def _create(self, group: Any, name: str, spec: NodeSpec) -> Any:
        """Make a node in a group, and return its object; the name is free and valid. See also `_complete_new`."""

    @abstractmethod
    def _remove(self, node: TreeNode) -> None:
        """Remove a node, with everything below it."""

    @abstractmethod
    def _copy(self, source: TreeNode, group: TreeNode, name: str) -> None:
        """Copy a node, with everything below it, into a group."""

    # ---------------------------------------------------------------- arrays
    @abstractmethod
    def _info(self, node: TreeNode) -> ArrayInfo:
        """Return shape, dtype and storage of an array."""

    @abstractmethod
    def _read(self, node: TreeNode, selection: Selection) -> Any:
        """Read an array or part of it; DataMismatchError for a selection that does not fit."""

    @abstractmethod
    def _write(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array with values that its number type can hold."""

    @abstractmethod
    def _append(self, node: TreeNode, rows: npt.NDArray[Any]) -> None:
        """Append C-contiguous rows (at least one) of the array's number type; to byte rows, one row."""

    # ------------------------------------------------------------ attributes
    @abstractmethod
    def _get_attributes(self, node: TreeNode, names: list[str] | None) -> dict[str, RawAttribute]:
        """Read attributes: those of some names, or all; missing and unreadable ones are not returned."""

    @abstractmethod
    def _set_attributes(self, node: TreeNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
        """Write attributes; a fresh node has none of them yet. CodecError for values that can't be stored."""

    @abstractmethod
    def _delete_attribute(self, node: TreeNode, name: str) -> None:
        """Remove an attribute; NodeError if it is not there."""

    # -------------------------------------- defaults that a backend may replace
    def _has(self, group: Any, name: str) -> bool:
        """Tell whether a group holds a name, be it a broken link."""
        return name in self._names(group)

    def _kind_of_child(self, group: Any, name: str) -> NodeKind | None:
        """Return the kind of a child without making its object, None where that is not possible."""
        return None

    def _identity(self, node: TreeNode) -> Hashable:
        """Return a value that all paths to one object have in common."""
        return node.path

    def _sorted_names(self, group: Any) -> list[str]:
        """Return the names in a group, in natural order (2 before 10)."""
        return sorted(self._names(group), key=natural_key)

    def _complete_new(self, node: TreeNode, spec: NodeSpec) -> None:
        """Write attributes and data of a new node, as far as `_create` has not written them."""
        if spec.attributes:
            self._set_attributes(node, spec.attributes, fresh=True)
        if spec.data is not None:
            self._write(node, ..., spec.data)

    def _attribute_names(self, node: TreeNode) -> list[str]:
        """Return the sorted names of all attributes, also of unreadable ones."""
        return sorted(self._get_attributes(node, None))

    def _forget(self, path: str) -> None:
        """Make the handles of a node, and of everything below it, invalid."""
        self._nodes.forget(path)

    def _held(self, node: TreeNode) -> np.dtype[Any]:
        """Return the number type of a growing or fixed array."""
        return self._info(node).dtype

    def _append_checked(self, ready: list[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        """Append rows that were checked."""
        for node, values in ready:
            if node.kind is NodeKind.TEXT or values.shape[0]:
                self._append(node, values)

    def _drain(self) -> None:  # noqa: B027 - most backends collect nothing
        """Pass accepted rows to the library, where they are collected."""

    def _add_plain(self, path: str, node: Plain) -> None:
        """Make a node for other programs, or add to it; where ``capabilities.views``."""
        raise NotImplementedError(f"{self.name} makes no views")

    def _start_swmr(self) -> None:
        """Start streaming."""
        raise StreamingError(f"{self.name} can't do SWMR; record with another backend")

    def _refresh(self, node: TreeNode) -> None:  # noqa: B027 - most backends see new rows by themselves
        """See rows that another process has appended, where the library can."""
