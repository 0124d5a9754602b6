"""The errors of this package: each is ours *and* the builtin that a caller would expect.

A message says what was got, what was expected and what to do. Everything derives from :class:`H5SaverError`,
so that a host can catch the whole family in one line.
"""

from __future__ import annotations

__all__ = [
    "AxisError",
    "CodecError",
    "DataMismatchError",
    "DynamicRangeError",
    "FileNotOpenError",
    "FileOpenError",
    "H5SaverError",
    "MissingLibraryError",
    "NamingError",
    "NodeError",
    "NodeExistsError",
    "SettingsXMLError",
    "StreamingError",
    "UnknownBackendError",
]


class H5SaverError(Exception):
    """Base of every error raised by this package."""


class DataMismatchError(H5SaverError, ValueError):
    """Shapes, lengths or types of a data object do not fit each other."""


class AxisError(DataMismatchError):
    """An axis does not fit the data it is given to (length, index, duplicate)."""


class DynamicRangeError(H5SaverError, ValueError):
    """Values do not fit the number type chosen as saving dynamic."""


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


class StreamingError(H5SaverError, RuntimeError):
    """While a file streams (SWMR), only appends and slice writes are possible."""


class UnknownBackendError(H5SaverError, ValueError):
    """There is no backend of this name."""


class MissingLibraryError(H5SaverError, ImportError):
    """A library that this operation needs is not installed."""
