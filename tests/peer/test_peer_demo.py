"""What the demo records, read by the peer: every node of its continuous file and of its snapshots, on both backends."""

from __future__ import annotations

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore
from recording_helpers import settle

from h5saver_widget import DataLoader
from h5saver_widget.demo.window import DemoWindow


@pytest.fixture
def demo_files(qtbot, tmp_path, backend):
    """Record with every source, take a snapshot of each with its background, and return the files."""
    window = DemoWindow(out=tmp_path, backend=backend)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.grab_all()
    qtbot.mouseClick(window._toolbar.widgetForAction(window._record_action), QtCore.Qt.MouseButton.LeftButton)
    before = {panel: panel.frames for panel in window.panels}
    qtbot.waitUntil(lambda: all(panel.frames > before[panel] for panel in window.panels), timeout=20_000)
    window.grab_all(False)
    window.record(False)
    settle(window.h5saver)
    recorded = window.recorder.recording.path
    snapshots = []
    for panel in window.panels:
        panel.take_background()
        window.show_panel(panel.title)
        snapshots.append(window.save_snapshot())
    assert not window.h5saver.isopen()
    return [recorded, *snapshots]


def test_the_peer_reads_what_the_demo_writes(peer, tmp_path, backend, demo_files):
    npz = tmp_path / "arrays.npz"
    found = peer.ask("demo_reader", tmp_path, backend=backend, files=[str(file) for file in demo_files], npz=str(npz))
    arrays = np.load(npz)
    for file in map(str, demo_files):
        with DataLoader(file, backend=backend) as loader:
            nodes = {node.path: node.attrs.get("data_type") for node in loader.walk_nodes("/")}
            ours = {path for path, role in nodes.items() if role in ("data", "data_enlargeable", "bkg")}
            assert found["nodes"][file].keys() == ours
            listed = [path for path in found["browsed"][file]["paths"] if not path.startswith("/_i_")]
            assert sorted(listed) == sorted(nodes)
            assert found["browsed"][file]["complaints"] == []
            for path, theirs in found["nodes"][file].items():
                data = loader.load_data(path)
                np.testing.assert_array_equal(arrays[f"{file}:{path}"], data.data[0])
                assert arrays[f"{file}:{path}"].dtype == data.dtype
                for name in ("name", "labels", "units", "origin"):
                    assert theirs[name] == getattr(data, name), path
                axes = {tuple(facts): arrays[f"{file}:{path}:{number}"] for number, facts in theirs["axes"].items()}
                assert axes.keys() == {(axis.label, axis.units, axis.index) for axis in data.axes}, path
                for axis in data.axes:  # the peer regenerates linear axes: the last digits may differ
                    np.testing.assert_allclose(axes[axis.label, axis.units, axis.index], axis.get_data(), rtol=1e-12)
