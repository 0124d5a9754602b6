"""What is fuzzed: each function takes any bytes, and raises if a promise about foreign files is broken."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from h5saver_widget.backends.journal import journal_path, read_journal
from h5saver_widget.errors import CodecError, SettingsXMLError
from h5saver_widget.format.codec import decode, encode
from h5saver_widget.format.log_lines import decode_log_line
from h5saver_widget.format.settings_reading import parse_xml, xml_to_tree, xml_values
from h5saver_widget.format.superblock import read_superblock

#: What an attribute may become; anything else would have been made by code from a file.
_PLAIN = (str, bytes, bool, int, float, complex, type(None), np.generic, np.ndarray)


def attribute(data: bytes) -> None:
    """Decode an attribute: to a plain value, whatever it is; and what is written again is read as it was."""
    text = data.decode("utf-8", "surrogateescape")
    for raw in (data, text, json.dumps({"module": "builtins", "type": "tuple", "data": text})):
        value = decode(raw)
        assert_plain(value)
        try:
            again = encode(value)
        except CodecError:
            continue
        assert encode(decode(again)) == again


def assert_plain(value: Any, depth: int = 0) -> None:
    """Refuse what no plain data are made of."""
    if isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            assert_plain(item, depth + 1)
    elif isinstance(value, dict):
        assert_plain((*value.keys(), *value.values()), depth + 1)
    else:
        known = isinstance(value, _PLAIN) or type(value).__module__ in ("datetime", "builtins", "pathlib")
        assert known and not callable(value), type(value)


def log_line(data: bytes) -> None:
    """Read a line of a log: a text, or CodecError; nothing is unpickled."""
    assert isinstance(decode_log_line(data, errors="replace"), str)
    try:
        assert isinstance(decode_log_line(data), str)
    except CodecError:
        pass


def settings_xml(data: bytes) -> None:
    """Read settings: a tree of plain values, or SettingsXMLError; no entity is resolved."""
    for read in (parse_xml, xml_to_tree, xml_values):
        try:
            found = read(data)
        except SettingsXMLError:
            continue
        if read is not parse_xml:
            json.dumps(found, default=str)


def first_bytes(data: bytes) -> None:
    """Read the beginning of a file: a superblock or none; a journal is complete or counts nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        path.write_bytes(data)
        block = read_superblock(path)
        assert block is None or 0 <= block.version <= 3
        journal_path(path).write_bytes(data)
        assert read_journal(path) is None


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "attribute": attribute,
    "first_bytes": first_bytes,
    "log_line": log_line,
    "settings_xml": settings_xml,
}
