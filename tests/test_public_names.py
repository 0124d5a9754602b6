"""Every public name can be imported from the package itself, and says where it comes from."""

from __future__ import annotations

import importlib

import pytest

import h5saver_widget
import h5saver_widget.errors

HOSTS_KNOW = [
    "Axis",
    "DataWithAxes",
    "DataRaw",
    "DataCalculated",
    "DataToExport",
    "DataDim",
    "DataSource",
    "DataDistribution",
    "DataActuator",
    "DataFromRoi",
    "H5Backend",
    "H5SaverLowLevel",
    "H5SaverBase",
    "H5Saver",
    "H5Browser",
    "H5BrowserUtil",
    "ThreadCommand",
    "DataBundle",
    "Node",
    "GROUP",
    "CARRAY",
    "EARRAY",
    "VLARRAY",
    "StringARRAY",
    "Attributes",
    "NodeError",
    "SaveType",
    "GroupType",
    "GroupModuleType",
    "DataType",
    "AxisSaverLoader",
    "DataSaverLoader",
    "BkgSaver",
    "ErrorSaverLoader",
    "DataEnlargeableSaver",
    "DataExtendedSaver",
    "DataManagement",
    "DataToExportSaver",
    "DataToExportTimedSaver",
    "DataToExportEnlargeableSaver",
    "DataToExportExtendedSaver",
    "DataLoader",
    "ModuleSaver",
    "DetectorSaver",
    "DetectorTimeSaver",
    "DetectorEnlargeableSaver",
    "DetectorExtendedSaver",
    "ActuatorSaver",
    "ActuatorTimeSaver",
    "ActuatorEnlargeableSaver",
    "ActuatorExtendedSaver",
    "ScanSaver",
    "LoggerSaver",
    "OptimizerSaver",
    "TimeModuleSaver",
    "dashboard_submodules_params",
]


@pytest.mark.parametrize("name", h5saver_widget.__all__)
def test_name_is_there(name):
    assert getattr(h5saver_widget, name) is not None
    module = importlib.import_module(h5saver_widget._HOME.get(name, "h5saver_widget.errors"))
    assert getattr(module, name) is getattr(h5saver_widget, name)


def test_names_that_hosts_know_are_public():
    assert set(HOSTS_KNOW) <= set(h5saver_widget.__all__)


def test_another_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = h5saver_widget.Nothing


def test_every_error_can_be_caught_by_its_name_in_the_package() -> None:
    assert set(h5saver_widget.errors.__all__) <= set(h5saver_widget.__all__)
