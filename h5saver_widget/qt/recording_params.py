"""The settings of recording as plain parameter descriptions: names of files, limits, sources, notes."""

from __future__ import annotations

from typing import Any

from h5saver_widget.recording.disk import DEFAULT_RESERVE

__all__ = ["recording_params"]


def _number(name: str, title: str, suffix: str, tip: str, value: float = 0.0) -> dict[str, Any]:
    kind = "int" if suffix == "frames" else "float"
    return {
        "title": title,
        "name": name,
        "type": kind,
        "value": int(value) if kind == "int" else value,
        "limits": [0, 2_000_000_000],
        "suffix": suffix,
        "tip": tip,
    }


def recording_params() -> dict[str, Any]:
    """Return the description of the group ``recording``.

    Examples
    --------
    >>> [child['name'] for child in recording_params()['children']][:3]
    ['pause', 'name_template', 'dated_folders']
    """
    return {
        "title": "Recording",
        "name": "recording",
        "type": "group",
        "tip": "When a recording pauses, ends, or goes on in a new file, and what files are called.",
        "children": [
            {
                "title": "Pause",
                "name": "pause",
                "type": "action",
                "enabled": False,
                "tip": "Leave out what comes now, until Resume. The file stays open; the points of a scan are saved "
                "all the same.",
            },
            {
                "title": "Name pattern",
                "name": "name_template",
                "type": "str",
                "value": "",
                "tip": "What files are called: text with {base} {date} {time} {counter} {type} {year} {month} {day} "
                "{hour} {minute} {second} and your notes, such as {sample}; '/' makes folders. Empty: the usual names.",
            },
            {
                "title": "A folder for each day",
                "name": "dated_folders",
                "type": "bool",
                "value": True,
                "tip": "Put files into folders of year and day below the base path.",
            },
            _number(
                "roll_over_size",
                "New file at",
                "MB",
                "Go on in a new file when this one has become so large. No frame is lost. 0: never.",
            ),
            _number(
                "roll_over_time",
                "New file after",
                "min",
                "Go on in a new file after so long. No frame is lost. 0: never. Scans change between two scans.",
            ),
            _number(
                "roll_over_frames",
                "New file every",
                "frames",
                "Go on in a new file after so many frames. No frame is lost. 0: never.",
            ),
            _number(
                "stop_after_time",
                "Stop after",
                "min",
                "Complete and close the file after so long, pauses left out. 0: only when you stop.",
            ),
            _number(
                "stop_after_frames",
                "Stop after ",
                "frames",
                "Complete and close the file after so many frames. 0: only when you stop.",
            ),
            _number(
                "reserve",
                "Keep free",
                "MB",
                "Saving stops, with everything complete, before the disk has less free space than this (at most a "
                "twentieth of the disk). 0: write until nothing is left.",
                DEFAULT_RESERVE / 1e6,
            ),
            {
                "title": "Needed sources",
                "name": "sources",
                "type": "str",
                "value": "",
                "tip": "Names of modules, separated by commas. A warning says when nothing comes from one of them.",
            },
            {
                "title": "Notes",
                "name": "notes",
                "type": "str",
                "value": "",
                "tip": "Name, value and unit of what you want to keep with the data. Saved with every file and scan.",
            },
        ],
    }
