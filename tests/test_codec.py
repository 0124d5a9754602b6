"""The attribute codec: same text as the peer, and every value back."""

from __future__ import annotations

import datetime
import json
import os
import pickle
import subprocess
import sys
import zoneinfo
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from codec_values import UTC, Colour, Level, Pair, decode_strict, same, wrapped
from hypothesis import given, settings, strategies as st

from h5saver_widget.errors import CodecError
from h5saver_widget.format.codec import decode, encode, encode_log_line
from h5saver_widget.format.literals import MAX_DEPTH

VALUES: list[Any] = [
    "",
    "a",
    'it\'s "both"',
    "µm é \U0001f600 \n\t\\ \x00",
    "\ud800",
    "123",
    "true",
    '{"module": "builtins", "type": "int", "data": "1"}',
    b"",
    b'<a b="c">it\'s</a>\x00\xff\\',
    0,
    -5,
    10**30,
    1.5,
    -0.0,
    1e-300,
    float("nan"),
    float("inf"),
    -float("inf"),
    True,
    False,
    (),
    (1,),
    (5, 1),
    (True, 1),
    (1.5, "x", b"y"),
    (float("nan"), (float("inf"), [-float("inf")])),
    [],
    [1, [2, [3, (4,)]]],
    [None, "a", 1.0],
    ["a", {"b": (1, None)}],
    (np.float64(0.25), np.int64(3), np.float32(0.1), np.bool_(True)),
    [np.float64("nan"), np.float64("-inf")],
    (datetime.date(2026, 11, 21), datetime.time(1, 2, 3), datetime.datetime(2026, 11, 21, 8, 25)),
    datetime.date(2026, 11, 21),
    datetime.time(16, 58, 48, 123456),
    datetime.time(16, 58),
    datetime.datetime(2026, 11, 21, 16, 58, 48, 5),
    datetime.datetime(2026, 11, 21, 16, 58, tzinfo=UTC),
    datetime.datetime(2026, 11, 21, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-3, minutes=-30), "NST")),
    np.float64(0.25),
    np.float64("nan"),
    np.float64("inf"),
    np.bool_(True),
    (1 + 2j, 0.5 - 1.5j),
    [np.array(2.5), np.array([1 + 1j]), np.array([np.nan]), np.zeros((0, 2), dtype=np.int8)],
]
"""Values that the peer reads as well."""

OWN_VALUES: list[Any] = [
    None,
    {},
    {"a": 1, "b": {"c": (1, None, [b"x"])}, 3: float("nan"), (1, 2): "t"},
    1j,
    complex(-0.0, float("nan")),
    complex(1, -0.0),
    np.int64(-3),
    np.uint8(200),
    np.float32(0.1),
    np.float16(0.1),
    np.float32("inf"),
    np.complex128(1 + 2j),
    np.complex64(complex("nan+1j")),
    np.datetime64("2026-11-21"),
    np.datetime64("2026-11-21T00:00:00", "ns"),
    datetime.timedelta(-1, 5, 7),
    np.array([1.0, np.nan, -np.inf]),
    np.arange(6, dtype=np.uint16).reshape(2, 3),
    np.array([[1 + 2j, -0.0]], dtype=np.complex64),
    np.array([True, False]),
    np.array(["a", "été"]),
    np.array([b"a", b"\xff\x01"]),
    np.array(3.5),
    np.zeros((0, 4), dtype=np.int8),
    np.array([], dtype=np.float32),
    np.array([1, 2], dtype=">i4"),
    {"a": np.arange(3.0), "b": [np.array([[1, 2]], dtype=np.int16), np.zeros((2, 0)), np.array([np.nan])]},
]
"""Values that only this package gets back; the peer shows a dict."""


@pytest.mark.parametrize("value", VALUES + OWN_VALUES, ids=lambda v: f"{type(v).__name__}-{v!r:.30}")
def test_every_value_comes_back(value: Any) -> None:
    text = encode(value)
    assert isinstance(json.loads(text), dict)
    if isinstance(value, np.ndarray):
        value = value.astype(value.dtype.newbyteorder("="))
    for raw in (text, np.str_(text), text.encode(), np.bytes_(text.encode()), np.array(text)):
        assert same(decode_strict(raw), value), text
    assert same(decode(text), value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.red, "red"),
        (Level.high, "high"),
        (np.str_("é"), "é"),
        (np.bytes_(b"x"), b"x"),
        (PurePosixPath("/a/b.h5"), "/a/b.h5"),
        (Pair((1, 2)), (1, 2)),
        ([Colour.red, PurePosixPath("x"), np.str_("y")], ["red", "x", "y"]),
        (
            datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
            datetime.datetime(2026, 7, 1, tzinfo=UTC),
        ),
    ],
)
def test_values_that_come_back_as_plainer_ones(value: Any, plain: Any) -> None:
    assert same(decode_strict(encode(value)), plain)


