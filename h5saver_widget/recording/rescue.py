"""Writes held frames in place of a program that was killed in the middle of that; in the process of its file. No Qt.

The memory still has all of them: the file that the program has begun holds the first ones at most, and is made anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from h5saver_widget.backends.isolated.ring import Ring
from h5saver_widget.recording.before import mark
from h5saver_widget.recording.held import held_frames, order_in
from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["write_held"]

#: What one process can't do for another: a file of its own, nothing beside it, and all frames in one.
_OWN: Final[dict[str, Any]] = {
    "isolated": False,
    "do_save": False,
    "keep_before": 0.0,
    "mirror": False,
    "copy_to": "",
    "alarm_command": "",
    "custom_name": False,
    **dict.fromkeys(("roll_over_size", "roll_over_time", "stop_after_time"), 0.0),
    **dict.fromkeys(("roll_over_frames", "stop_after_frames"), 0),
}


def write_held(memory: Ring, opened: Iterable[tuple[float, str, str]]) -> None:
    """Write the held frames of a memory that has fired into a file, in place of the one begun for them, if one was.

    `opened` are the files that the program has had open: when (monotonic), which, and how.
    """
    order = order_in(memory)
    begun = [Path(path) for at, path, mode in opened if mode == "x" and at >= order["fired"]]
    settings = {**order["settings"], **_OWN}
    saver = H5SaverBase(settings.pop("save_type"), order["backend"])
    saver.store.change(**settings)
    if begun:
        saver.start_file_at(begun[0].with_name(f"{begun[0].stem}_rest.h5"))
    elif order["path"]:
        saver.start_file_at(order["path"])
    else:
        saver.new_file()
    mark(saver, memory)
    for frame in held_frames(memory):
        saver.intake.write_held(frame)
    path = saver.file_path
    saver.close_file()
    if begun and path is not None:
        os.replace(path, begun[0])
