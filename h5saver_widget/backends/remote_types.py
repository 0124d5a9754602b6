"""Number types, attributes and rows as an HSDS server writes them: JSON descriptions, and bytes in C order."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt
from h5json.array_util import arrayToBytes, bytesToArray
from h5json.hdf5dtype import createDataType, getTypeItem, special_dtype

from h5saver_widget.backends.terms import RawAttribute
from h5saver_widget.errors import CodecError

__all__ = [
    "BYTE_ROWS",
    "attribute_json",
    "attribute_value",
    "dtype_of",
    "fill_json",
    "holds_byte_rows",
    "holds_text",
    "rows_from",
    "rows_to",
    "texts_from",
    "type_json",
]

_TEXT = {"class": "H5T_STRING", "charSet": "H5T_CSET_UTF8", "strPad": "H5T_STR_NULLTERM", "length": "H5T_VARIABLE"}
_BYTES_TAG = "bytes:"
_ROW = special_dtype(vlen=np.dtype(np.uint8))
_SCALAR = {"class": "H5S_SCALAR"}
#: Description of rows of bytes of any length.
BYTE_ROWS: dict[str, Any] = getTypeItem(_ROW)


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


def dtype_of(described: Any) -> np.dtype[Any]:
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
    name = kind.get("class") if isinstance(kind, dict) else ""
    if name == "H5T_STRING":
        return value if isinstance(value, str) else np.array(value, np.str_)
    if name == "H5T_OPAQUE":
        tag = str(kind.get("tag", ""))
        if not tag.startswith(_BYTES_TAG) or not tag[len(_BYTES_TAG) :].isdigit() or not isinstance(value, str):
            return None
        return base64.b64decode(value)[: int(tag[len(_BYTES_TAG) :])]
    if name in ("H5T_VLEN", "H5T_REFERENCE", "H5T_ARRAY"):
        return None
    dtype = dtype_of(kind)
    if dtype.kind not in "biufc":
        return None
    values = np.array(value, dtype=np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype)
    if dtype.kind == "c":
        values = (values[..., 0] + 1j * values[..., 1]).astype(dtype)
    return values.reshape(tuple(shape.get("dims", ())))[()]


def holds_byte_rows(described: Any) -> bool:
    """Tell whether elements are rows of bytes of any length."""
    return (
        isinstance(described, dict) and described.get("class") == "H5T_VLEN" and dtype_of(described["base"]) == np.uint8
    )


def holds_text(described: Any) -> bool:
    """Tell whether elements are texts of any length."""
    return (
        isinstance(described, dict)
        and described.get("class") == "H5T_STRING"
        and described.get("length") == "H5T_VARIABLE"
    )


def rows_to(rows: list[npt.NDArray[np.uint8]]) -> bytes:
    """Return rows of bytes as they are sent."""
    values = np.empty(len(rows), dtype=_ROW)
    for number, row in enumerate(rows):
        values[number] = row
    return bytes(arrayToBytes(values))


def rows_from(content: bytes, count: int) -> list[npt.NDArray[np.uint8]]:
    """Return rows of bytes from an answer."""
    found = bytesToArray(content, _ROW, [count])
    return [np.frombuffer(bytes(row), np.uint8) if isinstance(row, bytes) else _row(row) for row in found]


def _row(row: Any) -> npt.NDArray[np.uint8]:
    return np.zeros(0, np.uint8) if row is None or isinstance(row, int) else np.asarray(row, np.uint8)


def texts_from(content: bytes, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return an array of texts from an answer."""
    found = bytesToArray(content, special_dtype(vlen=str), list(shape))
    return np.array([_text(item) for item in found.flat], dtype=object).reshape(shape)


def _text(item: Any) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item or "")
