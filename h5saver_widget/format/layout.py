"""Names of nodes: the vocabulary that this package and PyMoDAQ share on disk.

Everything that both the savers and the loaders must agree on stands here once. The source is the format that
PyMoDAQ 5.3.8 writes; docs/file-format.md describes it.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, TypeAlias, TypeVar

__all__ = [
    "BESIDE",
    "COMMIT_MARK",
    "END_ROW",
    "FIRST_ROW",
    "LOGGER_NAME",
    "NAV_GROUP",
    "PER_ROW",
    "RAW_GROUP",
    "RAW_TITLE",
    "RECORDING_ID",
    "ROOT_TITLE",
    "SEGMENT_ARRAY",
    "SEGMENT_NUMBER",
    "SEGMENT_OF",
    "DataType",
    "GroupModuleType",
    "GroupType",
    "SaveType",
    "SaveTypeName",
    "channel_name",
    "numbered_name",
]

ROOT_TITLE = "Laboratory data"
RAW_GROUP = "/RawData"
RAW_TITLE = "Data from PyMoDAQ modules"
LOGGER_NAME = "Logger"
#: Attribute of the root: 32 random hexadecimal digits, the same in every copy of a recording.
RECORDING_ID = "recording_id"
#: Attribute of the root of a file with a journal: another one with each commit, see `format/journal.py`.
COMMIT_MARK = "recording_commit"
NAV_GROUP = "NavAxes"

#: Role of arrays that hold something for every row of the data beside them.
PER_ROW = "per_row"
#: Attributes of channel groups that are segments: path of the first one, from the module's group; the first row; and of
#: all but the last one, the row after its last. In a scan, where all of them take points, the number of the segment.
SEGMENT_OF, FIRST_ROW, END_ROW, SEGMENT_NUMBER = "segment_of", "first_row", "end_row", "segment"
#: In the first one of a scan: the array that tells in which segment each point is.
SEGMENT_ARRAY = "Segment00"
#: In the place of that path: the group that holds the segment also holds the arrays of the first one.
BESIDE = "."

_E = TypeVar("_E", bound="_Named")


class _Named(Enum):
    """An enum whose members are found by name, by value, or from another library's member of the same name."""

    @classmethod
    def of(cls: type[_E], what: object) -> _E:
        """Return the member that `what` means.

        Parameters
        ----------
        what
            A member, a string (any case), or any object with a ``name`` (a member of the peer's enum).

        Raises
        ------
        ValueError
            If no member has that name.
        """
        if isinstance(what, cls):
            return what
        name = getattr(what, "name", what)
        if isinstance(name, str):
            for member in cls:
                if member.name.lower() == name.lower() or str(member.value).lower() == name.lower():
                    return member
        names = ", ".join(member.name for member in cls)
        raise ValueError(f"{what!r} is not a {cls.__name__}; expected one of: {names}")

    @classmethod
    def _missing_(cls, value: object) -> Enum | None:
        return None if isinstance(value, cls) else cls.of(value)

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all members, in order."""
        return [member.name for member in cls]


#: Names of the members of SaveType, for type checkers.
SaveTypeName: TypeAlias = Literal["scan", "detector", "actuator", "logger", "custom", "optimizer"]


class SaveType(_Named):
    """The purpose of a file; stored as ``type`` of ``/RawData`` and decides how the file is named."""

    scan = "scan"
    detector = "detector"
    actuator = "actuator"
    logger = "logger"
    custom = "custom"
    optimizer = "optimizer"


class GroupType(_Named):
    """Kinds of group made by the low-level saver."""

    detector = "detector"
    actuator = "actuator"
    data = "data"
    ch = "ch"
    scan = "scan"
    external_h5 = "external_h5"
    data_dim = "data_dim"
    data_logger = "data_logger"


class GroupModuleType(_Named):
    """Kinds of group made by the module savers."""

    DETECTOR = "detector"
    ACTUATOR = "actuator"
    SCAN = "scan"
    DATALOGGER = "datalogger"
    OPTIMIZER = "optimizer"
    TIME = "time"


class DataType(_Named):
    """Role of an array; the value is the prefix of the node's name."""

    data = "Data"
    axis = "Axis"
    live_scan = "Live"
    external_h5 = "ExtData"
    strings = "Strings"
    bkg = "Bkg"
    data_enlargeable = "EnlData"
    error = "ErrorBar"


def numbered_name(prefix: str, number: int) -> str:
    """Return the name of a numbered group.

    >>> numbered_name('scan', 7), numbered_name('scan', 1234)
    ('Scan007', 'Scan1234')
    """
    return f"{prefix.capitalize()}{number:03d}"


def channel_name(data_type: DataType, number: int) -> str:
    """Return the name of an array node.

    >>> channel_name(DataType.data_enlargeable, 3)
    'EnlData03'
    """
    return f"{data_type.value}{number:02d}"
