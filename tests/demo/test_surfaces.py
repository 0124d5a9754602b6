"""Whatever happens, in any order: strip, clock, title, dock, tool bars, tree, tab, tray and status() say the same.

The walk is short in the suite; ``H5SAVER_WALK=300`` makes it three hundred walks, on the real window all the same, and
``H5SAVER_WALK="300 isolated"`` has processes write the files.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from pyqtgraph.Qt import QtCore, QtWidgets
from surfaces import told_last
from walk import ISOLATED, WALKS, Surfaces

from h5saver_widget.demo.window import DemoWindow
from h5saver_widget.qt import telling


@pytest.fixture(scope="module")
def disk():
    """Return a folder, and whether it is a small disk of its own.

    Not one of pytest's: what a killed walk leaves mounted could be removed by nobody.
    """
    folder = Path(tempfile.mkdtemp(prefix="h5saver-walk-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "h5saver-walk", str(folder)]
    mounted = sys.platform == "linux" and subprocess.run(command, capture_output=True).returncode == 0
    yield folder, mounted
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def window(disk, qapp):
    """Return one window for all walks; its files are written in this process, which takes less time."""
    folder, _ = disk
    (folder / "a file").touch()
    window = DemoWindow(out=folder)
    looked, telling.SHOW_SECONDS = telling.SHOW_SECONDS, 0.02  # nobody has to read it
    window._status_timer.setInterval(20)
    for saver in (window.h5saver, window.viewer.h5saver, window.scan.h5saver):
        saver.settings["backend", "isolated"] = ISOLATED
        saver._report_timer.setInterval(10)
        for head in saver.tree.sections.values():
            head.setExpanded(True)
        saver.status_changed.connect(partial(told_last.__setitem__, saver))
        saver.show_status()
    for stage in window.scan.actuators:
        stage.settings["speed"] = 1e6
    window.show()
    yield window
    telling.SHOW_SECONDS = looked
    told_last.clear()
    window.close()
    window.deleteLater()
    QtWidgets.QApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


@pytest.fixture
def machine(window, disk, qtbot):
    """Return a person at this window."""
    folder, may_fill = disk
    given = {"window": window, "qtbot": qtbot, "folder": folder, "may_fill": may_fill}
    return type("Surfaces", (Surfaces,), given)


def test_every_surface_says_what_is_so(machine) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # threads take part: another run of the same steps is another walk
            database=None,
        ),
    )


@pytest.mark.parametrize(
    "steps",
    [
        # the order in which each state of the widget has been untrue
        ["go_to Scan", "scan 40", "press pause", "press pause", "scan_button stop"],
        ["go_to Scan", "scan 3", "silence"],
        ["record", "snap", "silence", "snap", "press pause", "press pause", "press stop"],
        ["press new_file", "press stop"],
        ["limits 2", "record", "snap", "snap"],
        ["record", "lose", "lose", "snap", "press stop"],
        ["record", "snap", "backend tables", "backend h5py", "press new_file", "snap", "press stop"],
        ["record", "snap", "no_folder", "snap", "press stop"],
        ["no_place", "press new_file", "end"],
    ],
    ids=lambda steps: steps[-2],
)
def test_orders_that_have_been_wrong(machine, steps) -> None:
    machine = machine()
    do = {
        "go_to": machine.go_to,
        "scan": lambda points: machine.scan(int(points)),
        "press": machine.press_in_the_tree,
        "scan_button": machine.press_in_the_scan,
        "silence": machine.nothing_comes_for_long,
        "record": machine.record,
        "snap": lambda: machine.snap(1),
        "limits": lambda frames: machine.set_limits(int(frames), 0, "Laser"),
        "lose": machine.lose_a_frame,
        "backend": lambda name: machine.choose_a_backend(name, False),
        "no_folder": machine.take_the_folder_away,
        "no_place": lambda: machine.set_names("a file/below", "", ""),
        "end": machine.end_everything,
    }
    for step in steps:
        name, *words = step.split()
        do[name](*words)
        machine.all_say_the_same()
        machine.it_is_so()
    machine.teardown()
