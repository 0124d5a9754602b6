"""Bytes that are meant as text: UTF-8, and Latin-1 as older programs wrote it. Never lossy."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["shown_text", "text_of"]

#: What stands in no text of one byte a character: control characters but tab and the ends of lines; the mark of UTF-16.
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f-\x9f\xff]")


def text_of(raw: bytes) -> str | None:
    r"""Return bytes as text, None for other content: pictures, packed numbers.

    >>> text_of('µm'.encode()), text_of(b'\xb5m'), text_of(b'\x89PNG\r\n\x1a\n')
    ('µm', 'µm', None)
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None if _NO_TEXT.search(raw) else raw.decode("latin-1")


def shown_text(raw: bytes, errors: str = "backslashreplace") -> str:
    r"""Return any bytes as text; `errors` decides about bytes that are no text.

    >>> shown_text(b'\xb0C'), shown_text(b'\xff\x00')
    ('°C', '\\xff\x00')
    """
    text = text_of(raw)
    return raw.decode("utf-8", errors) if text is None else text
