"""The browser window: the trees of files, everything about one node, plots. Reads only."""

from h5saver_widget.qt.browser.model import NodeModel
from h5saver_widget.qt.browser.view import H5Browser

__all__ = ["H5Browser", "NodeModel"]
