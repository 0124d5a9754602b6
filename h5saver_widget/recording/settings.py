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
from pathlib import Path
from typing import Any, Final

import numpy as np

from h5saver_widget.archiving.template import find_template
from h5saver_widget.backends.registry import (
    BUILT_IN_DEFAULT,
    READS_ALL,
    available_backends,
    default_backend,
    server_backend,
)
from h5saver_widget.format.layout import SaveType
from h5saver_widget.recording.alarms import command_words
from h5saver_widget.recording.disk import DEFAULT_MINIMUM_FREE
from h5saver_widget.recording.notes import check_notes, read_notes
from h5saver_widget.recording.setting import BACKEND, COMPRESSION, FORMAT, RECORDING, SERVER, SWMR, Setting, setting
from h5saver_widget.recording.triggers import triggers_of

__all__ = ["AS_ACQUIRED", "DYNAMICS", "SETTINGS", "Settings"]

#: Saving dynamic that changes nothing.
AS_ACQUIRED: Final = "as acquired"
DYNAMICS: Final = (
    AS_ACQUIRED,
    *("float64", "float32", "float16"),
    *("int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)


def _count(title: str, unit: str, tip: str, default: float = 0.0) -> Any:
    value = int(default) if unit == "frames" else default
    return setting(title, value, tip, RECORDING, limits=(0, 2_000_000_000), unit=unit)


def _usable_template(name: str) -> None:
    if name:
        find_template(name)


def _readable_notes(text: str) -> None:
    check_notes(read_notes(text))


@dataclass(frozen=True)
class Settings:
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

    save_type: str = setting(
        "Save type",
        "scan",
        "What the files are for. It is chosen by the program and decides how files are named.",
        choices=SaveType.names,
        readonly=True,
        kept=False,
    )
    save_2D: bool = setting(
        "Save 2D and above",
        True,
        "Also save images and anything with more dimensions. They take most of the space on the disk.",
    )
    save_raw_only: bool = setting(
        "Save raw only",
        True,
        "Save only the instrument's own data, without calculated data (regions of interest).",
    )
    do_save: bool = setting(
        "Do Save",
        False,
        "On: a new file is made and saving starts. Off: the file is completed and closed.",
        kept=False,
    )
    N_saved: int = setting(
        "Saved",
        0,
        "How many times data were saved into the current file.",
        readonly=True,
        visible=False,
        kept=False,
    )
    custom_name: bool = setting(
        "Choose file name",
        False,
        "Ask for the name of each new file instead of making it from base name, date and time.",
        visible=False,
    )
    close_after_scan: bool = setting(
        "Close after scan",
        False,
        "Close the file at the end of each scan, so that other programs may open it.",
    )
    base_path: str = setting(
        "Base path",
        str(Path.home() / "Data"),
        "Folder for all files. It is made with the first file, and has one folder per year and per day.",
        kind="folder",
    )
    base_name: str = setting(
        "Base name",
        "Data",
        "File names start with it; date and time are added. Files of scans are called Dataset.",
    )
    current_scan_name: str = setting(
        "Current scan",
        "",
        "The scan that is saved now, or comes next: several scans go into one file and are numbered.",
        placeholder="none yet",
        readonly=True,
        kept=False,
    )
    current_scan_path: str = setting(
        "Folder", "", "Folder of the current file.", kind="text", readonly=True, visible=False, kept=False
    )
    current_h5_file: str = setting(
        "File",
        "",
        "The file that is written, or was written last.",
        kind="file",
        placeholder="none yet",
        kept=False,
    )

    backend_type: str = setting(
        "Backend type",
        BUILT_IN_DEFAULT,
        "Writes the files; each reads the other's. Applies from the next file on.",
        BACKEND,
        choices=available_backends,
    )
    isolated: bool = setting(
        "Write in a separate process",
        True,
        "The file then survives a crash of this program, and the window never waits for the disk. Applies from the "
        "next file on.",
        BACKEND,
    )
    mirror: bool = setting(
        "Mirror on a server",
        False,
        "Also copy every file to an HSDS server while it is written. The file on the disk comes first: it does not "
        "wait for the server: missing data are sent when it is back.",
        BACKEND,
    )
    power_safe: bool = setting(
        "Survive power loss",
        False,
        "The file is then forced onto the disk in an order that survives a loss of power at any moment: each flush "
        "takes some milliseconds longer. Not together with SWMR. Applies from the next file on.",
        BACKEND,
    )
    local_first: bool = setting(
        "Local file first",
        True,
        "Files are written below the base path, and copied to the server while they are written: nothing that the "
        "server or the network does can cost a row. Off: straight to the server, for a machine without a disk.",
        SERVER,
    )
    endpoint: str = setting(
        "Address",
        "",
        "Address of the server, such as http://server:5101; of a group of servers all addresses, with a blank between. "
        "Empty: the one that the environment names.",
        SERVER,
        placeholder="http://server:5101",
    )
    user: str = setting(
        "User",
        "",
        "Your name on the server. Empty: the one that the environment names.",
        SERVER,
        placeholder="name on the server",
    )
    password: str = setting(
        "Password",
        "",
        "Better left empty: it then comes from the environment or the keyring of the system. What is typed here is "
        "kept in memory until the program ends, and never written down.",
        SERVER,
        kind="secret",
        kept=False,
    )
    api_key: str = setting(
        "API key",
        "",
        "Instead of user and password, where the server knows keys. Better left empty, as the password is.",
        SERVER,
        kind="secret",
        kept=False,
    )
    certificate: str = setting(
        "Certificate",
        "",
        "File (PEM) with the certificate of a server with https:// that nobody known to this system has signed, or of "
        "who has signed it. Empty: those that the system trusts.",
        SERVER,
        placeholder="those that the system trusts",
    )
    domain: str = setting(
        "Folder",
        "",
        "Folder on the server for all files, such as /home/me. It has one folder per year and per day. Empty: your own "
        "folder there.",
        SERVER,
        placeholder="/home/name",
    )
    connection: str = setting(
        "Answer",
        "",
        "What came of the last test of the connection.",
        SERVER,
        readonly=True,
        visible=False,
        kept=False,
    )
    enable_swmr: bool = setting(
        "Enable SWMR",
        False,
        "Make new files readable by other programs while they are written (single writer, multiple readers). Applies "
        "from the next file on.",
        SWMR,
    )
    flush_interval: int = setting(
        "Flush interval",
        1,
        "After how many scan steps readers see the new data. 0 = only at the end.",
        SWMR,
        limits=(0, 1_000_000),
        unit="steps",
    )

    fill_value: float = setting(
        "Fill value",
        np.nan,
        "Stands where a scan has not been yet. Whole numbers can't be nan: they get 0.",
        FORMAT,
        choices=lambda: {"0": 0.0, "nan": np.nan},  # numpy's object and no other NaN: PyMoDAQ looks for this one
        only_choices=False,
    )
    dynamic: str = setting(
        "Saving dynamic",
        AS_ACQUIRED,
        "Number type in the file. 'as acquired' keeps the type of the data. Values that don't fit the chosen type are "
        "refused with an error, never changed.",
        FORMAT,
        choices=lambda: list(DYNAMICS),
    )
    convert_units: bool = setting(
        "Convert units",
        False,
        "Data whose units change by a power of ten (mV, then V) are converted to the units they began with, where no "
        "digit is lost. Off: they go on in another array, as the instrument gave them.",
        FORMAT,
    )
    nexus: bool = setting(
        "Add NeXus attributes",
        True,
        "Add the few attributes by which programs that know NeXus find and plot the data.",
        FORMAT,
    )
    nexus_entry: str = setting(
        "NeXus entry",
        "always",
        "Show the data once more as NeXus has them: validators and archives find them there. The entry holds no "
        "values, and adds 30 kB to a file. always: under a name that PyTables and so PyMoDAQ pass over. plain: as "
        "/entry, for programs that ask for that name; PyMoDAQ, with PyTables, shows nothing of such a file.",
        FORMAT,
        choices=lambda: ["always", "plain", "never"],
    )
    h5comp_library: str = setting(
        "Library",
        "zlib",
        "Compression library. Every program that knows HDF5 reads zlib (also called gzip).",
        COMPRESSION,
        choices=lambda: ["zlib"],
        only_choices=False,  # each backend has its own
    )
    h5comp_level: int = setting(
        "Level",
        0,
        "0: no compression, the fastest. 9: the smallest files, the slowest.",
        COMPRESSION,
        limits=(0, 9),
    )

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

    @property
    def library(self) -> str:
        """The backend that writes: one for local files, where the server gets a copy of these."""
        local = default_backend()
        if self.backend_type != server_backend() or not self.local_first:
            return self.backend_type
        return READS_ALL if local == self.backend_type else local

    @property
    def is_copied(self) -> bool:
        """Whether local files are copied to a server while they are written."""
        return self.mirror if self.backend_type != server_backend() else self.local_first

    def __post_init__(self) -> None:
        """Check every value."""
        for one in SETTINGS.values():
            object.__setattr__(self, one.name, one.checked(getattr(self, one.name)))


#: Every setting by its name, in the order of the tree.
SETTINGS: Final[Mapping[str, Setting]] = {one.name: Setting(one.name, **one.metadata) for one in fields(Settings)}
