"""Rows on their way into a file: collected, deflated by other threads, and never lost without closing it."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import rows_shared
import tables
from hypothesis import given, settings, strategies as st
from rows_shared import GZIP, growing, numbers
from test_backend_files import BACKENDS, GROWS, both, each_way, opened, run

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import Compression
from h5saver_widget.testing.making import make_array, make_growing
from h5saver_widget.testing.tree import CHECKS, DTYPES, some_values

small_chunks, backend = rows_shared.small_chunks, rows_shared.backend


# ----------------------------------------------------------- what is in the file
@each_way
def test_deflated_arrays_of_one_are_read_by_the_other(
    tmp_path: Path, small_chunks: None, writer: str, reader: str
) -> None:
    backend = opened(writer, tmp_path / "a.h5", "x")
    shapes: tuple[tuple[int, ...], ...] = ((), (3,), (2, 5))
    for dtype in DTYPES:
        for shape in shapes:
            array = make_growing(
                backend,
                backend.root(),
                f"{dtype}_{len(shape)}",
                row_shape=shape,
                dtype=dtype,
                compression=GZIP,
                attributes=GROWS,
            )
            values = some_values((11, *shape), dtype)
            for start, stop in ((0, 1), (1, 3), (3, 11)):
                backend.append(array, values[start:stop])
    backend.close()
    for mode in ("r+", "r"):
        backend = opened(reader, tmp_path / "a.h5", mode)
        for dtype in DTYPES:
            for shape in shapes:
                array = backend.node(f"/{dtype}_{len(shape)}")
                values = some_values((11, *shape), dtype)
                count = backend.info(array).shape[0]
                np.testing.assert_array_equal(backend.read(array), np.resize(values, (count, *shape)))
                if mode == "r+":
                    backend.append(array, values[:2])
                    backend.flush()
                    backend.append(array, values[2:4])
                    assert backend.info(array).shape[0] == 15
        backend.close()
    with h5py.File(tmp_path / "a.h5") as plain, tables.open_file(str(tmp_path / "a.h5")) as other:
        for name, array in plain.items():
            assert (array.compression, array.compression_opts, array.shuffle) == ("gzip", 4, True)
            np.testing.assert_array_equal(other.get_node(f"/{name}").read(), array[...])


@both
def test_frames(tmp_path: Path, name: str) -> None:
    """One frame is one chunk: its numbers go round the library, with gzip and without."""
    frames = some_values((5, 512, 1100), "uint16")
    backend = opened(name, tmp_path / "a.h5", "x")
    for compression in (GZIP, Compression("gzip", 9), Compression("zlib", 0)):
        array = make_growing(
            backend,
            backend.root(),
            f"F{compression.level}",
            row_shape=(512, 1100),
            dtype="u2",
            compression=compression,
            attributes=GROWS,
        )
        buffer = frames[:1].copy()
        for number in range(3):
            buffer[:] = frames[number]
            backend.append(array, buffer)
        buffer[:] = 0
        assert backend.info(array).shape == (3, 512, 1100)
        np.testing.assert_array_equal(backend.read(array, 1), frames[1])
        backend.append(array, frames[3:])
        backend.write(array, (4, 7), frames[0, 0])
    backend.close()
    frames[4, 7] = frames[0, 0]
    for reader in BACKENDS:
        backend = opened(reader, tmp_path / "a.h5")
        for child in backend.children(backend.root()):
            np.testing.assert_array_equal(backend.read(backend.node(f"/{child}")), frames)
        backend.close()


@both
@pytest.mark.parametrize("level", [0, 4])
def test_fixed_arrays(tmp_path: Path, name: str, level: int) -> None:
    """Whole arrays with chunks at their edges that are not full; points of a scan that are chunks, and others."""
    values = some_values((3, 700, 1100), "float32")
    backend = opened(name, tmp_path / "a.h5", "x")
    root, compression = backend.root(), Compression("gzip", level)
    whole = make_array(backend, root, "whole", data=values, compression=compression)
    edges = make_array(backend, root, "edges", data=np.asfortranarray(values[0, :, :1013]), compression=compression)
    scan = make_array(backend, root, "scan", shape=values.shape, dtype="f4", compression=compression)
    buffer = np.empty(values.shape[1:], "f4")
    for number, frame in enumerate(values):
        buffer[:] = frame
        backend.write(scan, (number,), buffer)
        backend.write(scan, (number, 3), -frame[3])
    expected = values.copy()
    expected[:, 3] *= -1
    for mode in ("r+", "r"):
        np.testing.assert_array_equal(backend.read(whole), values)
        np.testing.assert_array_equal(backend.read(edges), values[0, :, :1013])
        np.testing.assert_array_equal(backend.read(scan), expected)
        backend.close()
        backend.open(tmp_path / "a.h5", mode)
        whole, edges, scan = (backend.node(f"/{name}") for name in ("whole", "edges", "scan"))
    backend.close()
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["scan"][...], expected)


OPERATIONS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 9)),
    st.tuples(st.sampled_from(["flush", "read", "one", "write", "copy", "reopen", "raw"]), st.integers(0, 50)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=CHECKS)
@given(
    operations=st.lists(st.tuples(st.integers(0, 2), OPERATIONS), max_size=25), row_shape=st.sampled_from([(), (3,)])
)
def test_any_order_of_operations(
    backend: Backend, operations: list[tuple[int, tuple[str, int]]], row_shape: tuple[int, ...]
) -> None:
    path = backend.path
    assert path is not None
    names = ("gzip", "none", "zlib")
    arrays = [growing(backend, name, row_shape, Compression("zlib", 0) if name == "none" else GZIP) for name in names]
    expected = [numbers(0, 0, row_shape) for _ in names]
    for which, (operation, count) in operations:
        array, so_far = arrays[which], expected[which]
        if operation == "append":
            more = numbers(len(so_far), count, row_shape)
            backend.append(array, more)
            expected[which] = np.concatenate((so_far, more))
        elif operation == "flush":
            backend.flush()
        elif operation == "read":
            np.testing.assert_array_equal(backend.read(array), so_far)
        elif operation == "one" and len(so_far):
            np.testing.assert_array_equal(backend.read(array, count % len(so_far)), so_far[count % len(so_far)])
        elif operation == "write" and len(so_far):
            so_far[count % len(so_far)] = -7
            backend.write(array, count % len(so_far), so_far[count % len(so_far)])
        elif operation == "copy" and not backend.has_child(backend.root(), "copied"):
            copied = backend.copy(array, backend.root(), "copied")
            np.testing.assert_array_equal(backend.read(copied), so_far)
            backend.delete(copied)
        elif operation == "reopen":
            backend.close()
            backend.open(path, "r+")
            arrays = [backend.node(f"/{name}") for name in names]
        elif operation == "raw":
            assert len(backend.raw_node(array)) == len(so_far)
        assert backend.info(arrays[which]).shape[0] == len(expected[which])
    backend.close()
    with h5py.File(path) as file:
        for name, values in zip(names, expected, strict=True):
            np.testing.assert_array_equal(file[name][...], values)
    backend.open(path, "r+")
    for name in names:
        backend.delete(backend.node(f"/{name}"))


def test_a_chunk_that_is_flushed_often_does_not_fill_the_disk(backend: Backend) -> None:
    rng = np.random.default_rng(1)
    array = growing(backend, row_shape=(5000,))
    other = growing(backend, "other")
    for number in range(120):
        backend.append(array, rng.integers(0, 2**31, (1, 5000)).astype("i4"))
        backend.append(other, numbers(number, 1))
        backend.flush()
    path = backend.path
    assert path is not None
    backend.close()
    assert path.stat().st_size < 2 * 120 * 20_000


# ------------------------------------------------------------ who else looks at it
def test_the_host_finds_what_was_saved(backend: Backend) -> None:
    """Whoever has the library's own objects looks at them without asking."""
    array = growing(backend)
    backend.append(array, numbers(0, 6))
    raw = backend.raw_node(array)
    assert raw[...].tolist() == numbers(0, 6).tolist()
    backend.append(array, numbers(6, 3))
    assert raw[...].tolist() == numbers(0, 9).tolist()
    late = growing(backend, "late", compression=Compression())
    backend.append(late, numbers(0, 2))
    assert backend.raw_node(late)[...].tolist() == [0, 100]


