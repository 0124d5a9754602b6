"""A server's descriptions of the content of a file: groups, arrays and links, number types, attributes, rows, layout.

The writer is alone (:mod:`~.remote_watch`), so its cache stays true. A reader asks again after a second.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from h5json.array_util import bytesToArray
from h5json.hdf5dtype import createDataType, getTypeItem, special_dtype

from h5saver_widget.backends.terms import ArrayInfo, Compression, NodeKind, RawAttribute
from h5saver_widget.errors import CodecError, RemoteError

if TYPE_CHECKING:
    from h5saver_widget.backends.remote_waiting import ArrayRows

__all__ = [
    "BYTE_ROWS",
    "CLAIM",
    "COUNT",
    "HIDDEN",
    "WRITER",
    "RemoteObject",
    "attribute_json",
    "attribute_value",
    "bounded_chunks",
    "fill_json",
    "filters",
    "type_json",
    "within_one_request",
]

#: Attribute of growing arrays: how many rows are complete.
COUNT = "_h5saver_rows"
#: Attributes of the root group: who writes or wrote last, and who is about to replace that.
WRITER = "_h5saver_writer"
CLAIM = "_h5saver_claim"
#: Attributes that are ours, not the user's.
HIDDEN = frozenset({CLAIM, COUNT, WRITER})
_ROW = special_dtype(vlen=np.dtype(np.uint8))
#: Description of rows of bytes of any length.
BYTE_ROWS: dict[str, Any] = getTypeItem(_ROW)

_TEXT = {"class": "H5T_STRING", "charSet": "H5T_CSET_UTF8", "strPad": "H5T_STR_NULLTERM", "length": "H5T_VARIABLE"}
_BYTES_TAG = "bytes:"
_SCALAR = {"class": "H5S_SCALAR"}
_MAX_CHUNK = 16 << 20
#: HSDS 1.0 refuses attributes above 1 MiB in one request.
_MAX_JSON = 900_000
_PACKERS: dict[str, dict[str, Any]] = {
    "lz4": {"class": "H5Z_FILTER_LZ4", "id": 32004},
    "blosclz": {"class": "H5Z_FILTER_BLOSC", "id": 32001},
}


@dataclass(eq=False)
class RemoteObject:
    """A group, an array, or a link."""

    #: The server's name.
    object_id: str
    #: Its description, with ``attributes`` and, of a group, ``links``.
    described: dict[str, Any] = field(default_factory=dict)
    #: When it was asked for.
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
            self._dtype = np.dtype(np.uint8) if _holds_byte_rows(described) else _dtype_of(described)
        return self._dtype

    @property
    def is_text(self) -> bool:
        """Whether elements are texts of any length."""
        described = self.described["type"]
        return _class_of(described) == "H5T_STRING" and described.get("length") == "H5T_VARIABLE"

    @property
    def kind(self) -> NodeKind:
        """The kind of the node in storage."""
        if self.object_id.startswith("g-"):
            return NodeKind.GROUP
        if not self.object_id.startswith("d-"):
            return NodeKind.OTHER
        grows = bool(self.dims) and self.max_shape[0] is None
        if grows and _holds_byte_rows(self.described["type"]) and len(self.dims or ()) == 1:
            return NodeKind.TEXT
        return NodeKind.GROWING if grows else NodeKind.FIXED

    def decoded(self, content: bytes, counts: tuple[int, ...]) -> Any:
        """Return values as they were answered: an array, or a list of rows of bytes; RemoteError if some are missing.

        `counts` elements were asked for, along every axis.
        """
        try:
            if self.kind is NodeKind.TEXT:
                found = bytesToArray(content, _ROW, list(counts))
                return [np.frombuffer(bytes(row), np.uint8) if isinstance(row, bytes) else _row(row) for row in found]
            if self.is_text:
                texts = bytesToArray(content, special_dtype(vlen=str), list(counts))
                return np.array([_text(item) for item in texts.flat], dtype=object).reshape(counts)
            return np.frombuffer(content, self.dtype).reshape(counts).copy()
        except (ValueError, IndexError) as error:
            raise RemoteError(f"the server has answered {len(content)} bytes for {counts} elements: {error}") from error

    def info(self) -> ArrayInfo:
        """Return shape and number type, without reading."""
        layout = self.described.get("creationProperties", {}).get("layout") or self.described.get("layout") or {}
        chunks = tuple(int(n) for n in layout["dims"]) if layout.get("class") == "H5D_CHUNKED" else None
        names = [str(f.get("name")) for f in self.described.get("creationProperties", {}).get("filters", ())]
        packed = next((name for name in names if name not in ("shuffle", "bitshuffle", "fletcher32")), None)
        shape = self.shape
        max_shape = (None, *shape[1:]) if self.kind in (NodeKind.GROWING, NodeKind.TEXT) else shape
        return ArrayInfo(shape, self.dtype, max_shape, chunks, {"deflate": "gzip"}.get(packed or "", packed))


def type_json(dtype: np.dtype[Any]) -> Any:
    """Return the description of a number type; TypeError if a server holds none of that type."""
    if dtype.kind not in "biufcS" or dtype.itemsize == 0:
        raise TypeError(f"no array holds elements of {dtype}; convert them")
    if dtype.kind == "c":
        part = np.dtype(f"{dtype.byteorder}f{dtype.itemsize // 2}")
        return getTypeItem(np.dtype([("r", part), ("i", part)]))
    if dtype.kind == "f" and dtype.itemsize > 8:
        raise TypeError(f"a server holds no {dtype}; convert the values to float64")
    return getTypeItem(dtype)


def _dtype_of(described: Any) -> np.dtype[Any]:
    """Return the number type that a description means."""
    found: np.dtype[Any] = np.dtype(createDataType(described))
    if found.names == ("r", "i") and found["r"] == found["i"] and found["r"].kind == "f":
        return np.dtype(f"{found['r'].byteorder}c{found.itemsize}")
    return found


def fill_json(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a fill value as JSON."""
    return _plain(np.asarray(value).astype(dtype))


