"""What compresses outside the HDF5 library: every byte is what the library's own filters read."""

from __future__ import annotations

import itertools
import subprocess
import sys
import zlib
from collections.abc import Iterator

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from h5saver_widget.backends import compression
from h5saver_widget.backends.compression import Packing, pack_in_background, reader_note, shuffled
from h5saver_widget.backends.registry import backend_capabilities

DTYPES = ("u1", "i1", "?", "<u2", ">i2", "<f2", "<i4", "<f4", "<u8", "<f8", "<c8", "<c16", ">f8")
numbers = itertools.count()


@pytest.fixture(scope="module")
def memory() -> Iterator[h5py.File]:
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        yield file


def content(kind: str, dtype: str, count: int) -> np.ndarray:
    """Return the kinds of data that take different ways through the packing."""
    rng = np.random.default_rng(count)
    values = {
        "zeros": np.zeros(count),
        "noise": rng.normal(100, 20, count),
        "ramp": np.arange(count) % 100,
        "repeated": np.resize(rng.integers(0, 100, 37), count),
    }[kind]
    return values.astype(dtype)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(DTYPES),
    st.integers(1, 9),
    st.sampled_from(["zeros", "noise", "ramp", "repeated"]),
    st.one_of(st.integers(1, 40), st.sampled_from([1000, 65537, 300_000])),
)
def test_hdf5_reads_what_is_packed(memory: h5py.File, dtype: str, level: int, kind: str, count: int) -> None:
    values = content(kind, dtype, count)
    array = memory.create_dataset(
        f"a{next(numbers)}",
        shape=(count,),
        dtype=dtype,
        chunks=(count,),
        compression="gzip",
        compression_opts=level,
        shuffle=True,
    )
    array.id.write_direct_chunk((0,), pack_in_background(Packing(level, values.itemsize), values).result())
    np.testing.assert_array_equal(array[...], values)


@pytest.mark.parametrize("item_bytes", [1, 2, 3, 4, 8, 16])
def test_shuffle(item_bytes: int) -> None:
    data = np.random.default_rng(1).integers(0, 256, 30 * item_bytes).astype("u1")
    expected = b"".join(data.tobytes()[byte::item_bytes] for byte in range(item_bytes))
    assert shuffled(data, item_bytes).tobytes() == expected


def test_no_compression_is_the_bytes_themselves() -> None:
    values = np.arange(5, dtype="<i4")
    assert Packing().pack(values) == values.tobytes()


@pytest.mark.parametrize("level", [1, 4, 9])
def test_without_isal(monkeypatch: pytest.MonkeyPatch, level: int) -> None:
    monkeypatch.setattr(compression, "igzip_lib", None)
    values = content("noise", "<u2", 5000)
    packed = Packing(level, 2).pack(values)
    assert packed == zlib.compress(shuffled(values, 2).data, level)


@pytest.mark.parametrize("width", [3, 10, 20, 40, 60, 100, 200])
def test_noisy_frames_are_not_larger_than_with_zlib(width: int) -> None:
    frame = np.random.default_rng(width).normal(1000, width, (512, 512)).clip(0, 4095).astype("<u2")
    packed = Packing(4, 2).pack(frame)
    assert len(packed) <= len(zlib.compress(shuffled(frame, 2).data, 4))


def test_what_repeats_is_found() -> None:
    rows = np.tile(np.random.default_rng(1).normal(size=1024), (128, 1))
    assert len(Packing(4, 8).pack(rows)) <= len(zlib.compress(shuffled(rows, 8).data, 4))


def test_a_forked_program_packs_with_threads_of_its_own() -> None:
    code = """
import os, numpy as np
from h5saver_widget.backends.compression import Packing, pack_in_background
pack_in_background(Packing(4, 8), np.zeros(100)).result()
child = os.fork()
packed = pack_in_background(Packing(4, 8), np.zeros(100)).result(60)
if child:
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["h5py", "tables"])
def test_a_note_on_every_library(name: str) -> None:
    for library in backend_capabilities(name).compression:
        assert reader_note(library).endswith("."), library
    assert "Every HDF5 reader" in reader_note("zlib") == reader_note("gzip") and reader_note("magic") == ""
