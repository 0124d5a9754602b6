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
from h5saver_widget.browsing.opening import Readers, how_it_ended, why_not
from h5saver_widget.errors import SavingProcessError
from h5saver_widget.qt.browser.actions import NodeMenu, save_file_as
from h5saver_widget.qt.browser.files import FILTER, OpenFile, path_of
from h5saver_widget.qt.browser.follower import Follower
from h5saver_widget.qt.browser.node_panel import NodePanel
from h5saver_widget.qt.browser.overlay import Overlay
from h5saver_widget.qt.browser.start_page import StartPage
from h5saver_widget.qt.browser.top_bar import TopBar
from h5saver_widget.qt.browser.trees import TreePane
from h5saver_widget.qt.geometry import recent_paths, remember_path
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.long_work import LongWork
from h5saver_widget.qt.status import explain
from h5saver_widget.saving.h5_backend import H5Backend

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["H5Browser"]


class H5Browser(QtWidgets.QWidget):
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
        super().__init__(parent)
        self._keeper = Keeper(self)
        self._backend = backend
        if h5saver is not None and server is None and h5saver.capabilities.remote:
            server = h5saver.server_options()
        self._readers = Readers(backend, isolated=isolated, server=server)
        if h5saver is None and not isinstance(h5file, H5Backend):
            self._readers.prepare()  # it starts while the window is built
        self._plot_options = (False, False)
        self._menu_place: QtCore.QPoint | None = None
        self._note = ""
        #: Folders in which files may be read because values are stored in them.
        self._allowed: set[Path] = set()
        self._build()
        # A parent that is destroyed takes this window along without closing it; the list outlives both.
        self._files: list[OpenFile] = []
        self.destroyed.connect(partial(_close_all, self._files, self._readers))
        if isinstance(parent, QtWidgets.QMainWindow) and parent.centralWidget() is None:
            parent.setCentralWidget(self)
            parent.resize(self.size())
        if h5saver is not None:
            self._add(OpenFile(h5saver, readers=self._readers))
            h5saver.status_sig.connect(self._saver_said)
        elif isinstance(h5file, H5Backend):
            self._add(OpenFile(h5file, readers=self._readers))
        elif h5file is not None or h5file_path is not None:
            self.open_file(path_of(h5file if h5file is not None else h5file_path))
        self._show_state()

    # ----------------------------------------------------------------- build
    def _build(self) -> None:
        self.bar = TopBar()
        self.open_button, self.path_label = self.bar.open_button, self.bar.path_label
        self.follow, self.refresh_button = self.bar.follow, self.bar.refresh_button
        self.trees = TreePane()
        self.model, self.tree, self.filter = self.trees.model, self.trees.tree, self.trees.filter
        self.follower = Follower(self.trees)
        self.trees.selected.connect(self._node_selected)
        self.trees.menu_wanted.connect(self._show_menu)
        self.trees.others_changed.connect(self._others_changed)
        self.panel = NodePanel()
        self.overlay = Overlay(self.panel.plots)
        self.splitter = QtWidgets.QSplitter()
        self.splitter.addWidget(self.trees)
        self.splitter.addWidget(self.panel)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([380, 620])
        self.start = StartPage()
        self.pages = QtWidgets.QStackedWidget()
        self.pages.addWidget(self.start)
        self.pages.addWidget(self.splitter)
        self.said = QtWidgets.QLabel()
        self.said.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.said.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.said.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Minimum)
        self.said.setWordWrap(True)
        self.said.hide()
        self.work = LongWork()
        self.work.finished.connect(self.say)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 6)
        layout.addWidget(self.bar)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.said)
        layout.addWidget(self.work)
        self._connect()
        self.setAcceptDrops(True)
        self.setFocusProxy(self.trees)
        self.resize(1024, 700)
        self._update_icons()

    def _connect(self) -> None:
        self.start.open_pressed.connect(self._open_pressed)
        self.start.chosen.connect(self.open_file)
        self.bar.open_pressed.connect(self._open_pressed)
        self.bar.refresh_pressed.connect(self.refresh)
        self.bar.chosen.connect(self.open_file)
        self.panel.link_pressed.connect(self.follow_link)
        self.panel.path_pressed.connect(self.select_here)
        self.panel.allow_pressed.connect(self.allow_folder)
        self.panel.comment_saved.connect(self._save_comment)
        self.panel.plots.failed.connect(self.say)
        self.overlay.said.connect(self.say)
        self.follow.toggled.connect(self.follower.set_on)
        self.follower.node_changed.connect(self._node_changed)
        self.follower.failed.connect(lambda told: self._file_failed(*told))
        for keys, slot in (
            ("F5", self.refresh),
            ("Ctrl+O", self._open_pressed),
            ("Ctrl+F", self.filter.setFocus),
            ("Ctrl+W", self._close_current),
            ("Ctrl+S", lambda: save_file_as(self)),
            ("Ctrl+0", self.panel.plots.fit),
        ):
            found = QtGui.QShortcut(QtGui.QKeySequence(keys), self)
            found.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
            found.activated.connect(slot)

    # ----------------------------------------------------------------- files
    def open_file(self, path: Path | str, backend: str | None = None) -> OpenFile:
        """Open a file for reading; one that is open already is read again and selected.

        Returns
        -------
        OpenFile
            Its ``problem`` says later on why it could not be opened.
        """
        path = Path(path)
        known = next((f for f in self.model.files if f.view.is_own and f.path == path), None)
        if known is not None:
            self.trees.select("/", known)
            self.follower.look(always=True)
            return known
        return self._add(OpenFile(path, backend or self._backend, readers=self._readers))

    def _add(self, file: OpenFile) -> OpenFile:
        self._files.append(file)
        if file.view.is_own and file.path is not None and file.path.parent in self._allowed:
            file.view.allow(file.path.parent)
        file.worker.busy_changed.connect(self._show_busy)
        file.worker.ask(file.view.open, partial(self._opened, file), partial(self._file_failed, file), key="open")
        self.trees.add_file(file)
        self._show_state()
        return file

    def _opened(self, file: OpenFile, _: object = None) -> None:
        file.problem, file.note = "", file.view.note
        if file.view.is_own and file.path is not None and not file.view.is_remote:
            remember_path("files", file.path)
        self.model.file_changed(file)
        self.trees.show_content(file)
        if file is self.current_file():
            self._describe()

    def _file_failed(self, file: OpenFile, error: Exception) -> None:
        file.problem = why_not(file.path, error) if file.view.is_own and file.path is not None else explain(error)
        if file in self.model.files:
            self.model.file_changed(file)
        if self.current_file() is file:
            self._show_file_problem(file)

    def _show_file_problem(self, file: OpenFile) -> None:
        where = f"{file.path}\n\n" if file.path is not None and str(file.path) not in file.problem else ""
        again = "Refresh (F5) tries again; nothing was changed."
        self.panel.show_message(f"{where}{file.problem}\n\n{again}", f"{file.name} can't be read")

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

    def current_file(self) -> OpenFile | None:
        """Return the file of the node that is selected."""
        return self.trees.current_file()

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

    def _show_busy(self, *_: object) -> None:
        busy = any(file.worker.busy for file in self._files)
        self.refresh_button.setText("Reading…" if busy else "Refresh")

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
            menu.aboutToHide.connect(menu.deleteLater)
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

    def allow_folder(self) -> None:
        """Read values that are stored in other files of the folder, for all files of that folder that are shown."""
        file = self.current_file()
        if file is None or file.path is None:
            return
        folder = file.path.parent
        self._allowed.add(folder)
        for other in self._files:
            if other.view.is_own and other.path is not None and other.path.parent == folder:
                other.worker.ask(partial(other.view.allow, folder), lambda _: self._describe(), self.say)

    # ------------------------------------------------------------------ open
    def _open_pressed(self) -> None:
        file = self.current_file()
        recent = recent_paths("files")
        folder = file.path.parent if file is not None and file.path is not None else recent[0].parent if recent else ""
        self._readers.prepare()  # it starts while the file is chosen
        names, _ = QtWidgets.QFileDialog.getOpenFileNames(self, "Open files", str(folder), FILTER)
        for name in names:
            self.open_file(name)

    def dragEnterEvent(self, event: QtGui.QDragEnterEvent) -> None:
        """Take files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            self._readers.prepare()
            event.acceptProposedAction()

    def dropEvent(self, event: QtGui.QDropEvent) -> None:
        """Open the files that are dropped."""
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.open_file(url.toLocalFile())
        event.acceptProposedAction()

    # ------------------------------------------------------------------ rest
    def say(self, text: Any) -> None:
        """Show a sentence at the bottom."""
        self.said.setText(str(text))
        self.said.setVisible(bool(text))

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

    def _update_icons(self) -> None:
        self.setWindowIcon(icon("browse"))
        self.bar.update_icons()
        self.trees.update_icons()
        self.start.update_icons()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the host's colours."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and "work" in self.__dict__:
            self._update_icons()

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
