"""Accepted values that are not safe on a server: of which arrays, how much, in memory or on the local disk."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field
from pathlib import Path

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.backends.remote_blocks import Block, Spool, Spooled, merged, pieces

__all__ = ["SHORT_PATIENCE", "ArrayRows", "Waiting"]

#: How long a request of which the whole batch is tried again waits for a server, in s.
SHORT_PATIENCE = 0.5


@dataclass(eq=False)
class ArrayRows:
    """The unsent part of one array."""

    #: The server's name of the array.
    array_id: str
    #: Shape with everything that was accepted.
    shape: tuple[int, ...]
    #: Whether rows can be appended: such arrays have a count.
    grows: bool
    #: How many rows the server has room for, None if it has to be asked.
    room: int | None = None
    #: Blocks in order: not sent yet, being sent, and sent since the last checkpoint.
    waiting: list[Block] = field(default_factory=list)
    sending: list[Block] = field(default_factory=list)
    sent: list[Block] = field(default_factory=list)
    #: How many rows the server has, and how many were on its storage at the last checkpoint.
    delivered: int = 0
    safe: int = 0
    path: str = ""
    deleted: bool = False
    held: bool = False  # listed in the journal

    @property
    def address(self) -> str:
        """Path of requests about it."""
        return f"/datasets/{self.array_id}"

    @property
    def settled(self) -> bool:
        """Whether the server has everything."""
        return not self.waiting and not self.sending

    @property
    def unsafe(self) -> list[Block]:
        """The changes that the server may still forget, or does not have, in order."""
        return [*self.sent, *self.sending, *self.waiting]

    def make_room(self, client: Client, count: int) -> bool:
        """Have room for so many rows; False if the server has no such array.

        It names the missing rows, not the final number: a request that is carried out late, after it was
        given up, would make the array smaller, and HSDS clears the rows it takes away. Too much room does no harm,
        readers go by the count.
        """
        if self.room is None:
            found = client.ask("GET", self.address, missing=True, patience=SHORT_PATIENCE)
            if found is None:
                return False
            self.room = int(found["shape"]["dims"][0])
        if count > self.room:
            more = {"extend": count - self.room, "extend_dim": 0}
            self.room = None  # until there is an answer
            answer = client.ask("PUT", f"{self.address}/shape", more, missing=True, patience=SHORT_PATIENCE)
            if answer is None:
                return False
            # the answer names what was added, "[8:12,:,:]"
            self.room = int(answer["selection"].strip("[]").partition(",")[0].partition(":")[2])
        return True

    def give_back(self, client: Client) -> None:
        """Make the array as long as its rows, if the server is known to have more room."""
        if self.room is not None and self.room > self.shape[0]:
            client.ask("PUT", f"{self.address}/shape", {"shape": list(self.shape)}, missing=True)
            self.room = self.shape[0]


Batch = list[tuple[ArrayRows, tuple[int, ...]]]


class Waiting:
    """Blocks of arrays, in order, until they are safe. No lock is held while somebody waits for the server."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._arrays: dict[str, ArrayRows] = {}  # those of which something is on its way
        self._known: weakref.WeakValueDictionary[str, ArrayRows] = weakref.WeakValueDictionary()
        self._spool: Spool | None = None
        #: Unsent values, and values sent since the last checkpoint, in memory; and both, on the local disk.
        self.bytes_waiting = self.bytes_sent = self.bytes_on_disk = 0
        #: Whether the server is writing to its storage: sent values stay as they are then.
        self.flushing = False

    def __len__(self) -> int:
        return len(self._arrays)

    @property
    def in_memory(self) -> int:
        """How many bytes are in memory."""
        return self.bytes_waiting + self.bytes_sent

    def rows_of(self, array_id: str, shape: tuple[int, ...], grows: bool, room: int | None = None) -> ArrayRows:
        """Return the unsent part of an array, the same for all its handles; `shape` and `room` are the server's."""
        with self._guard:
            found = self._known.get(array_id)
            if found is None:
                found = self._known[array_id] = ArrayRows(array_id, shape, grows, room)
                found.delivered = found.safe = shape[0] if shape else 0
            return found

    def add(self, rows: ArrayRows, block: Block, shape: tuple[int, ...]) -> int:
        """Keep a block; return how many bytes were not sent yet."""
        with self._guard:
            rows.shape = shape
            rows.waiting.append(block)
            if not rows.held:
                rows.held, self._arrays[rows.array_id] = True, rows
            self.bytes_waiting += block.nbytes
            return self.bytes_waiting

    def spill(self, folder: Path) -> bool:
        """Move values from memory to the local disk; return whether that is the first time. OSError if it is full."""
        with self._guard:
            first, self._spool = self._spool is None, self._spool or Spool(folder)
            for rows in self._arrays.values():
                rows.waiting, moved = _on_disk(self._spool, rows.waiting)
                self.bytes_waiting -= moved
                self.bytes_on_disk += moved
                if not self.flushing:
                    rows.sent, moved = _on_disk(self._spool, rows.sent)
                    self.bytes_sent -= moved
                    self.bytes_on_disk += moved
            return first

    def take(self, only: ArrayRows | None = None) -> Batch:
        """Return the arrays of which something is to be sent, now `sending`, and their shapes with it."""
        with self._guard:
            chosen = [only] if only is not None else list(self._arrays.values())
            batch = [(rows, rows.shape) for rows in chosen if rows.waiting]
            for rows, _ in batch:
                rows.sending, rows.waiting = merged(rows.waiting), []
            return batch

    def put_back(self, batch: Batch) -> None:
        """Send it later."""
        with self._guard:
            for rows, _ in batch:
                rows.waiting[:0], rows.sending = rows.sending, []

    def was_sent(self, batch: Batch) -> None:
        """Keep sent values until they are safe."""
        with self._guard:
            for rows, shape in batch:
                size = sum(block.nbytes for block in rows.sending)
                rows.sent.extend(rows.sending)
                rows.sending, rows.delivered = [], shape[0] if rows.grows else 0
                self.bytes_waiting -= size
                self.bytes_sent += size

    def send_again(self) -> None:
        """Count sent values as unsent."""
        with self._guard:
            for rows in self._arrays.values():
                rows.waiting[:0] = rows.sent
                size = sum(block.nbytes for block in rows.sent)
                self.bytes_waiting += size
                self.bytes_sent -= size
                rows.sent, rows.room = [], None

    def forget_sent(self) -> dict[str, int]:
        """Forget sent values, because they are safe; return how many rows of which arrays there are now."""
        grown = {}
        with self._guard:
            for rows in list(self._arrays.values()):
                self.bytes_sent -= sum(block.nbytes for block in rows.sent)
                self.bytes_on_disk -= sum(block.held.size for block in rows.sent if isinstance(block.held, Spooled))
                rows.sent = []
                if rows.delivered > rows.safe and not rows.deleted:
                    rows.safe = grown[rows.array_id] = rows.delivered
                if not rows.waiting:
                    rows.held = False
                    del self._arrays[rows.array_id]
            if not self._arrays:
                self._spool = None
        return grown

    def deleted(self, path: str) -> list[str]:
        """Note that a path, and everything below it, was deleted; return the names of the arrays."""
        with self._guard:
            found = [rows for rows in self._known.values() if rows.path == path or rows.path.startswith(f"{path}/")]
            for rows in found:
                rows.deleted = True
            return [rows.array_id for rows in found]

    def growing(self) -> list[ArrayRows]:
        """Return the arrays that grow."""
        with self._guard:
            return [rows for rows in self._known.values() if rows.grows and not rows.deleted]

    def left(self) -> list[ArrayRows]:
        """Return the arrays of which something is not safe."""
        with self._guard:
            return [rows for rows in self._arrays.values() if not rows.deleted]


def _on_disk(spool: Spool, blocks: list[Block]) -> tuple[list[Block], int]:
    """Return blocks whose values are on the disk, and how many bytes were put there."""
    found, moved = list[Block](), 0
    for block in merged(blocks):
        if isinstance(block.held, Spooled):
            found.append(block)
            continue
        for part in pieces(block):
            found.append(Block(part.region, spool.keep(part.values)))
            moved += part.nbytes
    return found, moved