def test_the_host_closes_its_file(backend: Backend) -> None:
    path, array = backend.path, growing(backend)
    assert path is not None
    backend.append(array, numbers(0, 6))
    file = backend.raw_file
    backend.append(array, numbers(6, 1))
    file.close()
    backend.open(path, "r")
    assert backend.read(backend.node("/E")).tolist() == numbers(0, 7).tolist()


def test_two_names_of_one_array(tmp_path: Path, small_chunks: None) -> None:
    backend = opened("h5py", tmp_path / "a.h5", "x")
    growing(backend)
    backend.raw_file["Again"] = backend.raw_file["E"]
    backend.close()
    backend.open(tmp_path / "a.h5", "r+")
    first, second = backend.node("/E"), backend.node("/Again")
    for number in range(6):
        backend.append((first, second)[number % 2], numbers(number, 1))
    assert backend.info(first).shape == backend.info(second).shape == (6,)
    assert backend.read(second).tolist() == numbers(0, 6).tolist()
    backend.close()


def test_rows_outlive_their_handle(backend: Backend) -> None:
    array = growing(backend)
    backend.append(array, numbers(0, 6))
    del array
    gc.collect()
    array = backend.node("/E")
    backend.append(array, numbers(6, 1))
    assert backend.read(array).tolist() == numbers(0, 7).tolist()
    backend.append(array, numbers(7, 1))
    backend.delete(array)
    assert backend.children(backend.root()) == []
    again = growing(backend)
    backend.append(again, numbers(0, 1))
    assert backend.info(again).shape == (1,)


