"""Settings of the files of a recorder: names, library, server, number types, compression. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from h5saver_widget.backends.registry import (
    BUILT_IN_DEFAULT,
    READS_ALL,
    available_backends,
    default_backend,
    server_backend,
)
from h5saver_widget.format.layout import SaveType
from h5saver_widget.recording.setting import BACKEND, COMPRESSION, FORMAT, SERVER, SWMR, setting

__all__ = ["AS_ACQUIRED", "DYNAMICS", "FileSettings"]

#: Saving dynamic that changes nothing.
AS_ACQUIRED: Final = "as acquired"
DYNAMICS: Final = (
    AS_ACQUIRED,
    *("float64", "float32", "float16"),
    *("int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)


@dataclass(frozen=True)
class FileSettings:
    """The first part of :class:`~h5saver_widget.recording.settings.Settings`, which checks them."""

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
