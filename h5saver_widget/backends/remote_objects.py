"""A client's cache of the objects of one domain: descriptions as the server gave them, and how long they hold.

The writer is alone (docs/hsds.md: the writer's mark), so its cache stays true. A reader asks again after a second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from h5saver_widget.backends.remote_rows import COUNT, ArrayRows
from h5saver_widget.backends.remote_types import dtype_of, holds_byte_rows, holds_text
from h5saver_widget.backends.terms import ArrayInfo, NodeKind

__all__ = ["CLAIM", "HIDDEN", "WRITER", "RemoteObject"]

#: Attributes of the root group: who writes or wrote last, and who is about to replace that.
WRITER = "_h5saver_writer"
CLAIM = "_h5saver_claim"
#: Attributes that are ours, not the user's.
HIDDEN = frozenset({CLAIM, COUNT, WRITER})


@dataclass(eq=False)
class RemoteObject:
    """A group, an array, or a link.

    Attributes
    ----------
    object_id
        The server's name.
    described
        Its description, with ``attributes`` and, of a group, ``links``.
    at
        When it was asked for.
    """

    object_id: str
    described: dict[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)
    rows: ArrayRows | None = None
    _dtype: np.dtype[Any] | None = None

    @property
    def collection(self) -> str:
        """The part of the server's tree that it is in."""
        return {"g": "groups", "d": "datasets"}.get(self.object_id[:1], "datatypes")

    @property
    def address(self) -> str:
        """Path of requests about it."""
        return f"/{self.collection}/{self.object_id}"

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes as they were answered."""
        found: dict[str, Any] = self.described.setdefault("attributes", {})
        return found

    @property
    def links(self) -> dict[str, Any]:
        """Links of a group by name."""
        found: dict[str, Any] = self.described.setdefault("links", {})
        return found

    @property
    def dims(self) -> tuple[int, ...] | None:
        """The shape on the server, None without any elements."""
        shape = self.described["shape"]
        return None if shape["class"] == "H5S_NULL" else tuple(int(n) for n in shape.get("dims", ()))

    @property
    def max_shape(self) -> tuple[int | None, ...]:
        """How large it may grow."""
        named = self.described["shape"].get("maxdims") or self.dims or (0,)
        return tuple(None if n == "H5S_UNLIMITED" else int(n) for n in named)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the complete rows: those accepted here, or those included in a count."""
        if self.rows is not None:
            return self.rows.shape
        dims = self.dims
        if dims is None:
            return (0,)
        count = self.attributes.get(COUNT, {}).get("value")
        if isinstance(count, int) and dims and self.kind in (NodeKind.GROWING, NodeKind.TEXT):
            return (min(dims[0], count), *dims[1:])
        return dims

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type; that of byte rows is uint8."""
        if self._dtype is None:
            described = self.described["type"]
            self._dtype = np.dtype(np.uint8) if holds_byte_rows(described) else dtype_of(described)
        return self._dtype

    @property
    def is_text(self) -> bool:
        """Whether elements are texts of any length."""
        return holds_text(self.described["type"])

    @property
    def kind(self) -> NodeKind:
        """The kind of the node in storage."""
        if self.object_id.startswith("g-"):
            return NodeKind.GROUP
        if not self.object_id.startswith("d-"):
            return NodeKind.OTHER
        grows = bool(self.dims) and self.max_shape[0] is None
        if grows and holds_byte_rows(self.described["type"]) and len(self.dims or ()) == 1:
            return NodeKind.TEXT
        return NodeKind.GROWING if grows else NodeKind.FIXED

    def info(self) -> ArrayInfo:
        """Return shape and number type, without reading."""
        layout = self.described.get("creationProperties", {}).get("layout") or self.described.get("layout") or {}
        chunks = tuple(int(n) for n in layout["dims"]) if layout.get("class") == "H5D_CHUNKED" else None
        names = [str(f.get("name")) for f in self.described.get("creationProperties", {}).get("filters", ())]
        packed = next((name for name in names if name not in ("shuffle", "bitshuffle", "fletcher32")), None)
        shape = self.shape
        max_shape = (None, *shape[1:]) if self.kind in (NodeKind.GROWING, NodeKind.TEXT) else shape
        return ArrayInfo(shape, self.dtype, max_shape, chunks, {"deflate": "gzip"}.get(packed or "", packed))
