"""The contract of every backend, kept by the one on h5py."""

from __future__ import annotations

from array_contract import ArrayContract

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend


class TestH5pyBackend(ArrayContract):
    def make_backend(self) -> Backend:
        return create_backend("h5py")
