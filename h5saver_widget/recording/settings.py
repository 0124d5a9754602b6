"""Settings of a recorder: one frozen value, each setting declared once, checked whenever it changes. No Qt.

:class:`Settings` is the declaration: name, type, default, text for people, limits and choices. The tree on screen
(:mod:`h5saver_widget.qt.parameters`) is generated from it; a store (:mod:`h5saver_widget.recording.settings_store`)
holds the value that counts now.
Names and groups are those of PyMoDAQ 5.3.8: programs and files know a setting by its path
(``backend/swmr_options/enable_swmr``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from h5saver_widget.archiving.template import find_template
from h5saver_widget.recording.alarms import command_words
from h5saver_widget.recording.disk import DEFAULT_MINIMUM_FREE
from h5saver_widget.recording.file_settings import FileSettings
from h5saver_widget.recording.notes import check_notes, read_notes
from h5saver_widget.recording.setting import RECORDING, Setting, setting
from h5saver_widget.recording.triggers import triggers_of

__all__ = ["SETTINGS", "Settings"]


def _count(title: str, unit: str, tip: str, default: float = 0.0) -> Any:
    value = int(default) if unit == "frames" else default
    return setting(title, value, tip, RECORDING, limits=(0, 2_000_000_000), unit=unit)


def _usable_template(name: str) -> None:
    if name:
        find_template(name)


def _readable_notes(text: str) -> None:
    check_notes(read_notes(text))


@dataclass(frozen=True)
class Settings(FileSettings):
    """Every setting of a recorder. One that changes makes a new value, which was checked.

    Raises
    ------
    SettingError, NamingError
        If a value can't be used.

    Examples
    --------
    >>> from dataclasses import replace
    >>> settings = Settings(base_name='Laser', roll_over_frames=1000)
    >>> replace(settings, h5comp_level=4).h5comp_level
    4
    >>> replace(settings, h5comp_level=40)
    Traceback (most recent call last):
    ...
    h5saver_widget.errors.SettingError: Level: got 40, expected a number from 0 to 9; it stays as it was
    """

    name_template: str = setting(
        "Name pattern",
        "",
        "What files are called: text with {base} {date} {time} {counter} {type} {year} {month} {day} {hour} {minute} "
        "{second} and your notes, such as {sample}; '/' makes folders. Empty: the usual names.",
        RECORDING,
    )
    dated_folders: bool = setting(
        "A folder for each day", True, "Put files into folders of year and day below the base path.", RECORDING
    )
    roll_over_size: float = _count(
        "New file at",
        "MB",
        "Go on in a new file when this one has become so large. No frame is lost. 0 = never.",
    )
    roll_over_time: float = _count(
        "New file after",
        "min",
        "Go on in a new file after so long. No frame is lost. 0 = never. Scans change between two scans.",
    )
    roll_over_frames: int = _count(
        "New file every", "frames", "Go on in a new file after so many frames. No frame is lost. 0 = never."
    )
    stop_after_time: float = _count(
        "Stop after",
        "min",
        "Complete and close the file after so long, without pauses. 0 = never.",
    )
    stop_after_frames: int = _count(
        "Stop after ", "frames", "Complete and close the file after so many frames. 0 = never."
    )
    reserve: float = _count(
        "Keep free",
        "MB",
        "Saving stops, with everything complete, before the disk has less free space than this (at most a twentieth of "
        "the disk). 0 = write until nothing is left.",
        DEFAULT_MINIMUM_FREE / 1e6,
    )
    sources: str = setting(
        "Needed sources",
        "",
        "Names of modules, separated by commas. A warning says when nothing comes from one of them.",
        RECORDING,
    )
    notes: str = setting(
        "Notes",
        "",
        "Names, values and units to keep with the data. Saved with every file and scan.",
        RECORDING,
        check=_readable_notes,
    )
    template: str = setting(
        "Template",
        "",
        "Which notes there are, which of them have to be filled, and where archives find them: bare, optics, "
        "microscopy, materials, or the path of a TOML file (h5saver template new). Empty: notes of any names.",
        RECORDING,
        check=_usable_template,
    )

    alarm_command: str = setting(
        "Alarm command",
        "",
        "A program that is run when a needed source is silent, frames are missing, something fails, the disk is nearly "
        "full or does not answer. It gets the event as JSON on its standard input; once a minute at most for each of "
        "these. No shell. Not written into files.",
        RECORDING,
        placeholder="python3 /home/me/call_me.py",
        check=command_words,
        private=True,
    )

    seal: bool = setting(
        "Seal when closed",
        False,
        "Write down checksums of everything in the file when it is closed: `h5saver verify` then says whether anything "
        "has changed since, and where. Closing takes some seconds longer for each GB.",
        RECORDING,
    )

    copy_to: str = setting(
        "Copy to",
        "",
        "Folders, on a share or another disk, or on the HSDS server (hdf5://home/me), with ';' between: every file is "
        "copied there when it is closed, read back and compared. A copy that was interrupted goes on the next time.",
        RECORDING,
        placeholder="/mnt/share; /media/usb",
    )
    copy_rate: float = _count("Copy at most", "MB/s", "So fast is copied, at most. 0 = as fast as it goes.")
    free_at: int = setting(
        "Free after",
        0,
        "Delete the local file once so many of these folders have a copy, which are all read again right before. Never "
        "the file that was open last. 0 = never delete anything.",
        RECORDING,
        limits=(0, 100),
        unit="copies",
    )

    keep_before: float = _count(
        "Keep before",
        "s",
        "While nothing is recorded, the frames of the last seconds wait in memory; a recording can begin with them. "
        "0 = nothing is kept.",
    )
    keep_before_memory: float = setting(
        "At most",
        256.0,
        "So much memory is for these frames. Where it is not enough, the oldest frames go first.",
        RECORDING,
        limits=(1, 1_000_000),
        unit="MB",
    )
    trigger: str = setting(
        "Trigger",
        "",
        "Begin to record, with the seconds before, once a value comes that is above, below, inside or outside of "
        "limits: 'camera above 5', 'scope/ch1 below 0', 'camera[100:200, 50:80] mean inside 20 30'; several with ';' "
        "between. With a limit for the time, each event is a file.",
        RECORDING,
        placeholder="meter above 5",
        check=triggers_of,
    )

    def __post_init__(self) -> None:
        """Check every value."""
        for one in SETTINGS.values():
            object.__setattr__(self, one.name, one.checked(getattr(self, one.name)))


#: Every setting by its name, in the order of the tree.
SETTINGS: Final[Mapping[str, Setting]] = {one.name: Setting(one.name, **one.metadata) for one in fields(Settings)}
