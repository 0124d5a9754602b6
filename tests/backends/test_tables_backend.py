"""The contract of every backend, kept by the one on tables."""

from __future__ import annotations

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.testing import Hdf5Contract


class TestTablesBackend(Hdf5Contract):
    def make_backend(self) -> Backend:
        return create_backend("tables")
