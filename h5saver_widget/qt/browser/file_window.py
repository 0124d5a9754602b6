"""The files of the browser's window: opened, dropped, repaired, and the reasons of those that can't be read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.browsing.formatting import count_text
from h5saver_widget.browsing.opening import Readers, why_not
from h5saver_widget.qt.browser.files import FILTER, OpenFile
from h5saver_widget.qt.browser.widgets import BrowserWidgets
from h5saver_widget.qt.geometry import recent_paths, remember_path
from h5saver_widget.qt.status import explain
from h5saver_widget.recovery import RepairReport, repair_file
from h5saver_widget.sealing.verifying import Verdict, verify_file

__all__ = ["FileWindow"]

#: So many changes of a file are shown before the details.
MOST_CHANGES = 4

_Server = RemoteOptions | Mapping[str, Any] | None


class FileWindow(BrowserWidgets):
    """A window that opens files, each with a worker of its own; arguments as of `Readers`."""

    def __init__(self, parent: QtWidgets.QWidget | None, backend: str | None, isolated: bool, server: _Server) -> None:
        super().__init__(parent)
        self._backend = backend
        self._readers = Readers(backend, isolated=isolated, server=server)
        #: Folders in which files may be read because values stand in them.
        self._allowed: set[Path] = set()
        # A parent that is destroyed takes this window along without closing it; the list outlives both.
        self._files: list[OpenFile] = []

    def current_file(self) -> OpenFile | None:
        """Return the file of the node that is selected."""
        return self.trees.current_file()

    def open_file(self, path: Path | str, backend: str | None = None) -> OpenFile:
        """Open a file for reading; its ``problem`` says later on why it could not be opened.

        One that is open already is read again and selected.
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
        may_help = file.view.is_own and not file.view.is_remote and "h5saver repair" in file.problem
        self.panel.show_message(f"{where}{file.problem}\n\n{again}", f"{file.name} can't be read", may_help)

    def repair(self) -> None:
        """Make a repaired copy of the file that is selected, in a thread of its own, and show it."""
        file = self.current_file()
        if file is None or file.path is None:
            return
        path = file.path
        if not self.work.start(f"Repairing {file.name}", lambda progress: repair_file(path, progress=progress)):
            self.say("Something else is still being done: stop it, or wait for its end.")

    def verify(self) -> None:
        """Say whether the file that is selected is as it was sealed; it is read in a process of its own."""
        file = self.current_file()
        if file is None or file.path is None or file.view.is_remote:
            self.say("Only files on a disk have a seal.")
            return
        path = file.path
        if not self.work.start("Verifying", lambda progress: verify_file(path, progress)):
            self.say("Something else is still being done: stop it, or wait for its end.")

    def _work_finished(self, result: object) -> None:
        if isinstance(result, Verdict):
            self._show_verdict(result)
            return
        if not isinstance(result, RepairReport):
            self.say(result)
            return
        if result.out is not None:
            self.open_file(result.out)
        made = f"The repaired copy is {result.out}" if result.out is not None else "No copy was made"
        lost = f", {count_text(len(result.lost), 'place')} could not be saved" if result.lost else ""
        self.say(f"{made}: {', '.join(result.done) or 'nothing could be saved'}{lost}.")

    def _show_verdict(self, verdict: Verdict) -> None:
        """Say the result of verifying a seal; a change is said in a window, so that nobody misses it."""
        self.say(verdict.in_words().partition("\n")[0])
        if verdict.changes:
            box = QtWidgets.QMessageBox(self)
            box.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
            box.setIcon(QtWidgets.QMessageBox.Icon.Warning)
            box.setWindowTitle("Verify the seal")
            box.setText(f"{verdict.path.name} has changed since it was sealed, {verdict.time or 'when is not known'}.")
            first = [str(change) for change in verdict.changes[:MOST_CHANGES]]
            more = len(verdict.changes) - len(first)
            box.setInformativeText("\n".join([*first, *([f"… and {more:,} more"] if more else [])]))
            box.setDetailedText(verdict.in_words())
            box.open()

    def allow_folder(self) -> None:
        """Read values that stand in other files of the folder, for all files of that folder that are shown."""
        file = self.current_file()
        if file is None or file.path is None:
            return
        folder = file.path.parent
        self._allowed.add(folder)
        for other in self._files:
            if other.view.is_own and other.path is not None and other.path.parent == folder:
                other.worker.ask(partial(other.view.allow, folder), lambda _: self._describe(), self.say)

    def _show_busy(self, *_: object) -> None:
        busy = any(file.worker.busy for file in self._files)
        self.refresh_button.setText("Reading…" if busy else "Refresh")

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