@pytest.mark.parametrize("value", ["a'\"\\é\n\x7f\x00\ud800\u2028", 0, -12, True, False, 1.5e-7, (), (5, 1), (3,)])
def test_fast_path_writes_what_json_dumps_writes(value: Any) -> None:
    assert encode(value) == wrapped("builtins", type(value).__name__, repr(value))


@given(st.one_of(st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)))
def test_fast_path_on_any_value(value: Any) -> None:
    assert encode(value) == wrapped("builtins", type(value).__name__, repr(value))


def test_text_of_the_peer() -> None:
    assert encode(np.float64(0.25)) == '{"module": "numpy", "type": "float64", "data": "np.float64(0.25)"}'
    assert encode(None) == '{"module": "builtins", "type": "NoneType", "data": "None"}'
    assert encode(datetime.date(2026, 1, 2)) == (
        '{"module": "datetime", "type": "date", "data": "datetime.date(2026, 1, 2)"}'
    )


@pytest.mark.parametrize(
    "value", [object(), Path, len, {1}, np.array([object()]), np.longdouble(1), [object()], [np.array(["a"])]]
)
def test_unknown_types_are_refused_by_name(value: Any) -> None:
    with pytest.raises(CodecError, match="cannot be written"):
        encode(value)


def test_values_that_could_not_be_read_back_are_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(CodecError, match="nested"):
        encode(loop)
    with pytest.raises(CodecError):
        encode(10**5000)
    with pytest.raises(CodecError, match="too large"):
        encode(np.zeros(10**7))
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert decode_strict(encode(deep)) == deep


def test_encode_does_not_change_the_value() -> None:
    value = {"a": [1, np.arange(3)]}
    encode(value)
    assert list(value) == ["a"] and value["a"][0] == 1


SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters()),
    st.binary(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.timedeltas(),
    st.floats().map(np.float64),
    st.floats(width=32).map(np.float32),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.booleans().map(np.bool_),
    st.lists(st.floats(), max_size=3).map(np.array),
)
KEYS = st.one_of(st.text(), st.integers(), st.tuples(st.integers(), st.text()))
NESTED = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=20,
)


@given(NESTED)
@settings(max_examples=300)
def test_round_trip_of_nested_values(value: Any) -> None:
    text = encode(value)
    assert same(decode_strict(text), value), (text, value)


def test_large_values_come_back() -> None:
    xml = b"<a b='1'>" * 110_000
    assert decode(encode(xml)) == xml
    numbers = list(range(50_000))
    assert decode(encode(numbers)) == numbers


# --------------------------------------------------------------------------------------------------------- the peer

PEER = """
import json, pickle, sys
from pymodaq_utils.utils import JsonConverter
values, texts, rows = pickle.load(sys.stdin.buffer)
converter = JsonConverter()
answer = ([JsonConverter.object2json(v) for v in values], [converter.json2object(t) for t in texts],
          [pickle.loads(r) for r in rows])
with open(sys.argv[1], "wb") as file:
    pickle.dump(answer, file)
"""


def test_the_peer_reads_and_writes_the_same(tmp_path: Path) -> None:
    pytest.importorskip("pymodaq_utils", reason="the peer is not installed")
    lines = ["", "é", "x" * 1000]
    texts = [encode(value) for value in VALUES + OWN_VALUES]
    question = pickle.dumps((VALUES, texts, [encode_log_line(line).tobytes() for line in lines]))
    environment = {**os.environ, "HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", PEER, str(tmp_path / "answer")],
        input=question,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    written, read, rows = pickle.loads((tmp_path / "answer").read_bytes())
    assert rows == lines
    for value, found in zip(VALUES, read[: len(VALUES)], strict=True):
        assert same(found, value), (value, found)
    for value, text, found in zip(OWN_VALUES, texts[len(VALUES) :], read[len(VALUES) :], strict=True):
        assert found == json.loads(text), value
    for value, text, ours in zip(VALUES, written, texts[: len(VALUES)], strict=True):
        assert same(decode_strict(text), value), text
        if "nan" not in text and "inf" not in text:
            assert text == ours
