"""Runs inside a child process, with the peer (peer_server.py).

Of a job, ``read`` lists files that the peer's loader reads, ``browse`` those its browser opens, ``write`` is a folder
that the peer's savers write into, ``objects`` a folder that *our* savers write the peer's own data objects into.
The report holds, for each, what the peer's objects say of themselves, so that the test can compare it with what our
loader says.
"""

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from pymodaq_data.data import Axis, DataCalculated, DataRaw, DataToExport  # isort: skip
from pymodaq_data.h5modules import data_saving
from pymodaq_data.h5modules.saving import H5SaverLowLevel


def array_facts(array):
    array = np.asarray(array)
    if array.dtype.kind == "c":
        return {"dtype": str(array.dtype), "real": array.real.tolist(), "imag": array.imag.tolist()}
    return {"dtype": str(array.dtype), "values": array.tolist()}


def facts(dwa):
    return {
        "name": dwa.name,
        "units": str(dwa.units),
        "labels": list(dwa.labels),
        "origin": dwa.origin,
        "dim": dwa.dim.name,
        "source": dwa.source.name,
        "distribution": dwa.distribution.name,
        "nav_indexes": list(dwa.nav_indexes),
        "timestamp": dwa.timestamp,
        "data": [array_facts(array) for array in dwa.data],
        "errors": None if dwa.errors is None else [array_facts(array) for array in dwa.errors],
        "axes": [[a.label, str(a.units), a.index, a.spread_order, np.asarray(a.get_data()).tolist()] for a in dwa.axes],
    }


# ------------------------------------------------------------------------------------------------ the peer reads
def read(path, backend, kinds=("data", "data_enlargeable", "bkg")):
    loader = data_saving.DataLoader(open_with(path, backend))
    found, failed = {}, {}
    for node in loader.walk_nodes("/"):
        kind = node.attrs["data_type"] if "data_type" in node.attrs.attrs_name else ""
        if kind in kinds:
            has_bkg = kind not in ("bkg", "error") and "Bkg00" in node.parent_node.children_name()
            for with_bkg in (False, True) if has_bkg else (False,):
                try:
                    dwa = loader.load_data(node.path, with_bkg=with_bkg)
                    found[f"{node.path} {with_bkg}"] = facts(dwa)
                except Exception as error:
                    failed[f"{node.path} {with_bkg}"] = repr(error)
    loader.close_file()
    return {"nodes": found, "failed": failed}


def all_of(path, backend):
    """Read every node of its own, all of them at once, and the log."""
    loader = data_saving.DataLoader(open_with(path, backend))
    everything = [dwa.get_full_name() for dwa in loader.load_all("/")]
    log = loader.get_node("/RawData/Logger").read()
    loader.close_file()
    return {**read(path, backend), "all": everything, "log": log}


def open_with(path, backend):
    saver = H5SaverLowLevel(backend=backend)
    saver.init_file(Path(path), mode="r")
    return saver


