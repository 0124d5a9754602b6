"""Whatever happens, in any order: strip, clock, title, dock, tool bar, tree, tab, tray and status() say the same.

The walk is short in the suite; ``H5SAVER_WALK=300`` makes it three hundred walks, on the real window all the same.
"""

from __future__ import annotations

import os
import shutil
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from pyqtgraph.Qt import QtCore, QtWidgets
from pytestqt.qtbot import QtBot
from recording_helpers import settle, wait_until

from h5saver_widget.demo.scan_run import ScanState
from h5saver_widget.demo.window import DemoWindow
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.qt.status import format_duration
from h5saver_widget.recording.status import RecorderState as State, RecorderStatus

#: The last status of each saver that was told.
told_last: dict[H5Saver, RecorderStatus] = {}
WALKS = int(os.environ.get("H5SAVER_WALK", "1"))
LEFT = QtCore.Qt.MouseButton.LeftButton


def told(window: DemoWindow) -> dict[str, object]:
    """Return what status() says, for each surface in its own form; numbers that grow as they were told last."""
    saver = window.docked
    status, main, numbers = saver.status(), window.h5saver.status(), told_last[saver]
    counts = status.statistics
    if counts.frames_written - numbers.statistics.frames_written > 100:
        numbers = status  # 25 frames/s are 12 until the next time
    return {
        "strip": status.state.value,
        "light": status.state,
        "clock": format_duration(numbers.seconds) if numbers.is_open or numbers.seconds else "",
        "frames": numbers.statistics.frames_written,
        "lost": numbers.statistics.frames_dropped,
        "remarks": "\n".join(status.remarks),
        "title": status.headline,
        "dock": status.state.value,
        "record": main.is_open,
        "Do Save": status.is_open,
        "Pause": (status.can_pause, "Resume" if saver.is_paused else "Pause"),
        "Stop": status.can_pause,
        "Marker": status.can_pause,
        "offer": status.is_given_up,
        "tab": status.state is not State.CLOSED,
        "tray": status.headline,
    }


def shown(window: DemoWindow) -> dict[str, object]:
    """Return what stands on each surface."""
    saver, strip = window.docked, window.docked.strip
    button = saver.tree.button_of
    is_source = saver is window.h5saver
    grabs = not is_source or window.panel.grabbing
    state_on_tab = grabs and not window._tabs.tabIcon(window._tabs.currentIndex()).isNull()
    return {
        "strip": strip.word.text(),
        "light": strip.light.state,
        "clock": strip.clock.text(),
        "frames": int(strip.frames.text().partition(" ")[0].replace(",", "")),
        "lost": int(strip.lost.text().partition(" ")[0].replace(",", "")),
        "remarks": strip.problem.text(),
        "title": window.windowTitle().removesuffix(" - H5Saver demo"),
        "dock": window._saver_dock.windowTitle().rpartition(": ")[2],
        "record": window._record_action.isChecked() and window._record_action.text() == "Stop recording",
        "Do Save": saver.tree.row_of("do_save").widget.isChecked(),
        "Pause": (button("pause").isEnabled(), button("pause").text()),
        "Stop": button("stop").isEnabled(),
        "Marker": button("marker").isEnabled(),
        "offer": not strip.offer.isHidden(),
        "tab": state_on_tab if grabs and not is_source else told(window)["tab"],
        "tray": window._tray.toolTip().removeprefix("H5Saver demo: "),
    }


