"""Refusals of calls that make no sense in the open file, before a library is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.storage import Storage
from h5saver_widget.backends.terms import Compression, Handle, NodeKind
from h5saver_widget.errors import (
    DataMismatchError,
    FileNotOpenError,
    H5SaverError,
    NodeError,
    NodeExistsError,
    StreamingError,
)
from h5saver_widget.format.naming import check_node_name

__all__ = ["Checks"]


class Checks(Storage):
    """The refusals that all backends share."""

    @property
    def path(self) -> Path | None:
        """Path of the open file, None when closed."""
        return self._path if self.is_open else None

    @property
    def writable(self) -> bool:
        """Whether the open file may be changed."""
        return self.is_open and self._mode != "r"

    @property
    def swmr_active(self) -> bool:
        """Whether the file streams: only appends and slice writes are possible until it is closed."""
        return self._swmr and self.is_open

    def _may_change(self, what: str) -> None:
        """Refuse a change of the open file where it may only be read, or streams."""
        if self._mode == "r":
            raise FileNotOpenError(f"can't {what}: {self.path} is open for reading only; open it with mode 'r+'")
        if self._swmr:
            raise StreamingError(
                f"can't {what}: the file is streaming (SWMR), only appending is possible now; "
                "make everything before streaming starts, or close and reopen the file"
            )

    def _changeable(self, handle: Handle, what: str) -> TreeNode:
        """Return a node whose attributes may be changed."""
        node = self._nodes.get(handle)
        self._may_change(f"{what} of {node.path}")
        if self._nodes.described(handle) is None:
            raise NodeError(f"{node.path} is a {node.kind.value}: it has no attributes")
        return node

    @contextmanager
    def _making(self, parent: Handle, name: str) -> Iterator[tuple[TreeNode, str]]:
        """Check that a node may be made here, and turn the library's refusals into ours."""
        group = self._nodes.group(parent)
        path = f"/{name}" if group.path == "/" else f"{group.path}/{name}"
        self._may_change(f"make {path}")
        check_node_name(name)
        if self._has(group.obj, name):
            raise NodeExistsError(f"{group.path} already holds a node {name!r}; choose another name")
        try:
            yield group, path
        except self.library_errors as error:
            if isinstance(error, H5SaverError):
                raise
            raise DataMismatchError(f"{path} could not be made with {self.name}: {error}") from error

    def _may_copy(self, source: TreeNode, path: str) -> None:
        if self._nodes.described(Handle(source)) is None:
            raise NodeError(f"{source.path} is a {source.kind.value}, it can't be copied")
        if path.startswith(f"{source.path.rstrip('/')}/"):
            raise NodeError(f"{source.path} can't be copied into itself ({path}); choose a group outside of it")

    def _library(self, compression: Compression | None) -> str | None:
        """Return the checked name of the compression library, None for no compression."""
        if compression is None or not compression.is_on:
            return None
        if compression.library not in self.capabilities.compression:
            names = ", ".join(self.capabilities.compression)
            raise DataMismatchError(
                f"{self.name} can't compress with {compression.library!r}; choose one of: {names}, or level 0"
            )
        return "zlib" if compression.library == "gzip" else compression.library

    # ------------------------------------------------------------------ values
    def _may_write(self, node: TreeNode, values: npt.NDArray[Any], held: np.dtype[Any]) -> None:
        if self._mode == "r":
            raise FileNotOpenError(
                f"can't write to {node.path}: {self.path} is open for reading only; open it with mode 'r+'"
            )
        if values.dtype != held and not np.can_cast(values.dtype, held, "safe"):
            raise DataMismatchError(f"{node.path} holds {held}, got {values.dtype}: convert the values first")

    def _overwritable(self, array: Handle, values: npt.NDArray[Any]) -> tuple[TreeNode, npt.NDArray[Any]]:
        """Return an array and values that it can hold; an error if it can't."""
        known = cast(TreeNode, array)
        if (  # as in `_appendable`
            type(known) is TreeNode
            and type(values) is np.ndarray
            and known.held is not None
            and values.dtype == known.held
            and known.owner is self._nodes.owner
            and self._mode != "r"
        ):
            return known, values
        node, values = self._nodes.array(array), np.asarray(values)
        if node.kind is NodeKind.TEXT:
            raise NodeError(f"{node.path} holds rows of bytes: they can be appended, not overwritten")
        held = self._held(node)
        self._may_write(node, values, held)
        node.held = held
        return node, values

    def _appendable(self, array: Handle, rows: npt.NDArray[Any]) -> tuple[TreeNode, npt.NDArray[Any]]:
        """Return an array and rows of its number type, in one piece; an error if they don't fit."""
        # rows that need no conversion pass at a third of the price: five channels in 5 us instead of 8
        known = cast(TreeNode, array)
        if (
            type(known) is TreeNode
            and type(rows) is np.ndarray
            and known.held is not None  # which numpy would take for float64
            and rows.dtype == known.held
            and known.owner is self._nodes.owner
            and rows.ndim == len(known.row_shape) + 1
            and rows.shape[1:] == known.row_shape
            and rows.flags.c_contiguous
            and self._mode != "r"
        ):
            return known, rows
        node = self._nodes.array(array)
        is_text = node.kind is NodeKind.TEXT
        return node, self._row_of_bytes(node, rows) if is_text else self._rows_that_fit(node, rows)

    def _row_of_bytes(self, node: TreeNode, row: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        values = np.asarray(row)
        self._may_write(node, values, np.dtype(np.uint8))
        if values.ndim != 1:
            raise DataMismatchError(f"{node.path} takes one row of bytes at a time, got shape {values.shape}")
        if self.swmr_active:
            raise StreamingError(f"{node.path} holds rows of any length: HDF5 breaks them under SWMR")
        return values.astype(np.uint8, copy=False)

    def _rows_that_fit(self, node: TreeNode, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if node.kind is not NodeKind.GROWING:
            raise NodeError(f"{node.path} has a fixed shape, it can't grow; write into it with a selection instead")
        values, held = np.asarray(rows), self._held(node)
        self._may_write(node, values, held)
        if values.ndim != len(node.row_shape) + 1 or values.shape[1:] != node.row_shape:
            raise DataMismatchError(f"{node.path} takes rows of shape {node.row_shape}, got shape {values.shape}")
        node.held = held
        if values.dtype == held and values.flags.c_contiguous:
            return values
        return np.ascontiguousarray(values, dtype=held)
