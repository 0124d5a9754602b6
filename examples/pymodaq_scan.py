"""PyMoDAQ's DAQ_Scan saves with this package: a stage moves, a mock detector is read at every point.

    python examples/pymodaq_scan.py [FOLDER] [--run]

The one line that matters is `install()`. With `--run` it makes one scan of eleven points, says what is in the file, and
ends; without, the windows stay: press the green triangle.
"""

from __future__ import annotations

import argparse

from h5saver_widget import DataLoader
from h5saver_widget.integrations.pymodaq import install


def main() -> None:
    """Show dashboard and scan with two mock instruments, and scan if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="where files go; PyMoDAQ's configured folder by default")
    parser.add_argument("--run", action="store_true", help="make one scan, then end")
    asked = parser.parse_args()

    install()  # from here on PyMoDAQ's modules make our savers

    from pymodaq.control_modules.enums import DAQTypesEnum
    from pymodaq.dashboard import create_load_dashboard
    from pymodaq.extensions.scan.daq_scan import DAQScan
    from pymodaq.utils.gui_utils.loader_utils import create_extension
    from pymodaq.utils.managers.modules.loader import PluginInfo
    from pymodaq.utils.managers.modules.modules_manager import ModuleType
    from pymodaq_gui.qt_utils import mkQApp
    from pymodaq_utils.config import GlobalConfig
    from qtpy import QtCore, QtWidgets

    if asked.folder:
        GlobalConfig()["data", "data_saving", "h5file", "save_path"] = asked.folder
    application = mkQApp("DAQ_Scan with another saver")
    if asked.run:  # DAQ_Scan asks for author and sample before a scan: as they stand
        QtWidgets.QDialog.exec = lambda dialog: QtWidgets.QDialog.DialogCode.Accepted
    _, dashboard = create_load_dashboard()
    stage = PluginInfo(1, "Stage", "Mock", ModuleType.Actuator)
    detector = PluginInfo(2, "Detector", "Mock", ModuleType.Detector, daq_type=DAQTypesEnum.DAQ1D)
    windows = []

    def open_scan(_: object = None) -> None:
        window, scan = create_extension(dashboard, DAQScan)
        windows.append((window, scan))
        modules = dashboard.modules_manager
        scan.modules_manager.set_actuators(modules.actuators_all, modules.actuators_all)
        scan.modules_manager.set_detectors(modules.detectors_all, modules.detectors_all)
        scan.scanner.set_scan_type_and_subtypes("Scan1D", "Linear")
        scan.scanner.scanner.from_dict({"start": 0.0, "stop": 5.0, "step": 0.5})
        if asked.run:
            scan.scan_acquisition.workers_terminated.connect(lambda: QtCore.QTimer.singleShot(0, end))
            QtCore.QTimer.singleShot(0, scan.start_scan)

    def end() -> None:
        saver = windows[0][1].h5_manager.get_h5saver()
        path = saver.settings["current_h5_file"]
        saver.close_file()
        with DataLoader(path) as loader:
            for data in loader.load_all("/RawData/Scan000"):
                print(data, flush=True)
        print(path, flush=True)
        dashboard.quit_fun()
        application.quit()

    dashboard.module_creator.load_created_modules([[stage], [detector]], callback=open_scan)
    application.exec()


if __name__ == "__main__":
    main()
