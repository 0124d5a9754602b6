"""What ``host_program.py`` does with PyMoDAQ's windows: each public function takes the lab, and returns what it saw."""

import sys
import time
import traceback
from pathlib import Path

import numpy as np
from pymodaq.control_modules.enums import DAQTypesEnum
from pymodaq.dashboard import create_load_dashboard
from pymodaq.extensions.daq_logger.daq_logger import DAQLogger
from pymodaq.extensions.scan.daq_scan import DAQScan
from pymodaq.utils.gui_utils.loader_utils import create_extension
from pymodaq.utils.managers.modules.loader import PluginInfo
from pymodaq.utils.managers.modules.modules_manager import ModuleType
from pymodaq_data.h5modules import data_saving
from pymodaq_gui.h5modules import browsing
from pymodaq_gui.plotting import navigator
from pymodaq_gui.qt_utils import mkQApp
from qtpy import QtCore, QtWidgets

SELECTED = ("Det0", "Det1")
PLOTTED = "Det0/Mock0D"


def start(complaints):
    """Make the application; questions are answered at once."""
    application = mkQApp("hosts")

    def accept(dialog, *_):
        return QtWidgets.QDialog.Accepted  # the data of a scan are taken as they stand

    def note(box, *_):
        complaints.messages.append(f"question: {box.text()}")
        return QtWidgets.QMessageBox.Cancel

    QtWidgets.QDialog.exec = QtWidgets.QDialog.exec_ = accept
    QtWidgets.QMessageBox.exec = QtWidgets.QMessageBox.exec_ = note
    return application


def facts(dwa):
    """Return what a data object of PyMoDAQ says of itself."""
    return {
        "name": dwa.name,
        "origin": dwa.origin,
        "dim": dwa.dim.name,
        "class": f"{type(dwa).__module__}.{type(dwa).__qualname__}",
        "nav_indexes": list(dwa.nav_indexes),
        "data": [np.asarray(array).tolist() for array in dwa.data],
        "axes": [[a.label, a.index, np.asarray(a.get_data()).tolist()] for a in dwa.axes if a.label],
    }


def _stacks():
    """Return where every thread is, for the report of a test that waits in vain."""
    return "\n".join("".join(traceback.format_stack(frame)) for frame in sys._current_frames().values())


class Lab:
    """The dashboard and its instruments."""

    def __init__(self, application, job):
        self.application = application
        self.folder = Path(job["folder"])
        self.backend = job["backend"]
        self.pictures = job.get("pictures")
        self.files = {}
        self.ui, self.dashboard = create_load_dashboard(show_dashboard=True)
        self.manager = self.dashboard.modules_manager
        plugins = [PluginInfo(n, name, "Mock", ModuleType.Actuator) for n, name in enumerate(("Stage", "Lens"))]
        for n, kind in enumerate((DAQTypesEnum.DAQ0D, DAQTypesEnum.DAQ1D, DAQTypesEnum.DAQ2D)):
            plugins.append(PluginInfo(10 + n, f"Det{n}", "Mock", ModuleType.Detector, daq_type=kind))
        self.dashboard.module_creator.load_created_modules([[plugin] for plugin in plugins])
        self.wait(self._ready, "the modules of the dashboard")
        self.modules = {module.title: module for module in self.manager.modules_all}
        for name in ("Stage", "Lens"):
            self.modules[name].settings["actuator_settings", "tau"] = 1  # ms: it is there at once

    def _ready(self):
        return len(self.manager.modules_all) == 5 and all(m.initialized_state for m in self.manager.modules_all)

    def wait(self, condition, what, seconds=60):
        """Handle events until something has happened; sleep while there are none."""
        clock = QtCore.QTimer()
        clock.start(20)  # not everything that is waited for comes with an event of this thread
        end = time.monotonic() + seconds
        while not condition():
            self.application.processEvents(QtCore.QEventLoop.AllEvents | QtCore.QEventLoop.WaitForMoreEvents)
            if time.monotonic() > end:
                raise TimeoutError(f"{what}; meanwhile:\n{_stacks()}")

    def wait_for(self, signal, action, what):
        """Do something, wait until a signal came, and return what it brought."""
        came = []

        def take(*values):
            came.append(values)

        signal.connect(take)
        action()
        self.wait(lambda: came, what)
        signal.disconnect(take)
        return came[0]

    def frame(self, module):
        """Take a frame, and return it when the module has told everybody.

        PyMoDAQ draws a frame before it tells; it handles events meanwhile, and an error there ends in its log: nothing
        is told then, and the frame has to be taken again.
        """
        came = []

        def take(frame):
            came.append(frame)

        module.grab_done_signal.connect(take)
        module.snap()
        try:
            self.wait(lambda: came, f"a frame of {module.title}", 30)
        except TimeoutError:
            module.snap()
            self.wait(lambda: came, f"a frame of {module.title}, asked for twice")
        module.grab_done_signal.disconnect(take)
        return came[0]

    def extension(self, kind):
        """Open an extension of the dashboard with its modules selected."""
        _, extension = create_extension(self.dashboard, kind)
        self.select(extension, ["Stage"])
        return extension

    def select(self, extension, actuators):
        """Select the detectors of the tests, and some actuators."""
        manager = extension.modules_manager
        manager.set_detectors(list(self.manager.detectors_all), [self.modules[name] for name in SELECTED])
        manager.set_actuators(list(self.manager.actuators_all), [self.modules[name] for name in actuators])
        self.application.processEvents()

    def grab(self, name, widget):
        """Save a picture of a widget if the job asks for pictures."""
        if self.pictures:
            self.application.processEvents()
            widget.grab().save(f"{self.pictures}/{name}.png")


