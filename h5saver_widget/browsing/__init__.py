"""Reading files without Qt: the code that a script, the command line and the browser window share."""

from h5saver_widget.browsing.describing import NodeReport
from h5saver_widget.browsing.file_view import FileView
from h5saver_widget.browsing.formatting import shown_value
from h5saver_widget.browsing.rows import NodeIcon, TreeRow
from h5saver_widget.browsing.util import H5BrowserUtil, NodeDescription

__all__ = ["FileView", "H5BrowserUtil", "NodeDescription", "NodeIcon", "NodeReport", "TreeRow", "shown_value"]
