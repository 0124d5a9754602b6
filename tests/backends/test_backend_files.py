"""One file, several programs, threads and libraries: what the backends keep together, not one by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import (
    available_backends,
    backend_capabilities,
    create_backend,
    default_backend,
    local_backends,
    set_default_backend,
)
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import FileNotOpenError, NodeError, StreamingError, TooLargeError, UnknownBackendError
from h5saver_widget.testing.making import make_array, make_group, make_growing, make_text
from h5saver_widget.testing.tree import DTYPES, some_values

BACKENDS = tuple(local_backends())
both = pytest.mark.parametrize("name", BACKENDS)
each_way = pytest.mark.parametrize(("writer", "reader"), [(w, r) for w in BACKENDS for r in BACKENDS])


def run(code: str, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def opened(name: str, path: Path, mode: str = "r", **options: bool) -> Backend:
    backend = create_backend(name)
    backend.open(path, mode, **options)  # type: ignore[arg-type]
    return backend


#: What the nodes above write, and PyTables goes by.
GROWS = {"CLASS": "EARRAY", "EXTDIM": np.int32(0)}


# ---------------------------------------------------------------- registry
def test_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_backends() == [*BACKENDS, "h5pyd"]
    assert default_backend() == "h5py"
    monkeypatch.setenv("H5SAVER_BACKEND", "tables")
    assert create_backend().name == "tables"
    set_default_backend("h5py")
    try:
        assert create_backend().name == "h5py"
    finally:
        set_default_backend(None)
    assert default_backend() == "tables"
    for call in (create_backend, set_default_backend, backend_capabilities):
        with pytest.raises(UnknownBackendError, match="choose one of: h5py, tables, h5pyd"):
            call("hdf4")
    assert backend_capabilities("h5py").swmr and not backend_capabilities("tables").swmr


# ------------------------------------------------------- one writes, the other reads
@each_way
def test_arrays_of_one_are_read_by_the_other(tmp_path: Path, writer: str, reader: str) -> None:
    backend = opened(writer, tmp_path / "a.h5", "x")
    root = backend.root()
    for dtype in DTYPES:
        values = some_values((3, 2), dtype)
        make_array(backend, root, f"fixed_{dtype}", data=values)
        growing = make_growing(backend, root, f"growing_{dtype}", row_shape=(2,), dtype=dtype, attributes=GROWS)
        backend.append(growing, values)
    text = make_text(backend, root, "text")
    for row in (b"abc", b"", b"\0\xff"):
        backend.append(text, np.frombuffer(row, np.uint8))
    make_array(backend, root, "nothing", data=np.zeros((0, 3)))
    make_array(backend, root, "number", data=np.array(2.5))
    backend.close()
    backend = opened(reader, tmp_path / "a.h5", "r+")
    for dtype in DTYPES:
        values = some_values((3, 2), dtype)
        for kind in ("fixed", "growing"):
            found = backend.read(backend.node(f"/{kind}_{dtype}"))
            np.testing.assert_array_equal(found, values, strict=dtype != "bool")
        growing = backend.node(f"/growing_{dtype}")
        backend.append(growing, values[:1])
        np.testing.assert_array_equal(backend.read(growing), np.concatenate((values, values[:1])))
    assert [row.tobytes() for row in backend.read(backend.node("/text"))] == [b"abc", b"", b"\0\xff"]
    backend.append(backend.node("/text"), np.frombuffer(b"more", np.uint8))
    assert backend.read(backend.node("/text"), -1).tobytes() == b"more"
    assert backend.read(backend.node("/nothing")).shape == (0, 3)
    assert backend.read(backend.node("/number")) == 2.5
    backend.close()


@each_way
def test_attributes_of_one_are_read_by_the_other(tmp_path: Path, writer: str, reader: str) -> None:
    values = {
        "TITLE": "Größe µ",
        "empty": "",
        "long": "x" * 60_000,
        "text": '{"module": "builtins", "type": "str", "data": "\'detector\'"}',
        "bytes": b"\x89PNG\xff",
        "yes": True,
        "no": np.bool_(False),
        "int": -3,
        "float": 0.1,
        "complex": 1 - 2j,
        "uint8": np.uint8(1),
    }
    backend = opened(writer, tmp_path / "a.h5", "x")
    group = make_group(backend, "/", "G", values)
    make_array(backend, group, "A", data=np.zeros(1), attributes=values)
    backend.set_attributes(backend.root(), {"array": np.arange(3), "words": np.array([b"ab", b"c"])})
    backend.close()
    backend = opened(reader, tmp_path / "a.h5")
    for path in ("/G", "/G/A"):
        found = backend.get_attributes(backend.node(path), list(values))
        assert found == values
        assert isinstance(found["yes"], (bool, np.bool_)) and isinstance(found["uint8"], np.uint8)
    found = backend.get_attributes(backend.root(), ["array", "words"])
    assert found["array"].tolist() == [0, 1, 2] and found["words"].tolist() == [b"ab", b"c"]
    backend.close()


@both
def test_what_no_backend_made_is_shown(tmp_path: Path, name: str) -> None:
    """Types of other programs: a walk passes over what a library can't read."""
    with h5py.File(tmp_path / "a.h5", "x") as file:
        file["type"] = np.dtype("f8")
        file["compound"] = np.zeros(2, dtype=[("a", "i4"), ("b", "f8")])
        file["references"] = np.array([file["compound"].ref], dtype=h5py.ref_dtype)
        file.create_dataset("null", data=h5py.Empty("f4"))
        file.create_dataset("words", data=["a", "bé"], dtype=h5py.string_dtype())
        file.create_dataset("ragged", shape=(2,), dtype=h5py.vlen_dtype("f8"))
        file.attrs["reference"] = file["compound"].ref
        file.attrs["null"] = h5py.Empty("S1")
        file.attrs["words"] = ["a", "bé"]
        file.attrs["compound"] = np.zeros((), dtype=[("a", "i4")])
    before = (tmp_path / "a.h5").read_bytes()
    backend = opened(name, tmp_path / "a.h5")
    for child in backend.children(backend.root()):
        node = backend.node(f"/{child}")
        backend.kind(node)
        backend.get_attributes(node)
        try:
            backend.info(node)
            backend.read(node)
        except (NodeError, ValueError) as error:
            assert f"/{child}" in str(error)
    found = backend.get_attributes(backend.root())
    assert "reference" not in found and found["words"].tolist() == ["a", "bé"]
    backend.close()
    assert (tmp_path / "a.h5").read_bytes() == before


