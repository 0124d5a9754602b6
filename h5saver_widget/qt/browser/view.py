"""H5Browser: the trees of some files beside everything about one node. Reads only, never in the windows' thread."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

import h5saver_widget.backends.isolated.client  # noqa: F401 - with the window, not when its first file waits for it
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.browsing.describing import NodeReport
from h5saver_widget.browsing.file_view import Child
from h5saver_widget.browsing.opening import Readers, how_it_ended
from h5saver_widget.errors import SavingProcessError
from h5saver_widget.qt.browser.actions import NodeMenu, save_file_as
from h5saver_widget.qt.browser.file_window import FileWindow
from h5saver_widget.qt.browser.files import OpenFile, path_of
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.status import explain
from h5saver_widget.saving.h5_backend import H5Backend

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["H5Browser"]


class H5Browser(FileWindow):
    """Shows the content of HDF5 files.

    A problem is shown in its place: a file that can't be opened, or a node that can't be read, says why.

    Parameters
    ----------
    parent
        Window it belongs to; it becomes the central widget of a ``QMainWindow`` that has none.
    h5file
        Path of a file, opened for reading; or an open :class:`~h5saver_widget.saving.h5_backend.H5Backend`; or the open
        file of a library (``h5py.File``, ``tables.File``), of which the path is opened once more.
    backend
        Backend that opens a path; None for the default. If it can't open a file, the others are tried.
    h5saver
        A saver whose open file is shown, through that saver: no second handle, also while it is written.
    h5file_path
        The same as a path for `h5file`, under the name that hosts use.
    isolated
        Read files in processes of their own: one that crashes the library does no harm, and is free to be written.
    server
        Where files on a server are, for a `backend` that reads these; None for the server that the environment names.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> browser = H5Browser()
    >>> browser.start.title.text()
    'No file is open'
    """

    node_shown = QtCore.Signal(str)
    """A node was selected, and is shown; its path."""

    def __init__(
        self,
        parent: QtWidgets.QWidget | None = None,
        h5file: Path | str | H5Backend | Any = None,
        backend: str | None = None,
        h5saver: H5Saver | None = None,
        *,
        h5file_path: Path | str | None = None,
        isolated: bool = True,
        server: RemoteOptions | Mapping[str, Any] | None = None,
    ) -> None:
        if h5saver is not None and server is None and h5saver.capabilities.remote:
            server = h5saver.server_options()
        super().__init__(parent, backend, isolated, server)
        self._keeper = Keeper(self)
        if h5saver is None and not isinstance(h5file, H5Backend):
            self._readers.prepare()  # it starts while the window is built
        self._plot_options = (False, False)
        self._menu_place: QtCore.QPoint | None = None
        self._note = ""
        self._connect()
        self.destroyed.connect(partial(_close_all, self._files, self._readers))
        if isinstance(parent, QtWidgets.QMainWindow) and parent.centralWidget() is None:
            parent.setCentralWidget(self)
            parent.resize(self.size())
        if h5saver is not None:
            self._add(OpenFile(h5saver, readers=self._readers))
            h5saver.status_sig.connect(self._saver_said)
            self.offer_form(h5saver)
        elif isinstance(h5file, H5Backend):
            self._add(OpenFile(h5file, readers=self._readers))
        elif h5file is not None or h5file_path is not None:
            self.open_file(path_of(h5file if h5file is not None else h5file_path))
        self._show_state()

    save_file_as = save_file_as

    def _connect(self) -> None:
        """Connect methods alone: a function that knows the window, held by one of its parts, keeps it for ever."""
        self.work.finished.connect(self._work_finished)
        self.start.open_pressed.connect(self._open_pressed)
        self.start.chosen.connect(self.open_file)
        self.bar.open_pressed.connect(self._open_pressed)
        self.bar.refresh_pressed.connect(self.refresh)
        self.bar.chosen.connect(self.open_file)
        self.panel.link_pressed.connect(self.follow_link)
        self.panel.path_pressed.connect(self.select_here)
        self.panel.allow_pressed.connect(self.allow_folder)
        self.panel.comment_saved.connect(self._save_comment)
        self.panel.repair_pressed.connect(self.repair)
        self.panel.plots.failed.connect(self.say)
        self.overlay.said.connect(self.say)
        self.follow.toggled.connect(self.follower.set_on)
        self.follower.node_changed.connect(self._node_changed)
        self.follower.failed.connect(self._file_failed)
        for keys, slot in (
            ("F5", self.refresh),
            ("Ctrl+O", self._open_pressed),
            ("Ctrl+F", self.filter.setFocus),
            ("Ctrl+W", self._close_current),
            ("Ctrl+S", self.save_file_as),
            ("Ctrl+0", self.panel.plots.fit),
        ):
            found = QtGui.QShortcut(QtGui.QKeySequence(keys), self)
            found.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
            found.activated.connect(slot)

    def offer_form(self, saver: H5Saver) -> None:
        """Lead from the information that others would miss in a file to the form of the saver that made it."""
        self.panel.form_button.clicked.connect(saver.show_form)
        self.panel.form_button.show()

    # ----------------------------------------------------------------- files
    def close_file(self, file: OpenFile) -> None:
        """Close a file, and take it out of the tree."""
        if file is self.current_file():
            self.panel.show_message("")
        self.trees.remove_file(file)
        self._files.remove(file)
        file.close()
        if not self._files:
            self._readers.prepare()
        self._show_state()

    def _close_current(self) -> None:
        file = self.current_file()
        if file is not None:
            self.close_file(file)

    def current_path(self) -> str:
        """Return the path of the node that is selected, ``''`` if none is."""
        return self.trees.current_path()

    def _show_state(self) -> None:
        files = self.model.files
        self.pages.setCurrentWidget(self.splitter if files else self.start)
        if not files:
            self.start.update_recent()
        file = self.current_file()
        path = file.path if file is not None else None
        self.bar.show_file(path, bool(files))
        self.setWindowTitle(f"{path.name} – content" if path else "File content")

    # --------------------------------------------------------------- refresh
    def refresh(self, *_: Any) -> None:
        """Read the files again; open and selected lines stay so."""
        self.follower.look(always=True)

    def _node_changed(self) -> None:
        self._describe(again=True)
        self._show_state()

    def _saver_said(self, status: Any) -> None:
        if status.command in ("opened", "closed"):
            self.follower.look(always=True)

    # ------------------------------------------------------------- one node
    def select(self, path: str, file: OpenFile | None = None) -> None:
        """Show the node at a path of a file (the first by default); its groups are opened on the way."""
        if self.model.files:
            self.trees.select(path, file or self.model.files[0])

    def _node_selected(self) -> None:
        self._plot_options = (False, False)
        self._show_state()
        self._describe()

    def _describe(self, again: bool = False) -> None:
        file, path = self.current_file(), self.current_path()
        if file is None:
            return
        if file.worker.is_doing("open"):  # what is in it comes first
            self.panel.show_message("Opening …", file.name)
            return
        if file.problem:
            self._show_file_problem(file)
            return

        def look() -> tuple[NodeReport, str]:
            return file.view.describe(path), file.view.may_comment(path)

        file.worker.ask(
            look, partial(self._show_report, file, again), partial(self._node_failed, file, path), key="describe"
        )

    def _show_report(self, file: OpenFile, again: bool, found: tuple[NodeReport, str]) -> None:
        report, may_comment = found
        if file is not self.current_file() or report.path != self.current_path():
            return
        before = self.panel.report
        again = again and before is not None and before.path == report.path
        was_allowed = file.path is not None and file.path.parent in self._allowed
        self.panel.show_report(report, may_comment, file.name, again, was_allowed)
        if report.data_path:
            everything, subtract = self._plot_options
            self.panel.plots.show_data(file, report.data_path, everything or report.all_channels, subtract, again)
            self.overlay.select(self.trees.others(), again=True)
        else:
            self.panel.plots.forget()
        if file.note or self.said.text() == self._note:  # what was said may be true no longer
            self._note = file.note
            self.say(file.note)
        if self._menu_place is not None:
            self._pop_up_menu()
        self.node_shown.emit(report.path)

    def _others_changed(self) -> None:
        self.overlay.select(self.trees.others())

    def _node_failed(self, file: OpenFile, path: str, error: Exception) -> None:
        if file is self.current_file() and path == self.current_path() and not file.problem:
            if file.was_closed_by_saver(error):
                self.refresh()
            elif path == "/":
                self._file_failed(file, error)
            else:
                why = explain(error)
                if isinstance(error, SavingProcessError):
                    why = f"{how_it_ended(error)}\n\nRefresh (F5) starts another."
                self.panel.show_message(why if why.startswith(path) else f"{path} can't be read: {why}", path)

    @property
    def all_channels(self) -> bool:
        """Whether all channels of a data object were asked for."""
        return self._plot_options[0]

    def plot(self, *, all_channels: bool = False, with_bkg: bool = False) -> None:
        """Plot the selected node, with all channels of its data object, with or without its background."""
        file, report = self.current_file(), self.panel.report
        if file is None or report is None or not report.data_path:
            self.say("There is nothing to plot here: select an array of numbers, or a group of channels.")
            return
        self._plot_options = (all_channels, with_bkg)
        self.panel.show_tab("Plot")
        self.panel.plots.show_data(file, report.data_path, all_channels, with_bkg)

    def _save_comment(self, path: str, text: str) -> None:
        file = self.current_file()
        if file is not None:
            self.panel.plots.forget()
            file.worker.ask(
                lambda: file.view.set_comment(path, text),
                self._comment_saved,
                lambda error: self.panel.comment_done(explain(error)),
            )

    def _comment_saved(self, _: object = None) -> None:
        self.panel.comment_done()
        self._describe(again=True)

    # ------------------------------------------------------------------ menu
    def menu(self) -> NodeMenu | None:
        """Return the menu of the node that is shown, None if there is none."""
        file, report = self.current_file(), self.panel.report
        return None if file is None or report is None else NodeMenu(self, report, file, self.trees.current_kind())

    def _show_menu(self, wanted: tuple[QtCore.QPoint, bool]) -> None:
        self._menu_place, same_node = wanted
        if same_node and self.panel.report is not None:
            self._pop_up_menu()  # else when the node has been read: what the menu offers depends on it

    def _pop_up_menu(self) -> None:
        place, self._menu_place = self._menu_place, None
        menu = self.menu()
        if menu is not None and place is not None:
            menu.popup(place)

    def expand_all(self) -> None:
        """Open everything below the selected group, down to 20,000 nodes."""
        file, path = self.current_file(), self.current_path()
        if file is None:
            return
        self.trees.select(path, file)

        def put(groups: dict[str, list[Child]]) -> None:
            self.trees.expand_all(groups, path, file)

        file.worker.ask(partial(file.view.expand, path), put, lambda error: self.say(explain(error)))

    def follow_link(self) -> None:
        """Go where the link that is shown leads to; another file is opened for it."""
        file, report = self.current_file(), self.panel.report
        if file is None or report is None or not report.link:
            return
        if report.link_file and file.path is not None:
            file = self.open_file(file.path.parent / report.link_file)
        self.trees.select(report.link, file)

    def show_as_stored(self, on: bool) -> None:
        """Show numbers of other programs as they are stored in the file, or as they are meant: with scale and dates."""
        file = self.current_file()
        if file is not None:
            file.view.as_stored = on
            self._describe(again=True)

    def select_here(self, path: str) -> None:
        """Show another node of the file that is shown."""
        file = self.current_file()
        if file is not None:
            self.trees.select(path, file)

    # ------------------------------------------------------------------ rest
    def wait(self, seconds: float = 10.0) -> bool:
        """Handle events until everything that was asked for is shown; for scripts. Return whether it is."""
        flag = QtCore.QEventLoop.ProcessEventsFlag
        clock = QtCore.QTimer()
        clock.start(50)  # looks at the time even if nothing happens
        end, idle = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            # sleeps where there is something to wait for: a loop that turns all the time keeps the readers from working
            QtWidgets.QApplication.processEvents(flag.AllEvents if idle else flag.WaitForMoreEvents)
            busy = self.trees.waits or any(file.worker.busy for file in self._files)
            idle = 0 if busy else idle + 1
            if idle > 1:  # what was just painted may have asked for more
                return True
        return False

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Close the files that were opened here."""
        self.follow.setChecked(False)
        self.panel.show_message("")
        self.trees.clear()
        _close_all(self._files, self._readers)
        self._show_state()
        super().closeEvent(event)


def _close_all(files: list[OpenFile], readers: Readers, *_: Any) -> None:
    readers.close()
    for file in files:
        file.close()
    files.clear()
