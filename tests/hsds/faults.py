"""What tests of faults have in common."""

from __future__ import annotations

import time
from collections.abc import Callable

from h5saver_widget.backends.h5pyd_backend import H5pydBackend

QUICK = {"patience_seconds": 20.0, "flush_seconds": 0.02, "checkpoint_seconds": 0.1, "lease_seconds": 1.0}


def backend_with(**options: object) -> H5pydBackend:
    return H5pydBackend({**QUICK, **options})


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)