# ------------------------------------------------------------------------------------------------- control modules
def snapshot(lab):
    """Save one frame, and a background, where the user of DAQ_Viewer says."""
    viewer, path = lab.modules["Det1"], lab.folder / "snapshot.h5"
    viewer.take_bkg()
    lab.wait(lambda: viewer.bkg is not None and not viewer._take_bkg, "a background")
    viewer.do_bkg = True
    lab.wait_for(viewer.data_saved, lambda: viewer.snapshot(path, dosave=True), "a snapshot")
    viewer.do_bkg = False
    lab.files["snapshot"] = str(path)
    raw = [facts(dwa) for dwa in viewer._data_to_save_export]
    return {"path": str(path), "saved": raw, "bkg": [facts(dwa) for dwa in viewer.bkg]}


def continuous(lab):
    """Save frames while DAQ_Viewer takes them."""
    viewer = lab.modules["Det0"]
    viewer.settings["saver_settings", "do_save"] = True
    saver = viewer._h5saver_continuous
    path = saver.settings["current_h5_file"]
    frames = []
    for _ in range(5):
        frames.append(facts(lab.frame(viewer)[0])["data"])
    told, kind, raw = viewer.settings["saver_settings", "N_saved"], type(saver).__name__, type(saver.h5_file).__name__
    if lab.pictures:
        _picture_of_dock(lab, viewer, saver)
    viewer.settings["saver_settings", "do_save"] = False
    lab.wait(lambda: not saver.isopen(), "the end of saving")
    return {"path": path, "frames": frames, "told": told, "class": kind, "handle": raw}


def before(lab):
    """Hold frames of DAQ_Viewer, save what has just happened, and go on."""
    viewer = lab.modules["Det0"]
    saver = viewer._h5saver_continuous
    saver.settings["recording", "keep_before"] = 60.0
    frames = [facts(lab.frame(viewer)[0])["data"] for _ in range(3)]
    state = saver.status().state.value
    saver.settings.child("recording", "save_before").activate()
    frames += [facts(lab.frame(viewer)[0])["data"] for _ in range(3)]
    saver.settings["do_save"] = False
    lab.wait(lambda: not saver.isopen(), "the end of saving")
    path = saver.settings["current_h5_file"]
    saver.settings["recording", "keep_before"] = 0.0
    return {"path": path, "frames": frames, "state": state}


def _picture_of_dock(lab, viewer, saver):
    from pymodaq_gui.utils import Dock, DockArea

    area, window = DockArea(), QtWidgets.QMainWindow()
    lab.kept = window  # the viewer lives in it from now on
    window.setCentralWidget(area)
    window.resize(1000, 700)
    plots, settings = Dock("Plots"), Dock("Saving", size=(300, 700))
    plots.addWidget(viewer.parent)
    settings.addWidget(saver.settings_tree)
    area.addDock(plots)
    area.addDock(settings, "right", plots)
    window.show()
    lab.application.processEvents()
    lab.grab("viewer_with_dock", window)
    window.resize(620, 700)
    lab.grab("viewer_with_narrow_dock", window)
    lab.grab("dashboard", lab.ui.mainwindow)


def move(lab):
    """Save positions while DAQ_Move moves."""
    actuator = lab.modules["Lens"]
    actuator.settings["saver_settings", "do_save"] = True
    path = actuator.h5saver.settings["current_h5_file"]
    values = []
    actuator.current_value_signal.connect(lambda value: values.append(float(value.value())))
    for target in (1.0, 3.0):
        lab.wait_for(actuator.move_done_signal, lambda: actuator.move_abs(target), "the actuator")  # noqa: B023
        lab.wait_for(actuator.current_value_signal, actuator.get_actuator_value, "a position")
    actuator.settings["saver_settings", "do_save"] = False
    actuator.h5saver.close_file()
    return {"path": path, "values": list(values)}