def test_rows_appended_by_another_way(tmp_path: Path) -> None:
    """A second hard link, and the library's own object: no row takes the place of another."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "x") as file:
        file.create_dataset("A", shape=(0,), maxshape=(None,), dtype="i8", chunks=(10,))
        file["B"] = file["A"]
    backend = opened("h5py", path, "r+")
    first, second = backend.node("/A"), backend.node("/B")
    backend.append(first, np.array([1]))
    backend.append(second, np.array([2]))
    backend.raw_node(first).resize(3, axis=0)
    backend.append(first, np.array([3]))
    assert backend.read(second).tolist() == [1, 2, 0, 3]
    assert backend.identity(first) == backend.identity(second) != backend.identity(backend.root())
    backend.close()


# ------------------------------------------------------------- kills, threads
KILLED = """
import sys, numpy as np, pathlib
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import NodeKind, NodeSpec
backend = create_backend(sys.argv[1])
backend.open(pathlib.Path(sys.argv[2]), 'x')
group = backend.create(backend.root(), 'Run', NodeSpec(NodeKind.GROUP))
array = backend.create(group, 'A', NodeSpec(NodeKind.GROWING, (3,), dtype='f8', attributes={'units': 'V'}))
text = backend.create(group, 'T', NodeSpec(NodeKind.TEXT))
for number in range(20):
    backend.append(array, np.full((1, 3), number, 'f8'))
    backend.append(text, np.array([number], 'u1'))
backend.flush()
print('flushed', flush=True)
while True:
    backend.append(array, np.zeros((1, 3)))
"""


@both
def test_flushed_rows_outlive_a_kill(tmp_path: Path, name: str) -> None:
    path = tmp_path / "killed.h5"
    child = run(KILLED, name, path)
    assert child.stdout is not None and child.stdout.readline() == "flushed\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    for reader in BACKENDS:
        backend = opened(reader, path)
        rows = backend.read(backend.node("/Run/A"), slice(0, 20))
        assert rows[:, 0].tolist() == list(range(20))
        assert backend.get_attributes(backend.node("/Run/A"), ["units"]) == {"units": "V"}
        assert [row.tolist() for row in backend.read(backend.node("/Run/T"))][:20] == [[n] for n in range(20)]
        backend.close()


@both
def test_every_accepted_row_is_in_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "threads.h5"
    backend = opened(name, path, "x")
    arrays = [make_growing(backend, "/", f"A{n}", row_shape=(4,), dtype="i8") for n in range(4)]
    accepted = [0] * len(arrays)
    refused: list[Exception] = []
    enough = threading.Semaphore(0)

    def append(which: int) -> None:
        try:
            while True:
                backend.append(arrays[which], np.full((1, 4), accepted[which], "i8"))
                accepted[which] += 1
                if accepted[which] == 300:
                    enough.release()
        except Exception as error:
            refused.append(error)
            enough.release()

    threads = [threading.Thread(target=append, args=(n,)) for n in range(len(arrays))]
    for thread in threads:
        thread.start()
    for number in range(100):
        backend.flush()
        shape = backend.info(arrays[number % 4]).shape
        assert len(backend.read(arrays[number % 4], slice(0, shape[0]))) == shape[0]
        backend.set_attributes(arrays[number % 4], {"count": number})
        make_group(backend, "/", f"G{number}")
    for _ in threads:
        enough.acquire()
    backend.close()
    for thread in threads:
        thread.join()
    assert [type(error) for error in refused] == [FileNotOpenError] * 4 and min(accepted) >= 300
    backend.open(path, "r")
    for which, count in enumerate(accepted):
        np.testing.assert_array_equal(backend.read(backend.node(f"/A{which}"))[:, 0], np.arange(count))
    backend.close()


@both
def test_two_files_in_two_threads(tmp_path: Path, name: str) -> None:
    def write(path: Path) -> None:
        backend = opened(name, path, "x")
        for number in range(30):
            array = make_growing(backend, "/", f"A{number}", dtype="i8")
            backend.append(array, np.arange(number))
        backend.close()

    paths = [tmp_path / f"{number}.h5" for number in range(3)]
    threads = [threading.Thread(target=write, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path in paths:
        backend = opened(name, path)
        assert [backend.info(backend.node(f"/A{n}")).shape for n in range(30)] == [(n,) for n in range(30)]
        backend.close()


# -------------------------------------------------------------------- SWMR
READER = """
import sys, pathlib
from h5saver_widget.backends.registry import create_backend
backend = create_backend('h5py')
backend.open(pathlib.Path(sys.argv[1]), 'r', swmr=True)
array = backend.node('/A')
for line in sys.stdin:
    backend.refresh(array)
    print(backend.info(array).shape[0], backend.read(array)[:, 0].sum(), flush=True)
