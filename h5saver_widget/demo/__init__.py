"""The demo: real sources, reusable panels, and a window that records them through the H5Saver widget.

`viewer.py` (a detector with everything around it) and `scan_extension.py` (scans with stages) are widgets for programs
of your own, each with a saver embedded; `examples/` shows both in a few lines. To see how they are made, read
`sources.py` (the measurements), `panel.py` (a detector a user can see), `recorder.py` (how its frames reach the file),
`scan_run.py` (a scan without a window) and `window.py` (how the demo is put together); ``h5saver demo`` calls `run.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from h5saver_widget.demo.actuators import MockActuator as MockActuator, ScannedSample as ScannedSample
    from h5saver_widget.demo.panel import DetectorPanel as DetectorPanel
    from h5saver_widget.demo.scan_extension import ScanExtension as ScanExtension
    from h5saver_widget.demo.scan_run import ScanPlan as ScanPlan, ScanRun as ScanRun, ScanState as ScanState
    from h5saver_widget.demo.sources import (
        SimulatedCamera as SimulatedCamera,
        SimulatedSpectrometer as SimulatedSpectrometer,
        Source as Source,
        SourceError as SourceError,
    )
    from h5saver_widget.demo.viewer import ViewerPanel as ViewerPanel
    from h5saver_widget.demo.window import DemoWindow as DemoWindow

_HOME = {
    "DemoWindow": "window",
    "DetectorPanel": "panel",
    "MockActuator": "actuators",
    "ScanExtension": "scan_extension",
    "ScanPlan": "scan_run",
    "ScanRun": "scan_run",
    "ScanState": "scan_run",
    "ScannedSample": "actuators",
    "SimulatedCamera": "sources",
    "SimulatedSpectrometer": "sources",
    "Source": "sources",
    "SourceError": "sources",
    "ViewerPanel": "viewer",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: the demo has to be able to say why Qt can't be imported."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
