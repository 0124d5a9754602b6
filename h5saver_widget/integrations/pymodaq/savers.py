"""H5Saver as PyMoDAQ's modules make it: with PyMoDAQ's configuration, and its files handed from window to window."""

from __future__ import annotations

import math
from typing import Any

from h5saver_widget.format.layout import SaveType
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.saving.steps import Step

__all__ = ["HostH5Saver", "InProcessH5Saver"]


class HostH5Saver(H5Saver):
    """The saver that PyMoDAQ's modules make when they ask for theirs.

    Backend, base path, SWMR and fill value start with PyMoDAQ's configuration (``data_saving``). Nothing is compressed
    until a level is chosen: PyMoDAQ shows the configured level, but doesn't compress with it either.

    Parameters
    ----------
    save_type
        The purpose of the files.
    backend
        Name of the backend; None for the first of PyMoDAQ's configuration.
    """

    def __init__(self, save_type: SaveType | str = SaveType.scan, backend: str | None = None) -> None:
        config = _configuration()
        super().__init__(SaveType.of(save_type), backend or config("data", "data_saving", "backend")[0])
        self.settings["base_path"] = str(config("data", "data_saving", "h5file", "save_path"))
        fill_value = config("data", "data_saving", "data_type", "fill_value")[0]
        self.fill_value = 0.0 if str(fill_value) == "0" else math.nan
        swmr = self.settings.child("backend", "swmr_options")
        swmr["enable_swmr"] = self.is_swmr_capable and bool(config("data", "data_saving", "swmr", "enabled"))
        swmr["flush_interval"] = int(config("data", "data_saving", "swmr", "flush_interval"))


class InProcessH5Saver(HostH5Saver):
    """The same, with the library's own file object in this process: PyMoDAQ's module savers and windows want it.

    PyMoDAQ's savers ask for streaming (SWMR) when the first detector of a scan has its arrays, and make those of the
    other detectors afterwards, which crashes now and then. Here streaming begins when a step has made nothing new.
    """

    def __init__(self, save_type: SaveType | str = SaveType.scan, backend: str | None = None) -> None:
        self._wanted_by: int | None = None  # generation of the file that is to stream
        self._made = False
        super().__init__(save_type, backend)
        self.settings.child("backend", "isolated").setOpts(value=False, visible=False)

    def apply_isolated(self) -> None:
        """Stay in this process, also if a host restores other settings."""
        self.isolated = False

    def _changing_structure(self) -> Step:
        self._made = True
        return super()._changing_structure()

    def enable_swmr(self) -> None:
        """Start streaming as soon as a step makes nothing new; see the class. Errors as those of the saver itself."""
        if self.swmr_mode and not self.is_swmr_active:
            self._wanted_by = self.generation
        else:
            super().enable_swmr()

    def tick_flush(self) -> None:
        """Count a step, and flush when the interval is over."""
        with self.io.lock:
            if self._wanted_by == self.generation and not self._made:
                self._wanted_by = None
                super().enable_swmr()
            self._made = False
        super().tick_flush()


def _configuration() -> Any:
    from pymodaq_utils.config import GlobalConfig

    return GlobalConfig()
