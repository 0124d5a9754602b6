"""A plain view of what is in a file: its tree, and the attributes of one node. Reads only."""

from h5saver_widget.qt.browser.model import NodeModel
from h5saver_widget.qt.browser.view import H5Browser

__all__ = ["H5Browser", "NodeModel"]
