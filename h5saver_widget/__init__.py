"""h5saver_widget: the widget that saves laboratory data.

Names are imported when they are first used: ``import h5saver_widget`` loads neither Qt, h5py nor PyTables.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from h5saver_widget.errors import *  # noqa: F403
from h5saver_widget.errors import __all__ as _ERRORS

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend as Backend
    from h5saver_widget.backends.own_process import freeze_support as freeze_support
    from h5saver_widget.backends.registry import (
        available_backends as available_backends,
        default_backend as default_backend,
        set_default_backend as set_default_backend,
    )
    from h5saver_widget.backends.remote_options import RemoteOptions as RemoteOptions
    from h5saver_widget.backends.terms import (
        Capabilities as Capabilities,
        Compression as Compression,
        Durability as Durability,
    )
    from h5saver_widget.browsing import H5BrowserUtil as H5BrowserUtil
    from h5saver_widget.browsing.following import follow_rows as follow_rows, open_for_reading as open_for_reading
    from h5saver_widget.data import (
        Axis as Axis,
        DataActuator as DataActuator,
        DataCalculated as DataCalculated,
        DataDim as DataDim,
        DataDistribution as DataDistribution,
        DataFromRoi as DataFromRoi,
        DataRaw as DataRaw,
        DataSource as DataSource,
        DataToExport as DataToExport,
        DataWithAxes as DataWithAxes,
        SlicingError as SlicingError,
    )
    from h5saver_widget.format.layout import (
        DataType as DataType,
        GroupModuleType as GroupModuleType,
        GroupType as GroupType,
        SaveType as SaveType,
    )
    from h5saver_widget.modules.actuator import (
        ActuatorEnlargeableSaver as ActuatorEnlargeableSaver,
        ActuatorExtendedSaver as ActuatorExtendedSaver,
        ActuatorSaver as ActuatorSaver,
        ActuatorTimeSaver as ActuatorTimeSaver,
    )
    from h5saver_widget.modules.base import DataBundle as DataBundle, ModuleSaver as ModuleSaver
    from h5saver_widget.modules.detector import (
        DetectorEnlargeableSaver as DetectorEnlargeableSaver,
        DetectorExtendedSaver as DetectorExtendedSaver,
        DetectorSaver as DetectorSaver,
        DetectorTimeSaver as DetectorTimeSaver,
    )
    from h5saver_widget.modules.logger import LoggerSaver as LoggerSaver
    from h5saver_widget.modules.optimizer import OptimizerSaver as OptimizerSaver
    from h5saver_widget.modules.scan import ScanSaver as ScanSaver
    from h5saver_widget.modules.timestamps import TimeModuleSaver as TimeModuleSaver
    from h5saver_widget.nodes.attributes import Attributes as Attributes
    from h5saver_widget.nodes.typed import (
        CARRAY as CARRAY,
        EARRAY as EARRAY,
        GROUP as GROUP,
        LINK as LINK,
        VLARRAY as VLARRAY,
        Array as Array,
        Node as Node,
        StringARRAY as StringARRAY,
    )
    from h5saver_widget.qt.browser import H5Browser as H5Browser
    from h5saver_widget.qt.chrono_timer import ChronoTimer as ChronoTimer
    from h5saver_widget.qt.h5saver import H5Saver as H5Saver
    from h5saver_widget.qt.long_work import LongWork as LongWork
    from h5saver_widget.qt.parameters import dashboard_submodules_params as dashboard_submodules_params
    from h5saver_widget.qt.remember import restore_settings as restore_settings, save_settings as save_settings
    from h5saver_widget.qt.status import ThreadCommand as ThreadCommand
    from h5saver_widget.qt.status_strip import StatusStrip as StatusStrip
    from h5saver_widget.recording.notes import Note as Note
    from h5saver_widget.recording.recorder import Recorder as Recorder
    from h5saver_widget.recording.saver import H5SaverBase as H5SaverBase
    from h5saver_widget.recording.settings import Settings as Settings
    from h5saver_widget.recording.status import RecorderState as RecorderState, RecorderStatus as RecorderStatus
    from h5saver_widget.recovery import (
        FileState as FileState,
        RepairReport as RepairReport,
        check_file as check_file,
        repair_file as repair_file,
    )
    from h5saver_widget.remote.mirror import Mirror as Mirror
    from h5saver_widget.saving.arrays import (
        AxisSaverLoader as AxisSaverLoader,
        BkgSaver as BkgSaver,
        DataSaverLoader as DataSaverLoader,
        ErrorSaverLoader as ErrorSaverLoader,
    )
    from h5saver_widget.saving.exports import (
        DataToExportEnlargeableSaver as DataToExportEnlargeableSaver,
        DataToExportSaver as DataToExportSaver,
        DataToExportTimedSaver as DataToExportTimedSaver,
    )
    from h5saver_widget.saving.h5_backend import H5Backend as H5Backend
    from h5saver_widget.saving.loading import DataLoader as DataLoader
    from h5saver_widget.saving.low_level import H5SaverLowLevel as H5SaverLowLevel
    from h5saver_widget.saving.management import DataManagement as DataManagement
    from h5saver_widget.saving.scan_exports import DataToExportExtendedSaver as DataToExportExtendedSaver
    from h5saver_widget.saving.single import (
        DataEnlargeableSaver as DataEnlargeableSaver,
        DataExtendedSaver as DataExtendedSaver,
    )
    from h5saver_widget.saving.statistics import Statistics as Statistics
    from h5saver_widget.sealing.making import seal_file as seal_file
    from h5saver_widget.sealing.verifying import verify_file as verify_file
    from h5saver_widget.version import __version__ as __version__

#: The names that a module gives to this package.
_PROVIDERS = {
    "format.layout": "DataType GroupModuleType GroupType SaveType",
    "data": (
        "Axis DataActuator DataCalculated DataDim DataDistribution "
        "DataFromRoi DataRaw DataSource DataToExport DataWithAxes SlicingError"
    ),
    "backends.base": "Backend",
    "backends.terms": "Capabilities Compression Durability",
    "backends.own_process": "freeze_support",
    "backends.registry": "available_backends default_backend set_default_backend",
    "nodes.attributes": "Attributes",
    "nodes.typed": "Array CARRAY EARRAY GROUP LINK VLARRAY Node StringARRAY",
    "saving.h5_backend": "H5Backend",
    "saving.low_level": "H5SaverLowLevel",
    "saving.management": "DataManagement",
    "saving.arrays": "AxisSaverLoader BkgSaver DataSaverLoader ErrorSaverLoader",
    "saving.exports": "DataToExportEnlargeableSaver DataToExportSaver DataToExportTimedSaver",
    "saving.scan_exports": "DataToExportExtendedSaver",
    "saving.single": "DataEnlargeableSaver DataExtendedSaver",
    "saving.loading": "DataLoader",
    "modules.base": "DataBundle ModuleSaver",
    "modules.detector": "DetectorEnlargeableSaver DetectorExtendedSaver DetectorSaver DetectorTimeSaver",
    "modules.actuator": "ActuatorEnlargeableSaver ActuatorExtendedSaver ActuatorSaver ActuatorTimeSaver",
    "modules.scan": "ScanSaver",
    "modules.logger": "LoggerSaver",
    "modules.optimizer": "OptimizerSaver",
    "modules.timestamps": "TimeModuleSaver",
    "backends.remote_options": "RemoteOptions",
    "browsing": "H5BrowserUtil",
    "browsing.following": "follow_rows open_for_reading",
    "recovery": "FileState RepairReport check_file repair_file",
    "qt.chrono_timer": "ChronoTimer",
    "qt.h5saver": "H5Saver",
    "qt.parameters": "dashboard_submodules_params",
    "recording.recorder": "Recorder",
    "recording.saver": "H5SaverBase",
    "recording.settings": "Settings",
    "qt.browser": "H5Browser",
    "qt.long_work": "LongWork",
    "qt.remember": "restore_settings save_settings",
    "qt.status": "ThreadCommand",
    "qt.status_strip": "StatusStrip",
    "recording.notes": "Note",
    "recording.status": "RecorderState RecorderStatus",
    "saving.statistics": "Statistics",
    "remote.mirror": "Mirror",
    "sealing.making": "seal_file",
    "sealing.verifying": "verify_file",
    "version": "__version__",
}
_HOME = {name: f"{__name__}.{module}" for module, names in _PROVIDERS.items() for name in names.split()}

__all__ = sorted([*_ERRORS, *_HOME])


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return all public names."""
    return sorted(set(globals()) | set(_HOME))
