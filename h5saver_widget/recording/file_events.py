"""What follows when a file is opened or closed, and when something fails. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h5saver_widget.errors import H5SaverError
from h5saver_widget.recording import copied_files, sealed_files

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["did_not_work", "log_error", "notify", "report"]

logger = logging.getLogger(__name__)


def log_error(what: str, error: BaseException) -> None:
    """Write an error into the program's log; where it came from only if nobody expected it."""
    if isinstance(error, (H5SaverError, OSError)):
        logger.warning("%s: %s", what, error)
    else:
        logger.error("%s", what, exc_info=error)


def report(saver: H5SaverBase, what: str, error: BaseException) -> None:
    """Report a failure with its reason."""
    log_error(what, error)
    saver._notify("error", message=f"{what}: {error}", exception=error)


def did_not_work(saver: H5SaverBase, doing: str, failed: str, error: Exception) -> None:
    """Report work in the background that has failed; nothing is saved where no file could be opened."""
    told = (saver.generation, f"{failed}: {error}")
    if doing or told != saver._told:  # a repeated attempt is reported once per file
        saver._told = told
        saver.report(failed, error)
    if doing == "opening" and not saver.is_ready:
        saver.timing.given_up()
        if saver.kept_before is not None and saver.kept_before.has_fired:
            saver.kept_before.give_up()
        saver.switch_off()  # a switch that says it saves, and does not, loses data


def notify(saver: H5SaverBase, command: str, **args: Any) -> None:
    """Do what follows when a file was opened or closed, or something has failed."""
    if command == "opened":
        saver.frames_held = 0
        saver.timing.opened()
        if saver.kept_before is not None and not saver.kept_before.has_fired:
            saver.kept_before.held.done()  # nobody has asked for them
        saver.watcher.opened(Path(args["path"]))
        if not saver.watcher.is_rolling:
            saver._begin_looking()
        copied_files.opened(saver, Path(args["path"]))
        if saver.wants_mirror and saver.io.writable:
            saver.watcher.mirroring.follow()
    elif command == "closed":
        sealed_files.closed(saver, Path(args["path"]))
        copied_files.closed(saver)
        saver.timing.file_closed()
        saver.intake.by_hand = saver.intake.by_hand and saver.pending_task is not None
        saver.watcher.closed()
        saver.describing.ask_again()
    elif command == "error":
        saver.watcher.failed(str(args.get("message", "")), args.get("exception"))
        saver.alarms.failed(str(args.get("message", "")))
