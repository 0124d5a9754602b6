"""The attribute codec reads what others leave, and nothing that a file holds is ever run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from codec_values import decode_strict, same, wrapped
from hypothesis import example, given, settings, strategies as st

from h5saver_widget.errors import CodecError
from h5saver_widget.format.codec import decode
from h5saver_widget.format.literals import parse_literal


@pytest.mark.parametrize("text", ["123", "true", "null", "NaN", "[1, 2]", "", "{}", '{"a": 1}', '"x"', "{", '{"data"'])
def test_plain_text_stays_text(text: str) -> None:
    assert decode(text) == text
    assert decode(text.encode()) == text


def test_text_with_other_keys_is_not_a_wrapper() -> None:
    for text in (
        wrapped("a", "int", "1", extra=2),
        json.dumps({"module": "builtins", "type": "int"}),
        json.dumps({"module": "builtins", "type": "int", "data": 1}),
    ):
        assert decode(text) == text


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (wrapped("numpy", "float64", "0.25"), np.float64(0.25)),
        (wrapped("numpy", "float64", "nan"), np.float64("nan")),
        (wrapped("numpy", "float64", "np.float64(nan)"), np.float64("nan")),
        (wrapped("numpy", "int64", "3"), np.int64(3)),
        (wrapped("numpy", "bool_", "True"), np.bool_(True)),
        (wrapped("builtins", "float", "nan"), float("nan")),
        (wrapped("builtins", "float", "-inf"), -float("inf")),
        (wrapped("builtins", "tuple", "(nan, -inf, numpy.float64(1.0), np.nan, )"), None),
        (wrapped("builtins", "complex", "(nan+infj)"), complex(float("nan"), float("inf"))),
        (wrapped("numpy", "ndarray", "array([1., 2.])"), np.array([1.0, 2.0])),
        (wrapped("numpy", "ndarray", "array([1., 2.], dtype=float32)"), np.array([1.0, 2.0], dtype=np.float32)),
        (wrapped("builtins", "dict", "{'a': 0x10, 'b': .5, 'c': 1e3,}"), {"a": 16, "b": 0.5, "c": 1000.0}),
        (np.int32(4), 4),
        (np.True_, True),
        (np.float32(0.5), 0.5),
        (np.array(7), 7),
        (5, 5),
        (None, None),
        (b"\xff\xfe", b"\xff\xfe"),
        ("é".encode(), "é"),
    ],
)
def test_what_other_writers_leave(raw: Any, value: Any) -> None:
    found = decode_strict(raw)
    assert same(found, (float("nan"), -float("inf"), np.float64(1.0), float("nan")) if value is None and raw else value)


def test_empty_data_space_is_an_empty_text() -> None:
    class Empty:
        shape = None
        dtype = np.dtype("S1")

    assert decode(Empty()) == ""
    Empty.dtype = np.dtype("f8")
    assert decode(Empty()) is None


def test_arrays_are_left_alone() -> None:
    array = np.arange(3)
    assert decode(array) is array


HOSTILE = [
    '__import__("os").system("touch X")',
    "open('X', 'w').write('x')",
    "(lambda: open('X', 'w'))()",
    "[open('X', 'w') for _ in (1,)]",
    "().__class__.__bases__[0].__subclasses__()",
    "np.load('X')",
    "np.fromfile('X')",
    "np.float64.__new__(int)",
    "datetime.sys.modules",
    "f'{open(1)}'",
    "'a'.join('b')",
    "'a' * 10**9",
    "10**10**10",
    "1 << 10**9",
    "np.zeros((10**12,))",
    "np.zeros((1000000000000,), dtype='float64')",
    "np.zeros((0, 99999999999999999999))",
    "np.array([1], dtype='U9999999')",
    "np.array([1], dtype='O')",
    "array([1, 2], dtype=object)",
    "np.array(" + "[" * 90 + "]" * 90 + ")",
    "{[]: 1}",
    "{**{}}",
    "(*(1,),)",
    "Ellipsis",
    "...",
    "array([1, ..., 2])",
    "'unfinished",
    "'''x'''",
    "r'x'",
    "u'x'",
    r"'\N{LATIN}'",
    r"b'\xzz'",
    "b'é'",
    "1 2",
    "1, 2",
    "[1 2]",
    "[,]",
    "{,}",
    "{'a'}",
    "int('x')",
    "float(float=1)",
    "int(b'1')",
    "datetime.date(b'aaaa')",
    "datetime.date(1, 2, 99)",
    "datetime.datetime(1, 2)",
    "datetime.time(1, 2, 3, 4, 5)",
    "datetime.datetime(2020, 1, 2, tzinfo=5)",
    "datetime.timezone(5)",
    "datetime.timedelta('x')",
    "np.float64([1])",
    "np.int8(1000)",
    "np.datetime64(5)",
    "np.datetime64('x')",
    "np.float32('9' , 2)",
    "1+2",
    "1j+2j",
    "--1",
    "9" * 10_000,
    "1_000",
    "[" * 1_000_000,
    "[" * 1000 + "]" * 1000,
    "(" * 100_000 + ")" * 100_000,
    "-" * 1_000_000 + "1",
    "1" + "+1" * 100_000,
    "a" + ".b" * 100_000,
    "np.float64(" * 1000 + "1" + ")" * 1000,
    "\x00",
    "",
    "   ",
    "#",
    "1 # comment",
    "yield",
    "x := 1",
    "float('nan'",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:40])
def test_hostile_text_is_only_text(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("str", "float64", "tuple", "ndarray", "unheard"):
        raw = wrapped("builtins", name, text)
        assert decode(raw) == text
        with pytest.raises(CodecError):
            decode_strict(raw)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        ("[1]", "float64", [10**12]),
        ("[1]", "float64", [2]),
        ("[1]", "float64", "x"),
        ("[1]", "O", [1]),
        ("[1]", "f8,f8", [1]),
        ("[1]", "V8", [1]),
        ("[1]", "U9999999", [10]),
        ('["a"]', "U", [1]),
        ("[1, 2, 3]", "complex64", [1]),
        ("[1]", "S3", [1]),
        ("[300]", "uint8", [1]),
        ("{}", "uint8", [1]),
        ("[" * 10**5, "uint8", [1]),
        ("[1]", 5, [1]),
        ("[[1], 2]", "int8", [2]),
        ("[1]", "float99", [1]),
    ],
)
def test_hostile_arrays(data: str, dtype: Any, shape: Any) -> None:
    raw = wrapped("numpy", "ndarray", data, dtype=dtype, shape=shape)
    assert decode(raw) == data
    with pytest.raises(CodecError):
        decode_strict(raw)


def test_deep_json_is_plain_text() -> None:
    text = '{"data": ' + "[" * 100_000
    assert decode(text) == text


@given(st.text())
@example('{"module": "builtins", "type": "str", "data": "\'\\\\d\'"}')
def test_any_text_is_read(text: str) -> None:
    decode(text)
    raw = wrapped("builtins", "str", text)
    decode(raw)


@given(st.text(alphabet="()[]{},:'\"\\+-.0123456789eEjxnpaftudi_ =b#*"))
@settings(max_examples=300)
def test_any_nearly_python_text_is_a_value_or_a_codec_error(text: str) -> None:
    try:
        parse_literal(text)
    except CodecError:
        pass


@given(st.binary())
def test_any_bytes_are_read(raw: bytes) -> None:
    decode(raw)
    decode(np.bytes_(raw))
    decode(np.frombuffer(raw, dtype=np.uint8))
