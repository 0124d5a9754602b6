"""The file readers of PyMoDAQ's H5Browser; :mod:`h5saver_widget.saving.shared_files` lets them read an open file."""

from __future__ import annotations

from h5saver_widget.browsing import H5BrowserUtil
from h5saver_widget.saving.shared_files import FileProxy

__all__ = ["FileProxy", "HostBrowserUtil", "InProcessBrowserUtil"]


class HostBrowserUtil(H5BrowserUtil):
    """Reads files for PyMoDAQ's H5Browser, in a worker process: a damaged file can crash only that."""

    def __init__(self, backend: str | None = None, *, isolated: bool = True) -> None:
        super().__init__(backend=backend, isolated=isolated)


class InProcessBrowserUtil(HostBrowserUtil):
    """Reads files in this process, for callers that need the library's own file object."""

    def __init__(self, backend: str | None = None) -> None:
        super().__init__(backend, isolated=False)
