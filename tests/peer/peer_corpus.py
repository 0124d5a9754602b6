"""Runs inside a child process, with the peer (peer_server.py): it writes a corpus into a folder.

Every saver of the peer, of data and of modules, writes into files of both its libraries, SWMR on and off. The report
holds what went in, by the path of the group it went into, and what the peer's own loader makes of every node.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from peer_reader import bundle, cloud, facts, open_with, read

from pymodaq.utils.data import DataActuator  # isort: skip
from pymodaq.utils.h5modules import module_saving

from pymodaq_data.data import Axis, DataCalculated, DataRaw, DataToExport  # isort: skip
from pymodaq_data.h5modules import data_saving
from pymodaq_data.h5modules.saving import H5SaverLowLevel
from pymodaq_gui.h5modules.saving import H5Saver
from pymodaq_gui.parameter import Parameter

DTYPES = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES += ["bool", "float16", "float32", "float64", "complex64", "complex128"]
UNIFORM, SPREAD = data_saving.DataDistribution["uniform"], data_saving.DataDistribution["spread"]


def values_of(dtype):
    if dtype == "bool":
        return np.array([True, False, True])
    if "int" in dtype:
        limits = np.iinfo(dtype)
        return np.array([limits.min, 1, limits.max], dtype)
    return (np.array([-1.5, 0.25, 1000.0]) * (1 + 2j if "complex" in dtype else 1)).astype(dtype)


def typed():
    return DataToExport(
        "types", data=[DataRaw(f"µ {d}", data=[values_of(d)], origin="Dét", units="µm", labels=["Ω"]) for d in DTYPES]
    )


# ------------------------------------------------------------------------------------------------------------ data
def write_data(path, backend, swmr):
    saver = H5SaverLowLevel("custom", backend=backend)
    saver.init_file(Path(path), new_file=True, swmr_mode=swmr, metadata={"sample": "µ"})
    given = {}

    def group(title):
        return saver.add_det_group("/RawData", title)

    where = group("axes")
    axis_saver = data_saving.AxisSaverLoader(saver)
    axis_saver.add_axis(where, Axis("λ", "nm", np.array([1.0, 2.0, 4.0]), index=0))
    axis_saver.add_axis(where, Axis("even", "s", np.linspace(0, 1, 5), index=1))

    for name, dwa in {"single": bundle()[1], "cloud": cloud()}.items():
        where = group(name)
        data_saving.DataSaverLoader(saver).add_data(where, dwa)
        given[where.path] = [facts(dwa)]

    where = group("background")
    data_saving.DataSaverLoader(saver).add_data(where, bundle()[2])
    data_saving.BkgSaver(saver).add_data(where, DataRaw("two", data=[np.ones((2, 3), np.uint16)], origin="Det"))

    where = group("errors")
    data_saving.DataSaverLoader(saver).add_data(where, bundle(errors=False)[1])
    errors = DataCalculated("one_errors", data=[np.full(3, 0.25)], origin="Det")
    data_saving.ErrorSaverLoader(saver).add_data(where, errors, save_axes=False)

    where = group("enlargeable")
    growing = data_saving.DataEnlargeableSaver(saver, ["p", "q"], ["mm", "µs"])
    for i in range(4):
        growing.add_data(where, bundle(float(i))[1], axis_values=[i * 2.0, i * i])

    where = group("blocks")
    blocks = data_saving.DataEnlargeableSaver(saver)
    for _ in range(2):
        blocks.add_data(where, cloud())

    where = group("extended")
    extended = data_saving.DataExtendedSaver(saver, (2, 3))
    for i, at in enumerate(np.ndindex(2, 3)):
        extended.add_data(where, bundle(float(i))[1], at)

    where = group("export")
    exporter = data_saving.DataToExportSaver(saver)
    dte = bundle()
    dte.append(cloud())
    exporter.add_data(where, dte)
    exporter.add_bkg(where, bundle(1.0, errors=False))
    given[where.path] = [facts(dwa) for dwa in dte]

    where = group("types")
    types = typed()
    exporter.add_data(where, types)
    given[where.path] = [facts(dwa) for dwa in types]

    where = group("export timed")
    timed = data_saving.DataToExportTimedSaver(saver)
    where_two = group("export enlargeable")
    enlargeable = data_saving.DataToExportEnlargeableSaver(saver, ["p", "q"], ["mm", "µs"])
    where_three = group("export extended")
    extended = data_saving.DataToExportExtendedSaver(saver, (3, 2))
    extended.add_nav_axes(where_three, [Axis("a", "mm", np.array([0.0, 1, 5]), 0), Axis("b", "", np.arange(2.0), 1)])
    for i, at in enumerate(np.ndindex(3, 2)):
        timed.add_data(where, bundle(float(i)))
        enlargeable.add_data(where_two, bundle(float(i)), axis_values=[i * 0.5, -i])
        if i != 4:  # a scan that was stopped: this point stays empty
            extended.add_data(where_three, bundle(float(i)), at, distribution=UNIFORM)
    saver.add_log("a line µ")
    saver.close_file()
    return given


def blocks_of(i):
    """Return a bundle with blocks of points: the peer writes them, but its loader finds the axes at odds."""
    axis = Axis("n", "s", np.array([0.0, 1, 3, 4]) + i, index=0)
    burst = DataRaw("burst", data=[np.arange(4.0) + i] * 2, axes=[axis], nav_indexes=(0,), origin="Det", units="V")
    dte = bundle(float(i))
    dte.append(cloud())
    dte.append(burst)
    return dte


def write_blocks(path, backend, swmr):
    saver = H5SaverLowLevel("custom", backend=backend)
    saver.init_file(Path(path), new_file=True, swmr_mode=swmr)
    timed = data_saving.DataToExportTimedSaver(saver)
    given = {}
    for i in range(3):
        given[str(i)] = [facts(dwa) for dwa in blocks_of(i)]
        timed.add_data("/RawData", blocks_of(i))
    saver.close_file()
    return given


# --------------------------------------------------------------------------------------------------------- modules
def module(title, **more):
    settings = Parameter.create(name="settings", type="group", children=[{"name": "gäin", "type": "int", "value": 3}])
    return SimpleNamespace(title=title, settings=settings, ui=None, **more)


def new_saver(path, backend, swmr):
    saver = H5Saver(save_type="scan", backend=backend)
    saver.settings.child("backend", "swmr_options", "enable_swmr").setValue(swmr)
    saver.settings.child("save_raw_only").setValue(False)
    saver.init_file(update_h5=True, custom_naming=False, addhoc_file_path=Path(path))
    return saver


def grab(title, i):
    dte = bundle(float(i))
    for dwa in dte:
        dwa.origin = title
    return DataToExport(title, data=list(dte))


def position(i):
    return DataToExport("Stage", data=[DataActuator("Stage", data=i * 0.5, units="mm", origin="Stage")])


def extension(title):
    manager = SimpleNamespace(detectors_all=[module("Det"), module("Cam")], actuators_all=[module("Stage")])
    return module(title, modules_manager=manager)


def write_modules(path, backend, swmr):
    saver = new_saver(path, backend, swmr)

    def ready(kind, title, *args):
        made = getattr(module_saving, kind)(module(title), *args)
        made.h5saver = saver
        return made, made.get_set_node()

    snapshot, node = ready("DetectorSaver", "snapshot")
    snapshot.add_data(node, grab("snapshot", 2))
    snapshot.add_bkg(node, bundle(1.0, errors=False))
    timed, timed_node = ready("DetectorTimeSaver", "timed")
    growing, growing_node = ready("DetectorEnlargeableSaver", "growing", ["p"], ["mm"])
    extended, extended_node = ready("DetectorExtendedSaver", "extended", (3,))
    extended.add_nav_axes(extended_node, [Axis("a", "mm", np.array([0.0, 1, 5]), 0)])
    moved, moved_node = ready("ActuatorSaver", "moved")
    moved.add_data(moved_node, position(3))
    moves, moves_node = ready("ActuatorTimeSaver", "moves")
    steps, steps_node = ready("ActuatorEnlargeableSaver", "steps", ["n"], [""])
    for i in range(3):
        timed.add_data(timed_node, grab("timed", i))
        growing.add_data(growing_node, grab("growing", i), axis_values=[i * 1.5])
        moves.add_data(moves_node, position(i))
        steps.add_data(steps_node, position(i), axis_values=[float(i)])
        extended.add_data(extended_node, grab("extended", i), (i,), distribution=UNIFORM)

    logger = module_saving.LoggerSaver(extension("DAQ_Logger"))
    logger.h5saver = saver
    logger.get_set_node(new=True)
    optimizer = module_saving.OptimizerSaver(extension("Optimizer"), ["p"], ["mm"])
    optimizer.h5saver = saver
    optimizer.get_set_node(new=True)
    for i in range(3):
        logger.add_data(grab("Det", i))
        logger.add_data(position(i))
        optimizer.add_data(grab("Cam", i), axis_values=[i * 1.0])
    saver.close_file()


def write_scan(path, backend, swmr, shape, spread):
    saver = new_saver(path, backend, swmr)
    scan = module_saving.ScanSaver(extension("DAQScan"))
    scan.h5saver = saver
    scan.get_set_node(new=True)
    scan.set_scan_shape(shape)
    scan.h5saver = saver
    scan.initialize_time_array(shape)
    if spread:
        axes = [Axis(c, "mm", np.array([0.0, 5, 1, 2]) + k, 0, spread_order=k) for k, c in enumerate("ab")]
    else:
        axes = [Axis(f"a{k}", "mm", np.array([0.0, 1.0, 4.0, 4.5])[:n], index=k) for k, n in enumerate(shape)]
    scan.add_nav_axes(axes[:])
    for i, at in enumerate(np.ndindex(*shape)):
        dte = DataToExport("scan", data=[*grab("Det", i), *grab("Cam", i * 2)])
        scan.add_data(dte, indexes=at, distribution=SPREAD if spread else UNIFORM)
    saver.flush()
    saver.close_file()


def axes_of(path, backend):
    saver = open_with(path, backend)
    loader = data_saving.AxisSaverLoader(saver)
    found = {}
    for node in saver.walk_nodes("/"):
        if "data_type" in node.attrs.attrs_name and node.attrs["data_type"] == "axis":
            axis = loader.load_axis(node.path)
            values = np.asarray(axis.get_data()).tolist()
            found[node.path] = [axis.label, str(axis.units), axis.index, axis.spread_order, values]
    saver.close_file()
    return found


def run(folder):
    report = {}
    for backend, swmr in (("h5py", False), ("h5py", True), ("tables", False)):
        label = f"{backend}{'_swmr' if swmr else ''}"

        def add(kind, write, *args, label=label, backend=backend, swmr=swmr):
            path = f"{folder}/{kind}_{label}.h5"
            given = write(path, backend, swmr, *args)
            told = {**read(path, backend, ("data", "data_enlargeable", "bkg", "error")), "axes": axes_of(path, backend)}
            report[path] = {"kind": kind, "given": given or {}, **told}

        path = f"{folder}/blocks_{label}.h5"
        report[path] = {"kind": "blocks", "given": write_blocks(path, backend, swmr)}
        add("data", write_data)
        add("modules", write_modules)
        add("scan1d", write_scan, (4,), False)
        add("scan2d", write_scan, (2, 3), False)
        add("spread", write_scan, (4,), True)
    return report
