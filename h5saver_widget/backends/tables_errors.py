"""The complaints of PyTables and the HDF5 inside it, as errors."""

from __future__ import annotations

import pickle
import warnings
from contextlib import AbstractContextManager
from typing import Any

import tables

__all__ = ["LIBRARY_ERRORS", "quiet", "require_flushed"]

#: Errors of PyTables at unexpected content of a file.
_ODD = (KeyError, AttributeError, IndexError, SystemError, pickle.UnpicklingError)

LIBRARY_ERRORS = (tables.HDF5ExtError, tables.NodeError, OSError, TypeError, ValueError, NotImplementedError, *_ODD)
"""What its calls raise."""


def quiet() -> AbstractContextManager[Any]:
    """PyTables warns about names that are no Python identifiers and about types of other libraries: no news here."""
    return warnings.catch_warnings(action="ignore")


def require_flushed() -> None:
    """Raise HDF5's error of the last flush: PyTables does not check it, and frames on a full disk went unnoticed."""
    error = tables.HDF5ExtError("the file could not be flushed", h5bt="VERBOSE")
    if error.h5backtrace:
        raise error