LEFT_OPEN = """
import sys, gc, pathlib, warnings, numpy as np
from h5saver_widget.backends.terms import Compression, NodeKind, NodeSpec
from h5saver_widget.backends.registry import create_backend
warnings.simplefilter('ignore')
def save():
    backend = create_backend(sys.argv[1])
    backend.open(pathlib.Path(sys.argv[2]), 'x')
    for level in (0, 4):
        spec = NodeSpec(NodeKind.GROWING, (3,), 'f8', compression=Compression('gzip', level))
        array = backend.create(backend.root(), f'A{level}', spec)
        backend.append(array, np.ones((5, 3)))
    return backend
backend = save()
if sys.argv[3] == 'forgotten':
    del backend
    gc.collect()
    import os
    os._exit(0)
if sys.argv[3] == 'error':
    raise SystemExit(3)
"""


@both
@pytest.mark.parametrize("how", ["end", "error", "forgotten"])
def test_a_file_that_nobody_closes(tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / "a.h5"
    command = [sys.executable, "-c", LEFT_OPEN, name, str(path), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == (3 if how == "error" else 0) and not done.stderr, done.stderr
    with h5py.File(path) as file:
        assert file["A0"].shape == file["A4"].shape == (5, 3) and file["A4"][...].all()


def test_streaming_with_gzip(tmp_path: Path, small_chunks: None) -> None:
    backend = opened("h5py", tmp_path / "a.h5", "x", swmr=True)
    array, plain = growing(backend), growing(backend, "P", compression=Compression())
    backend.append(array, numbers(0, 3))
    backend.start_swmr()
    look = "import h5py, sys\nwith h5py.File(sys.argv[1], 'r', swmr=True, locking=False) as f: print(*f['E'], *f['P'])"
    for count in (3, 4, 10):
        backend.append(array, numbers(backend.info(array).shape[0], count - backend.info(array).shape[0]))
        backend.append(plain, numbers(backend.info(plain).shape[0], 1))
        backend.flush()
        found = subprocess.run([sys.executable, "-c", look, backend.path], capture_output=True, text=True, check=False)
        seen = [int(number) for number in found.stdout.split()]
        assert seen == [*numbers(0, count), *numbers(0, backend.info(plain).shape[0])], found.stderr
    backend.close()
    for name in BACKENDS:
        backend = opened(name, tmp_path / "a.h5")
        assert backend.read(backend.node("/E")).tolist() == numbers(0, 10).tolist()
        backend.close()


KILLED = """
import sys, pathlib, numpy as np
from h5saver_widget.backends import chunks
from h5saver_widget.backends.terms import Compression, NodeKind, NodeSpec
from h5saver_widget.backends.registry import create_backend
chunks.MAX_ROWS = 8
backend = create_backend(sys.argv[1])
backend.open(pathlib.Path(sys.argv[2]), 'x')
widths = (1, 50, 3000)
arrays = [
    backend.create(backend.root(), f'A{n}', NodeSpec(NodeKind.GROWING, (n,), 'f8', compression=Compression('gzip', 4)))
    for n in widths
]
rng = np.random.default_rng(1)
for number in range(100_000):
    for width, array in zip(widths, arrays):
        backend.append(array, np.full((1, width), number) + rng.normal(size=(1, width)) / 100)
    if number % 3 == 0:
        backend.flush()
        print(number, flush=True)
"""


@both
@pytest.mark.parametrize("seed", range(3))
def test_flushed_rows_of_chunks_that_are_not_full_outlive_a_kill(tmp_path: Path, name: str, seed: int) -> None:
    """Such chunks move in the file when they grow: nothing may take the place of what was flushed."""
    path = tmp_path / "killed.h5"
    child = run(KILLED, name, path)
    assert child.stdout is not None
    flushed = -1
    for _ in range(random.Random(seed).randint(20, 120)):
        flushed = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    rest = child.communicate()[0].split()
    flushed = int(rest[-1]) if rest else flushed
    for reader in BACKENDS:
        backend = opened(reader, path)
        for child_name in backend.children(backend.root()):
            found = backend.read(backend.node(f"/{child_name}"))
            assert len(found) > flushed
            np.testing.assert_array_equal(np.round(found[: flushed + 1, 0]), np.arange(flushed + 1))
        backend.close()
