"""PyMoDAQ's DAQ_Viewer saves with this package; the saver is docked beside it.

    python examples/pymodaq_viewer.py [FOLDER] [--seconds N]

The one line that matters is `install()`. With `--seconds` it records the mock instrument for so long and ends.
"""

from __future__ import annotations

import argparse
import os

from h5saver_widget.integrations.pymodaq import install


def main() -> None:
    """Show the viewer with its saver, and record if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="where files go; PyMoDAQ's configured folder by default")
    parser.add_argument("--seconds", type=float, help="record for so long, then end")
    asked = parser.parse_args()

    install()  # from here on PyMoDAQ's modules make our savers

    from pymodaq.utils.gui_utils.loader_utils import create_load_daq_viewer
    from pymodaq_gui.qt_utils import mkQApp
    from pymodaq_utils.config import GlobalConfig
    from qtpy import QtCore, QtWidgets

    if asked.folder:
        GlobalConfig()["data", "data_saving", "h5file", "save_path"] = asked.folder
    application = mkQApp("DAQ_Viewer with another saver")
    window, viewer = create_load_daq_viewer()
    window.show()

    def ready(works: bool) -> None:
        if not works:
            return
        viewer.settings.child("saver_settings", "do_save").setValue(True)  # DAQ_Viewer makes its saver, and a file
        saver = viewer._h5saver_continuous
        dock = QtWidgets.QDockWidget("Saving")
        dock.setWidget(saver.settings_tree)
        window.mainwindow.addDockWidget(QtCore.Qt.DockWidgetArea.RightDockWidgetArea, dock)
        viewer.grab()
        if asked.seconds:
            QtCore.QTimer.singleShot(int(1000 * asked.seconds), end)

    def end() -> None:
        viewer.stop_grab()
        path, saved = viewer._h5saver_continuous.file_path, viewer.settings["saver_settings", "N_saved"]
        viewer.settings.child("saver_settings", "do_save").setValue(False)
        print(f"{saved} frames in {path}", flush=True)
        if os.environ.get("EXAMPLE_PICTURE"):
            window.mainwindow.grab().save(os.environ["EXAMPLE_PICTURE"])
        viewer.quit_fun()
        application.quit()

    viewer.init_signal.connect(ready)
    viewer.init_hardware_ui(True)
    application.exec()


if __name__ == "__main__":
    main()
