"""The part of the backend contract that is about opening files, handles and the tree of nodes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import Handle, NodeKind, OpenMode
from h5saver_widget.errors import FileNotOpenError, FileOpenError, NamingError, NodeError, NodeExistsError
from h5saver_widget.testing.making import make_array, make_group, make_growing, make_text

__all__ = ["CHECKS", "DTYPES", "ROW_SHAPES", "TreeContract", "some_values"]

Array = npt.NDArray[Any]

#: A file per test serves all examples, and both test classes share the function.
CHECKS = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *INTEGERS, "float16", "float32", "float64", "complex64", "complex128")
ROW_SHAPES = ((), (1,), (3,), (2, 3), (2, 1, 4))
SLICES = (
    ...,
    0,
    -1,
    (1, 2),
    (1, -1, 0),
    slice(None),
    slice(1, 3),
    slice(None, None, 2),
    slice(2, 2),
    (slice(1, 3), 0),
    (..., 1),
    (0, ..., slice(1, None)),
    (slice(None), slice(1, 3), slice(0, 2)),
    np.int64(2),
)


def some_values(shape: tuple[int, ...], dtype: str) -> Array:
    """Return values that no other dtype or order of elements would give."""
    count = int(np.prod(shape))
    if dtype == "bool":
        flags: Array = (np.arange(count) % 3 == 0).reshape(shape)
        return flags
    values: Array = np.arange(count) % 100
    numbers: Array = (values * (1 - 2j) if dtype.startswith("complex") else values).astype(dtype).reshape(shape)
    return numbers


class TreeContract(ABC):
    """Files, handles, groups."""

    @abstractmethod
    def make_backend(self) -> Backend:
        """Return a backend with no file open."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "file.h5"

    @pytest.fixture
    def backend(self, path: Path) -> Iterator[Backend]:
        """Return a backend with a new file open."""
        backend = self.make_backend()
        backend.open(path, "x")
        yield backend
        backend.close()

    def digest(self, path: Path) -> str:
        """Return a checksum of a closed file."""
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def reopen(self, backend: Backend, mode: OpenMode = "r+") -> Backend:
        path = backend.path
        assert path is not None
        backend.close()
        backend.open(path, mode)
        return backend

    # --------------------------------------------------------------- opening
    def test_new_backend_is_closed(self) -> None:
        backend = self.make_backend()
        assert (backend.is_open, backend.path, backend.raw_file, backend.writable) == (False, None, None, False)
        backend.close()

    def test_creates_exclusively(self, path: Path) -> None:
        backend = self.make_backend()
        backend.open(path, "x")
        assert (backend.is_open, backend.path, backend.writable, backend.swmr_active) == (True, path, True, False)
        backend.close()
        before = self.digest(path)
        with pytest.raises(FileExistsError, match="nothing is overwritten"):
            backend.open(path, "x")
        assert self.digest(path) == before and not backend.is_open
        backend.open(path, "r")
        backend.close()

    @pytest.mark.parametrize("mode", ["r", "r+"])
    def test_opening_never_creates(self, path: Path, mode: OpenMode) -> None:
        backend = self.make_backend()
        with pytest.raises(FileNotFoundError, match=r"file\.h5 is not a file"):
            backend.open(path, mode)
        assert not path.exists()
        with pytest.raises(OSError, match="not a file"):  # a folder
            backend.open(path.parent, mode)
        backend.open(path, "x")
        backend.close()

    @pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + b"\0" * 50])
    def test_refuses_what_is_no_hdf5_file(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        backend = self.make_backend()
        modes: tuple[OpenMode, ...] = ("r", "r+")
        for mode in modes:
            with pytest.raises(FileOpenError, match=r"file\.h5 could not be opened"):
                backend.open(path, mode)
            assert not backend.is_open
        assert path.read_bytes() == content
        backend.open(path.with_name("other.h5"), "x")
        backend.close()

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(FileOpenError, match="missing"):
            self.make_backend().open(tmp_path / "missing" / "a.h5", "x")

    def test_unknown_mode(self, path: Path) -> None:
        with pytest.raises(FileOpenError, match="mode 'w' is unknown"):
            self.make_backend().open(path, "w")  # type: ignore[arg-type]
        assert not path.exists()

    def test_one_file_at_a_time(self, backend: Backend, path: Path) -> None:
        with pytest.raises(FileOpenError, match="still open"):
            backend.open(path.with_name("b.h5"), "x")
        assert backend.path == path and not path.with_name("b.h5").exists()

    def test_unicode_file_name(self, tmp_path: Path) -> None:
        backend = self.make_backend()
        backend.open(tmp_path / "Zähler µ 数.h5", "x")
        make_group(backend, "/", "Run")
        self.reopen(backend, "r")
        assert backend.children(backend.root()) == ["Run"]
        backend.close()

    def test_closing_twice(self, backend: Backend) -> None:
        backend.close()
        backend.close()
        assert not backend.is_open and backend.path is None and backend.raw_file is None

    # ---------------------------------------------------- closed, stale
    def test_primitives_of_a_closed_file(self, backend: Backend) -> None:
        root = backend.root()
        array = make_growing(backend, root, "A", dtype="f8")
        backend.close()
        rows = np.zeros(1)
        calls: list[Callable[[], object]] = [
            backend.flush,
            backend.root,
            lambda: backend.node("/A"),
            lambda: backend.children(root),
            lambda: backend.has_child(root, "A"),
            lambda: backend.kind(array),
            lambda: backend.raw_node(array),
            lambda: make_group(backend, root, "G"),
            lambda: make_array(backend, root, "C", data=rows),
            lambda: make_growing(backend, root, "E", dtype="f8"),
            lambda: make_text(backend, root, "T"),
            lambda: backend.delete(array),
            lambda: backend.copy(array, root, "B"),
            lambda: backend.info(array),
            lambda: backend.append(array, rows),
            lambda: backend.write(array, 0, rows),
            lambda: backend.read(array),
            lambda: backend.attribute_names(array),
            lambda: backend.get_attributes(array),
            lambda: backend.set_attributes(array, {"a": 1}),
            lambda: backend.delete_attribute(array, "a"),
            backend.start_swmr,
            lambda: backend.refresh(array),
        ]
        for call in calls:
            with pytest.raises(FileNotOpenError, match="open"):
                call()

    def test_handles_of_an_earlier_opening(self, backend: Backend) -> None:
        group = make_group(backend, "/", "G")
        self.reopen(backend)
        with pytest.raises(NodeError, match="is gone"):
            backend.kind(group)
        with pytest.raises(NodeError, match="is gone"):
            make_group(backend, group, "H")
        assert backend.kind(backend.node("/G")) is NodeKind.GROUP

    def test_handles_of_deleted_nodes(self, backend: Backend) -> None:
        group = make_group(backend, "/", "G")
        other = make_group(backend, "/", "G2")
        array = make_growing(backend, group, "A", dtype="f8")
        backend.delete(group)
        for call in (lambda: backend.kind(group), lambda: backend.append(array, np.zeros(1))):
            with pytest.raises(NodeError, match="is gone"):
                call()
        assert backend.children(backend.root()) == ["G2"] and backend.kind(other) is NodeKind.GROUP
        again = make_group(backend, "/", "G")
        assert backend.children(again) == []
        with pytest.raises(NodeError, match="is gone"):
            backend.children(group)

    def test_handles_of_another_backend(self, backend: Backend, path: Path) -> None:
        other = self.make_backend()
        other.open(path.with_name("other.h5"), "x")
        with pytest.raises(NodeError):
            make_group(backend, other.root(), "G")
        assert other.children(other.root()) == []
        other.close()

    # ------------------------------------------------------------------ tree
    def test_paths_kinds_and_order(self, backend: Backend) -> None:
        root = backend.root()
        for number in (10, 9, 1, 100):
            make_group(backend, root, f"Scan{number:03d}" if number < 100 else f"Scan{number}")
        group = backend.node("/Scan009")
        made = {
            "Fixed": make_array(backend, group, "Fixed", data=np.zeros(2)),
            "Growing": make_growing(backend, group, "Growing", dtype="f8"),
            "Text": make_text(backend, group, "Text"),
        }
        assert backend.children(root) == ["Scan001", "Scan009", "Scan010", "Scan100"]
        assert backend.path_of(root) == "/" and backend.path_of(group) == "/Scan009"
        assert [backend.kind(node) for node in (root, group, *made.values())] == [
            NodeKind.GROUP,
            NodeKind.GROUP,
            NodeKind.FIXED,
            NodeKind.GROWING,
            NodeKind.TEXT,
        ]
        assert all(backend.node(f"/Scan009/{name}") == node for name, node in made.items())
        assert backend.root() == root and backend.node("/") == root
        self.reopen(backend, "r")
        kinds = {name: backend.kind(backend.node(f"/Scan009/{name}")) for name in made}
        assert list(kinds.values()) == [NodeKind.FIXED, NodeKind.GROWING, NodeKind.TEXT]

    def test_natural_order_without_padding(self, backend: Backend) -> None:
        for name in ("Scan1000", "Scan999", "Scan2"):
            make_group(backend, "/", name)
        assert backend.children(backend.root()) == ["Scan2", "Scan999", "Scan1000"]

    def test_has_child(self, backend: Backend) -> None:
        root = backend.root()
        array = make_array(backend, make_group(backend, root, "Group 1"), "Größe", data=np.zeros(1))
        assert backend.has_child(root, "Group 1") and backend.has_child(backend.node("/Group 1"), "Größe")
        for name in ("Group", "", ".", "..", "/", "Group 1/Größe", "a\0b", "group 1"):
            assert not backend.has_child(root, name), name
        with pytest.raises(NodeError, match="not a group"):
            backend.has_child(array, "x")

    @pytest.mark.parametrize("path_", ["", "Run", "/Run/", "//", "/Nowhere", "/Run/Nowhere", "/.", "/Run/.."])
    def test_nodes_that_are_not_there(self, backend: Backend, path_: str) -> None:
        make_group(backend, "/", "Run")
        with pytest.raises(NodeError) as caught:
            backend.node(path_)
        assert isinstance(caught.value, KeyError) and repr(path_) in str(caught.value)

    def test_error_names_what_is_there(self, backend: Backend) -> None:
        for number in range(12):
            make_group(backend, "/", f"Scan{number:03d}")
        with pytest.raises(NodeError, match=r"/ holds: Scan000, Scan001, .* \(12 nodes\)"):
            backend.node("/Scan012")

    def test_arrays_have_no_children(self, backend: Backend) -> None:
        array = make_array(backend, "/", "A", data=np.zeros(2))
        for call in (
            lambda: backend.children(array),
            lambda: make_group(backend, array, "G"),
            lambda: backend.node("/A/B"),
        ):
            with pytest.raises(NodeError, match="not a group"):
                call()
        with pytest.raises(NodeError, match="not an array"):
            backend.read(backend.root())

    def makers(self, backend: Backend, parent: Handle, name: str) -> list[Callable[[], Handle]]:
        return [
            lambda: make_group(backend, parent, name),
            lambda: make_array(backend, parent, name, data=np.zeros(1)),
            lambda: make_growing(backend, parent, name, dtype="f8"),
            lambda: make_text(backend, parent, name),
        ]

    def test_names_that_are_taken(self, backend: Backend) -> None:
        array = make_array(backend, "/", "A", data=np.arange(3), attributes={"a": "b"})
        for make in [*self.makers(backend, backend.root(), "A"), lambda: backend.copy(array, backend.root(), "A")]:
            with pytest.raises(NodeExistsError, match="already holds a node 'A'"):
                make()
        assert backend.read(array).tolist() == [0, 1, 2]
        assert backend.get_attributes(array, ["a"]) == {"a": "b"}

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a\0b", "\ud800", "_v_x", "_p_x", "a."])
    def test_bad_names(self, backend: Backend, name: str) -> None:
        array = make_array(backend, "/", "A", data=np.arange(3))
        for make in [*self.makers(backend, backend.root(), name), lambda: backend.copy(array, backend.root(), name)]:
            with pytest.raises(NamingError):
                make()
        assert backend.children(backend.root()) == ["A"]

    @settings(max_examples=30, deadline=None, suppress_health_check=CHECKS)
    @given(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20))
    def test_names_in_any_script(self, backend: Backend, name: str) -> None:
        if name.endswith(".") or name[:3] in ("_v_", "_f_", "_g_", "_c_", "_i_", "_p_"):
            return
        group = make_group(backend, "/", name)
        make_array(backend, group, name, data=np.arange(2))
        assert backend.children(backend.root()) == [name]
        assert backend.read(backend.node(f"/{name}/{name}")).tolist() == [0, 1]
        backend.delete(group)

    def test_delete_subtree(self, backend: Backend) -> None:
        group = make_group(backend, "/", "G")
        inner = make_group(backend, group, "Inner")
        make_array(backend, inner, "A", data=np.zeros(2))
        backend.delete(group)
        assert backend.children(backend.root()) == []
        with pytest.raises(NodeError, match="root"):
            backend.delete(backend.root())

    def test_copy(self, backend: Backend) -> None:
        root = backend.root()
        group = make_group(backend, root, "G", {"TITLE": "first"})
        inner = make_group(backend, group, "Inner", {"units": "µm"})
        growing = make_growing(backend, inner, "E", row_shape=(2,), dtype="u2", attributes={"TITLE": "rows"})
        backend.append(growing, np.ones((3, 2), "u2"))
        text = make_text(backend, group, "T")
        backend.append(text, np.arange(5, dtype="u1"))
        copied = backend.copy(group, root, "H")
        assert backend.path_of(copied) == "/H" and backend.get_attributes(copied, ["TITLE"]) == {"TITLE": "first"}
        assert backend.get_attributes(backend.node("/H/Inner"), ["units"]) == {"units": "µm"}
        again = backend.node("/H/Inner/E")
        assert backend.get_attributes(again, ["TITLE"]) == {"TITLE": "rows"}
        backend.append(again, np.zeros((1, 2), "u2"))
        assert backend.read(again).sum(axis=1).tolist() == [2, 2, 2, 0]
        assert backend.info(growing).shape == (3, 2)
        assert backend.read(backend.node("/H/T"))[0].tolist() == [0, 1, 2, 3, 4]
        one = backend.copy(growing, root, "One")
        assert backend.info(one).shape == (3, 2)

    def test_copy_into_itself(self, backend: Backend) -> None:
        group = make_group(backend, "/", "G")
        inner = make_group(backend, group, "Inner")
        for target in (group, inner):
            with pytest.raises(NodeError, match="into itself"):
                backend.copy(group, target, "H")
        assert backend.path_of(backend.copy(group, backend.root(), "G2")) == "/G2"
