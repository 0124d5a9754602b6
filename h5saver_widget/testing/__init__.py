"""Tests for backends of other packages, as classes to inherit from; pytest and hypothesis are needed here alone."""

from __future__ import annotations

from h5saver_widget.testing.arrays import BackendContract
from h5saver_widget.testing.hdf5 import Hdf5Contract

__all__ = ["BackendContract", "Hdf5Contract"]