class Complaints(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append(self.format(record))


def browse(files, backend, writing=False):
    """Open files one after the other in a window of the peer's browser, and click on every node."""
    from pymodaq_gui.h5modules import browsing
    from qtpy import QtWidgets

    complaints = Complaints()
    logging.getLogger("pymodaq").addHandler(complaints)
    browsing.logger.addHandler(complaints)
    window, browser, found = QtWidgets.QMainWindow(), None, {}
    for file in files:
        complaints.messages = []
        if browser is None:
            browser = browsing.H5Browser(window, h5file_path=file, backend=backend)
        else:
            browser.load_file(h5file_path=file)
        if writing:
            browser.refresh_file()  # it opens the file for writing then
        found[file] = {"paths": list(_clicked(browser)), "complaints": complaints.messages}
        browser.h5utils.close_file()
    browsing.logger.removeHandler(complaints)
    logging.getLogger("pymodaq").removeHandler(complaints)
    window.close()
    return found


def _clicked(browser):
    tree = browser.view.h5file_tree.tree
    waiting = [tree.topLevelItem(i) for i in range(tree.topLevelItemCount())]
    while waiting:
        item = waiting.pop()
        tree.setCurrentItem(item)
        browser.show_h5_attributes(item)
        yield browser.current_node_path
        waiting += [item.child(i) for i in range(item.childCount())]


# ----------------------------------------------------------------------------------------------- the peer writes
def append(path, backend):
    saver = H5SaverLowLevel(backend=backend)
    saver.init_file(Path(path))
    group = saver.add_det_group("/RawData", "Appended", settings_as_xml="<All/>")
    data_saving.DataToExportSaver(saver).add_data(group, bundle())
    saver.close_file()


def bundle(i=0.0, errors=True):
    axes = [Axis("x", "m", np.array([1.0, 2.0, 4.0]), index=0)]
    image_axes = [Axis("y", "s", np.array([0.0, 3.0]), index=0), Axis("x", "m", np.array([1.0, 2.0, 4.0]), index=1)]
    return DataToExport(
        "Det",
        data=[
            DataRaw("zero", data=[np.array([1.5 + i]), np.array([2.5 - i])], labels=["a", "b"], origin="Det",
                    units="V"),
            DataCalculated("one", data=[np.arange(3.0) + i], axes=axes, units="nm", origin="Det",
                           errors=[np.full(3, 0.5 + i)] if errors else None),
            DataRaw("two", data=[np.arange(6, dtype=np.uint16).reshape(2, 3)], axes=image_axes, origin="Det"),
        ],
    )  # fmt: skip


def cloud():
    axes = [Axis("n", "s", np.array([0.0, 1, 3, 4]), index=0), Axis("x", "m", np.array([1.0, 2, 4]), index=1)]
    return DataRaw(
        "cloud", data=[np.arange(12.0).reshape(4, 3) * 1j], axes=axes, nav_indexes=(0,), origin="Det", gain=3
    )


def new(path, backend, swmr=False):
    saver = H5SaverLowLevel("detector", backend=backend)
    saver.init_file(Path(path), new_file=True, swmr_mode=swmr)
    return saver


def write(folder):
    files = {}
    for backend, swmr in (("h5py", False), ("h5py", True), ("tables", False)):
        label = f"{backend}{'_swmr' if swmr else ''}"
        path = f"{folder}/snapshot_{label}.h5"
        saver = new(path, backend, swmr)
        group = saver.add_det_group("/RawData", "Det")
        dte = bundle()
        dte.append(cloud())
        data_saving.DataToExportSaver(saver).add_data(group, dte)
        data_saving.DataToExportSaver(saver).add_bkg(group, bundle(1.0, errors=False))
        saver.close_file()
        files[path] = "snapshot"

        path = f"{folder}/timed_{label}.h5"
        saver = new(path, backend, swmr)
        group = saver.add_det_group("/RawData", "Det")
        timed = data_saving.DataToExportTimedSaver(saver)
        for i in range(3):
            timed.add_data(group, bundle(float(i)))
        saver.close_file()
        files[path] = "timed"

        for spread in (False, True):
            path = f"{folder}/scan{'_spread' if spread else ''}_{label}.h5"
            saver = new(path, backend, swmr)
            scan = saver.add_scan_group("/RawData", "Scan")
            group = saver.add_det_group(scan, "Det")
            shape = (4,) if spread else (2, 3)
            extended = data_saving.DataToExportExtendedSaver(saver, shape)
            dist = data_saving.DataDistribution["spread" if spread else "uniform"]
            if spread:
                axes = [Axis(c, "mm", np.array([0.0, 5, 1, 2]) + k, 0, spread_order=k) for k, c in enumerate("ab")]
            else:
                axes = [Axis(f"a{k}", "mm", np.array([0.0, 1.0, 4.0])[:n], index=k) for k, n in enumerate(shape)]
            extended.add_nav_axes(scan, axes)
            for i, at in enumerate(np.ndindex(shape)):
                extended.add_data(group, bundle(float(i)), at, distribution=dist)
            saver.close_file()
            files[path] = "spread" if spread else "scan"
    return files


# -------------------------------------------------------------------------- our savers, the peer's data objects
def objects(folder):
    from pymodaq.utils.data import DataActuator

    import h5saver_widget as ours

    report = {}
    for backend in ("h5py", "tables"):
        path = f"{folder}/objects_{backend}.h5"
        with ours.H5SaverLowLevel("scan", backend=backend) as saver:
            saver.init_file(Path(path))
            dte = bundle()
            dte.append(cloud())
            dte.append(DataActuator("stage", data=3.5, units="mm"))
            ours.AxisSaverLoader(saver).add_axis("/RawData", dte[1].axes[0])
            snapshot = saver.add_det_group("/RawData", "snapshot")
            ours.DataToExportSaver(saver).add_data(snapshot, dte)
            ours.DataToExportSaver(saver).add_bkg(snapshot, bundle(1.0, errors=False))
            single = saver.add_det_group("/RawData", "single")
            for dwa in bundle():
                ours.DataSaverLoader(saver).add_data(single, dwa)
            timed, extended = saver.add_det_group("/RawData", "timed"), saver.add_det_group("/RawData", "extended")
            timed_saver = ours.DataToExportTimedSaver(saver)
            extended_saver = ours.DataToExportExtendedSaver(saver, (3,))
            growing = ours.DataToExportEnlargeableSaver(saver, ["p"], ["mm"])
            grown = saver.add_det_group("/RawData", "grown")
            for i in range(3):
                timed_saver.add_data(timed, bundle(float(i)))
                extended_saver.add_data(extended, bundle(float(i)), (i,), data_saving.DataDistribution.uniform)
                growing.add_data(grown, bundle(float(i)), axis_values=[DataActuator("p", data=float(i))])
            modules = SimpleNamespace(detectors_all=[SimpleNamespace(title="Det")], actuators_all=[])
            scan = ours.ScanSaver(SimpleNamespace(title="DAQScan", modules_manager=modules))
            scan.h5saver = saver
            scan.set_scan_shape((3,))
            scan.get_set_node(new=True)
            scan.add_nav_axes([Axis("n", "mm", np.array([0.0, 1.0, 3.0]))])
            for i in range(3):
                scan.add_data_bundle(
                    data_saving.DataBundle(
                        bundle(float(i)), indexes=(i,), distribution=data_saving.DataDistribution.uniform
                    )
                )
        report[path] = {
            "snapshot": [facts(dwa) for dwa in dte],
            "points": [[facts(dwa) for dwa in bundle(float(i))] for i in range(3)],
        }
    return report


def run(**job):
    report = {}
    if "read" in job:
        report["read"] = {path: all_of(path, job["backend"]) for path in job["read"]}
        report["browse"] = browse(job["browse"], job["backend"])
    if "append" in job:
        for path in job["append"]:
            append(path, job["backend"])
        report = browse(job["append"], job["backend"], writing=True)
    if "write" in job:
        report["write"] = {}
        for path, kind in write(job["write"]).items():
            # read by the library that wrote it: the peer's tables reader crashes on its own SWMR files
            report["write"][path] = {"kind": kind, **all_of(path, "tables" if "tables" in path else "h5py")}
    if "objects" in job:
        report["objects"] = objects(job["objects"])
    return report
