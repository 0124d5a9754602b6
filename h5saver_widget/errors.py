"""The errors of this package: each is ours *and* the builtin that a caller would expect.

A message says what was got, what was expected and what to do. Everything derives from :class:`H5SaverError`,
so that a host can catch the whole family in one line.
"""

from __future__ import annotations

__all__ = [
    "AxisError",
    "ClockError",
    "CodecError",
    "DataMismatchError",
    "DynamicRangeError",
    "ExportError",
    "FileIncompleteError",
    "FileNotOpenError",
    "FileOpenError",
    "H5SaverError",
    "IntegrationError",
    "MissingLibraryError",
    "NamingError",
    "NodeError",
    "NodeExistsError",
    "QueueFullError",
    "ReadingStuckError",
    "RemoteError",
    "RemoteRefusedError",
    "RowsLostError",
    "SavingProcessError",
    "SettingsXMLError",
    "StreamingError",
    "UnknownBackendError",
    "ValuesElsewhereError",
    "WorkStoppedError",
]


class H5SaverError(Exception):
    """Base of every error raised by this package."""


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


class SettingsXMLError(CodecError):
    """A settings text is not the XML of a parameter tree."""


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
    """A file was closed, but not all of it could be written: the disk is full, or gone."""


class RemoteError(H5SaverError, ConnectionError):
    """A server does not answer, or could not take what had been handed over."""


class RemoteRefusedError(H5SaverError, OSError):
    """A server answered, and refused.

    Attributes
    ----------
    status
        The HTTP status.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class SavingProcessError(H5SaverError, ChildProcessError):
    """The process that has the file is gone, or could not write something that had been handed to it."""


class ReadingStuckError(SavingProcessError):
    """The process that read a file came to no end, and was ended: the file is damaged."""


class QueueFullError(H5SaverError, BlockingIOError):
    """A frame was dropped because the disk can't keep up, as the saver had been told to do."""


class RowsLostError(H5SaverError, OSError):
    """Rows that had been accepted could not be written: the disk is full, or the library refused."""


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


class ValuesElsewhereError(NodeError):
    """The values of an array stand in other files, and nobody has allowed to read these."""
