"""Lines that people write into the log of a file while it is recorded: comments, and marked moments. No Qt.

:func:`add_comment` and :func:`add_marker` are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["add_comment", "add_marker", "marker_line", "marker_times"]

_LINE: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d) marker")


def marker_line(now: datetime) -> str:
    """Return the line of the log that marks a moment, with the difference to UTC: files are read elsewhere.

    >>> from datetime import UTC
    >>> marker_line(datetime(2026, 11, 21, 16, 58, 48, 123456, UTC))[-18:]
    '8.123+00:00 marker'
    """
    return f"{now.astimezone(now.tzinfo).isoformat(sep=' ', timespec='milliseconds')} marker"


def marker_times(lines: Iterable[str]) -> list[float]:
    """Return when moments were marked, in s since 1970, from the lines of a log; all other lines are left out.

    >>> marker_times(['2026-11-21 16:58:48.500+00:00 marker', '2026-11-21 16:58:50 a comment'])
    [1795280328.5]
    """
    found = (_LINE.fullmatch(line) for line in lines)
    times = []
    for match in found:
        if match is not None:
            try:
                times.append(datetime.fromisoformat(match[1]).timestamp())
            except (ValueError, OverflowError):  # a file may say anything
                continue
    return times


def add_comment(saver: H5SaverBase, text: str) -> None:
    """Write a line with the time into the log of the file.

    Raises
    ------
    FileNotOpenError
        If no file is open.
    """
    _log_later(saver, f"{datetime.now():%Y-%m-%d %H:%M:%S} {' '.join(text.splitlines())}", "write a comment")


def add_marker(saver: H5SaverBase) -> None:
    """Mark this moment: a line with the time, to the millisecond, in the log of the file; plots along time show it.

    Raises
    ------
    FileNotOpenError
        If no file is open.
    """
    now = datetime.now()
    _log_later(saver, marker_line(now), "set a marker")
    saver.update_status(f"Marker set at {now:%H:%M:%S}")


def _log_later(saver: H5SaverBase, line: str, what: str) -> None:
    if not saver.isopen():
        saver.require_open(what)
    saver.do("", partial(saver.add_log, line), f"Can't {what}")
