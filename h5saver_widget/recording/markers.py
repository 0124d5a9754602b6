"""Markers: moments that a person has marked while recording, as lines in the log of the file. No Qt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

__all__ = ["marker_line", "marker_times"]

_LINE: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d) marker")


def marker_line(now: datetime) -> str:
    """Return the line of the log that marks a moment, with the difference to UTC: files are read elsewhere.

    >>> from datetime import UTC
    >>> marker_line(datetime(2026, 11, 21, 16, 58, 48, 123456, UTC))[-14:]
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
