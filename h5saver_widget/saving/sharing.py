"""Names of what works on files that are handed around; every saver does, see :mod:`h5saver_widget.saving.lending`."""

from __future__ import annotations

from h5saver_widget.saving.lending import OpenFile
from h5saver_widget.saving.low_level import H5SaverLowLevel as SharedFile

__all__ = ["OpenFile", "SharedFile"]
