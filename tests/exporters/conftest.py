"""A file that holds data of every kind."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from export_data import everything

from h5saver_widget import Axis, DataRaw, DataToExport, DetectorSaver, DetectorTimeSaver, ScanSaver


@pytest.fixture(params=[False], ids=["here"])
def isolated(request):
    """Whether the file is in a worker process; where that matters, a test says so."""
    return request.param


@pytest.fixture
def filled(saver):
    """Return a saver with its file still open: a snapshot of everything, a recording, and a scan."""
    module = SimpleNamespace(title="Det")
    snapshot = DetectorSaver(module)
    snapshot.h5saver = saver
    node = snapshot.get_set_node()
    snapshot.add_data(node, DataToExport("Det", data=everything()))
    backgrounds = [np.full(3, 0.25), np.full(3, 0.5)]
    snapshot.add_bkg(node, DataToExport("Det", data=[DataRaw("spectre", data=backgrounds, units="V", origin="Det")]))
    timed = DetectorTimeSaver(SimpleNamespace(title="Log"))
    timed.h5saver = saver
    for i in range(5):
        data = DataRaw("value", data=[np.array([i / 10])], units="K", origin="Log")
        timed.add_data(timed.get_set_node(), DataToExport("Log", data=[data], timestamp=100.0 + i))
    manager = SimpleNamespace(detectors_all=[module], actuators_all=[])
    scan = ScanSaver(SimpleNamespace(title="Scan", modules_manager=manager))
    scan.h5saver = saver
    scan.set_scan_shape((2, 3))
    scan.get_set_node(new=True)
    scan.initialize_time_array()
    scan.add_nav_axes([Axis("p", "mm", np.array([0.0, 5]), 0), Axis("q", "µm", np.array([1.0, 2, 4]), 1)])
    for i, at in enumerate(np.ndindex(2, 3)):
        trace = DataRaw(
            "trace", data=[np.arange(4.0) + i], units="V", axes=[Axis("t", "s", np.arange(4.0))], origin="Det"
        )
        scan.add_data(DataToExport("point", data=[trace]), at)
    saver.add_log("a line µ")
    return saver
