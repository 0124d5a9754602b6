"""What a worker does with its backend when it is told to: primitives, on nodes that the program knows by number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.derived import update_shapes
from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.backends.terms import Compression, Handle, NodeKind
from h5saver_widget.errors import H5SaverError, NodeError

__all__ = ["Orders"]


class Orders:
    """The nodes of one open file by number, and what can be done with them.

    Parameters
    ----------
    io
        The backend.

    Attributes
    ----------
    by_name
        The primitives that can be asked for.
    """

    def __init__(self, io: Backend) -> None:
        self._io = io
        self._nodes: dict[int, Handle] = {}
        self._dtypes: dict[int, tuple[np.dtype[Any] | None, tuple[int, ...]]] = {}
        #: Arrays that get a row each, again and again, by the number of the declaration; rows by array in each.
        self.layouts: dict[int, tuple[RowLayout, dict[object, int]]] = {}
        #: Arrays that rows were appended to, by number.
        self.grown: dict[int, Handle] = {}
        self.by_name: dict[str, Callable[..., Any]] = {
            "allow": lambda folders: io.allow([Path(folder) for folder in folders]),
            "details": self._details,
            "begin_copy": lambda path: io.begin_copy(Path(path)),
            "copy_out": lambda number, start: io.copy_out(self.node(number), start),
            "end_copy": io.end_copy,
            "link_target": lambda number: io.link_target(self.node(number)),
            "release": self._release,
            "use_server": io.use_server,
            "connection_in_words": lambda path: io.connection_in_words(None if path is None else Path(path)),
            "exists": lambda path: io.exists(Path(path)),
            "make_folder": lambda path: io.make_folder(Path(path)),
            "move_aside": lambda path: io.move_aside(Path(path)).as_posix(),
            "list_folder": lambda path: io.list_folder(Path(path)),
            "node": self._look_up,
            "children": lambda number: io.children(self.node(number)),
            "children_kinds": self._children_kinds,
            "has_child": lambda number, name: io.has_child(self.node(number), name),
            "identity": lambda number: io.identity(self.node(number)),
            "create": self._create,
            "declare": self._declare,
            "delete": lambda number: io.delete(self.node(number)),
            "copy": self._copy,
            "info": self._info,
            "read": lambda number, selection: io.read(self.node(number), selection),
            "extend": self._extend,
            "write": lambda number, selection, values: io.write(self.node(number), selection, values),
            "attribute_names": lambda number: io.attribute_names(self.node(number)),
            "get_attributes": self._get_attributes,
            "set_attributes": lambda number, values: io.set_attributes(self.node(number), values),
            "delete_attribute": lambda number, name: io.delete_attribute(self.node(number), name),
            "start_swmr": io.start_swmr,
            "refresh": lambda number: io.refresh(self.node(number)),
        }

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

    def rows_of(self, number: int, pieces: list[tuple[int, memoryview]]) -> list[tuple[Handle, Any]]:
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
        """Get ready for rows of several arrays; an array that could not be made is told when its rows come."""
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

    def _create(
        self,
        number: int,
        kind_name: str,
        parent: int,
        name: str,
        row_shape: tuple[int, ...],
        dtype: np.dtype[Any] | None,
        packed: tuple[str, int] | None,
        attributes: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        kind, group, io = NodeKind(kind_name), self.node(parent), self._io
        compression = None if packed is None else Compression(*packed)
        if kind is NodeKind.GROUP:
            made = io.create_group(group, name, attributes)
        elif kind is NodeKind.TEXT:
            made = io.create_text(group, name, attributes)
        elif kind is NodeKind.GROWING:
            assert dtype is not None
            made = io.create_growing(
                group, name, row_shape=row_shape, dtype=dtype, compression=compression, attributes=attributes, **more
            )
        else:
            made = io.create_array(group, name, dtype=dtype, compression=compression, attributes=attributes, **more)
        self._keep(number, made, kind, dtype, row_shape)

    def _copy(self, number: int, parent: int, name: str) -> None:
        self._io.copy(self.node(number), self.node(parent), name)

    # ----------------------------------------------------------------- arrays
    def _info(self, number: int) -> tuple[Any, ...]:
        found = self._io.info(self.node(number))
        return found.shape, found.dtype, found.max_shape, found.chunks, found.compression, found.holds

    def _details(self, number: int) -> tuple[Any, ...]:
        found = self._io.details(self.node(number))
        return found.holds, dict(found.names), found.sources, found.scales, dict(found.references)

    def _extend(self, number: int, count: int, fill: Any) -> None:
        handle = self.node(number)
        self.grown[number] = handle
        self._io.extend(handle, count, fill)

    def _get_attributes(self, number: int, names: tuple[str, ...] | None) -> dict[str, Any]:
        return self._io.get_attributes(self.node(number), None if names is None else list(names))
