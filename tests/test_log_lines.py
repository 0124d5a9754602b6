"""Log lines: text of any kind comes back, the peer's are read, and nothing that a line holds is ever run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from h5saver_widget.errors import CodecError
from h5saver_widget.format.codec import decode_log_line, encode_log_line


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("text", ["", "done", "é \U0001f600\n\\x\x00", "x" * 300, "y" * 70_000])
def test_log_lines_of_every_protocol(protocol: int, text: str) -> None:
    raw = pickle.dumps(text, protocol=protocol)
    assert decode_log_line(raw) == text
    assert decode_log_line(np.frombuffer(raw, dtype=np.uint8)) == text
    assert decode_log_line(list(raw)) == text


@given(st.text(st.characters()))
def test_log_lines_come_back(text: str) -> None:
    row = encode_log_line(text)
    assert row.dtype == np.uint8 and row.ndim == 1
    assert row.tobytes() == pickle.dumps(text, protocol=4)
    assert decode_log_line(row) == text


def test_bytes_in_a_log_line_are_text() -> None:
    assert decode_log_line(pickle.dumps("é".encode(), protocol=4)) == "é"


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch X",)


@pytest.mark.parametrize(
    "raw",
    [
        pickle.dumps(Bomb()),
        pickle.dumps(Bomb(), protocol=0),
        pickle.dumps(["a"]),
        pickle.dumps(5),
        pickle.dumps(None),
        b"",
        b".",
        b"\x80\x04.",
        pickle.dumps("a") + b"more",
        pickle.dumps("a")[:-1],
        pickle.dumps("abcdefghijk")[:-5],
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"\x80\x04C\x02\xff\xfe.",
        b"plain text",
        b"cos\nsystem\n(S'touch X'\ntR.",
        b"c\\_\nx\n.",
    ],
)
def test_hostile_log_lines(raw: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CodecError, match="log line"):
        decode_log_line(raw)
    assert decode_log_line(raw, errors="replace") == f"<unreadable log line: {len(raw)} bytes>"
    assert not list(tmp_path.iterdir())


@given(st.binary())
def test_any_bytes_as_a_log_line(raw: bytes) -> None:
    assert isinstance(decode_log_line(raw, errors="replace"), str)
