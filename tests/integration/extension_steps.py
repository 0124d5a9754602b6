"""What ``host_program.py`` does with PyMoDAQ's other extensions: functions like those of ``host_steps``.

Their windows work here as a user works with them: actions are triggered, settings are set, files are made and closed.
"""

from pathlib import Path
from types import SimpleNamespace

from host_steps import PLOTTED, SELECTED, facts
from pymodaq.extensions.adaptive_optim.adaptive_optimization import AdaptiveOptimisation
from pymodaq.extensions.bayesian.bayesian_optimization import BayesianOptimization
from pymodaq.extensions.data_mixer.data_mixer import DataMixer
from pymodaq.extensions.optimizers_base.optimizer import OptimizerAction
from pymodaq.extensions.pid.pid_controller import DAQ_PID
from pymodaq.extensions.ramping.ramping import RampExtension
from pymodaq.extensions.scan.daq_scan import DAQScan
from pymodaq.extensions.scan.manager.subentries import ScanSettingsEntryHandler, SubEntry
from pymodaq.extensions.sequencer.sequencer import Sequencer
from pymodaq_gui.managers import h5manager
from pymodaq_gui.parameter.utils import ParameterWithPath
from qtpy import QtWidgets
from serializall import SerializableFactory

SERIALISER = SerializableFactory()

STEPS = 6


def _optimise(lab, kind):
    extension = lab.extension(kind)
    try:
        signal = extension.settings.child("models", "model_params", "optimizing_signal", "optimize_0d")
        signal.setValue({"all_items": [PLOTTED], "selected": [PLOTTED]})
        extension.settings["main_settings", "stopping", "niter"] = STEPS
        extension.settings["main_settings", "stopping", "stop_type"] = "Iter"
        if not extension.is_action_checked(OptimizerAction.SAVE):
            extension.get_action(OptimizerAction.SAVE).trigger()
        extension.get_action(OptimizerAction.INI_RUNNER).trigger()
        if kind is BayesianOptimization:  # else its loop ends without a word when it wants to go to a bound again
            extension.algorithm._algo.space._allow_duplicate_points = True
        saver = extension.h5saver
        path, name = saver.settings["current_h5_file"], saver.settings["current_scan_name"]
        seen = []
        extension.runner_thread.runner.saver_signal.connect(lambda saved: seen.append(facts(saved.dte[0])["data"]))
        run = extension.get_action(OptimizerAction.RUN)
        lab.wait_for(extension.optimization_done_signal, run.trigger, f"{kind.__name__} to end")
        shown = extension.live_plotter.data
        live = [facts(dwa) for dwa in shown or ()]
        lab.grab(kind.__name__, extension.mainwindow)
        return {"path": path, "name": name, "live": live, "frames": seen, "class": type(saver).__name__}
    finally:
        if extension.is_action_checked(OptimizerAction.INI_RUNNER):
            extension.get_action(OptimizerAction.INI_RUNNER).trigger()
        extension._quit_fun()


def bayesian(lab):
    """Optimise with saving, on one actuator."""
    return _optimise(lab, BayesianOptimization)


def adaptive(lab):
    """Optimise adaptively; this window saves without being told."""
    return _optimise(lab, AdaptiveOptimisation)


def ramp(lab):
    """Ramp an actuator, log two detectors meanwhile, with the histogram that reads the open file."""
    extension = lab.extension(RampExtension)
    settings = extension.settings
    settings.child("actuator").setLimits(["Stage", "Lens"])
    settings["actuator"] = "Stage"
    settings["detectors"] = {"all_items": ["Det0", "Det1", "Det2"], "selected": list(SELECTED)}
    settings["actuators"] = {"all_items": ["Lens"], "selected": ["Lens"]}
    settings["refresh_grab"], settings["refresh_plot"] = 0.05, 0.2
    settings["ramp", "start"], settings["ramp", "stop"], settings["ramp", "duration"] = 0.0, 4.0, 600.0
    settings["steps", "time_step"] = 0.1
    if not extension.is_action_checked("log"):
        extension.get_action("log").trigger()
    worker, drawn, given = extension.ramping_worker, [], []
    worker.start()
    worker.processor_worker.data_processed_signal.connect(drawn.append)
    worker.saver_worker.data_to_save_signal.connect(lambda bundle: given.append(bundle.dte[0].origin))
    names = {*SELECTED, "Stage", "Lens"}
    lab.wait(lambda: drawn and all(given.count(name) >= 3 for name in names), "enough of the ramp", 120)
    lab.wait_for(worker.workers_terminated, worker.stop, "the ramp to end")
    lab.grab("ramp", extension.mainwindow)
    saver = extension.h5_manager.get_h5saver(mode="r")
    path = str(saver.file_path)
    extension.h5_manager.close_file()
    return {"path": path, "drawn": len(drawn), "given": {name: given.count(name) for name in names}}