# ------------------------------------------------------------------------------------------------------ extensions
def _run_scan(lab, extension, kind, actuators, ranges):
    lab.select(extension, actuators)
    extension.scanner.set_scan_type_and_subtypes(kind, "Linear")
    extension.scanner.scanner.from_dict(ranges)
    extension.settings.child("plot_options", "plot_0d").setValue({"all_items": [PLOTTED], "selected": [PLOTTED]})
    lab.application.processEvents()
    done = []
    extension.scan_done_signal.connect(lambda: done.append(1))
    lab.wait_for(extension.scan_acquisition.workers_terminated, extension.start_scan, f"{kind} to end")
    lab.wait(lambda: done, f"{kind} to be done")
    live = extension.live_plotter.data
    return {"name": extension.h5saver.settings["current_scan_name"], "live": [facts(dwa) for dwa in live or ()]}


def _range(start, stop, step):
    return {"start": start, "stop": stop, "step": step}


def scan(lab):
    """Make a 2D and a 1D scan with DAQ_Scan, with live plots and the Navigator, into one file."""
    extension = lab.extension(DAQScan)
    extension.show_navigator()
    path = lab.files["scan"] = extension.h5saver.settings["current_h5_file"]
    both = {"axis1": _range(0.0, 1.0, 0.5), "axis2": _range(0.0, 2.0, 1.0)}
    scans = [
        _run_scan(lab, extension, "Scan2D", ["Stage", "Lens"], both),
        _run_scan(lab, extension, "Scan1D", ["Stage"], _range(0.0, 2.0, 0.5)),
    ]
    extension.update_file_settings()
    overlays = [child.value().info for child in extension.navigator.settings.child("overlays").children()]
    opened = browse_open_file(lab, extension.h5saver)
    isolated = extension.h5saver.isolated if hasattr(extension.h5saver, "isolated") else None
    lab.grab("scan", extension.mainwindow)
    extension.h5_manager.close_file()
    return {"path": path, "scans": scans, "overlays": overlays, "isolated": isolated, "opened": opened}


def logger(lab):
    """Log two detectors with DAQ_Logger."""
    extension = lab.extension(DAQLogger)
    path = extension.h5saver.settings["current_h5_file"]
    extension.logging.start()
    saved = []
    for _ in range(3):
        for name in SELECTED:
            saved.append(facts(lab.frame(lab.modules[name])[0]))
    lab.wait_for(extension.logging.workers_terminated, lambda: extension.logging.stop("enough"), "the end of the log")
    extension.h5_manager.close_file()
    return {"path": path, "saved": saved}


# --------------------------------------------------------------------------------------------------------- looking
def _items(tree):
    waiting = [tree.topLevelItem(i) for i in range(tree.topLevelItemCount())]
    while waiting:
        item = waiting.pop()
        yield item
        waiting += [item.child(i) for i in range(item.childCount())]


def browse_open_file(lab, saver):
    """Look with the H5Browser into a file that a saver has open."""
    window = QtWidgets.QMainWindow()
    browser = browsing.H5Browser(window, h5file=saver.h5_file, backend=saver.backend)
    paths = [item.text(2) for item in _items(browser.view.h5file_tree.tree)]
    browser.refresh_file()
    again = [item.text(2) for item in _items(browser.view.h5file_tree.tree)]
    browser.quit_fun()
    return {"paths": len(paths), "same": paths == again, "open": saver.isopen(), "filename": saver.h5_file.filename}


def browser(lab):
    """Click on every node of a scan's file in the H5Browser, and show all data."""
    window = QtWidgets.QMainWindow()
    found = browsing.H5Browser(window, h5file_path=lab.files["scan"], backend=lab.backend)
    tree, shown = found.view.h5file_tree.tree, []
    for item in _items(tree):
        tree.setCurrentItem(item)
        node = found.h5utils.get_node(item.text(2))
        if "Scan001" not in node.path:
            continue  # one scan is enough: each click builds a tree of settings
        found.show_h5_attributes(item)
        if "data_type" in node.attrs and node.attrs["data_type"] == "data":
            found.show_h5_data(item)
            shown.append(node.path)
    copy = lab.folder / "copy.h5"
    found.save_file(str(copy))
    text = lab.folder / "exported.txt"
    found.h5utils.export_data(shown[0], str(text), "Text files (*.txt)")
    found.refresh_file()
    lab.grab("browser", window)
    found.quit_fun()
    return {"shown": shown, "copied": copy.exists(), "exported": text.exists(), "class": type(found.h5utils).__name__}


def overlays(lab):
    """Open a file with the Navigator alone."""
    widget = QtWidgets.QWidget()
    found = navigator.Navigator(widget, h5file_path=lab.files["scan"])
    params = found.settings.child("overlays").children()
    report = {"overlays": [param.value().info for param in params], "images": len(found.overlays)}
    lab.grab("navigator", widget)
    found.h5saver.close_file()
    return report


def load(lab):
    """Load everything that was saved by the loader that windows get."""
    report = {}
    for name, path in lab.files.items():
        loader = data_saving.DataLoader(path)
        report[name] = {"class": type(loader).__name__, "data": [facts(dwa) for dwa in loader.load_all("/")]}
        loader.close_file()
    return report
