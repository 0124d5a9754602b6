"""The errors of this package: each is ours *and* the builtin that a caller would expect.

A message states the input, the expectation and the remedy. Everything derives from :class:`H5SaverError`, so that a
host can catch the whole family in one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

__all__ = [
    "AxisError",
    "ClockError",
    "CodecError",
    "CopyError",
    "DataMismatchError",
    "DynamicRangeError",
    "ExportError",
    "FileGoneError",
    "FileIncompleteError",
    "FileNotOpenError",
    "FileOpenError",
    "ForkedCopyError",
    "H5SaverError",
    "IntegrationError",
    "MissingLibraryError",
    "NamingError",
    "NodeError",
    "NodeExistsError",
    "NotAnsweringError",
    "QueueFullError",
    "ReadingStuckError",
    "RemoteError",
    "RemoteRefusedError",
    "RowsLostError",
    "SavingProcessError",
    "SealError",
    "SettingError",
    "SettingsXMLError",
    "StreamingError",
    "TemplateError",
    "TooLargeError",
    "UnknownBackendError",
    "ValuesElsewhereError",
    "WorkStoppedError",
    "WrongThreadError",
]


class H5SaverError(Exception):
    """Base of every error raised by this package."""


def raise_again(error: H5SaverError) -> NoReturn:
    """Raise an error that has been raised before, as a new object: each one counts as one loss."""
    fresh = type(error)(*error.args)
    fresh.__dict__.update({name: value for name, value in vars(error).items() if name != "counted_as_lost"})
    raise fresh


class DataMismatchError(H5SaverError, ValueError):
    """Shapes, lengths or types of a data object do not fit each other."""


class AxisError(DataMismatchError):
    """An axis does not fit the data it is given to (length, index, duplicate)."""


class ClockError(H5SaverError, ValueError):
    """A time can't be measured, or a text is no time."""


class DynamicRangeError(H5SaverError, ValueError):
    """Values do not fit the number type chosen as saving dynamic."""


class ExportError(H5SaverError, ValueError):
    """These data can't be exported in this format."""


class CodecError(H5SaverError, ValueError):
    """Text or bytes found in a file cannot be decoded, or a value cannot be encoded."""


class CopyError(H5SaverError, OSError):
    """A copy can't be made now; nothing is lost by that."""


class SettingsXMLError(CodecError):
    """A settings text is not the XML of a parameter tree."""


class SealError(H5SaverError, ValueError):
    """A file can't be sealed, or its seal can't be used."""


class SettingError(H5SaverError, ValueError):
    """A setting can't have this value, or there is no such setting."""


class TemplateError(H5SaverError, ValueError):
    """A template of metadata can't be used, or a field that has to be filled is empty."""


class NamingError(H5SaverError, ValueError):
    """A node or file name cannot be used."""


class NodeError(H5SaverError, KeyError):
    """There is no node at this path, or it is not of the expected kind."""

    def __str__(self) -> str:
        """Return the message as it was given (a KeyError would show its repr)."""
        return Exception.__str__(self)


class NodeExistsError(H5SaverError, FileExistsError):
    """A node of this name is already there."""


class FileNotOpenError(H5SaverError, ValueError):
    """The operation needs an open file (or an open file that may be written)."""


class FileOpenError(H5SaverError, OSError):
    """A file could not be opened or created."""