def sequence(lab):
    """Run a sequence that moves an actuator twice, and logs where it was."""
    extension = lab.extension(Sequencer)
    main = extension.main_sequence
    for _ in range(2):
        main.view.create_and_add(("move",), main.view.rootIndex(), row=0)
    for target, element in zip((2.0, 1.0), main.root_elt.children_without_add, strict=True):
        element._actuator_and_value.add_update_actuator("Lens", target, lab.modules["Lens"].units)
        for signal in (element.data_to_log_signal, element.mstate.entered):
            signal.connect(_nothing)  # with PyQt5 the sequencer can't start while nothing is connected there
    if not extension.is_action_checked("log"):
        extension.get_action("log").trigger()
    path, worker = extension.h5saver.settings["current_h5_file"], extension.sequence_worker
    saved = []

    def begin():
        worker.start()
        worker.saver_worker.data_to_save_signal.connect(lambda bundle: saved.append(float(bundle.dte[0].value())))

    lab.wait_for(worker.workers_terminated, begin, "the sequence to end")
    lab.grab("sequencer", extension.mainwindow)
    extension.h5_manager.close_file()
    return {"path": path, "saved": saved}


def _nothing(*_):
    """Be connected."""


def scan_manager(lab):
    """Send every setting of the saver through the scan manager's serialiser, and apply some as it does."""
    extension = lab.extension(DAQScan)
    manager, saver = extension.scan_manager, extension.h5_manager.get_h5saver()
    # 5.3.8 looks for an attribute `h5saver` of the manager, which has none
    owner = SimpleNamespace(h5saver=saver)
    handler = ScanSettingsEntryHandler(manager.config_model, manager.settings, manager=owner)
    failed, seen = {}, 0
    for param in _leaves(manager.settings.child("h5saver")):
        seen += 1
        try:
            packed = SERIALISER.get_apply_serializer(ParameterWithPath(param))
            again = SERIALISER.get_apply_deserializer(packed)
            same = (param.value(), None if param.value() == "" else param.value())  # of an empty text it makes None
            if param.hasValue() and not any(again.value() is value or again.value() == value for value in same):
                failed[param.name()] = f"{param.value()!r} came back as {again.value()!r}"
        except Exception as error:
            failed[param.name()] = repr(error)
    for path, value in ((("base_name",), "Managed"), (("backend", "swmr_options", "flush_interval"), 7)):
        param = manager.settings.child("h5saver", *path)
        param.setValue(value)
        entry = SubEntry(ScanSettingsEntryHandler.handler_name, "h5saver", ParameterWithPath(param))
        handler.execute_subentry(entry)
    applied = [saver.settings["base_name"], saver.settings["backend", "swmr_options", "flush_interval"]]
    extension.h5_manager.close_file()
    return {"settings": seen, "failed": failed, "applied": applied}


def _leaves(param):
    for child in param.children():
        if child.hasChildren():
            yield from _leaves(child)
        elif child.type() != "action":
            yield child


def pid(lab):
    """Open and close the PID controller's window; its file manager makes a saver."""
    return _manager(lab, DAQ_PID)


def mixer(lab):
    """Open and close the data mixer."""
    return _manager(lab, DataMixer)


def _manager(lab, kind):
    """Go through the actions of the file manager that every extension has."""
    extension = lab.extension(kind)
    manager = extension.h5_manager
    made = manager.h5saver
    first = made.settings["current_h5_file"]
    manager.get_action(h5manager.FileAction.NEW_FILE).trigger()
    second = made.settings["current_h5_file"]
    made.get_set_group("/RawData", "mydata")
    manager.flush()
    dock = QtWidgets.QWidget()
    layout = QtWidgets.QVBoxLayout(dock)
    layout.addWidget(made.settings_tree)
    dock.show()
    manager.get_action(h5manager.FileAction.SHOW_SETTINGS).trigger()
    shown = made.settings_tree.isVisible()
    manager.get_action(h5manager.FileAction.SHOW_FILE).trigger()
    browser = made.analysis_prog
    asked = h5manager.select_file
    copy = lab.folder / f"{kind.__name__}.h5"
    try:
        h5manager.select_file = lambda *_, **__: copy
        copied = ""
        try:
            manager.save_file()
        except Exception as error:
            copied = repr(error)
        manager.close_file()
        closed = (made.isopen(), made.h5_file)
        h5manager.select_file = lambda *_, **__: Path(first)
        loaded = []
        manager.file_loaded_signal.connect(loaded.append)
        manager.load_file()
    finally:
        h5manager.select_file = asked
    opened = str(made.file_path)
    manager.close_file()
    return {
        "files": [first, second],
        "shown": shown,
        "browser": browser is not None,
        "copy": [copy.exists(), copied],
        "closed": closed,
        "opened": [opened, [str(path) for path in loaded]],
        "base": made.settings["base_name"],
    }
