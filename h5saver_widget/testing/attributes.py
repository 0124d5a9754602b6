"""The part of the backend contract about attributes, files opened for reading, SWMR and compression."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import Compression
from h5saver_widget.errors import (
    CodecError,
    DataMismatchError,
    FileNotOpenError,
    FileOpenError,
    NodeError,
    StreamingError,
)
from h5saver_widget.testing.making import make_array, make_group, make_growing, make_text
from h5saver_widget.testing.tree import CHECKS, DTYPES, TreeContract, some_values

__all__ = ["AttributeContract"]


class AttributeContract(TreeContract):
    """Everything that is neither the tree nor the content of arrays."""

    # ------------------------------------------------------------ attributes
    ATTRIBUTES = (
        ("", ""),
        ("plain", "plain"),
        ("µm · 数 \n\t'\"", "µm · 数 \n\t'\""),
        (".", "."),
        ("x" * 60_000, "x" * 60_000),
        (b"bytes \xff", b"bytes \xff"),
        (b"", b""),
        (3, 3),
        (-(2**40), -(2**40)),
        (2.5, 2.5),
        (1 - 2j, 1 - 2j),
        (True, True),
        (False, False),
        (np.uint8(200), 200),
        (np.float32(0.5), 0.5),
        (np.int16(-3), -3),
    )

    @pytest.mark.parametrize(("value", "expected"), ATTRIBUTES, ids=[repr(v)[:20] for v, _ in ATTRIBUTES])
    def test_attribute_values(self, backend: Backend, value: Any, expected: Any) -> None:
        group = make_group(backend, "/", "G", {"made": value})
        array = make_array(backend, group, "A", data=np.zeros(1), attributes={"made": value})
        backend.set_attributes(group, {"set": value})
        for node in (group, array):
            assert backend.get_attributes(node)["made"] == expected
        self.reopen(backend, "r")
        group = backend.node("/G")
        found = backend.get_attributes(group, ["made", "set"])
        assert found == {"made": expected, "set": expected}
        if not isinstance(value, (bytes, np.generic)):
            kind = type(expected)
            assert isinstance(found["set"], (kind, np.bool_ if kind is bool else np.generic))
        if isinstance(value, np.generic):
            assert np.asarray(found["set"]).dtype == value.dtype

    @pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool"])
    def test_attribute_arrays(self, backend: Backend, dtype: str) -> None:
        values = some_values((2, 3), dtype)
        backend.set_attributes(backend.root(), {"array": values, "one": values[0, 1]})
        self.reopen(backend, "r")
        found = backend.get_attributes(backend.root(), ["array", "one"])
        np.testing.assert_array_equal(found["array"], values, strict=True)
        assert found["one"] == values[0, 1]

    def test_text_up_to_what_is_promised(self, backend: Backend) -> None:
        size = backend.capabilities.max_attribute_bytes or 2_000_000
        backend.set_attributes(backend.root(), {"long": "x" * size})
        self.reopen(backend, "r")
        assert backend.get_attributes(backend.root(), ["long"]) == {"long": "x" * size}

    def test_replace_list_and_delete(self, backend: Backend) -> None:
        group = make_group(backend, "/", "G", {"b": "1", "a": "x"})
        backend.set_attributes(group, {"b": 2, "c": "y" * 100})
        backend.set_attributes(group, {"b": "three", "c": ""})
        mine = [name for name in backend.attribute_names(group) if name in "abc"]
        assert mine == ["a", "b", "c"] == sorted(mine)
        assert backend.get_attributes(group, ["c", "b", "missing"]) == {"b": "three", "c": ""}
        backend.delete_attribute(group, "b")
        assert "b" not in backend.attribute_names(group) and backend.get_attributes(group, ["b"]) == {}
        with pytest.raises(NodeError, match="no attribute 'b'"):
            backend.delete_attribute(group, "b")
        backend.set_attributes(group, {"b": "again"})
        assert backend.get_attributes(group, ["b"]) == {"b": "again"}

    @pytest.mark.parametrize(
        "value", [None, (1, 2), [1], {"a": 1}, object(), np.array([object()])], ids=lambda v: type(v).__name__
    )
    def test_what_no_attribute_can_hold(self, backend: Backend, value: Any) -> None:
        with pytest.raises(CodecError, match="'bad'"):
            backend.set_attributes(backend.root(), {"bad": value})
        with pytest.raises(CodecError, match="'bad'"):
            make_group(backend, "/", "G", {"good": "x", "bad": value})
        assert backend.children(backend.root()) == [], "half a node was left"
        make_group(backend, "/", "G", {"good": "x"})

    @settings(max_examples=40, deadline=None, suppress_health_check=CHECKS)
    @given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200))
    def test_any_text(self, backend: Backend, text: str) -> None:
        backend.set_attributes(backend.root(), {"text": text})
        assert backend.get_attributes(backend.root(), ["text"]) == {"text": text}

    # ------------------------------------------------------------- read only
    def test_reading_never_writes(self, backend: Backend, path: Path) -> None:
        root = backend.root()
        growing = make_growing(backend, root, "E", dtype="f8", attributes={"a": "b"})
        backend.append(growing, np.zeros(2))
        text = make_text(backend, root, "T")
        backend.append(text, np.arange(3, dtype="u1"))
        make_array(backend, root, "C", data=np.zeros(3))
        backend.close()
        before = self.digest(path)
        backend.open(path, "r")
        assert not backend.writable
        root, growing, text, fixed = (backend.node(p) for p in ("/", "/E", "/T", "/C"))
        refused: list[Callable[[], object]] = [
            *self.makers(backend, root, "New"),
            lambda: backend.delete(growing),
            lambda: backend.copy(growing, root, "New"),
            lambda: backend.append(growing, np.zeros(1)),
            lambda: backend.append(text, np.zeros(1, "u1")),
            lambda: backend.write(fixed, 0, np.array(1.0)),
            lambda: backend.set_attributes(growing, {"a": "c"}),
            lambda: backend.delete_attribute(growing, "a"),
        ]
        for call in refused:
            with pytest.raises(FileNotOpenError, match=r"reading only; open it with mode 'r\+'"):
                call()
        for node in (root, growing, text, fixed):
            backend.get_attributes(node)
            backend.kind(node)
        for array in (growing, text, fixed):
            backend.read(array)
            backend.info(array)
            backend.refresh(array)
        backend.flush()
        backend.close()
        assert self.digest(path) == before

    # ------------------------------------------------------------------ SWMR
    def test_streaming_is_asked_for_by_capability(self, backend: Backend, path: Path) -> None:
        other = self.make_backend()
        if backend.capabilities.swmr:
            other.open(path.with_name("s.h5"), "x", swmr=True)
            other.start_swmr()
            assert other.swmr_active
            other.close()
            assert not other.swmr_active
        else:
            with pytest.raises(FileOpenError, match="can't do SWMR; choose another backend"):
                other.open(path.with_name("s.h5"), "x", swmr=True)
            assert not path.with_name("s.h5").exists()
            with pytest.raises(StreamingError, match="SWMR"):
                backend.start_swmr()

    # ----------------------------------------------------------- compression
    def test_compression_that_is_not_there(self, backend: Backend) -> None:
        bad = Compression("magic", 5)
        for make in (
            lambda: make_growing(backend, "/", "E", dtype="f8", compression=bad),
            lambda: make_array(backend, "/", "E", data=np.zeros(4), compression=bad),
        ):
            with pytest.raises(DataMismatchError, match="can't compress with 'magic'; choose one of"):
                make()
        assert backend.children(backend.root()) == []
        off = Compression("magic", 0)
        make_array(backend, "/", "E", data=np.zeros(4), compression=off)

    def test_every_promised_compression(self, backend: Backend) -> None:
        values = some_values((4, 100), "int32")
        for library in backend.capabilities.compression:
            made = make_array(backend, "/", library, data=values, compression=Compression(library, 4))
            np.testing.assert_array_equal(backend.read(made), values)
            assert backend.info(made).compression, library