class FileIncompleteError(H5SaverError, OSError):
    """Not all of a file could be written: the disk is full, or gone.

    Attributes
    ----------
    is_lost
        Whether data since the last flush are lost; otherwise they wait, and the next flush tries again.
    is_final
        Whether nothing more can be written into this file.
    """

    def __init__(self, message: str, is_lost: bool = False, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_lost, self.is_final = is_lost, is_final


class FileGoneError(H5SaverError, OSError):
    """A file was removed, or cut off, by somebody else while it was written."""


def taken(path: object) -> FileExistsError:
    """Return the error for a file that is to be made where there is one."""
    return FileExistsError(f"{path} exists; nothing is overwritten, choose another name")


def incomplete(path: object, what: str) -> FileIncompleteError:
    """Return the error of a file that can't be completed, with the state of the file."""
    return FileIncompleteError(
        f"{path} can't be completed: {what}. Should it not open any more, 'h5saver repair' gets it back. Look whether "
        "the disk is full, and start a new file",
        is_lost=True,
        is_final=True,
    )


class RemoteError(H5SaverError, ConnectionError):
    """A server does not answer, or can't take something now: the same request may succeed later.

    Attributes
    ----------
    status
        The HTTP status, 0 if there was no answer.
    retry_after
        How long the server wants to be left alone, in s.
    kept
        Whether refused data are kept on the local disk, to be sent later.
    """

    def __init__(self, message: str, status: int = 0, retry_after: float = 0.0, kept: bool = False) -> None:
        super().__init__(message)
        self.status, self.retry_after, self.kept = status, retry_after, kept


class RemoteRefusedError(H5SaverError, OSError):
    """A server answered, and refused: it would do so again.

    Attributes
    ----------
    status
        The HTTP status.
    kept
        Whether refused data are kept on the local disk, to be sent later.
    """

    def __init__(self, message: str, status: int = 0, kept: bool = False) -> None:
        super().__init__(message)
        self.status, self.kept = status, kept


class SavingProcessError(H5SaverError, ChildProcessError):
    """The process that has the file is gone, or could not write something that had been handed to it."""


class ReadingStuckError(SavingProcessError):
    """The process that read a file came to no end, and was ended: the file is damaged."""


class NotAnsweringError(H5SaverError, TimeoutError):
    """The disk, or the share, did not answer in time. Nothing is lost yet: accepted data wait."""


class ForkedCopyError(H5SaverError, RuntimeError):
    """A copy of the program (``os.fork``, ``multiprocessing``) used a file that belongs to the program."""


class QueueFullError(H5SaverError, BlockingIOError):
    """A frame was dropped because the disk can't keep up, as the saver had been told to do."""


class RowsLostError(H5SaverError, OSError):
    """Rows that had been accepted could not be written: the disk is full, or the library refused.

    Attributes
    ----------
    losses
        Path of each array, and how many of its last rows (of a fixed array: points) are lost.
    """

    def __init__(self, message: str, losses: Sequence[tuple[str, int]] = ()) -> None:
        super().__init__(message)
        self.losses = tuple(losses)


class TooLargeError(H5SaverError, MemoryError):
    """An array, or a size that a file states, does not fit into memory."""


class StreamingError(H5SaverError, RuntimeError):
    """While a file streams (SWMR), only appends and slice writes are possible."""


class UnknownBackendError(H5SaverError, ValueError):
    """There is no backend of this name."""


class MissingLibraryError(H5SaverError, ImportError):
    """A library that this operation needs is not installed."""


class IntegrationError(H5SaverError, ImportError):
    """Another program's modules are not as this package knows them, or can't be made to use it."""


class WorkStoppedError(H5SaverError, RuntimeError):
    """Long work was stopped because somebody asked for it."""


class WrongThreadError(H5SaverError, RuntimeError):
    """Something that belongs to the GUI thread was asked for in another one."""


class ValuesElsewhereError(NodeError):
    """The values of an array are stored in other files, and nobody has allowed to read these."""


def without_trace(message: str) -> str:
    """Return a message without the places in HDF5's source that PyTables puts first; what the system said stays.

    >>> without_trace("HDF5 ... error message = 'File too large' ... End of HDF5 error back trace No rows")
    'No rows: File too large'
    """
    trace, _, words = message.rpartition("End of HDF5 error back trace")
    said = re.search(r"error message = '([^']+)'", trace)
    return (words.strip() or message) + (f": {said[1]}" if said else "")
