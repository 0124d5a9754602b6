"""Notes: the user's table of name, value and unit that is saved with every file and every scan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from h5saver_widget.errors import NamingError
from h5saver_widget.format.name_template import PLACEHOLDERS, field_key

__all__ = ["PREFIX", "Note", "check_notes", "note_attributes", "notes_from_attributes", "notes_text", "read_notes"]

#: Prefix of the attributes of notes: no note may take the place of an attribute that the format knows.
PREFIX: Final = "user_"
_UNITS: Final = "_units"
_NAME: Final = re.compile(r"[^\W_](?:[\w -]*\w)?")
_LONGEST: Final = 60


@dataclass(frozen=True)
class Note:
    """A line of the table.

    Attributes
    ----------
    name
        Letters, digits, spaces, ``-`` and ``_``.
    value
        As it was typed.
    unit
        May be empty.
    """

    name: str
    value: str = ""
    unit: str = ""


def check_notes(notes: Iterable[Note]) -> None:
    """Check the names of notes.

    Raises
    ------
    NamingError
        If a name can't be used, or two are the same in a name pattern.

    Examples
    --------
    >>> check_notes([Note('Sample', 'Si'), Note('sample', 'Ge')])
    Traceback (most recent call last):
    ...
    h5saver_widget.errors.NamingError: there are two notes called 'sample': rename one
    """
    seen: set[str] = set()
    for note in notes:
        key = field_key(note.name)
        if not _NAME.fullmatch(note.name.strip()) or len(note.name) > _LONGEST or key.endswith(_UNITS):
            raise NamingError(
                f"{note.name!r} can't name a note: use letters, digits, spaces, '-' and '_', at most {_LONGEST}, "
                "the first of them a letter or digit, and not '_units' at the end"
            )
        if key in PLACEHOLDERS:
            raise NamingError(f"{note.name!r} can't name a note: name patterns know {{{key}}} already; choose another")
        if key in seen:
            raise NamingError(f"there are two notes called {note.name!r}: rename one")
        seen.add(key)


def notes_text(notes: Iterable[Note]) -> str:
    """Return notes as the text that is kept in the settings."""
    rows = [[note.name, note.value, note.unit] for note in notes]
    return json.dumps(rows, ensure_ascii=False) if rows else ""


def read_notes(text: str) -> tuple[Note, ...]:
    """Return the notes that a text of :func:`notes_text` holds.

    Raises
    ------
    NamingError
        If it is no such text.

    Examples
    --------
    >>> read_notes('[["Sample", "Si", ""]]')
    (Note(name='Sample', value='Si', unit=''),)
    """
    if not text.strip():
        return ()
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NamingError(f"the notes can't be read ({error}): expected rows of name, value and unit") from error
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == 3 and all(isinstance(part, str) for part in row) for row in rows
    ):
        raise NamingError('the notes can\'t be read: expected rows of three texts, such as [["Sample", "Si", ""]]')
    return tuple(Note(*row) for row in rows)


def note_attributes(notes: Iterable[Note]) -> dict[str, Any]:
    """Return the attributes that notes become: as typed, units beside them.

    A value counts as a number where the number is written just so: ``2.50``, ``2,5`` and ``007`` stay text.

    Examples
    --------
    >>> note_attributes([Note('Bath temperature', '293.5', 'K'), Note('Power', '2,5'), Note('Pulses', '3')])
    {'user_Bath_temperature': 293.5, 'user_Bath_temperature_units': 'K', 'user_Power': '2,5', 'user_Pulses': 3}
    """
    found: dict[str, Any] = {}
    for note in notes:
        name = PREFIX + re.sub(r"\s+", "_", note.name.strip())
        found[name] = _number(note.value)
        if note.unit.strip():
            found[f"{name}{_UNITS}"] = note.unit
    return found


def notes_from_attributes(attributes: Mapping[str, Any]) -> tuple[Note, ...]:
    """Return the notes among the attributes of a node; spaces in their names come back as ``_``.

    Examples
    --------
    >>> notes_from_attributes({'user_Power': 3, 'user_Power_units': 'mW', 'type': 'scan'})
    (Note(name='Power', value='3', unit='mW'),)
    """
    return tuple(
        Note(name.removeprefix(PREFIX), str(value), str(attributes.get(name + _UNITS, "")))
        for name, value in attributes.items()
        if name.startswith(PREFIX) and not name.endswith(_UNITS)
    )


def _number(text: str) -> int | float | str:
    """Return the number that a text is, if it gives the same text back; else the text, as it was typed."""
    for kind in (int, float):
        with suppress(ValueError):
            number = kind(text)
            if str(number) == text and -(2**63) <= number < 2**63:  # not inf, not nan, and what an attribute holds
                return number
    return text
