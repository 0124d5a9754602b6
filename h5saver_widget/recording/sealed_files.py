"""Sealing the files of a recorder: the last one before it is closed, parts of a recording that goes on afterwards."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.errors import H5SaverError
from h5saver_widget.recording import copied_files
from h5saver_widget.sealing.making import AT_CLOSE, seal_file

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["closed", "follow"]


def follow(saver: H5SaverBase) -> None:
    """Have the file sealed before it is closed, if the settings want it and no frames wait for the next one."""
    wanted = saver.store.current.seal and not saver.capabilities.remote and not saver.watcher.is_rolling
    saver.io.before_closing = AT_CLOSE if wanted else ""


def closed(saver: H5SaverBase, path: Path) -> None:
    """Tell why a file could not be sealed; seal a part in the background, while frames come into the next one."""
    if not saver.store.current.seal or saver.capabilities.remote:
        return
    for problem in saver.io.queue.take_problems():
        saver._notify("error", message=problem, exception=None)
    if saver.watcher.is_rolling:
        saver.sealer.begin("sealing", partial(_seal_part, saver, path))


def _seal_part(saver: H5SaverBase, path: Path) -> None:
    try:
        seal_file(path)
    except (H5SaverError, OSError) as error:
        saver.report(f"{path.name} could not be sealed; it is complete", error)
    copied_files.sealed(saver, path)
