"""What of one array is on its way to a server, and how many of its rows are complete there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from h5saver_widget.backends.remote_blocks import Block

__all__ = ["COUNT", "ArrayRows", "count_json"]

#: Attribute of growing arrays: how many rows are complete.
COUNT = "_h5saver_rows"


@dataclass(eq=False)
class ArrayRows:
    """What of one array is on its way.

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
    waiting
        Blocks that were not sent yet, in order.
    sent
        Blocks that were sent since the last checkpoint.
    """

    array_id: str
    shape: tuple[int, ...]
    grows: bool
    room: int | None = None
    waiting: list[Block] = field(default_factory=list)
    sent: list[Block] = field(default_factory=list)
    path: str = ""
    deleted: bool = False
    held: bool = False  # listed in the journal
    sending: bool = False  # by another thread, just now

    @property
    def address(self) -> str:
        """Path of requests about it."""
        return f"/datasets/{self.array_id}"

    @property
    def settled(self) -> bool:
        """Whether the server has everything."""
        return not self.waiting and not self.sending


def count_json(count: int) -> dict[str, Any]:
    """Return the count of complete rows as an attribute."""
    return {"type": "H5T_STD_I64LE", "shape": {"class": "H5S_SCALAR"}, "value": count}
