"""Which backends there are, which are installed, and which one is taken when nobody asks for one.

Nothing heavy is imported until a backend is created. Third parties come by entry points: a worker process finds them
too. The default is ``h5py`` (the safest in everything measured); the environment variable ``H5SAVER_BACKEND`` or
:func:`set_default_backend` change it. A new library is one file and one line in the table here.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.capabilities import H5PY_CAPABILITIES, SERVER_CAPABILITIES
from h5saver_widget.backends.own_process import why_not
from h5saver_widget.backends.terms import Capabilities
from h5saver_widget.errors import MissingLibraryError, UnknownBackendError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "BUILT_IN_DEFAULT",
    "ENTRY_POINTS",
    "READS_ALL",
    "available_backends",
    "backend_capabilities",
    "backend_versions",
    "check_backend",
    "create_backend",
    "default_backend",
    "local_backends",
    "server_backend",
    "set_default_backend",
]

ENTRY_POINTS = "h5saver_widget.backends"
"""Entry point group of third parties: the name of a backend, and its subclass of Backend."""


@dataclass(frozen=True)
class _Entry:
    """A backend of this package: where it is, the library that it needs, and its capabilities.

    A library whose capabilities are unknown without importing it has None.
    """

    module: str
    cls: str
    library: str
    capabilities: Capabilities | None = None

    @property
    def is_installed(self) -> bool:
        return find_spec(self.library) is not None

    @property
    def is_remote(self) -> bool:
        return self.capabilities is not None and self.capabilities.remote


#: All backends of this package, and nowhere else; the first one is the default.
_TABLE = {
    "h5py": _Entry("h5saver_widget.backends.h5py_backend", "H5pyBackend", "h5py", H5PY_CAPABILITIES),
    "tables": _Entry("h5saver_widget.backends.tables_backend", "TablesBackend", "tables"),
    "h5pyd": _Entry("h5saver_widget.backends.h5pyd_backend", "H5pydBackend", "h5pyd", SERVER_CAPABILITIES),
}

BUILT_IN_DEFAULT = next(iter(_TABLE))
"""The backend that is taken when neither the program nor the environment chooses one."""

READS_ALL = next(name for name, entry in _TABLE.items() if entry.capabilities and entry.capabilities.copies_objects)
"""The backend that reads, and copies, objects that others can't."""

_chosen: list[str] = []


def available_backends() -> list[str]:
    """Return the names of the backends whose library is installed, those of third parties at the end.

    Examples
    --------
    >>> available_backends()[:2]
    ['h5py', 'tables']
    """
    return [*(name for name, entry in _TABLE.items() if entry.is_installed), *_third_parties()]


def local_backends() -> list[str]:
    """Return the names of the available backends whose files are on a disk.

    Examples
    --------
    >>> local_backends()[:2]
    ['h5py', 'tables']
    """
    theirs = [name for name in _third_parties() if not backend_capabilities(name).remote]
    return [*(name for name, entry in _TABLE.items() if entry.is_installed and not entry.is_remote), *theirs]


@functools.cache
def _third_parties() -> Mapping[str, EntryPoint]:
    from importlib.metadata import entry_points  # a tenth of the start of a process that needs none

    return {point.name: point for point in entry_points(group=ENTRY_POINTS) if point.name not in _TABLE}


def server_backend() -> str | None:
    """Return the name of the backend whose files are on a server, None if its library is not installed."""
    return next((name for name, entry in _TABLE.items() if entry.is_remote and entry.is_installed), None)


def default_backend() -> str:
    """Return the name of the backend that is taken when none is asked for."""
    return check_backend(_chosen[-1] if _chosen else os.environ.get("H5SAVER_BACKEND", BUILT_IN_DEFAULT))


def set_default_backend(name: str | None) -> None:
    """Choose the default backend of this program; None goes back to the environment's or the built-in one.

    Raises
    ------
    UnknownBackendError
        If there is no backend of that name.
    """
    _chosen[:] = [] if name is None else [check_backend(name)]


def check_backend(name: str) -> str:
    """Return the name of a backend; UnknownBackendError, with the names that there are, for any other."""
    if name not in _TABLE and name not in _third_parties():
        known = ", ".join([*_TABLE, *_third_parties()])
        raise UnknownBackendError(f"there is no backend {name!r}; choose one of: {known}")
    return name


def _backend_class(name: str) -> type[Backend]:
    if check_backend(name) not in _TABLE:
        point = _third_parties()[name]
        theirs = point.load()
        if not (isinstance(theirs, type) and issubclass(theirs, Backend) and theirs.name == name):
            raise UnknownBackendError(f"{point.value} is no Backend with the name {name!r}")
        return theirs
    entry = _TABLE[name]
    try:
        found: type[Backend] = getattr(import_module(entry.module), entry.cls)
    except ImportError as error:
        raise MissingLibraryError(f"the backend {name!r} needs the library {entry.library}: {error}") from error
    return found


def backend_versions(name: str) -> Mapping[str, str]:
    """Return the versions of the libraries that a backend writes with, by the name they have in a file."""
    return _backend_class(name).versions


def backend_capabilities(name: str) -> Capabilities:
    """Return the capabilities of a backend, without opening a file."""
    entry = _TABLE.get(name)
    known = None if entry is None or not entry.is_installed else entry.capabilities
    return known or _backend_class(name).capabilities


def create_backend(name: str | None = None, *, isolated: bool = False) -> Backend:
    """Make a backend, with no file open.

    Parameters
    ----------
    name
        One of :func:`available_backends`; None for :func:`default_backend`.
    isolated
        Have the file in a worker process. Where none can be started (in a frozen program) a warning is given, and
        the file stays in this process.

    Raises
    ------
    UnknownBackendError
        If there is no backend of that name.
    MissingLibraryError
        If its library is not installed.
    """
    name = name or default_backend()
    if not isolated:
        return _backend_class(name)()
    from h5saver_widget.backends.isolated.client import IsolatedBackend

    reason = why_not()
    if not reason:
        return IsolatedBackend(name, backend_capabilities(name))
    warnings.warn(
        f"files stay in this process: {reason}. A crash of the program may harm the file that is open",
        RuntimeWarning,
        stacklevel=2,
    )
    return _backend_class(name)()