class Surfaces(RuleBasedStateMachine):
    """A person at the demo window."""

    window: DemoWindow
    qtbot: QtBot

    def __init__(self) -> None:
        super().__init__()
        window = self.window
        window.finish()
        self._settle()
        for saver in self.savers:
            saver.clear_problem()
            saver.settings["recording", "stop_after_frames"] = 0
            saver.settings["recording", "sources"] = ""
            saver.watcher.ended = ""
            saver.show_status()
        window.show_panel("Spectrometer (simulated)")

    @property
    def savers(self):
        return [self.window.h5saver, self.window.viewer.h5saver, self.window.scan.h5saver]

    def _settle(self) -> None:
        for saver in self.savers:
            settle(saver)

    def _press(self, name: str) -> None:
        self.qtbot.mouseClick(self.window.docked.tree.button_of(name), LEFT)
        self._settle()

    @rule(tab=strategies.sampled_from(["Spectrometer (simulated)", "Viewer", "Scan"]))
    def go_to(self, tab: str) -> None:
        self.window.show_panel(tab)

    @rule()
    def do_save(self) -> None:
        self.qtbot.mouseClick(self.window.docked.tree.row_of("do_save").widget, LEFT)
        self._settle()

    @rule(name=strategies.sampled_from(["pause", "stop", "marker", "new_file"]))
    def press_in_the_tree(self, name: str) -> None:
        self._press(name)

    @rule()
    def record(self) -> None:
        if self.window._record_action.isVisible():
            self.window._record_action.trigger()
            self._settle()

    @rule(count=strategies.integers(1, 3))
    def snap(self, count: int) -> None:
        panel = self.window.viewer.panel if self.window.shown is self.window.viewer else self.window.panel
        for _ in range(count):
            panel.snap()
        self.window.recorder.drain()
        self.window.viewer.recorder.drain()

    @rule()
    def lose_a_frame(self) -> None:
        if self.window.docked.isopen():
            self.window.docked.frame_lost("Camera", OSError(28, "No space left on device"))

    @rule()
    def nothing_comes_for_long(self) -> None:
        self.window.docked.watcher.flow._last -= 3600

    @rule()
    def grab_or_stop_grabbing(self) -> None:
        self.window.panel.grab(not self.window.panel.grabbing)

    @rule(backend=strategies.sampled_from(["h5py", "tables"]))
    def choose_a_backend(self, backend: str) -> None:
        saver = self.window.docked
        before = saver.file_path
        saver.settings["backend", "backend_type"] = backend
        assert saver.file_path == before, "nothing ends a recording but who wants it to end"

    @rule(frames=strategies.sampled_from([0, 2]), sources=strategies.sampled_from(["", "Laser"]))
    def set_limits(self, frames: int, sources: str) -> None:
        self.window.docked.settings["recording", "stop_after_frames"] = frames
        self.window.docked.settings["recording", "sources"] = sources

    @rule()
    def take_the_folder_away(self) -> None:
        path = self.window.docked.file_path
        if path is not None:
            shutil.rmtree(path.parent, ignore_errors=True)

    @rule(points=strategies.integers(2, 40))
    def scan(self, points: int) -> None:
        if not self.window.scan.running:
            self.window.scan.set_axis(0, 0.0, 1.0, points)
            self.window.scan.start()

    @rule(name=strategies.sampled_from(["pause", "resume", "stop"]))
    def press_in_the_scan(self, name: str) -> None:
        getattr(self.window.scan, name)()
        self._settle()

    @invariant()
    def all_say_the_same(self) -> None:
        window = self.window
        self._settle()
        try:
            wait_until(lambda: shown(window) == told(window), 3.0)
        except AssertionError:
            found, wanted = shown(window), told(window)
            wrong = {name: (found[name], wanted[name]) for name in wanted if found[name] != wanted[name]}
            assert not wrong, "what stands there, what is so"

    @invariant()
    def it_is_so(self) -> None:
        for saver in self.savers:
            status = saver.status()
            if status.state in (State.RECORDING, State.PAUSED, State.OPEN, State.NOT_ANSWERING):
                assert saver.io.is_open and status.is_open
            if status.state is State.RECORDING:
                assert saver.watcher.flow.is_on and status.statistics.frames_written
            assert saver.frames_lost >= told_last[saver].statistics.frames_dropped
            if status.state is State.CLOSED:
                assert saver.frames_lost == saver.statistics().frames_dropped
                assert not saver.isopen() and not saver.settings["do_save"]
        scan = self.window.scan
        if scan.scan is not None and scan.scan.state is ScanState.PAUSED:
            assert scan.h5saver.is_paused

    def teardown(self) -> None:
        self.window.panel.grab(False)


@pytest.fixture(scope="module")
def window(tmp_path_factory, qapp):
    """Return one window for all walks; its files are written in this process, which takes less time."""
    window = DemoWindow(out=tmp_path_factory.mktemp("walk"))
    for saver in (window.h5saver, window.viewer.h5saver, window.scan.h5saver):
        saver.settings["backend", "isolated"] = False
        for head in saver.tree.sections.values():
            head.setExpanded(True)
        saver.status_changed.connect(partial(told_last.__setitem__, saver))
        saver.show_status()
    for stage in window.scan.actuators:
        stage.settings["speed"] = 1e6
    window.show()
    yield window
    told_last.clear()
    window.close()
    window.deleteLater()
    QtWidgets.QApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def test_every_surface_says_what_is_so(window, qtbot) -> None:
    machine = type("Surfaces", (Surfaces,), {"window": window, "qtbot": qtbot})
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
    ],
    ids=lambda steps: steps[-2],
)
def test_orders_that_have_been_wrong(window, qtbot, steps) -> None:
    machine = type("Surfaces", (Surfaces,), {"window": window, "qtbot": qtbot})()
    do = {
        "go_to": machine.go_to,
        "scan": lambda points: machine.scan(int(points)),
        "press": machine.press_in_the_tree,
        "scan_button": machine.press_in_the_scan,
        "silence": machine.nothing_comes_for_long,
        "record": machine.record,
        "snap": lambda: machine.snap(1),
        "limits": lambda frames: machine.set_limits(int(frames), "Laser"),
        "lose": machine.lose_a_frame,
        "backend": machine.choose_a_backend,
        "no_folder": machine.take_the_folder_away,
    }
    for step in steps:
        name, *words = step.split()
        do[name](*words)
        machine.all_say_the_same()
        machine.it_is_so()
    machine.teardown()
