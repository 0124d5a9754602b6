"""Looking into a file without Qt: what a script, the command line and the browser window have in common."""

from h5saver_widget.browsing.describing import NodeReport
from h5saver_widget.browsing.file_view import FileView
from h5saver_widget.browsing.formatting import shown_value
from h5saver_widget.browsing.rows import NodeIcon, TreeRow
from h5saver_widget.browsing.util import H5BrowserUtil, NodeDescription

__all__ = ["FileView", "H5BrowserUtil", "NodeDescription", "NodeIcon", "NodeReport", "TreeRow", "shown_value"]
