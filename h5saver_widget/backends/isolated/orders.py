"""The orders of a worker for its backend: primitives, on nodes that the program knows by number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.derived import update_shapes
from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.backends.terms import Compression, Handle, NodeKind, NodeSpec, ObjectCopies, Plain
from h5saver_widget.errors import DataMismatchError, H5SaverError, NodeError

__all__ = ["Orders"]


class Orders:
    """The nodes of one open file by number, and the orders for them by name."""

    def __init__(self, io: Backend) -> None:
        self._io = io
        self._nodes: dict[int, Handle] = {}
        self._copies: ObjectCopies | None = None
        self._dtypes: dict[int, tuple[np.dtype[Any] | None, tuple[int, ...]]] = {}
        #: Arrays that get a row each, again and again, by the number of the declaration; rows by array in each.
        self.layouts: dict[int, tuple[RowLayout, dict[int, int]]] = {}
        #: Arrays that rows were appended to, by number.
        self.grown: dict[int, Handle] = {}
        self.by_name: dict[str, Callable[..., Any]] = {
            "allow": lambda folders: io.allow([Path(folder) for folder in folders]),
            "begin_copies": self._begin_copies,
            "copy_object": lambda path, start: self._object_copies().copy(path, start),
            "end_copies": lambda: self._object_copies().close(),
            "release": self._release,
            "use_server": io.location.use_server,
            "connection_in_words": lambda path: io.location.connection_in_words(None if path is None else Path(path)),
            "exists": lambda path: io.location.exists(Path(path)),
            "make_folder": lambda path: io.location.make_folder(Path(path)),
            "move_aside": lambda path: io.location.move_aside(Path(path)).as_posix(),
            "list_folder": lambda path: io.location.list_folder(Path(path)),
            "node": self._look_up,
            "children_kinds": self._children_kinds,
            "create": self._create,
            "add_plain": lambda nodes: io.add_plain({path: Plain.unpacked(*node) for path, node in nodes.items()}),
            "declare": self._declare,
            "copy": self._copy,
            "info": self._info,
            "details": self._details,
            "extend": self._extend,
            "start_swmr": io.start_swmr,
            "members": self._of_node(io.inspection.members),
            "link_target": self._of_node(io.inspection.link_target),
            **{method.__name__: self._of_node(method) for method in _methods_of_nodes(io)},
        }

    def _of_node(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that takes the number of a node in place of its handle."""
        return lambda number, *arguments: method(self.node(number), *arguments)

    def forget_all(self) -> None:
        """Forget all nodes: another file is opened."""
        self._nodes, self._dtypes, self.grown, self.layouts = {}, {}, {}, {}

    def node(self, number: int) -> Handle:
        """Return a node by its number; NodeError if it could not be made, or is gone."""
        try:
            return self._nodes[number]
        except KeyError:
            raise NodeError("the node is not in the file: it could not be made, or was deleted") from None

    def paths(self, numbers: Iterable[int]) -> str:
        """Return which nodes something was meant for; shortened, if they are many."""
        known = [self._io.path_of(self._nodes[number]) for number in numbers if number in self._nodes]
        return ", ".join(known[:3]) + (", ..." if len(known) > 3 else "")

    def numbers_at(self, path: str) -> list[int]:
        """Return the numbers by which the program knows the array at a path."""
        return [number for number, handle in self._nodes.items() if self._io.path_of(handle) == path]

    def rows_of(self, number: int, pieces: list[tuple[int, Any]]) -> list[tuple[Handle, Any]]:
        """Return the rows of an array, out of the records that they came in, as they are appended."""
        handle, (dtype, row_shape) = self.node(number), self._dtypes[number]
        self.grown[number] = handle
        if dtype is None:
            return [(handle, np.frombuffer(values, np.uint8)) for _, values in pieces]
        rows = sum(rows for rows, _ in pieces)
        whole = pieces[0][1] if len(pieces) == 1 else b"".join([values for _, values in pieces])
        return [(handle, np.ndarray((rows, *row_shape), dtype, buffer=whole))]

    def bring_up_to_date(self) -> None:
        """Set the attributes that follow from the data, as far as that can be done."""
        with suppress(H5SaverError, OSError, RuntimeError, ValueError):
            update_shapes(self._io, self.grown.values())

    # ------------------------------------------------------------------- tree
    def _release(self, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            self._nodes.pop(number, None)
            self._dtypes.pop(number, None)
            self.layouts.pop(number, None)

    def _declare(self, number: int, arrays: tuple[int, ...], kinds: tuple[tuple[str, tuple[int, ...]], ...]) -> None:
        """Get ready for rows of several arrays; an array that could not be made is reported when its rows come."""
        layout = self._io.row_layout([self.node(array) for array in arrays])
        if [(kind, shape) for kind, shape in kinds] != [(dtype.str, shape) for dtype, shape in layout.kinds]:
            raise NodeError("rows are not of the number types of their arrays")
        self.grown.update({array: self.node(array) for array in arrays})
        self.layouts[number] = layout, dict.fromkeys(arrays, 1)

    def _look_up(self, number: int, path: str) -> tuple[str, tuple[int, ...], np.dtype[Any] | None]:
        handle = self._io.node(path)
        kind = self._io.kind(handle)
        shape: tuple[int, ...] = ()
        dtype: np.dtype[Any] | None = None
        if kind in (NodeKind.FIXED, NodeKind.GROWING, NodeKind.TEXT):
            found = self._io.info(handle)
            shape, dtype = found.shape, None if found.dtype.hasobject else found.dtype
        self._keep(number, handle, kind, dtype, shape[1:])
        return kind.value, shape, dtype

    def _keep(
        self, number: int, handle: Handle, kind: NodeKind, dtype: np.dtype[Any] | None, row_shape: tuple[int, ...]
    ) -> None:
        self._nodes[number] = handle
        if kind is NodeKind.GROWING:
            self._dtypes[number] = dtype, row_shape
        elif kind is NodeKind.TEXT:
            self._dtypes[number] = None, ()

    def _children_kinds(self, number: int) -> dict[str, str]:
        return {name: kind.value for name, kind in self._io.children_kinds(self.node(number)).items()}

    def _create(self, number: int, parent: int, name: str, what: tuple[Any, ...]) -> None:
        kind, shape, dtype, data, fill_value, frame_axes, packed, attributes = what
        compression = None if packed is None else Compression(*packed)
        spec = NodeSpec(NodeKind(kind), shape, dtype, data, fill_value, frame_axes, compression, attributes)
        self._keep(number, self._io.create(self.node(parent), name, spec), spec.kind, dtype, shape)

    def _begin_copies(self, path: str) -> None:
        self._copies = self._io.object_copies(Path(path))

    def _object_copies(self) -> ObjectCopies:
        if self._copies is None:
            raise DataMismatchError("there is no file to copy into; begin a copy first")
        return self._copies

    def _copy(self, number: int, parent: int, name: str) -> None:
        self._io.copy(self.node(number), self.node(parent), name)

    # ----------------------------------------------------------------- arrays
    def _info(self, number: int) -> tuple[Any, ...]:
        found = self._io.info(self.node(number))
        return found.shape, found.dtype, found.max_shape, found.chunks, found.compression, found.holds

    def _details(self, number: int) -> tuple[Any, ...]:
        found = self._io.inspection.details(self.node(number))
        return found.holds, dict(found.names), found.sources, found.scales, dict(found.references)

    def _extend(self, number: int, count: int, fill: Any) -> None:
        handle = self.node(number)
        self.grown[number] = handle
        self._io.extend(handle, count, fill)


def _methods_of_nodes(io: Backend) -> tuple[Callable[..., Any], ...]:
    """Return the methods that are asked for with the number of a node and plain arguments."""
    return (
        *(io.children, io.has_child, io.identity, io.delete, io.read, io.write, io.refresh),
        *(io.attribute_names, io.get_attributes, io.set_attributes, io.delete_attribute),
    )