backend.close()
"""


def test_streaming_to_another_process(tmp_path: Path) -> None:
    path = tmp_path / "stream.h5"
    backend = opened("h5py", path, "x", swmr=True)
    root = backend.root()
    array = make_growing(backend, root, "A", row_shape=(3,), dtype="i8")
    fixed = make_array(backend, root, "C", data=np.zeros(4))
    text = make_text(backend, root, "T")
    backend.append(array, np.ones((2, 3), "i8"))
    backend.start_swmr()
    backend.start_swmr()
    reader = run(READER, path)
    assert reader.stdin is not None and reader.stdout is not None

    def seen() -> str:
        assert reader.stdin is not None and reader.stdout is not None
        reader.stdin.write("look\n")
        reader.stdin.flush()
        return reader.stdout.readline()

    assert seen() == "2 2\n"
    for count in (1, 5):
        backend.append(array, np.ones((count, 3), "i8"))
        backend.flush()
        assert seen() == f"{backend.info(array).shape[0]} {backend.info(array).shape[0]}\n"
    backend.write(fixed, 1, np.array(5.0))
    refused = [
        lambda: make_group(backend, root, "G"),
        lambda: make_array(backend, root, "B", data=np.zeros(1)),
        lambda: make_growing(backend, root, "B", dtype="f8"),
        lambda: make_text(backend, root, "B"),
        lambda: backend.copy(array, root, "B"),
        lambda: backend.delete(array),
        lambda: backend.set_attributes(array, {"a": "b"}),
        lambda: backend.delete_attribute(array, "a"),
        lambda: backend.append(text, np.zeros(1, "u1")),
    ]
    for call in refused:
        with pytest.raises(StreamingError, match="SWMR"):
            call()
    backend.close()
    reader.stdin.close()
    assert reader.wait() == 0
    reader.stdout.close()
    for name in BACKENDS:
        found = opened(name, path)
        assert found.children(found.root()) == ["A", "C", "T"]
        assert found.read(found.node("/A")).tolist() == [[1, 1, 1]] * 8
        assert found.read(found.node("/C")).tolist() == [0, 5, 0, 0]
        found.close()


def test_a_file_not_made_for_streaming(tmp_path: Path) -> None:
    backend = opened("h5py", tmp_path / "a.h5", "x")
    make_array(backend, "/", "C", data=np.zeros(2))
    with pytest.raises(StreamingError, match="create the file with SWMR on"):
        backend.start_swmr()
    assert not backend.swmr_active
    make_group(backend, "/", "G")
    backend.close()


def test_a_small_file_that_claims_to_be_large(backend: str, isolated: bool, tmp_path: Path) -> None:
    """Texts or numbers: what does not fit into memory is refused with a sentence, and parts of it are read."""
    path = tmp_path / "claims.h5"
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        file.create_dataset("texts", shape=(10**11,), maxshape=(None,), dtype=h5py.string_dtype(), chunks=(1000,))
        file.create_dataset("numbers", shape=(10**6, 10**6), dtype="f8", chunks=(1000, 1000))
    io = create_backend(backend, isolated=isolated)
    io.open(path, "r")
    for name in ("texts", "numbers"):
        node = io.node(f"/{name}")
        if io.kind(node) is NodeKind.OTHER:
            continue  # PyTables does not know them
        with pytest.raises(TooLargeError, match="Read it in parts"):
            io.read(node)
        assert len(io.read(node, slice(0, 10))) == 10
    io.close()
