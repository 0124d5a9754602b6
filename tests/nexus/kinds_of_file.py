"""Every kind of recording, made by its module saver."""

from __future__ import annotations

from types import SimpleNamespace

import h5py
import numpy as np

from h5saver_widget import (
    ActuatorTimeSaver,
    Axis,
    BkgSaver,
    DataRaw,
    DataSaverLoader,
    DataToExport,
    DetectorSaver,
    DetectorTimeSaver,
    H5SaverLowLevel,
    LoggerSaver,
    OptimizerSaver,
    ScanSaver,
)


def bundle(i=0.0):
    x, y = Axis("x", "µm", np.array([1.0, 2, 4]), 0), Axis("y", "1", np.array([0.5, 7]), 0)
    data = [
        DataRaw("number", data=[np.array([1.5 + i])] * 2, labels=["a", "b"], units="V"),
        DataRaw("curve", data=[np.arange(3.0) + i] * 2, axes=[x], units="nm", errors=[np.ones(3)] * 2),
        DataRaw("image", data=[np.arange(6, dtype=np.uint16).reshape(2, 3)], axes=[y]),
    ]
    for dwa in data:
        dwa.origin = "Det"
    return DataToExport("Det", data=data, timestamp=100.0 + i)


def ready(kind, saver, *args):
    manager = SimpleNamespace(
        detectors_all=[SimpleNamespace(title="Det")], actuators_all=[SimpleNamespace(title="Stage")]
    )
    made = kind(SimpleNamespace(title="Det", modules_manager=manager), *args)
    made.h5saver = saver
    return made, made.get_set_node(new=True)


def position(i):
    return DataToExport("Stage", data=[DataRaw("Stage", data=[np.array([i])], units="mm", origin="Stage")])


def snapshot(saver):
    made, node = ready(DetectorSaver, saver)
    made.add_bkg(node, bundle())  # the background first, as some hosts do
    made.add_data(node, bundle())


def continuous(saver):
    made, node = ready(DetectorTimeSaver, saver)
    for i in range(4):
        made.add_data(node, bundle(float(i)))


def scan(saver, shape=(4,), spread=False):
    made, _ = ready(ScanSaver, saver)
    made.set_scan_shape(shape)
    made.initialize_time_array()
    if spread:
        made.add_nav_axes(Axis(n, "mm", np.arange(shape[0]) + k, 0, spread_order=k) for k, n in enumerate("ab"))
    else:
        made.add_nav_axes(Axis(f"a{i}", "mm", np.arange(float(n)), i) for i, n in enumerate(shape))
    for i, at in enumerate(np.ndindex(shape)):
        both = DataToExport("all", data=[*position(float(i)), *bundle(float(i))])
        made.add_data(both, at, distribution="spread" if spread else "uniform")


def logger(saver):
    made, _ = ready(LoggerSaver, saver)
    for i in range(3):
        made.add_data(position(float(i)))
        made.add_data(bundle(float(i)))


def optimizer(saver):
    made, _ = ready(OptimizerSaver, saver, ["p"], ["mm"])
    for i in range(3):
        made.add_data([float(i)], bundle(float(i)))


def actuator(saver):
    made, node = ready(ActuatorTimeSaver, saver)
    for i in range(3):
        made.add_data(node, position(float(i)))


def blocks(saver):
    made, node = ready(DetectorTimeSaver, saver)
    t, x = Axis("t", "s", np.array([0.0, 1]), 0), Axis("x", "m", np.array([1.0, 2, 4]), 1)
    for _ in range(2):
        cloud = DataRaw("block", data=[np.arange(6.0).reshape(2, 3)], axes=[t, x], nav_indexes=(0,), origin="Det")
        made.add_data(node, DataToExport("Det", data=[cloud]))


def plain(saver):
    group = saver.add_det_group("/RawData", "Det")
    DataSaverLoader(saver).add_data(group, bundle()[1])
    DataSaverLoader(saver).add_data(group, bundle()[2])
    BkgSaver(saver).add_data(group, bundle()[1])


def written(path, backend, make, *, swmr=False, nexus=True, entry="never", isolated=False):
    with H5SaverLowLevel("custom", backend=backend, isolated=isolated) as saver:
        saver.nexus, saver.nexus_entry = nexus, entry
        saver.init_file(path, swmr=swmr)
        make(saver)
    return path


def groups_of(file):
    found = {"/": file}
    file.visititems(lambda name, node: found.update({f"/{name}": node}) if isinstance(node, h5py.Group) else None)
    return found


def text(value):
    return value.decode() if isinstance(value, bytes) else value


#: Every kind of file: how it is made, and the shape of the array that is plotted first.
KINDS = {
    "snapshot": (snapshot, (2, 3)),
    "continuous": (continuous, (4, 2, 3)),
    "scan 1D": (scan, (4, 2, 3)),
    "scan 2D": (lambda saver: scan(saver, (3, 2)), (3, 2, 2, 3)),
    "spread": (lambda saver: scan(saver, (4,), True), (4, 2, 3)),
    "logger": (logger, (3, 2, 3)),
    "optimizer": (optimizer, (3, 2, 3)),
    "actuator": (actuator, (3, 1)),
    "blocks": (blocks, (4, 3)),
    "plain": (plain, (3,)),
}


def made_kinds(expected):
    """Return for each kind: how it is made, the group that is plotted first, how many are, its shape and axes."""
    assert expected.keys() == KINDS.keys()
    return {kind: (make, *expected[kind][:2], shape, expected[kind][2]) for kind, (make, shape) in KINDS.items()}
