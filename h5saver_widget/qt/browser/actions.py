"""The menu of a node: plot, export, copy the path or the Python lines that load it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtWidgets

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing.describing import NodeReport
from h5saver_widget.browsing.exporting import export_node, reader_of
from h5saver_widget.browsing.rows import NodeIcon
from h5saver_widget.browsing.script_lines import lines_to_load
from h5saver_widget.errors import H5SaverError
from h5saver_widget.progress import Progress
from h5saver_widget.qt.browser.files import FILTER, OpenFile
from h5saver_widget.qt.icons import icon
from h5saver_widget.saving.h5_backend import H5Backend

if TYPE_CHECKING:
    from h5saver_widget.qt.browser.view import H5Browser

__all__ = ["NodeMenu", "save_file_as"]

_PLOTTED = (NodeIcon.VALUE, NodeIcon.CURVE, NodeIcon.IMAGE, NodeIcon.STACK, NodeIcon.AXIS)


class NodeMenu(QtWidgets.QMenu):
    """The menu of one node of a file, the one that is selected and described by the report."""

    def __init__(self, browser: H5Browser, report: NodeReport, file: OpenFile, kind: NodeKind) -> None:
        super().__init__(browser)
        self.aboutToHide.connect(self.deleteLater)
        self._browser, self._report, self._file = browser, report, file
        self._is_group = kind is NodeKind.GROUP
        if report.link:
            self._add(browser.panel.link_button.text(), "node-link", browser.follow_link)
            self.addSeparator()
        if report.data_path:
            self._add("Plot", "chart", partial(browser.plot, all_channels=False))
            self._add("Plot all channels", "", partial(browser.plot, all_channels=True))
            self._add("Plot without background", "", partial(browser.plot, all_channels=True, with_bkg=True))
            if report.is_scaled or file.view.as_stored:
                raw = self.addAction("Numbers as they are stored, without scale and dates")
                raw.setCheckable(True)
                raw.setChecked(file.view.as_stored)
                raw.toggled.connect(browser.show_as_stored)
            self.addSeparator()
        self.exports = self.addMenu(icon("export"), "Export")
        # the table is read when it is looked at: importing every format takes longer than opening a menu may
        self.exports.aboutToShow.connect(self._list_formats)
        self.exports.setEnabled(report.icon not in (NodeIcon.LINK, NodeIcon.UNREADABLE))
        self._add("Copy the path", "copy", self.copy_path)
        self._add("Copy the Python lines that load it", "", self.copy_lines)
        if self._is_group:
            self.addSeparator()
            self._add("Open everything below", "", browser.expand_all)
        self.addSeparator()
        if report.path == "/":
            self._add("Save file as… (Ctrl+S)", "save", browser.save_file_as)
            self._add("Verify the seal", "", browser.verify)
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
        # the default of a group is but one of the data in it
        data_path = "" if self._report.is_default else self._report.data_path
        summary = plots.summary if plots.summary is not None and data_path else None
        everything = self._report.all_channels or (self._browser.all_channels and not self._is_group)
        text = lines_to_load(
            path.absolute(),
            data_path or self._report.path,
            is_group=self._is_group and not data_path,
            is_data=self._report.icon in _PLOTTED or bool(data_path),
            all_channels=everything,
            size=summary.nbytes if summary is not None else 0,
        )
        QtWidgets.QApplication.clipboard().setText(text)
        self._browser.say("Copied the Python lines that load this node.")

    # ---------------------------------------------------------------- export
    def _list_formats(self) -> None:
        from h5saver_widget.exporters import available_exporters

        self.exports.clear()
        for info in available_exporters():
            action = self.exports.addAction(f"{info.name}   {info.help}")
            action.setEnabled(not info.missing)
            action.setToolTip(info.missing)
            if info.extensions:
                action.triggered.connect(lambda _=False, info=info: self._choose_target(info.name, info.extensions))
        if self._report.data_path:
            picture = self.exports.addAction("png, svg   a picture of the plot")
            picture.triggered.connect(self._save_picture)

    def _choose_target(self, name: str, extensions: tuple[str, ...]) -> None:
        stem = Path(self._report.path).name or (self._file.path.stem if self._file.path else "data")
        patterns = " ".join(f"*{extension}" for extension in extensions)
        target, _ = QtWidgets.QFileDialog.getSaveFileName(
            self._browser, f"Export as {name}", f"{stem}{extensions[0]}", f"{name} ({patterns})"
        )
        if target:
            self.export(Path(target), name)

    def _save_picture(self) -> None:
        self._browser.panel.show_tab("Plot")
        self._browser.panel.plots.save_pressed()

    def export(self, target: Path, format: str) -> None:
        """Export the node in a thread of its own; the line at the bottom shows how far it is."""
        source, node, allowed = _source_of(self._file), self._report.path, self._file.view.allowed

        def work(progress: Progress) -> str:
            done = export_node(source, node, target, format, overwrite=True, progress=progress, allow=allowed)
            return " ".join([f"Exported to {done.path}.", *done.notes])

        if not self._browser.work.start("Exporting", work):
            self._browser.say("Another export is still running: stop it, or wait for its end.")


def _source_of(file: OpenFile) -> Path | H5Backend:
    source = file.view.h5 if file.view.is_live or file.view.is_remote else file.view.path
    if source is None:
        raise H5SaverError("the file is closed: there is nothing to export")
    return source


def save_file_as(browser: H5Browser) -> None:
    """Ask for a name, and copy the file that is shown, as it is now, also while it is being written."""
    file = browser.current_file()
    if file is None or file.path is None:
        browser.say("No file is open: there is nothing to save.")
        return
    proposed = file.path.with_name(f"{file.path.stem}_copy{file.path.suffix}")
    # nothing is overwritten, so the dialog must not ask whether it may be
    free = QtWidgets.QFileDialog.Option.DontConfirmOverwrite
    name, _ = QtWidgets.QFileDialog.getSaveFileName(browser, "Save file as", str(proposed), FILTER, options=free)
    if not name:
        return
    source = _source_of(file)

    def work(progress: Progress) -> str:
        from h5saver_widget.browsing.copying import copy_file

        with reader_of(source) as h5:
            done = copy_file(h5, Path(name), progress)
        return " ".join([f"Saved as {done.path}.", *done.notes])

    if not browser.work.start("Copying", work):
        browser.say("Something else is still being saved: stop it, or wait for its end.")
