"""H5Saver as PyMoDAQ's modules make it: with PyMoDAQ's configuration, and its files handed from window to window."""

from __future__ import annotations

import math
import weakref
from typing import Any

from h5saver_widget.format.layout import SaveType
from h5saver_widget.modules.detector import DetectorSaver
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.saving.steps import Step

__all__ = ["HostDetectorSaver", "HostH5Saver", "InProcessH5Saver"]

#: The DAQ_Viewers that have made a saver for themselves.
_viewers: weakref.WeakSet[Any] = weakref.WeakSet()


class HostH5Saver(H5Saver):
    """The saver that PyMoDAQ's modules make when they ask for theirs.

    Backend, base path, SWMR and fill value start with PyMoDAQ's configuration (``data_saving``); of several backends in
    it, the first. Nothing is compressed until a level is chosen: PyMoDAQ shows the configured level, but doesn't
    compress with it either.
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
        self._followed: weakref.WeakSet[Any] = weakref.WeakSet()
        self.store.listen(self._setting_changed)

    def _setting_changed(self, name: str, value: Any) -> None:
        if name == "keep_before" and value > 0:
            self._in_own_thread(self._follow_viewer)

    def _follow_viewer(self) -> None:
        """Hold the frames of the DAQ_Viewer whose saver this is: it hands them over only while a file is open."""
        for viewer in list(_viewers):
            if getattr(viewer, "_h5saver_continuous", None) is self and viewer not in self._followed:
                self._followed.add(viewer)
                viewer.grab_done_signal.connect(self.sink_before(viewer))

    def trigger(self, reason: str = "trigger", *, source: str = "") -> bool:
        """Begin to record, in the thread of the windows: DAQ_Viewer then hands over every frame after this one."""

        def fire() -> None:
            H5Saver.trigger(self, reason, source=source)

        self._in_own_thread(fire)
        return self.kept_before is not None


class HostDetectorSaver(DetectorSaver):
    """The saver of a DAQ_Viewer, which is known by it."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        if getattr(type(module), "grab_done_signal", None) is not None:
            _viewers.add(module)


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
