"""A person at the demo window who does anything in any order, and what has to stand on each surface meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from time import monotonic

from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pyqtgraph.Qt import QtCore
from pytestqt.qtbot import QtBot
from qt_events import turn_wheel
from surfaces import frames_in, handle_events_until, settle, shown, told, told_last

from h5saver_widget.demo.scan_run import ScanState
from h5saver_widget.demo.sources import SourceError
from h5saver_widget.demo.window import DemoWindow
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.recording.status import RecorderState as State, RecorderStatus

LEFT = QtCore.Qt.MouseButton.LeftButton
SPECTROMETER = "Spectrometer (simulated)"


class Surfaces(RuleBasedStateMachine):
    """A person at the demo window."""

    window: DemoWindow
    qtbot: QtBot
    folder: Path
    #: Whether the folder is a disk of its own, which may be filled.
    may_fill = False

    def __init__(self) -> None:
        super().__init__()
        window = self.window
        self.room_again()
        window.finish()
        self._settle()
        for saver in self.savers:
            saver.clear_problem()
            settings = saver.settings
            for name in ("stop_after_frames", "roll_over_frames"):
                settings["recording", name] = 0
            for name in ("sources", "name_template", "template"):
                settings["recording", name] = ""
            settings["base_path"] = str(self.folder)
            saver.watcher.ended = ""
            if saver.analysis_prog is not None:
                saver.analysis_prog.close()
            saver.show_status()
        window.show_panel(SPECTROMETER)
        window.show()
        #: Files that something was done to, and those that were compared already.
        self.steps, self.began = 0, monotonic()
        self.harmed: set[Path | None] = {saver.status().path for saver in self.savers}
        self.spoilt: set[Path] = set()
        #: The file that each window with content shows.
        self.content: dict[H5Saver, str] = {}

    @property
    def savers(self) -> list[H5Saver]:
        return [self.window.h5saver, self.window.viewer.h5saver, self.window.scan.h5saver]

    @property
    def docked(self) -> H5Saver:
        return self.window.docked

    def _settle(self) -> None:
        settle(self.savers)

    def _press(self, name: str) -> bool:
        """Click on a button of the tree; return whether it could be pressed."""
        button = self.docked.tree.button_of(name)
        could = button.isEnabled()
        self.qtbot.mouseClick(button, LEFT)
        self._settle()
        return could

    def _spoil(self) -> None:
        """Keep in mind that what is open now may have lost something."""
        found = {saver.file_path for saver in self.savers if saver.file_path is not None}
        self.harmed |= found
        self.spoilt |= found | {Path(name) for name in self.content.values()}

    # ------------------------------------------------------------------ the window
    @rule(tab=strategies.sampled_from([SPECTROMETER, "Viewer", "Scan"]))
    def go_to(self, tab: str) -> None:
        self.window.show_panel(tab)

    @rule()
    def hide_and_show(self) -> None:
        self.window.hide()
        self._settle()
        self.window.show()

    @rule()
    def end_everything(self) -> None:
        self.window.finish()
        self._settle()
        assert not any(saver.isopen() for saver in self.savers)

    # ------------------------------------------------------------------- the saver
    @rule()
    def do_save(self) -> None:
        was_open = self.docked.isopen()
        self.qtbot.mouseClick(self.docked.tree.row_of("do_save").widget, LEFT)
        self._settle()
        status = self.docked.status()
        assert status.is_open != was_open or status.state is State.ERROR, status

    @rule(name=strategies.sampled_from(["pause", "stop", "marker", "new_file"]))
    def press_in_the_tree(self, name: str) -> None:
        saver, was_paused, before = self.docked, self.docked.is_paused, self.docked.generation
        could = self._press(name)
        if name == "stop" and could:
            assert not saver.isopen()
        elif name == "pause" and could and not saver.scan_runs and not self.window.scan.running:
            assert saver.is_paused != was_paused or not saver.isopen()
        elif name == "new_file":
            status = saver.status()
            assert saver.generation != before or status.pending or status.problem, status

    @rule()
    def press_the_key_of_markers(self) -> None:
        self.qtbot.keyClick(self.docked.tree, QtCore.Qt.Key.Key_M, QtCore.Qt.KeyboardModifier.ControlModifier)
        self._settle()

    @rule()
    def take_the_offer(self) -> None:
        offer, saver = self.docked.strip.offer, self.docked
        if not offer.isHidden():
            self.qtbot.mouseClick(offer, LEFT)
            self._settle()
            assert not saver.status().is_given_up, "the button helps"

    @rule(
        name=strategies.sampled_from(
            [("backend", "backend_type"), ("data_format", "dynamic"), ("recording", "reserve")]
        )
    )
    def turn_the_wheel_over(self, name: tuple[str, ...]) -> None:
        saver = self.docked
        box, before = saver.tree.row_of(*name).widget, saver.settings[name]
        box.setFocus()
        turn_wheel(box)
        assert saver.settings[name] == before

    @rule(backend=strategies.sampled_from(["h5py", "tables"]), swmr=strategies.booleans())
    def choose_a_backend(self, backend: str, swmr: bool) -> None:
        saver = self.docked
        before = saver.file_path
        saver.settings["backend", "backend_type"] = backend
        saver.settings["backend", "swmr_options", "enable_swmr"] = swmr and backend == "h5py"
        assert saver.file_path == before, "nothing ends a recording but who wants it to end"

    @rule(
        frames=strategies.sampled_from([0, 0, 2]),
        roll=strategies.sampled_from([0, 0, 2]),
        sources=strategies.sampled_from(["", "Laser"]),
    )
    def set_limits(self, frames: int, roll: int, sources: str) -> None:
        settings = self.docked.settings
        settings["recording", "stop_after_frames"] = frames
        settings["recording", "roll_over_frames"] = roll
        settings["recording", "sources"] = sources

    @rule(
        folder=strategies.sampled_from(["", "", "another", "a file/below"]),
        pattern=strategies.sampled_from(["", "{base}_{counter}", "{nonsense}"]),
        template=strategies.sampled_from(["", "bare", "optics", "nowhere.toml"]),
    )
    def set_names(self, folder: str, pattern: str, template: str) -> None:
        saver = self.docked
        before = saver.file_path
        saver.settings["base_path"] = str(self.folder / folder)
        saver.settings["recording", "name_template"] = pattern
        saver.settings["recording", "template"] = template
        self._settle()
        assert saver.file_path == before

    # --------------------------------------------------------------------- frames
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
        self._drain()

    def _drain(self) -> None:
        self.window.recorder.drain()
        self.window.viewer.recorder.drain()

    @rule()
    def save_a_snapshot(self) -> None:
        before = [saver.file_path for saver in self.savers]
        self.window.save_snapshot()
        assert [saver.file_path for saver in self.savers] == before

    @rule()
    def grab_or_stop_grabbing(self) -> None:
        self.window.panel.grab(not self.window.panel.grabbing)

    @rule()
    def the_detector_fails(self) -> None:
        panel = self.window.panel
        read, panel.source.read = panel.source.read, _fail
        try:
            panel.snap()
        finally:
            panel.source.read = read
        assert not panel.grabbing

    @rule()
    def lose_a_frame(self) -> None:
        if self.docked.isopen():
            self.docked.frame_lost("Camera", OSError(28, "No space left on device"))

    @rule()
    def nothing_comes_for_long(self) -> None:
        self.docked.watcher.flow._last -= 3600

    # ----------------------------------------------------------------------- disk
    @precondition(lambda self: ISOLATED)
    @rule()
    def kill_the_process(self) -> None:
        saver = self.docked
        if saver.isopen():
            self._spoil()
            os.kill(saver.io.pid, signal.SIGKILL)
            assert handle_events_until(lambda: saver.status().is_given_up), "its end is noticed"

    @rule()
    def take_the_folder_away(self) -> None:
        path = self.docked.file_path
        if path is not None:
            self._spoil()
            shutil.rmtree(path.parent, ignore_errors=True)

    @precondition(lambda self: self.may_fill)
    @rule(reserve=strategies.sampled_from([500, 500, 0]))
    def fill_the_disk(self, reserve: int) -> None:
        self._spoil()
        for saver in self.savers:
            saver.settings["recording", "reserve"] = reserve
        with (self.folder / "other things").open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65536))
            except OSError:
                pass

    @rule()
    def room_again(self) -> None:
        (self.folder / "other things").unlink(missing_ok=True)

    # ----------------------------------------------------------------------- scan
    @rule(points=strategies.integers(2, 40))
    def scan(self, points: int) -> None:
        if not self.window.scan.running:
            self.window.scan.set_axis(0, 0.0, 1.0, points)
            self.window.scan.start()

    @rule(name=strategies.sampled_from(["pause", "resume", "stop"]))
    def press_in_the_scan(self, name: str) -> None:
        getattr(self.window.scan, name)()
        self._settle()

    # -------------------------------------------------------------------- content
    @rule()
    def show_content(self) -> None:
        self._press("show_file")
        browser = self.docked.analysis_prog
        if browser is not None:
            browser.follower._clock.setInterval(20)
            self.content[self.docked] = browser.bar.path_label.text()

    @rule(on=strategies.booleans())
    def follow_content(self, on: bool) -> None:
        if self.docked.analysis_prog is not None:
            self.docked.analysis_prog.follow.setChecked(on)

    @rule(path=strategies.sampled_from(["/", "/RawData", "/RawData/Logger", "/RawData/Detector000"]))
    def look_into_content(self, path: str) -> None:
        if self.docked.analysis_prog is not None:
            self.docked.analysis_prog.select(path)

    @rule()
    def close_content(self) -> None:
        if self.docked.analysis_prog is not None:
            self.docked.analysis_prog.close()

    # ------------------------------------------------------------------ invariants
    @invariant()
    def all_say_the_same(self) -> None:
        window = self.window
        self.steps += 1
        self._settle()
        if not handle_events_until(lambda: shown(window) == told(window), 3.0):
            found, wanted = shown(window), told(window)
            wrong = {name: (found[name], wanted[name]) for name in wanted if found[name] != wanted[name]}
            assert not wrong, f"what stands there, what is so: {wrong}"

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
            if not status.is_open and status.part == 1 and saver is not window_scan(self.window):
                self._compare_with_the_file(status)
        scan = self.window.scan
        if scan.scan is not None and scan.scan.state is ScanState.PAUSED:
            assert scan.h5saver.is_paused

    @invariant()
    def content_goes_on_being_shown(self) -> None:
        """See whether a window with content shows its file, and the next one only if it follows."""
        for saver in self.savers:
            browser = saver.analysis_prog
            if browser is None or not browser.isVisible():
                continue
            if browser.follow.isChecked() and saver.isopen():
                self.content[saver] = str(saver.file_path)
            wanted = self.content[saver]
            assert handle_events_until(lambda: browser.bar.path_label.text() == wanted, 3.0), (  # noqa: B023
                browser.bar.path_label.text(),
                wanted,
            )
            assert browser.windowTitle().startswith(Path(wanted).name)
            if Path(wanted) not in self.spoilt:
                assert not browser.current_file().problem

    def _compare_with_the_file(self, status: RecorderStatus) -> None:
        """See whether as many frames as are said to be written are in the file that was closed."""
        path = status.path
        if path is not None and path.is_file() and path not in self.harmed:
            assert frames_in(path) == status.statistics.frames_written, path
            self.harmed.add(path)  # once is enough

    def teardown(self) -> None:
        self.window.panel.grab(False)
        if WALKS > 1:
            print(f"{self.steps} steps, {monotonic() - self.began:.1f} s")


def window_scan(window: DemoWindow) -> H5Saver:
    return window.scan.h5saver


def _fail() -> None:
    raise SourceError("the cable is out")


_HOW = os.environ.get("H5SAVER_WALK", "1").split()
#: How many walks there are, and whether processes of their own write the files.
WALKS, ISOLATED = int(_HOW[0]), "isolated" in _HOW
