"""Mirroring: has the files of a recorder copied to a server while they are written; never stops a recording."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.backends.remote_rest import Rest, keep_folder
from h5saver_widget.errors import H5SaverError
from h5saver_widget.remote.mirror import Mirror, MirrorStatus

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["Mirroring"]


class Mirroring:
    """The mirror of a recorder, if the settings want one."""

    def __init__(self, saver: H5SaverBase) -> None:
        self._saver = saver
        self._mirror: Mirror | None = None

    def status(self) -> MirrorStatus | None:
        """Return how the mirror is; None without one. Never waits."""
        mirror = self._mirror
        return None if mirror is None else mirror.status()

    def renew(self, wanted: bool) -> None:
        """Have a mirror to the server that the settings name now, or none."""
        if self._mirror is not None:
            self._mirror.stop(wait=False)
            self._mirror = None
        if wanted:
            self.follow()

    def follow(self) -> None:
        """Mirror the open file and all unfinished files; problems are reported and stop nothing."""
        saver, source = self._saver, self._saver.io
        try:
            if self._mirror is None:
                base = Path(saver.store.current.base_path).expanduser()
                self._mirror = Mirror(saver.server_options(), saver.server_folder(), base=base)
                weakref.finalize(self, self._mirror.stop, wait=False)
            if source.writable and not source.capabilities.remote:
                self._mirror.follow(source)
        except (H5SaverError, OSError) as error:
            if source.writable:  # else somebody may still be typing where the server is
                saver.report("The mirror could not begin; the file on the disk is not affected", error)

    def file_closed(self) -> None:
        """Take note that the file is closed: its rest is copied from the disk, or sent if a server had not taken it."""
        if self._saver.io.capabilities.remote and Rest.files(keep_folder()):
            self.follow()
        if self._mirror is not None:
            self._mirror.let_go()
