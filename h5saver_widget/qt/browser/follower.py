"""Sees the files again: when somebody asks for it, and once a second while they are followed."""

from __future__ import annotations

from functools import partial
from typing import Final

from pyqtgraph.Qt import QtCore

from h5saver_widget.browsing.file_view import Child
from h5saver_widget.qt.browser.files import OpenFile
from h5saver_widget.qt.browser.trees import TreePane

__all__ = ["FOLLOW_MS", "Follower"]

FOLLOW_MS: Final = 1000
"""How often a followed file is looked at, in ms."""


class Follower(QtCore.QObject):
    """Keeps the trees up to date with the files; open and selected lines stay so."""

    node_changed = QtCore.Signal()
    """What is shown of the selected node may have changed."""

    failed = QtCore.Signal(object, object)
    """A file can't be read any more: the file and the exception."""

    def __init__(self, trees: TreePane) -> None:
        super().__init__(trees)
        self._trees = trees
        self._clock = QtCore.QTimer(self, interval=FOLLOW_MS, timeout=self.look)

    def set_on(self, on: bool) -> None:
        """Read the files once a second, or not; a follower of a saver follows it into its next file."""
        if on:
            self._clock.start()
        else:
            self._clock.stop()

    def _tell(self, file: OpenFile, error: Exception) -> None:
        if file.was_closed_by_saver(error):
            self.look(always=True)
        else:
            self.failed.emit(file, error)

    def look(self, always: bool = False) -> None:
        """Look for changes in all files; `always` reads them again even if nothing seems to have changed.

        A reading that takes longer than a second is waited for.
        """
        for file in list(self._trees.model.files):
            file.view.goes_on = self._clock.isActive()
            if file.worker.is_doing("look") and not always:
                continue
            if file.problem:
                file.worker.ask(file.view.open, partial(self._back_again, file), partial(self._tell, file), key="look")
                continue
            shown = self._trees.current_path() if file is self._trees.current_file() else ""
            groups = self._trees.model.listed_groups(file)
            file.worker.ask(
                partial(file.view.look_again, groups, shown, always=always),
                partial(self._seen_again, file),
                partial(self._tell, file),
                key="look",
            )

    def _back_again(self, file: OpenFile, _: object = None) -> None:
        """Show a file that can be read again."""
        file.problem = ""
        self._seen_again(file, (True, {}))
        groups = self._trees.model.listed_groups(file) or ["/"]
        file.worker.ask(
            partial(file.view.look_again, groups, "", always=True),
            partial(self._seen_again, file),
            partial(self._tell, file),
        )

    def _seen_again(self, file: OpenFile, seen: tuple[bool, dict[str, list[Child]]]) -> None:
        changed, groups = seen
        if file not in self._trees.model.files:
            return
        file.note = file.view.note
        file.name = file.path.name if file.path is not None else file.name
        self._trees.model.put(file, groups)
        if not changed:
            return
        self._trees.model.file_changed(file)
        self._trees.model.read_again(file)
        self._trees.repaint_lines()
        if file is self._trees.current_file():
            self.node_changed.emit()
