"""The words of the backend interface for any library: a node, an array, a compression, a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, NewType, Protocol

import numpy as np
import numpy.typing as npt

__all__ = [
    "SYSTEM_TEXT",
    "Activity",
    "ArrayInfo",
    "Capabilities",
    "Compression",
    "Details",
    "Durability",
    "Handle",
    "NodeKind",
    "NodeSpec",
    "ObjectCopies",
    "OpenMode",
    "Plain",
    "Queue",
    "RawAttribute",
    "Selection",
]

#: Attributes that PyTables writes as ASCII bytes; they are text all the same.
SYSTEM_TEXT = frozenset({"CLASS", "FLAVOR", "PYTABLES_FORMAT_VERSION", "TITLE", "VERSION"})

Handle = NewType("Handle", object)
"""A node, as its backend knows it. Compare with ``==``; never look inside."""

OpenMode = Literal["r", "r+", "x"]
RawAttribute = str | bytes | bool | int | float | complex | np.generic | npt.NDArray[Any]
Selection = Any
"""What numpy basic indexing takes: an int, a slice, ``...`` or a tuple of them."""


class Durability(Enum):
    """The failures that flushed data survive."""

    FLUSH = "flush"
    """Everything that was flushed is there, unless the process is killed in the very middle of a flush."""
    JOURNAL = "journal"
    """Everything that was flushed is there, whenever the process is killed."""
    POWER = "power"
    """As JOURNAL, and whenever the power fails. A flush takes some milliseconds longer."""


class NodeKind(Enum):
    """The kind of a node in storage."""

    GROUP = "group"
    FIXED = "fixed array"
    GROWING = "growing array"
    TEXT = "rows of bytes"
    LINK = "link"
    OTHER = "unsupported"


@dataclass(frozen=True)
class Compression:
    """How an array is compressed: a library's name from ``Capabilities.compression`` and a level.

    Attributes
    ----------
    library
        For example ``'zlib'``. ``'gzip'`` means the same filter.
    level
        0 (off) to 9 (smallest).
    """

    library: str = "zlib"
    level: int = 0

    @property
    def is_on(self) -> bool:
        """Whether anything is compressed at all."""
        return self.level > 0 and self.library not in ("", "none")


@dataclass(frozen=True, eq=False)
class NodeSpec:
    """A node that is to be made, except for its place and its name.

    Attributes
    ----------
    kind
        ``GROUP``, ``FIXED``, ``GROWING`` or ``TEXT`` (a growing list of byte rows of any length).
    shape
        Of a fixed array; of a growing array, the shape of one row.
    dtype
        Number type of the elements.
    data
        All elements of a fixed array; shape and dtype are those of the data then.
    fill_value
        Elements that are never written have this value; None: 0.
    frame_axes
        A fixed array is written in frames of so many of its last axes; None: all at once.
    compression
        Of the chunks; None: none.
    attributes
        Written with the node: there is never a node without them.

    Examples
    --------
    >>> NodeSpec(NodeKind.FIXED, data=np.zeros((2, 3), 'int16')).shape
    (2, 3)
    """

    kind: NodeKind
    shape: tuple[int, ...] = ()
    dtype: Any = None
    data: npt.NDArray[Any] | None = None
    fill_value: Any = None
    frame_axes: int | None = None
    compression: Compression | None = None
    attributes: Mapping[str, RawAttribute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take shape and number type from the data, if there are any."""
        data = self.data if self.data is None else np.asarray(self.data)
        object.__setattr__(self, "data", data)
        if data is not None:
            object.__setattr__(self, "shape", data.shape)
        object.__setattr__(self, "dtype", np.dtype(self.dtype) if data is None else data.dtype)

    @property
    def is_array(self) -> bool:
        """Whether it has elements of a number type."""
        return self.kind in (NodeKind.FIXED, NodeKind.GROWING)


@dataclass(frozen=True)
class Capabilities:
    """The capabilities of a backend; asked instead of testing a backend's name.

    Attributes
    ----------
    swmr
        Single writer, multiple readers: others may read while the file is written.
    remote
        The file lives on a server; a path is a domain.
    compression
        Names of the compression libraries that can be written.
    max_attribute_bytes
        Longest text attribute that the library stores, None without limit.
    journal
        Files can be written by way of a journal, see :class:`Durability`.
    copies_objects
        Nodes can be copied into another file as they are, see ``Backend.object_copies``.
    views
        Arrays can be shown under another name, see ``Backend.add_plain``.
    """

    swmr: bool = False
    remote: bool = False
    compression: tuple[str, ...] = ()
    max_attribute_bytes: int | None = None
    journal: bool = False
    copies_objects: bool = False
    views: bool = False


