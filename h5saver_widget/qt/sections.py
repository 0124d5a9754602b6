"""Which setting stands where on screen: sections in the order of use, and the buttons between the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["COMMENT", "NEXT_FILE", "SECTIONS", "Buttons", "Path", "Section"]

Path = tuple[str, ...]


@dataclass(frozen=True)
class Buttons:
    """Actions that share a line: paths of parameters and icons."""

    actions: tuple[tuple[Path, str], ...]


@dataclass(frozen=True)
class Section:
    """A heading and the rows below it, open or folded at first.

    Rows are paths of parameters, buttons, ``'next file'`` or ``'comment'``.
    """

    title: str
    rows: tuple[Path | Buttons | str, ...]
    expanded: bool = True


NEXT_FILE: Final = "next file"
COMMENT: Final = "comment"

SECTIONS: Final = (
    Section(
        "Saving",
        (
            ("do_save",),
            Buttons(
                (
                    (("recording", "pause"), "pause"),
                    (("recording", "stop"), "stop"),
                    (("recording", "marker"), "marker"),
                )
            ),
            Buttons(((("recording", "save_before"), "record"),)),
            Buttons(((("new_file",), "new-file"), (("browse",), "save"))),
            ("N_saved",),
            ("current_h5_file",),
            Buttons(((("show_file",), "browse"), (("recording", "open_folder"), "folder"))),
        ),
    ),
    Section(
        "Location",
        (
            ("base_path",),
            ("base_name",),
            ("recording", "name_template"),
            ("custom_name",),
            NEXT_FILE,
            ("recording", "dated_folders"),
            ("current_scan_name",),
            ("current_scan_path",),
        ),
    ),
    Section("Notes", (("recording", "template"), ("recording", "notes"), COMMENT), expanded=False),
    Section(
        "Data",
        (
            ("save_type",),
            ("save_2D",),
            ("save_raw_only",),
            ("data_format", "dynamic"),
            ("data_format", "fill_value"),
            ("close_after_scan",),
        ),
        expanded=False,
    ),
    Section(
        "Limits",
        (
            ("recording", "roll_over_size"),
            ("recording", "roll_over_time"),
            ("recording", "roll_over_frames"),
            ("recording", "stop_after_time"),
            ("recording", "stop_after_frames"),
            ("recording", "reserve"),
            ("recording", "sources"),
        ),
        expanded=False,
    ),
    Section(
        "Before the start",
        (
            ("recording", "keep_before"),
            ("recording", "keep_before_memory"),
            ("recording", "trigger"),
        ),
        expanded=False,
    ),
    Section(
        "Alarms",
        (("recording", "alarm_command"), Buttons(((("recording", "try_alarm"), "warning"),))),
        expanded=False,
    ),
    Section(
        "When closed",
        (
            ("recording", "seal"),
            ("recording", "copy_to"),
            ("recording", "copy_rate"),
            ("recording", "free_at"),
        ),
        expanded=False,
    ),
    Section(
        "File format",
        (
            ("backend", "backend_type"),
            ("backend", "isolated"),
            ("backend", "power_safe"),
            ("backend", "mirror"),
            ("backend", "hsds_options"),
            ("backend", "swmr_options"),
            ("data_format", "compression_options"),
            ("data_format", "convert_units"),
            ("data_format", "nexus"),
            ("data_format", "nexus_entry"),
            Buttons(((("recording", "presets"), "settings"),)),
        ),
        expanded=False,
    ),
)
