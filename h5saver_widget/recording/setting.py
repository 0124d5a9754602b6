"""The declaration of a setting: name, type, default, text for people, limits, choices, and its group. No Qt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from h5saver_widget.errors import SettingError

__all__ = [
    "BACKEND",
    "COMPRESSION",
    "FORMAT",
    "GROUPS",
    "RECORDING",
    "SERVER",
    "SWMR",
    "Setting",
    "SettingPath",
    "setting",
]

SettingPath = tuple[str, ...]

BACKEND: Final = ("backend",)
SERVER: Final = ("backend", "hsds_options")
SWMR: Final = ("backend", "swmr_options")
FORMAT: Final = ("data_format",)
COMPRESSION: Final = ("data_format", "compression_options")
RECORDING: Final = ("recording",)

#: Title and tooltip of every group of settings.
GROUPS: Final[Mapping[SettingPath, tuple[str, str]]] = {
    BACKEND: ("Backend", "The library that writes the files."),
    SERVER: (
        "Server",
        "The HSDS server that has the files. What is left empty comes from the environment.",
    ),
    SWMR: (
        "SWMR options",
        "Single writer, multiple readers: other programs may read the file while it is written.",
    ),
    FORMAT: ("Data format", "How numbers are stored."),
    COMPRESSION: ("Compression", "Makes files smaller; the data stay exactly the same."),
    RECORDING: (
        "Recording",
        "When a recording pauses, ends, or continues in a new file, and the names of files.",
    ),
}


@dataclass(frozen=True)
class Setting:
    """The declaration of a setting."""

    #: Its name, also that of the attribute of :class:`Settings`.
    name: str
    #: Path of the group it belongs to.
    group: SettingPath
    #: ``'bool'``, ``'int'``, ``'float'``, ``'str'``, ``'text'``, ``'list'``, ``'folder'``, ``'file'``, ``'secret'``.
    kind: str
    default: Any
    title: str
    tip: str
    #: Smallest and largest number.
    limits: tuple[int, int] | None = None
    #: Returns the choices of a list: values, or values by their names.
    choices: Callable[[], Mapping[str, Any] | list[Any]] | None = None
    #: Whether other values than these are refused.
    only_choices: bool = True
    #: Unit of a number.
    unit: str = ""
    readonly: bool = False
    visible: bool = True
    placeholder: str = ""
    #: Whether it stays out of the settings that are written into files.
    private: bool = False
    #: Whether it is a choice of the user, put back when the program starts again; else it belongs to a moment.
    kept: bool = True
    #: Raises an H5SaverError for a value that can't be used.
    check: Callable[[Any], object] | None = None

    @property
    def path(self) -> SettingPath:
        """Its path in the tree."""
        return (*self.group, self.name)

    def checked(self, value: Any) -> Any:
        """Return a value in the setting's own type.

        SettingError if it is of another type, out of the limits, or not among the choices.
        """
        wanted = type(self.default)
        if wanted is str:
            value = "" if value is None else str(value)
        elif isinstance(value, (bool, np.bool_)) is not (wanted is bool) or not isinstance(
            value, (bool, int, float, np.number, np.bool_)
        ):
            raise self._refusal(value, {bool: "true or false", int: "a whole number"}.get(wanted, "a number"))
        elif wanted is int and (not math.isfinite(value) or int(value) != value):
            raise self._refusal(value, "a whole number")
        else:
            value = wanted(value)
        if self.limits is not None and not self.limits[0] <= value <= self.limits[1]:
            raise self._refusal(value, f"a number from {self.limits[0]:,} to {self.limits[1]:,}")
        if self.choices is not None and self.only_choices and value not in (known := list(self.choices())):
            raise self._refusal(value, f"one of {', '.join(map(str, known))}")
        if self.check is not None:
            self.check(value)
        return value

    def _refusal(self, value: Any, expected: str) -> SettingError:
        return SettingError(f"{self.title}: got {value!r}, expected {expected}; it stays as it was")


def setting(title: str, default: Any, tip: str, group: SettingPath = (), kind: str = "", **more: Any) -> Any:
    """Declare a setting: a field of :class:`Settings` whose metadata hold everything about it but its name."""
    found = "list" if "choices" in more else {bool: "bool", int: "int", float: "float", str: "str"}[type(default)]
    about = {"title": title, "default": default, "tip": tip, "group": group, "kind": kind or found, **more}
    return field(default=default, metadata=about, repr=kind != "secret")
