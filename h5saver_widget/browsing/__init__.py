"""Looking into a file without Qt: what a script, the command line and the browser window have in common."""

from h5saver_widget.browsing.describing import NodeReport
from h5saver_widget.browsing.looking import FileView
from h5saver_widget.browsing.rows import Look, Row
from h5saver_widget.browsing.util import H5BrowserUtil, NodeDescription
from h5saver_widget.browsing.words import shown_value

__all__ = ["FileView", "H5BrowserUtil", "Look", "NodeDescription", "NodeReport", "Row", "shown_value"]