class Plain(NamedTuple):
    """A node for other programs, see ``Backend.add_plain``.

    It is made with the attributes CLASS and TITLE, by which PyMoDAQ reads files; a view has the path that it shows as
    ``target``.

    Attributes
    ----------
    kind
        ``'group'``; ``'text'``, a single text; ``'number'``; ``'view'``, an array without values of
        its own that shows another one of this file, and grows with it; ``'link'``, a second name of such a view;
        ``'soft'``, a soft link.
    attributes
        Its other attributes.
    text
        The text, also of the number; of a view the path of the array that it shows, of a link that of its target.
    members
        Of a group, the nodes in it by name.
    varies
        Whether the text is another one in each file, such as a time: the rest is kept to be copied into the next file.
        It is stored with variable length, as pynxtools wants times to be; short ones that do not vary take less room.
    """

    kind: Literal["group", "text", "number", "view", "link", "soft"]
    attributes: Mapping[str, Any] = MappingProxyType({})
    text: str = ""
    members: Mapping[str, Any] = MappingProxyType({})
    varies: bool = False

    @property
    def number(self) -> int | float:
        """The number that the text is: a whole one if it is written as one."""
        return int(self.text) if self.text.lstrip("+-").isdecimal() else float(self.text)

    @property
    def stays_small(self) -> bool:
        """Whether it is a group of arrays alone, all of which are known: HDF5 can list them in the group itself."""
        return bool(self.members) and all(member.kind != "group" for member in self.members.values())

    def packed(self) -> list[Any]:
        """Return the same as lists and dictionaries, for another process; `unpacked` reads it."""
        members = {name: member.packed() for name, member in self.members.items()}
        return [self.kind, dict(self.attributes), self.text, members, self.varies]

    @classmethod
    def unpacked(cls, kind: Any, attributes: dict[str, Any], text: str, members: dict[str, Any], varies: bool) -> Plain:
        """Return the node that was packed."""
        return cls(kind, attributes, text, {name: cls.unpacked(*below) for name, below in members.items()}, varies)


@dataclass(frozen=True)
class ArrayInfo:
    """Facts about an array, known without reading it.

    ``holds`` names the content where the number type doesn't: ``'references'``, ``'enumeration of int8'``.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    max_shape: tuple[int | None, ...]
    chunks: tuple[int, ...] | None = None
    compression: str | None = None
    holds: str = ""


@dataclass(frozen=True)
class Details:
    """A library's details of a node beyond shape and number type.

    Attributes
    ----------
    holds
        In words, as in `ArrayInfo`; also of objects that are no array (a named type).
    names
        Of an enumeration: the names of its numbers.
    sources
        Of an array whose values stand in other places: file and path of each; the path of plain bytes is ``''``.
    scales
        Paths of the dimension scales of every dimension; empty if there are none.
    references
        Attributes that hold references, with the paths that these lead to.
    """

    holds: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    sources: tuple[tuple[str, str], ...] = ()
    scales: tuple[tuple[str, ...], ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)


class ObjectCopies(Protocol):
    """A new file that nodes are copied into as they are, with any types and filters."""

    def copy(self, path: str, start: int = 0) -> int | None:
        """Copy the node at a path of the open file to the same path; of a group, itself and its attributes.

        Returns
        -------
        int or None
            The `start` of the next call for this node; None once all of it is copied.
        """

    def close(self) -> list[str]:
        """Complete the file; return sentences on nodes that could not be copied. It is closed also if this raises."""


@dataclass(frozen=True)
class Activity:
    """The present work of a file's writer, seen without asking it.

    Attributes
    ----------
    doing
        ``'writing'``, ``'flushing'``, ``'opening'``, ``'closing'``, ``'reading'``; ``''`` while there is nothing to do.
    seconds
        How long it has made no progress although it has work, in s: a disk or share that does not answer.
    waiting_bytes
        Accepted data that were not taken yet, bytes.
    problem
        Why the disk or the server refuses a write, while it is tried again; ``''`` while all is well.
    unsafe_bytes, spilled_bytes
        Accepted data that are not safe on the server of the file: in memory, and put on the local disk meanwhile.
    replays
        How often nodes of the server were restarted, and got their forgotten changes again.
    """

    doing: str = ""
    seconds: float = 0.0
    waiting_bytes: int = 0
    problem: str = ""
    unsafe_bytes: int = 0
    spilled_bytes: int = 0
    replays: int = 0

    @property
    def is_safe(self) -> bool:
        """Whether a server has everything that was taken."""
        return not (self.unsafe_bytes or self.spilled_bytes)


@dataclass(frozen=True)
class Queue:
    """The counts of the frames since the file was opened: ``received = written + waiting + dropped`` at every instant.

    Attributes
    ----------
    frames_received
        Frames that were accepted.
    frames_written
        Those that a reader of the file finds: the last flush that succeeded came after them.
    frames_dropped
        Those of which something could not be written.
    bytes_waiting
        Accepted data that the library has not received yet, bytes.
    bytes_written
        Values that were given to the library, bytes.
    file_size
        Size of the file at the last flush, bytes.
    last_flush
        Time of the last flush, seconds since 1970; None before the first.
    waited_seconds
        How long callers had to wait for room.
    """

    frames_received: int
    frames_written: int
    frames_dropped: int
    bytes_waiting: int = 0
    bytes_written: int = 0
    file_size: int = 0
    last_flush: float | None = None
    waited_seconds: float = 0.0

    @property
    def frames_waiting(self) -> int:
        """Frames that are neither written nor lost yet."""
        return self.frames_received - self.frames_written - self.frames_dropped
