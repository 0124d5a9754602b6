"""Templates of metadata: a TOML file that says what has to be known of an experiment, and where it goes in the file.

The values are notes (:mod:`h5saver_widget.recording.notes`): they stand where notes stand, and besides in the NeXus
entry, at the path of their field.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from h5saver_widget.archiving.ready_made import READY_MADE
from h5saver_widget.archiving.units import spelling_problem
from h5saver_widget.backends.terms import Plain
from h5saver_widget.errors import TemplateError

__all__ = ["ON_PURPOSE", "Field", "Template", "find_template", "read_template"]

#: What is written into a field that is empty on purpose.
ON_PURPOSE: Final = "-"
#: Groups of an entry that need no class in a path.
_CLASSES: Final = {
    "user": "NXuser",
    "sample": "NXsample",
    "instrument": "NXinstrument",
    "source": "NXsource",
    "environment": "NXenvironment",
}
_STEP: Final = re.compile(r"([A-Za-z_]\w*)(?:\[(NX\w+)\])?", re.ASCII)
_NAME: Final = re.compile(r"[^\W_](?:[\w -]*\w)?")
_ORCID: Final = re.compile(r"(?:https://orcid\.org/)?\d{4}-\d{4}-\d{4}-\d{3}[\dX]")
_TYPES: Final = ("text", "number", "integer", "choice", "orcid")
_REQUIRED: Final = ("no", "warn", "block")


@dataclass(frozen=True)
class Field:
    """A field of a template.

    Attributes
    ----------
    name
        Name of the note: letters, digits, spaces, ``-`` and ``_``.
    type
        ``'text'``, ``'number'``, ``'integer'``, ``'choice'`` or ``'orcid'``.
    unit
        Unit of a number.
    choices
        The values of a choice.
    required
        ``'block'``: nothing is saved while it is empty; ``'warn'``: that is only said; ``'no'``.
    ask_every_time
        Whether it is emptied after each file.
    default
        The first value.
    empty_on_purpose
        Whether ``-`` may be written: there is none, and that is known.
    path
        Where it goes in the NeXus entry, ``'sample/name'``; classes in brackets: ``'laser[NXsource]/wavelength'``.
    help
        What to write, in a sentence.
    """

    name: str
    type: str = "text"
    unit: str = ""
    choices: tuple[str, ...] = ()
    required: str = "no"
    ask_every_time: bool = False
    default: str = ""
    empty_on_purpose: bool = False
    path: str = ""
    help: str = ""

    def problem(self, value: str) -> str:
        """Return the fault of a value, in a sentence; ``''`` if it has none.

        Examples
        --------
        >>> Field('Temperature', 'number', unit='K').problem('warm')
        "Temperature: got 'warm', expected a number in K"
        """
        text = value.strip()
        if not text:
            return "" if self.required == "no" else f"{self.name} is empty"
        if text == ON_PURPOSE and self.empty_on_purpose:
            return ""
        wanted = {
            "number": f"a number{f' in {self.unit}' if self.unit else ''}",
            "integer": f"a whole number{f' in {self.unit}' if self.unit else ''}",
            "choice": f"one of {', '.join(self.choices)}",
            "orcid": "an ORCID such as 0000-0002-1825-0097",
        }.get(self.type, "")
        return "" if self._fits(text) else f"{self.name}: got {text!r}, expected {wanted}"

    def _fits(self, text: str) -> bool:
        if self.type == "choice":
            return text in self.choices
        if self.type == "orcid":
            return _ORCID.fullmatch(text) is not None
        if self.type in ("number", "integer"):
            try:
                (float if self.type == "number" else int)(text)
            except ValueError:
                return False
        return True

    def steps(self) -> list[tuple[str, str]]:
        """Return the path as names and classes of groups, and the name of the value with ``''``."""
        found = []
        for step in self.path.split("/"):
            match = _STEP.fullmatch(step)
            if match is None:
                raise TemplateError(
                    f"{self.name}: path {self.path!r} is none; expected names with '/' between, 'sample/name'"
                )
            found.append((match[1], match[2] or _CLASSES.get(match[1], "")))
        *groups, (last, _) = found
        if missing := next((name for name, nx_class in groups if not nx_class), ""):
            raise TemplateError(
                f"{self.name}: what kind of group {missing!r} is has to be said in the path, such as "
                f"'{missing}[NXcollection]/...'"
            )
        return [*groups, (last, "")]


@dataclass(frozen=True)
class Template:
    """What has to be known of an experiment.

    Attributes
    ----------
    title
        Name for people.
    fields
        The fields, in their order.
    definition
        The application definition that the NeXus entry claims, ``''`` for NXsensor_scan. What it demands besides, the
        fields have to give.

    Examples
    --------
    >>> optics = find_template('optics')
    >>> [field.name for field in optics.fields][:3]
    ['User', 'ORCID', 'Affiliation']
    >>> optics.problems({'User': 'Ada'}, 'block')
    ['Sample is empty']
    """

    title: str
    fields: tuple[Field, ...]
    definition: str = ""

    def problems(self, values: Mapping[str, str], required: str = "") -> list[str]:
        """Return the faults of values, by name of their field, in sentences.

        Parameters
        ----------
        values
            What is written in the fields.
        required
            Only that which blocks (``'block'``: empty fields that must not be, and values that can't be); only the
            other (``'warn'``); or everything.
        """
        found = []
        for field in self.fields:
            value = values.get(field.name, "")
            problem = field.problem(value)
            blocks = field.required == "block" or bool(value.strip())
            if problem and (not required or blocks == (required == "block")):
                found.append(problem)
        return found

    def shown(self, values: Mapping[str, str]) -> dict[str, Plain]:
        """Return the values that go into the NeXus entry: nodes by name; those that can't be used are left out.

        Examples
        --------
        >>> template = Template('', (Field('T', 'number', 'K', path='sample/temperature'),))
        >>> sample = template.shown({'T': '4.2'})['sample']
        >>> sample.attributes['NX_class'], sample.members['temperature'].number
        ('NXsample', 4.2)
        """
        tree: dict[str, Any] = {}
        for field in self.fields:
            text = values.get(field.name, "").strip()
            if not field.path or not text or text == ON_PURPOSE or field.problem(text):
                continue
            *groups, (last, _) = field.steps()
            here = tree
            for name, nx_class in groups:
                here = here.setdefault(name, (nx_class, {}))[1]
            is_number = field.type in ("number", "integer")
            written = repr(float(text)) if field.type == "number" else text
            here[last] = Plain("number" if is_number else "text", {"units": field.unit} if field.unit else {}, written)
            if field.type == "orcid":
                here[last] = _identifier(text, "ORCID")
        return {name: _plain(node) for name, node in tree.items()}


def _identifier(text: str, service: str) -> Plain:
    full = text if text.startswith("https://") else f"https://orcid.org/{text}"
    return Plain("text", {"type": service}, full)


def _plain(node: Any) -> Plain:
    if isinstance(node, Plain):
        return node
    nx_class, members = node
    return Plain("group", {"NX_class": nx_class}, members={name: _plain(member) for name, member in members.items()})


def find_template(name: str) -> Template:
    """Return a ready-made template by its name, or that of a file.

    Parameters
    ----------
    name
        One of `READY_MADE`, or the path of a TOML file.

    Raises
    ------
    TemplateError
        If there is none, or it can't be used.
    """
    if name in READY_MADE:
        return read_template(READY_MADE[name], name)
    path = Path(name).expanduser()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(READY_MADE)
        why = getattr(error, "strerror", None) or error
        raise TemplateError(f"the template {name!r} can't be read ({why}); choose {known}, or a file") from error
    return read_template(text, path.name)


def read_template(text: str, name: str = "the template") -> Template:
    """Return the template that a text in TOML holds; TemplateError with the place of the mistake."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"{name} is no TOML: {error}") from error
    rows = said.pop("field", [])
    unknown = sorted(said.keys() - {"title", "definition"})
    if unknown or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TemplateError(f"{name}: got {', '.join(unknown) or 'field'}, expected title, definition and [[field]]")
    try:
        made = tuple(_field(row) for row in rows)
        _check_names(made)
    except TemplateError as error:
        raise TemplateError(f"{name}: {error}") from error
    return Template(str(said.get("title", name)), made, str(said.get("definition", "")))


def _field(row: Mapping[str, Any]) -> Field:
    kinds = {field.name: field.type for field in fields(Field)}
    name = row.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TemplateError(f"a field is called {name!r}; use letters, digits, spaces, '-' and '_'")
    if unknown := sorted(row.keys() - kinds.keys()):
        raise TemplateError(f"{name}: {unknown[0]!r} is unknown; a field has {', '.join(kinds)}")
    for key, value in row.items():
        wanted = {"choices": list, "ask_every_time": bool, "empty_on_purpose": bool}.get(key, str)
        if not isinstance(value, wanted) and key != "default":
            raise TemplateError(f"{name}: {key} is {value!r}; expected {_WORDS[wanted]}")
    choices = tuple(map(str, row.get("choices", ())))
    made = Field(**{**row, "choices": choices, "default": str(row.get("default", ""))})
    _check(made)
    return made


_WORDS: Final[Mapping[type, str]] = {list: "a list of texts", bool: "true or false", str: "a text in quotes"}


def _check(field: Field) -> None:
    for key, value, known in (("type", field.type, _TYPES), ("required", field.required, _REQUIRED)):
        if value not in known:
            raise TemplateError(f"{field.name}: {key} is {value!r}; expected one of {', '.join(known)}")
    if (field.type == "choice") != bool(field.choices):
        raise TemplateError(f"{field.name}: a field of type 'choice' has choices, and no other has")
    if problem := spelling_problem(field.unit):
        raise TemplateError(f"{field.name}: {problem}")
    if field.default and (problem := field.problem(field.default)):
        raise TemplateError(f"its default can't be used: {problem}")
    if field.path:
        field.steps()


def _check_names(found: Sequence[Field]) -> None:
    for what, words in (("name", "name"), ("path", "place in the file")):
        seen: set[str] = set()
        for field in found:
            key = str(getattr(field, what)).casefold()
            if key and key in seen:
                raise TemplateError(f"{field.name}: another field has the same {words}")
            seen.add(key)
