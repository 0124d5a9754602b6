"""The unsent part of one array, and how many of its rows are complete on the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.backends.remote_blocks import Block

__all__ = ["COUNT", "SHORT_PATIENCE", "ArrayRows", "count_json"]

#: Attribute of growing arrays: how many rows are complete.
COUNT = "_h5saver_rows"
#: How long a request of which the whole batch is tried again waits for a server, in s.
SHORT_PATIENCE = 0.5


@dataclass(eq=False)
class ArrayRows:
    """The unsent part of one array.

    Attributes
    ----------
    array_id
        The server's name of the array.
    shape
        Shape with everything that was accepted.
    grows
        Whether rows can be appended: such arrays have a count.
    room
        How many rows the server has room for, None if it has to be asked.
    waiting, sending, sent
        Blocks in order: not sent yet, being sent, and sent since the last checkpoint.
    delivered, safe
        How many rows the server has, and how many were on its storage at the last checkpoint.
    """

    array_id: str
    shape: tuple[int, ...]
    grows: bool
    room: int | None = None
    waiting: list[Block] = field(default_factory=list)
    sending: list[Block] = field(default_factory=list)
    sent: list[Block] = field(default_factory=list)
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

        It is told how many are missing, not how many there are to be: a request that is carried out late, after it was
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


def count_json(count: int) -> dict[str, Any]:
    """Return the count of complete rows as an attribute."""
    return {"type": "H5T_STD_I64LE", "shape": {"class": "H5S_SCALAR"}, "value": count}
