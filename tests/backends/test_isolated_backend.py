"""The contract of every backend, kept by each of them in a worker process."""

from __future__ import annotations

from typing import ClassVar

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.testing import Hdf5Contract


class Isolated(Hdf5Contract):
    """Processes are used again by later tests: to start one for each would take most of the time."""

    hosted: str
    made: list[Backend]

    def make_backend(self) -> Backend:
        for backend in self.made:
            if not backend.is_open:
                return backend
        self.made.append(create_backend(self.hosted, isolated=True))
        return self.made[-1]


class TestIsolatedH5py(Isolated):
    hosted = "h5py"
    made: ClassVar[list[Backend]] = []


class TestIsolatedTables(Isolated):
    hosted = "tables"
    made: ClassVar[list[Backend]] = []