def _plain(values: npt.NDArray[Any]) -> Any:
    if values.dtype.kind == "c":
        values = np.stack((values.real, values.imag), axis=-1)
    return values.tolist()


def attribute_json(name: str, value: RawAttribute, where: str) -> dict[str, Any]:
    """Return an attribute in the form of a request; CodecError for values that no backend can hold."""
    if isinstance(value, str):
        return {"type": _TEXT, "shape": _SCALAR, "value": value}
    if isinstance(value, bytes):
        described = {"class": "H5T_OPAQUE", "size": max(1, len(value)), "tag": f"{_BYTES_TAG}{len(value)}"}
        content = base64.b64encode(value or b"\0").decode()
        return {"type": described, "shape": _SCALAR, "value": content, "encoding": "base64"}
    if not isinstance(value, (bool, int, float, complex, np.generic, np.ndarray)):
        raise CodecError(f"attribute {name!r} of {where}: a {type(value).__name__} can't be stored raw")
    values = np.asarray(value)
    shape: Any = _SCALAR if values.shape == () else list(values.shape)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    if values.dtype.kind == "U":
        return {"type": _TEXT, "shape": shape, "value": values.tolist()}
    try:
        return {"type": type_json(values.dtype), "shape": shape, "value": _plain(values)}
    except TypeError as error:
        raise CodecError(f"attribute {name!r} of {where} can't be stored: {error}") from error


def attribute_value(described: dict[str, Any]) -> RawAttribute | None:
    """Return the value of an attribute as it was answered, None if it is no plain data."""
    kind, value = described["type"], described.get("value")
    shape = described.get("shape", _SCALAR)
    if isinstance(shape, list):  # as it was sent
        shape = {"dims": shape}
    if shape.get("class") == "H5S_NULL" or value is None:
        return ""
    name = _class_of(kind)
    if name == "H5T_STRING":
        return value if isinstance(value, str) else np.array(value, np.str_)
    if name == "H5T_OPAQUE":
        tag = str(kind.get("tag", ""))
        if not tag.startswith(_BYTES_TAG) or not tag[len(_BYTES_TAG) :].isdigit() or not isinstance(value, str):
            return None
        return base64.b64decode(value)[: int(tag[len(_BYTES_TAG) :])]
    if name in ("H5T_VLEN", "H5T_REFERENCE", "H5T_ARRAY"):
        return None
    dtype = _dtype_of(kind)
    if dtype.kind not in "biufc":
        return None
    values = np.array(value, dtype=np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype)
    if dtype.kind == "c":
        values = (values[..., 0] + 1j * values[..., 1]).astype(dtype)
    return values.reshape(tuple(shape.get("dims", ())))[()]


def _holds_byte_rows(described: Any) -> bool:
    """Tell whether elements are rows of bytes of any length."""
    return _class_of(described) == "H5T_VLEN" and _dtype_of(described["base"]) == np.uint8


def _class_of(described: Any) -> str:
    """Return the class of a number type; ``''`` of one that is described by its name alone."""
    return str(described.get("class", "")) if isinstance(described, dict) else ""


def _row(row: Any) -> npt.NDArray[np.uint8]:
    return np.zeros(0, np.uint8) if row is None or isinstance(row, int) else np.asarray(row, np.uint8)


def _text(item: Any) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item or "")


def filters(library: str | None, compression: Compression | None) -> dict[str, Any]:
    """Return the creation properties of a compressed array; `library` is the checked name, None for none."""
    if library is None or compression is None:
        return {}
    shuffle = {"class": "H5Z_FILTER_SHUFFLE", "id": 2, "name": "shuffle"}
    if library == "zlib":
        packed = {"class": "H5Z_FILTER_DEFLATE", "id": 1, "level": min(compression.level, 9), "name": "gzip"}
    else:
        packed = {**_PACKERS[library], "name": library}
    return {"filters": [shuffle, packed]}


def bounded_chunks(chunks: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Halve chunks that a server's cache can't hold.

    >>> bounded_chunks((1, 4096, 4096), np.dtype('float64'))
    (1, 512, 4096)
    """
    found = list(chunks)
    for axis in range(len(found)):
        while int(np.prod(found)) * dtype.itemsize > _MAX_CHUNK and found[axis] > 1:
            found[axis] = (found[axis] + 1) // 2
    return tuple(found)


def within_one_request(encoded: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Spread attributes over requests: HSDS refuses more than 1 MiB of them in one."""
    parts: list[dict[str, Any]] = [{}]
    size = 0
    for name, value in encoded.items():
        length = len(json.dumps(value)) + len(name) + 20
        if parts[-1] and size + length > _MAX_JSON:
            parts.append({})
            size = 0
        parts[-1][name] = value
        size += length
    return parts[0], parts[1:]
