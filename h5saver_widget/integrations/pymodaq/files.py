"""What PyMoDAQ's browser reads files with; windows hand it their open files (:mod:`h5saver_widget.saving.sharing`)."""

from __future__ import annotations

from h5saver_widget.browsing import H5BrowserUtil
from h5saver_widget.saving.sharing import OpenFile, SharedFile

__all__ = ["HostBrowserUtil", "InProcessBrowserUtil", "OpenFile", "SharedFile"]


class HostBrowserUtil(H5BrowserUtil):
    """What PyMoDAQ's H5Browser reads files with: in a process of its own, which alone a damaged file can crash."""

    def __init__(self, backend: str | None = None, *, isolated: bool = True) -> None:
        super().__init__(backend=backend, isolated=isolated)


class InProcessBrowserUtil(HostBrowserUtil):
    """The same, with the library's own file object in this process."""

    def __init__(self, backend: str | None = None) -> None:
        super().__init__(backend, isolated=False)
