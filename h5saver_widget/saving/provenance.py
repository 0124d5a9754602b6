"""The origin of a file: program, versions, time, machine, user. Plain texts at its root.

Names are those of NeXus (NXroot) where it has them, so that its readers show them:
https://manual.nexusformat.org/classes/base_classes/NXroot.html
"""

from __future__ import annotations

import functools
import getpass
import platform
import re
import socket
from datetime import datetime

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import backend_versions
from h5saver_widget.format.layout import RECORDING_ID
from h5saver_widget.version import __version__

__all__ = ["provenance", "recording_id"]


def provenance(backend: Backend, now: datetime | None = None) -> dict[str, str]:
    """Return the attributes of the root of a new file, as they are stored.

    `backend` has the file open; `now`, when it was made, has a time zone.

    >>> import tempfile, pathlib
    >>> from h5saver_widget.backends.registry import create_backend
    >>> backend = create_backend('h5py')
    >>> backend.open(pathlib.Path(tempfile.mkdtemp()) / 'a.h5', 'x')
    >>> facts = provenance(backend)
    >>> facts['creator'], facts['file_name']
    ('h5saver_widget', 'a.h5')
    >>> backend.close()
    """
    when = now or datetime.now().astimezone()
    return {
        "creator": "h5saver_widget",
        "creator_version": __version__,
        "file_name": backend.path.name if backend.path is not None else "",
        "file_time": when.isoformat(timespec="seconds"),
        **_machine(),
        **backend_versions(backend.name),
    }


def recording_id(backend: Backend) -> str:
    """Return the identity of the recording in the open file: 32 hexadecimal digits; ``''`` if it has none.

    It is random, and written when the file is made or first added to. Copies have the same; files of one name differ.

    >>> import tempfile, pathlib
    >>> from h5saver_widget import H5SaverLowLevel
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'a.h5')
    ...     len(recording_id(h5saver.io))
    32
    """
    found = backend.get_attributes(backend.root(), [RECORDING_ID]).get(RECORDING_ID)
    return found if isinstance(found, str) and re.fullmatch("[0-9a-f]{32}", found) else ""


@functools.cache
def _machine() -> dict[str, str]:
    """Return facts that don't change while the program runs; host and user are asked once."""
    return {
        "hostname": socket.gethostname() or "unknown",
        "platform": platform.platform(),
        "user_name": _user(),
        "python_version": platform.python_version(),
        "numpy_version": np.__version__,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a service, or a container without an entry for its user
        return "unknown"
