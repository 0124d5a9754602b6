"""H5Saver: the component a program embeds. Put ``settings_tree`` into a window, connect ``status_sig``, save data.

Several savers live side by side; each has its own settings, file and window. Data may be saved from any thread; signals
reach slots in theirs.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.errors import WrongThreadError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.qt import parameters, questions, screenshots, telling
from h5saver_widget.qt.asker import Asker, BackgroundCall
from h5saver_widget.qt.binding import Binding
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.saver_buttons import PRESSED
from h5saver_widget.qt.saver_view import SaverView
from h5saver_widget.qt.status import ThreadCommand, explain
from h5saver_widget.qt.typed import Parameters, QObject, SignalOf, slot
from h5saver_widget.recording.alarms import Alarm
from h5saver_widget.recording.file_events import log_error
from h5saver_widget.recording.saver import H5SaverBase
from h5saver_widget.recording.status import RecorderStatus

if TYPE_CHECKING:
    from h5saver_widget.format.layout import SaveTypeName
    from h5saver_widget.qt.settings_view import SettingsTree
    from h5saver_widget.qt.status_strip import StatusStrip

__all__ = ["H5Saver"]

logger = logging.getLogger(__name__)

#: How often the number of saved frames is told, in milliseconds: people read no faster, frames may come every 50 us.
REPORT_MS = 100

#: So long the GUI thread waits for a file, if a program has it wait, in s.
_PATIENCE = 10.0


def _caught(slot: Callable[..., Any]) -> Callable[..., Any]:
    """Report errors of a slot: an exception that leaves one ends the program (PyQt aborts)."""

    @functools.wraps(slot)
    def safe(self: H5Saver, *args: Any) -> Any:
        try:
            return slot(self, *args)
        except Exception as error:
            self.slot_failed(error)
            return None

    return safe


class H5Saver(H5SaverBase, QObject):
    """Saves laboratory data into HDF5 files; shows and takes its settings in a tree.

    Parameters
    ----------
    save_type
        The purpose of the files (``'scan'``, ``'detector'``...); decides how they are named.
    backend
        Name of the backend; None for the configured default.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> saver = H5Saver('detector')
    >>> _ = saver.status_sig.connect(lambda status: print(status.command))
    >>> saver.settings_tree.show()  # or put it into a layout or dock of your program
    >>> saver.settings_tree.close()
    True
    """

    status_sig: SignalOf[[ThreadCommand]] = QtCore.Signal(object)
    """Every change of state, as a :class:`~h5saver_widget.qt.status.ThreadCommand`, which lists the commands."""

    new_file_sig: SignalOf[[]] = QtCore.Signal()
    """'New file' was pressed. A slot may make the file itself (``init_file(update_h5=True)``); else the saver does."""

    file_changed_sig: SignalOf[[str]] = QtCore.Signal(str)
    """The user has picked another existing file; its path."""

    stopping_sig: SignalOf[[]] = QtCore.Signal()
    """*Do Save* was switched off, and the file is about to be closed. A program that hands frames to a thread says by
    :meth:`before_closing` what waits for them."""

    alarm_sig: SignalOf[[Alarm]] = QtCore.Signal(object)
    """A needed source is silent, frames are missing, something has failed, the disk is nearly full or does not answer.
    It carries an :class:`~h5saver_widget.recording.alarms.Alarm`."""

    status_changed: SignalOf[[RecorderStatus]] = QtCore.Signal(object)
    """How the recorder is, as a :class:`~h5saver_widget.recording.status.RecorderStatus`: at every change, and twice a
    second while a file is open. Whatever shows a state takes it from here, so that all say the same."""

    _call = QtCore.Signal(object)
    """A call that another thread wants made in the thread of this object."""

    _state_changes = QtCore.Signal()
    """A file was opened or closed, something went wrong, in whatever thread; received in the thread of this object."""

    _question = QtCore.Signal(object, bool)
    """The worker has found that the SWMR state of a file that was picked is not that of the settings: path, state."""

    settings: Parameters
    waits_for_switch = False
    settings_name = parameters.SETTINGS_NAME
    params = parameters.saver_params()

    def __init__(self, save_type: SaveType | SaveTypeName = SaveType.scan, backend: str | None = None) -> None:
        QObject.__init__(self)
        if QtWidgets.QApplication.instance() is not None:
            self._require_gui_thread("a saver with a window")
        self._keeper = Keeper(self)
        self.view: SaverView | None = None
        self._reported = (0, 0, 0)
        self._shown: tuple[object, ...] = ()
        self._shown_at = 0.0
        self._failed_generation = -1
        self.analysis_prog: H5Browser | None = None
        self._report_timer = QtCore.QTimer(self, interval=REPORT_MS, timeout=self._tick)
        # Queued: one file is closed and the next opened in one go, and what counts is how it ends.
        self._state_changes.connect(self._follow_file, QtCore.Qt.ConnectionType.QueuedConnection)
        self._call.connect(self._called, QtCore.Qt.ConnectionType.QueuedConnection)
        self._question.connect(self._ask_swmr, QtCore.Qt.ConnectionType.QueuedConnection)
        self._connection = Asker("connection", self)
        self._connection.answered.connect(self._tested)
        self._missing: tuple[str, ...] = ()
        self._said_once = ""
        super().__init__(save_type, backend)
        self.alarms.listeners.append(self.alarm_sig.emit)
        self.intake.window_thread = threading.get_ident()
        self.settings = Parameter.create(
            name=self.settings_name,
            title="Saving",
            type="group",
            children=parameters.saver_params(self.save_type, self.store.current.backend_type),
        )
        if reason := self.why_not_isolated():
            row = self.settings.child("backend", "isolated")
            row.setOpts(enabled=False, title=f"{row.title()} (not possible here)", tip=reason)
        self._binding = Binding(self.store, self.settings, self._in_own_thread, self._refused)
        self.store.listen(self._look_changed)
        for path in parameters.action_paths():
            self.settings.child(*path).sigActivated.connect(self._pressed)

    choose_swmr, choose_new_path = questions.choose_swmr, questions.choose_new_path
    choose_existing_path, naming_time = questions.choose_existing_path, questions.naming_time
    show_status, show_file_content = telling.show_status, telling.show_file_content
    add_screenshot = screenshots.add_screenshot

    # ---------------------------------------------------------------- screen
    @property
    def settings_tree(self) -> SaverView:
        """The widget to embed: the settings, and below them how saving goes. Made when it is first asked for.

        Raises
        ------
        WrongThreadError
            In another thread than the GUI thread, or if the saver was moved to one.
        """
        self._require_gui_thread("the settings tree")
        if self.view is None:
            self.view = SaverView(self)
        return self.view

    @property
    def tree(self) -> SettingsTree:
        """The settings on screen, in :attr:`settings_tree`."""
        return self.settings_tree.tree

    @property
    def strip(self) -> StatusStrip:
        """How saving goes on screen, in :attr:`settings_tree`."""
        return self.settings_tree.strip

    def _require_gui_thread(self, what: str) -> None:
        application = QtWidgets.QApplication.instance()
        gui = None if application is None else application.thread()
        if QtCore.QThread.currentThread() != gui or self.thread() != gui:
            raise WrongThreadError(
                f"{what} belongs to the GUI thread: make the saver there, and ask for it there. Any thread may record, "
                "start and stop; where there is no window, take a Recorder"
            )

    def moveToThread(self, thread: QtCore.QThread) -> None:
        """Refuse to be moved, with WrongThreadError: timers and the settings tree belong to the GUI thread."""
        if thread != self.thread():
            raise WrongThreadError(
                "a saver can't be moved to another thread: make and leave it in the GUI thread. Any thread may "
                "record, start and stop, without that; where there is no window, take a Recorder"
            )

    def show_settings(self, show: bool = True) -> None:
        """Show or hide the settings."""
        self.settings_tree.setVisible(show)

    def show_form(self) -> None:
        """Show the notes in the settings: the form of the template, if one is chosen."""
        self.settings_tree.setVisible(True)
        self.tree.show_section("Notes")
        window = self.settings_tree.window()
        window.raise_()
        window.activateWindow()

    # ---------------------------------------------------------------- remote
    # Any thread may call these slots.
    start, stop, trigger = slot()(H5SaverBase.start), slot()(H5SaverBase.stop), slot()(H5SaverBase.trigger)
    pause, resume = slot()(H5SaverBase.pause), slot()(H5SaverBase.resume)
    status = slot(result=object)(H5SaverBase.status)

    def _in_own_thread(self, call: Callable[[], None]) -> None:
        if QtCore.QThread.currentThread() == self.thread():
            call()
        else:
            self._call.emit(call)

    @_caught
    def _called(self, call: Callable[[], None]) -> None:
        call()

    def switch_off(self) -> None:
        """Switch *Do Save* off after the file was closed; in the thread of this object, when it gets to it."""
        if QtCore.QThread.currentThread() == self.thread():
            super().switch_off()

    def clear_problem(self) -> None:
        """Count an error as seen, and show that."""
        super().clear_problem()
        self._call.emit(self.show_status)

    # ------------------------------------------------------------- background
    def do(self, doing: str, work: Callable[[], object], failed: str) -> None:
        """Have the worker run a task that may wait for a disk; ``status_sig`` reports its end. See `H5SaverBase`."""
        self.background.begin(doing, work, failed)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until everything that was begun in the background is done, and shown in the tree; see `H5SaverBase`."""
        super().wait(timeout)
        self.has_switched()

    def _arrive(self) -> None:
        super()._arrive()
        self.has_switched()

    def has_switched(self) -> None:
        """Show the worker's changes, so that a caller that has waited in this thread reads them in the tree at once."""
        if QtCore.QThread.currentThread() == self.thread():
            self._binding.show_all()

    def patience(self, wait: bool | float) -> float | None:
        """Return how long a call of this thread waits for the disk, in s: a window does not stand still for ever."""
        return _PATIENCE if wait is True and self.may_ask() else super().patience(wait)

    def may_ask(self) -> bool:
        """Tell whether this is the GUI thread, which can show a dialog."""
        return threading.get_ident() == self.intake.window_thread

    def is_stopping(self) -> None:
        """Emit ``stopping_sig``."""
        self.stopping_sig.emit()

    def _begin_looking(self) -> None:
        """Do nothing: the timer looks."""

    def ask_later(self, path: Path, file_is_swmr: bool) -> bool:
        """Have the user asked about SWMR by the GUI thread, which opens the file afterwards."""
        self._question.emit(path, file_is_swmr)
        return True

    @_caught
    def _ask_swmr(self, path: Path, file_is_swmr: bool) -> None:
        answer = self.choose_swmr(path, file_is_swmr)
        work = functools.partial(self.open_looked_at, path, file_is_swmr, answer)
        self.do("opening", work, f"{path.name} could not be opened")

    # --------------------------------------------------------------- signals
    def _notify(self, command: str, **args: Any) -> None:
        """Send a change of state on; called in any thread."""
        super()._notify(command, **args)
        if command == "error" and "message" in args:
            args = {"exception": None, **args}
        if command == "opened":
            self._reported = (0, 0, 0)
        if command in ("opened", "closed", "paused", "resumed", "pending", "error"):
            self._state_changes.emit()
        if command != "pending":
            self.status_sig.emit(ThreadCommand(command, args))

    def update_status(self, text: str) -> None:
        """Say something worth knowing, by ``status_sig`` and in the log of the program."""
        logger.info(text)
        self.status_sig.emit(ThreadCommand("message", {"text": text}))

    def report(self, what: str, error: BaseException) -> None:
        """Report a failure by ``status_sig``, with its reason."""
        log_error(what, error)
        self._notify("error", message=f"{what}: {explain(error)}", exception=error)

    def user_changed_file(self, path: Path) -> None:
        """Emit ``file_changed_sig``."""
        self.file_changed_sig.emit(str(path))

    def slot_failed(self, error: Exception) -> None:
        """Report an error of a slot or a timer: once, however often it comes."""
        if (said := f"{type(error).__name__}: {error}") != self._said_once:
            self._said_once = said
            self.report("Something went wrong", error)

    def _refused(self, title: str, error: Exception) -> None:
        self.report(f"'{title}' could not be changed", error)

    @_caught
    def _follow_file(self) -> None:
        doing, _ = self.pending()
        if self.isopen() or doing or self._may_be_between_files():
            self._report_timer.start()
        else:
            if self.kept_before is None:
                self._report_timer.stop()
            else:
                self._report_timer.start()  # it shows how much is held
            if self.store.current.do_save:
                self.store.change(do_save=False)  # a switch that says it saves, and does not, loses data
            if self.backend != self.store.current.library:
                self.apply_settings()  # what was chosen for the next file
        self.show_status()

    def _may_be_between_files(self) -> bool:
        """Tell whether another thread may be about to open the next file: it has the lock until that is done."""
        has_lock = self.io.lock.acquire(blocking=False)
        if has_lock:
            self.io.lock.release()
        return not has_lock or self.isopen()

    @_caught
    def _tick(self) -> None:
        """Report the counts, and do the work that is due; no lock is waited for, and no file is touched."""
        failure = self.io.queue.failure
        if failure is not None:
            if self._failed_generation != self.generation:
                self._failed_generation = self.generation
                self._notify("error", message=str(failure), exception=failure)
        else:
            self.look_after()
        if not self.isopen() and (self.store.current.do_save or self.kept_before is None):
            self._follow_file()
        self.show_status(only_if_changed=True)

    def _look_changed(self, name: str, value: Any) -> None:
        """Have the tree look as a setting that has changed wants it; called in any thread."""
        if name in ("backend_type", "local_first", "mirror", "connection", "h5comp_library", "keep_before"):
            self._in_own_thread(self._show_options)
        if name == "keep_before":
            self._call.emit(self._follow_file)
        if name not in ("do_save", "N_saved"):  # those come with a state
            self._call.emit(self.show_status)

    @_caught
    def _show_options(self) -> None:
        parameters.show_options(self.settings, self.store.current)

    def value_changed(self, param: Parameter) -> None:
        """Take over a setting from the tree; errors are reported, never raised."""
        self._binding.changed(param)

    @classmethod
    def get_params_for_save_type(cls, save_type: Any) -> list[dict[str, Any]]:
        """Return a copy of the parameter descriptions for a save type (a member, a name, or a peer's member)."""
        return parameters.with_save_type(cls.params, save_type)

    # --------------------------------------------------------------- buttons
    @_caught
    def _pressed(self, action: Parameter, *_: Any) -> None:
        PRESSED[action.name()](self)

    def ask_server(self) -> None:
        """Have the server asked by a thread of its own: one that hangs must hang neither the window nor the file."""
        self.settings.child("backend", "hsds_options", "test").setOpts(enabled=False)
        self.store.change(connection="Asking the server ...")
        self._connection.ask(self.connection_test())

    @_caught
    def _tested(self, answer: BackgroundCall) -> None:
        self.settings.child("backend", "hsds_options", "test").setOpts(enabled=True)
        self.store.change(connection=answer.result if answer.error is None else explain(answer.error))
