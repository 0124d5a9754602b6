"""Rows of the Logger array: pickles of text, read by listing their operations and never by running them.

PyMoDAQ writes ``pickle.dumps(text)`` and reads with ``pickle.loads``, which runs the code in a hostile file.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any, Final, Literal

import numpy as np

from h5saver_widget.errors import CodecError

__all__ = ["decode_log_line", "encode_log_line", "texts_in_pickle"]

_TEXTS: Final = frozenset({"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"})
_BYTES: Final = frozenset({"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"})
_NOTES: Final = frozenset({"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"})
_LISTS: Final = frozenset({"MARK", "LIST", "EMPTY_LIST", "APPEND", "APPENDS"})
_STOP: Final = b"."
#: The operations that the pickle of a text may consist of, by their codes.
_KNOWN: Final = {op.code.encode("latin-1"): op for op in pickletools.opcodes if op.name in _TEXTS | _BYTES | _NOTES}


def encode_log_line(text: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return one row of the Logger array: the pickle (protocol 4) of the text, as uint8, shape (number of bytes,).

    >>> decode_log_line(encode_log_line('scan done'))
    'scan done'
    """
    return np.frombuffer(pickle.dumps(str(text), protocol=4), dtype=np.uint8)


def _log_text(raw: bytes) -> str:
    values: list[Any] = []
    stream = io.BytesIO(raw)
    try:
        while (code := stream.read(1)) != _STOP:
            operation = _KNOWN.get(code)
            if operation is None:  # what would follow is not even looked at
                raise ValueError(f"it asks for the operation {code!r}" if code else "its end is missing")
            argument = None if operation.arg is None else operation.arg.reader(stream)
            if operation.name not in _NOTES:
                values.append(argument)
        if len(values) != 1 or stream.read(1):
            raise ValueError("it is not exactly one text")
        value = values[0]
        return value.decode("utf-8") if isinstance(value, bytes) else str(value)
    except (ValueError, OverflowError, MemoryError) as error:
        raise CodecError(
            f"a log line of {len(raw)} bytes is not the pickle of a text ({error}); it was not run: ignore the line"
        ) from error


def decode_log_line(
    raw: bytes | np.ndarray[Any, Any] | list[int], errors: Literal["strict", "replace"] = "strict"
) -> str:
    r"""Return the text of one row of the Logger array, parsing the pickle without running it.

    The row is bytes, or uint8 of shape (number of bytes,): the pickle of a str (protocols 0 to 5). CodecError if it
    holds anything else than one text; with ``'replace'``, the text is ``'<unreadable log line: 57 bytes>'`` then.

    >>> decode_log_line(b'cos\nsystem\n.', errors='replace')
    '<unreadable log line: 12 bytes>'
    """
    data = bytes(raw) if isinstance(raw, bytes) else np.asarray(raw, dtype=np.uint8).tobytes()
    try:
        return _log_text(data)
    except CodecError:
        if errors == "replace":
            return f"<unreadable log line: {len(data)} bytes>"
        raise


def texts_in_pickle(raw: bytes) -> list[str]:
    r"""Return the texts of a pickled list of texts, as pandas names its columns; none if it is anything else.

    >>> texts_in_pickle(pickle.dumps(['a', 'b'], protocol=0)), texts_in_pickle(b'cos\nsystem\n.')
    (['a', 'b'], [])
    """
    found: list[str] = []
    try:
        for operation, argument, _ in pickletools.genops(bytes(raw)):
            if operation.name in _TEXTS:
                found.append(str(argument))
            elif operation.name not in _NOTES | _LISTS | {"STOP"}:
                return []
    except (ValueError, OverflowError, MemoryError, IndexError, UnicodeDecodeError):
        return []
    return found
