"""What can be done with a node from its menu: plot, export, copy the path or the Python lines that load it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtWidgets

from h5saver_widget.backends.base import NodeKind
from h5saver_widget.browsing.describing import NodeReport
from h5saver_widget.browsing.exporting import export_formats, export_node
from h5saver_widget.browsing.rows import Look
from h5saver_widget.browsing.script_lines import lines_to_load
from h5saver_widget.errors import H5SaverError
from h5saver_widget.progress import Progress
from h5saver_widget.qt.browser.files import OpenFile
from h5saver_widget.qt.icons import icon

if TYPE_CHECKING:
    from h5saver_widget.qt.browser.view import H5Browser

__all__ = ["NodeMenu"]

_PLOTTED = (Look.VALUE, Look.CURVE, Look.IMAGE, Look.STACK, Look.AXIS)


class NodeMenu(QtWidgets.QMenu):
    """The menu of one node.

    Parameters
    ----------
    browser
        The window.
    report
        What is known of the node that is selected.
    file
        Its file.
    kind
        What it is.
    """

    def __init__(self, browser: H5Browser, report: NodeReport, file: OpenFile, kind: NodeKind) -> None:
        super().__init__(browser)
        self._browser, self._report, self._file = browser, report, file
        self._is_group = kind is NodeKind.GROUP
        if report.data_path:
            self._add("Plot", "chart", partial(browser.plot, all_channels=False))
            self._add("Plot all channels", "", partial(browser.plot, all_channels=True))
            self._add("Plot less background", "", partial(browser.plot, all_channels=True, with_bkg=True))
            self.addSeparator()
        self.exports = self.addMenu(icon("export"), "Export")
        # the table is read when it is looked at: importing every format takes longer than opening a menu may
        self.exports.aboutToShow.connect(self._list_formats)
        self.exports.setEnabled(bool(report.data_path) or self._is_group)
        self._add("Copy the path", "copy", self.copy_path)
        self._add("Copy the Python lines that load it", "", self.copy_lines)
        if self._is_group:
            self.addSeparator()
            self._add("Open everything below", "", browser.expand_all)
        self.addSeparator()
        self._add("Refresh", "refresh", browser.refresh)
        self._add("Close this file", "close", partial(browser.close_file, file))

    def _add(self, text: str, image: str, slot: object) -> None:
        action = self.addAction(icon(image), text) if image else self.addAction(text)
        action.triggered.connect(lambda *_: slot())  # type: ignore[operator]

    # ------------------------------------------------------------------ copy
    def copy_path(self) -> None:
        """Copy the path of the node."""
        QtWidgets.QApplication.clipboard().setText(self._report.path)
        self._browser.say(f"Copied {self._report.path}")

    def copy_lines(self) -> None:
        """Copy the Python lines that load the node."""
        path = self._file.path
        if path is None:
            self._browser.say("The file is closed: there is nothing to load.")
            return
        plots = self._browser.panel.plots
        summary = plots.summary if plots.summary is not None and self._report.data_path else None
        everything = self._report.all_channels or (self._browser.all_channels and not self._is_group)
        text = lines_to_load(
            path.absolute(),
            self._report.data_path if self._report.data_path else self._report.path,
            is_group=self._is_group and not self._report.data_path,
            is_data=self._report.look in _PLOTTED or bool(self._report.data_path),
            all_channels=everything,
            size=summary.nbytes if summary is not None else 0,
        )
        QtWidgets.QApplication.clipboard().setText(text)
        self._browser.say("Copied the Python lines that load this node.")

    # ---------------------------------------------------------------- export
    def _list_formats(self) -> None:
        self.exports.clear()
        for info in export_formats():
            action = self.exports.addAction(f"{info.name}   {info.help}")
            action.setEnabled(not info.missing)
            action.setToolTip(info.missing)
            if info.extensions:
                action.triggered.connect(lambda _=False, info=info: self._choose_target(info.name, info.extensions))

    def _choose_target(self, name: str, extensions: tuple[str, ...]) -> None:
        stem = Path(self._report.path).name or (self._file.path.stem if self._file.path else "data")
        patterns = " ".join(f"*{extension}" for extension in extensions)
        target, _ = QtWidgets.QFileDialog.getSaveFileName(
            self._browser, f"Export as {name}", f"{stem}{extensions[0]}", f"{name} ({patterns})"
        )
        if target:
            self.export(Path(target), name)

    def export(self, target: Path, format: str) -> None:
        """Export the node in a thread of its own; the line at the bottom shows how far it is."""
        view, node = self._file.view, self._report.path
        source = view.path if view.is_own else view.h5
        if source is None:
            raise H5SaverError("the file is closed: there is nothing to export")

        def work(progress: Progress) -> str:
            done = export_node(source, node, target, format, overwrite=True, progress=progress)
            return " ".join([f"Exported to {done.path}.", *done.notes])

        if not self._browser.work.start("Exporting", work):
            self._browser.say("Another export is still running: stop it, or wait for its end.")
