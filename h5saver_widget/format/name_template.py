"""NameTemplate: names of files by a pattern such as ``{sample}/{base}_{date}_{counter}``. No Qt.

A template is checked before it is used: a character that no system allows, an unknown placeholder, or a note without a
value is reported in a sentence, and no file is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from h5saver_widget.errors import NamingError
from h5saver_widget.format.naming import check_base_name

__all__ = ["PLACEHOLDERS", "NameTemplate", "field_key"]

#: Characters that stand for themselves in a template, and their names for people.
PLACEHOLDERS: Final = {
    "base": "the base name",
    "date": "20261121",
    "time": "16_58_48",
    "year": "2026",
    "month": "11",
    "day": "21",
    "hour": "16",
    "minute": "58",
    "second": "48",
    "type": "purpose of the file: scan, detector",
    "counter": "000, 001, ...; {counter:5} has five digits",
}
_FORMATS: Final = {
    "date": "%Y%m%d",
    "time": "%H_%M_%S",
    "year": "%Y",
    "month": "%m",
    "day": "%d",
    "hour": "%H",
    "minute": "%M",
    "second": "%S",
}
#: A counter counts on from file to file, at any time of day in their names.
_WILD: Final = {"time": "[0-9]{2}_[0-9]{2}_[0-9]{2}", "hour": "[0-9]{2}", "minute": "[0-9]{2}", "second": "[0-9]{2}"}
_PIECE: Final = re.compile(r"\{([^{}]*)\}|([{}])")
_SUFFIX: Final = re.compile(r"\.(h5|hdf5|nxs)\Z", re.IGNORECASE)
_UNSAFE: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_MOST_DIGITS: Final = 12
_MOST_FOLDERS: Final = 16


def field_key(name: str) -> str:
    """Return how a note is named in a template: small letters, no spaces.

    Examples
    --------
    >>> field_key('Sample name')
    'sample_name'
    """
    return re.sub(r"\s+", "_", name.strip().lower())


@dataclass(frozen=True)
class NameTemplate:
    """The pattern of file names.

    Attributes
    ----------
    text
        The pattern: text, placeholders in braces, and ``/`` between folders.
    fields
        The user's own placeholders: values by name.

    Raises
    ------
    NamingError
        If the pattern can't give a file name.

    Examples
    --------
    >>> template = NameTemplate('{sample}/{base}_{date}_{counter}', {'Sample': 'Si wafer'})
    >>> str(template.path(datetime(2026, 11, 21), 'Laser', 'scan', 7))
    'Si wafer/Laser_20261121_007'
    """

    text: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the pattern as far as it can be without date and base name."""
        text = _SUFFIX.sub("", self.text.strip())
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "fields", {field_key(name): value for name, value in self.fields.items()})
        if not text:
            raise NamingError("the name pattern is empty: write one, such as {base}_{date}_{counter}")
        counters = []
        for match in _PIECE.finditer(text):
            if match[2]:
                raise NamingError(f"the name pattern has a {match[2]!r} without its partner: write {{base}}, {{date}}")
            name, digits = _split(match[1])
            if name == "counter":
                counters.append(match.start())
            elif digits is not None:
                raise NamingError(f"{{{match[1]}}} in the name pattern: only the counter takes a number of digits")
            if name in PLACEHOLDERS:
                continue
            if name not in self.fields:
                known = ", ".join([*PLACEHOLDERS, *self.fields])
                raise NamingError(f"{{{match[1]}}} in the name pattern is unknown; there are: {known}")
            if not self.fields[name].strip():
                raise NamingError(f"{{{match[1]}}} in the name pattern has no value yet: fill it in under Notes")
        if len(counters) > 1:
            raise NamingError("the name pattern has more than one {counter}: leave one")
        if counters and "/" in text[counters[0] :]:
            raise NamingError("{counter} in the name pattern is in a folder: it numbers files, put it at the end")
        if text.count("/") > _MOST_FOLDERS:
            raise NamingError(f"the name pattern has more than {_MOST_FOLDERS} folders: leave some out")

    @property
    def has_counter(self) -> bool:
        """Whether files are numbered."""
        return any(_split(match[1])[0] == "counter" for match in _PIECE.finditer(self.text))

    def path(self, now: datetime, base: str, kind: str, counter: int = 0) -> PurePosixPath:
        """Return folder and name, without a suffix, below the folder of the day.

        Raises
        ------
        NamingError
            If no file or folder may be called like this on any system.
        """
        parts = [self._expand(part, now, base, kind, counter) for part in self.text.split("/")]
        for part in parts:
            _check_part(part, self.text)
        return PurePosixPath(*parts)

    def pattern(self, now: datetime, base: str, kind: str) -> re.Pattern[str]:
        """Return a pattern that matches the names (without folder and suffix) of this day; group 1: the number.

        Where there is no counter, group 1 is the number that was added because the name was taken, or None.
        """

        def replaced(match: re.Match[str]) -> str:
            name, _ = _split(match[1])
            if name == "counter":
                return "([0-9]{1,18})"
            return _WILD.get(name) or re.escape(self._value(name, now, base, kind))

        last = self.text.rpartition("/")[2]
        pieces, end = [], 0
        for match in _PIECE.finditer(last):
            pieces += [re.escape(last[end : match.start()]), replaced(match)]
            end = match.end()
        pieces.append(re.escape(last[end:]))
        if not self.has_counter:
            pieces.append("(?:_([0-9]{1,18}))?")
        return re.compile("".join(pieces), re.IGNORECASE)

    def _expand(self, part: str, now: datetime, base: str, kind: str, counter: int) -> str:
        def replaced(match: re.Match[str]) -> str:
            name, digits = _split(match[1])
            return f"{counter:0{digits or 3}d}" if name == "counter" else self._value(name, now, base, kind)

        return _PIECE.sub(replaced, part)

    def _value(self, name: str, now: datetime, base: str, kind: str) -> str:
        if name in _FORMATS:
            return now.strftime(_FORMATS[name])
        if name in ("base", "type"):
            return base if name == "base" else kind
        # A note of a person is not meant as a path.
        return _UNSAFE.sub("_", self.fields[name].strip())


def _split(placeholder: str) -> tuple[str, int | None]:
    name, colon, digits = placeholder.partition(":")
    if not colon:
        return field_key(name), None
    if not re.fullmatch("[0-9]{1,2}", digits) or not 1 <= int(digits) <= _MOST_DIGITS:
        raise NamingError(f"{{{placeholder}}} in the name pattern: write {{counter:5}} for five digits, 1 to 12")
    return field_key(name), int(digits)


def _check_part(part: str, text: str) -> None:
    if not part.strip():
        raise NamingError(f"the name pattern {text!r} gives an empty name: '/' stands between two names only")
    try:
        check_base_name(part)
    except NamingError as error:
        raise NamingError(str(error).replace("the base name", "the name pattern gives")) from error
