"""Compression outside the HDF5 library: chunks are packed and unpacked by other threads, the file is as any other.

Inside the library a frame of 2 MB takes 30 to 60 ms of gzip, and every other HDF5 call of the program waits for it. It
takes 4 ms here, in a thread that nobody waits for. The chunk passes through the ordinary pair of HDF5 filters *shuffle*
and *deflate* (RFC 1950), so that every reader opens it.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

try:
    from isal import igzip_lib
except ImportError:  # no wheel for this machine: zlib does the same, ten times slower
    igzip_lib = None  # type: ignore[assignment]

__all__ = ["Packing", "in_background", "inflated", "pack_in_background", "reader_note", "shuffled", "unshuffled"]

_T = TypeVar("_T")

_DAMAGE: Any = (zlib.error,) if igzip_lib is None else (zlib.error, igzip_lib.IsalError)

_MOST_THREADS = 8
_FAST_LEVELS = 6
_THOROUGH_LEVEL = 4
#: As many as the longest common numbers have bytes: one from each of their planes.
_SAMPLES = 8
_SAMPLE_BYTES = 1 << 14

#: How far the threads that deflate stand back (nice value).
_NICE = 5

_NOTES = {
    "zlib": "Every HDF5 reader opens these files, without a plugin.",
    "lzf": "Read by h5py. PyTables can't read it, other HDF5 programs need the lzf filter plugin.",
    "blosc": "Read by PyTables. h5py needs the package hdf5plugin, other HDF5 programs the blosc filter plugin.",
    "blosc2": "Read by PyTables. h5py needs the package hdf5plugin, other HDF5 programs the blosc2 filter plugin.",
    "bitshuffle": "Not read by PyTables. h5py needs the package hdf5plugin, other programs the bitshuffle plugin.",
    "lzo": "Read by PyTables alone, where it was built with LZO.",
    "bzip2": "Read by PyTables. Other HDF5 programs need the bzip2 filter plugin.",
}
_NOTES["gzip"] = _NOTES["zlib"]


def reader_note(library: str) -> str:
    """Return in words which programs read the chunks of a compression library; ``''`` if nothing is known about it.

    >>> reader_note('gzip')
    'Every HDF5 reader opens these files, without a plugin.'
    """
    return _NOTES.get(library, "")


@dataclass(frozen=True)
class Packing:
    r"""The conversion between the numbers of a chunk and its bytes in the file: none, or shuffle and deflate.

    >>> packing = Packing(level=4, item_bytes=2)
    >>> zlib.decompress(packing.pack(np.array([1, 2, 3], '<u2')))
    b'\x01\x02\x03\x00\x00\x00'
    """

    #: Of deflate, 1 to 9; 0 for a file without filters.
    level: int = 0
    #: Size of the elements that are shuffled; 1 if they are not.
    item_bytes: int = 1

    def pack(self, chunk: npt.NDArray[Any]) -> bytes:
        """Return the bytes of a C-contiguous chunk as they are stored in the file."""
        return _deflated(shuffled(chunk, self.item_bytes), self.level) if self.level else chunk.tobytes()


def shuffled(chunk: npt.NDArray[Any], item_bytes: int) -> npt.NDArray[np.uint8]:
    """Return the first bytes of all elements, then the second ones and so on, as HDF5's shuffle filter orders them.

    >>> shuffled(np.array([1, 258], '<u2'), 2).tolist()
    [1, 2, 0, 1]
    """
    if item_bytes == 2 and sys.byteorder == "little":  # four times as fast as any way of moving bytes
        numbers = chunk.reshape(-1).view(np.uint16)
        planes = np.empty((2, numbers.size), np.uint8)
        for number, plane in enumerate(planes):
            np.right_shift(numbers, 8 * number, out=plane, casting="unsafe", dtype=np.uint16)
        return planes.reshape(-1)
    return np.ascontiguousarray(chunk.reshape(-1).view(np.uint8).reshape(-1, item_bytes).T).reshape(-1)


def unshuffled(planes: npt.NDArray[np.uint8], item_bytes: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of elements that were shuffled.

    >>> unshuffled(shuffled(np.array([1, 258], '<u2'), 2), 2).view('<u2').tolist()
    [1, 258]
    """
    found = np.empty((planes.size // item_bytes, item_bytes), np.uint8)
    for number, plane in enumerate(planes.reshape(item_bytes, -1)):  # four times as fast as a transposed copy
        found[:, number] = plane
    return found.reshape(-1)


def inflated(stream: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8] | None:
    """Return the `size` bytes that a zlib stream holds; None if it is damaged, or holds another number of them.

    >>> inflated(np.frombuffer(zlib.compress(b'abc'), np.uint8), 3).tobytes()
    b'abc'
    """
    unpacker = zlib.decompressobj() if igzip_lib is None else igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_ZLIB)
    try:  # one byte more: no stream, whatever it claims, takes more memory
        found = unpacker.decompress(stream.data, size + 1)
    except _DAMAGE:
        return None
    return np.frombuffer(found, np.uint8) if unpacker.eof and len(found) == size else None


def _deflated(data: npt.NDArray[np.uint8], level: int) -> bytes:
    """Return data as a zlib stream.

    Up to level 6 this is ISA-L's level 1 with one of two windows. Looking back over 32 kB finds repetitions; looking
    back over two bytes finds runs alone, and takes a fifth less for the upper bytes of noise, where repetitions are
    chance. A sample decides: noisy frames are never larger than with zlib's level 4 then (up to 2 % with the first
    window alone). From level 4 on, chunks that are mostly repetition are tried with the thorough level 3, which is up
    to ten times smaller there. From 7 on zlib itself squeezes out the last per cents, for 30 to 2000 ms a frame.
    """
    if igzip_lib is None or level > _FAST_LEVELS:
        return zlib.compress(data.data, level)
    step = data.size // _SAMPLES
    size = min(_SAMPLE_BYTES, step)
    samples = [data[at : at + size] for at in range((step - size) // 2, step * _SAMPLES, step)] if step else [data]
    window = min((0, 1), key=lambda bits: sum(len(_isal(sample, 1, bits)) for sample in samples))
    stream = _isal(data, 1, window)
    if level >= _THOROUGH_LEVEL and window == 0 and len(stream) < data.size // 4:
        stream = min(stream, _isal(data, 3, window), key=len)
    # with the usual header: for a small window ISA-L's own would announce one of 256 bytes, which readers may refuse
    return b"\x78\x01" + stream


def _isal(data: npt.NDArray[np.uint8], level: int, history_bits: int) -> bytes:
    return bytes(igzip_lib.compress(data, level, igzip_lib.COMP_ZLIB_NO_HDR, hist_bits=history_bits))


@functools.cache
def _workers() -> ThreadPoolExecutor:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ThreadPoolExecutor(min(count, _MOST_THREADS), "h5saver-deflate", _stand_back)


def _stand_back() -> None:
    """Let this thread go after others: a window that has something to do waits for none that deflates."""
    if sys.platform == "linux":  # where a thread has a priority of its own
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


if hasattr(os, "register_at_fork"):  # the threads stay with the parent: without this, a child would wait for them
    os.register_at_fork(after_in_child=_workers.cache_clear)


def in_background(function: Callable[..., _T], *arguments: Any) -> Future[_T]:
    """Call a function in one of the threads for packing; `result` of the returned future waits for it."""
    try:
        return _workers().submit(function, *arguments)
    except RuntimeError:  # the interpreter is ending and starts no threads any more
        done: Future[_T] = Future()
        done.set_result(function(*arguments))
        return done


def pack_in_background(packing: Packing, chunk: npt.NDArray[Any]) -> Future[bytes]:
    """Pack a chunk that nobody changes any more; `result` of the returned future waits for its bytes."""
    return in_background(packing.pack, chunk)
