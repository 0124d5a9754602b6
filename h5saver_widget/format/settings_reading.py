"""Read settings XML of any origin: parsed without entities, DTDs or evaluation, into parameter dicts or values.

The writing half is :mod:`h5saver_widget.format.settings_xml`, which offers these functions too.
"""

from __future__ import annotations

import datetime
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn
from xml.parsers import expat

from h5saver_widget.errors import CodecError, SettingsXMLError
from h5saver_widget.format.literals import MAX_TEXT, parse_literal
from h5saver_widget.format.naming import free_name

__all__ = ["MAX_LEVELS", "parse_xml", "xml_to_tree", "xml_values"]

MAX_LEVELS: Final = 200
"""Deepest nesting of settings that is written or read."""

_MAX_ELEMENTS: Final = 500_000

# The peer's types that pyqtgraph does not know, and the types they are read as.
_READ_AS: Final = {
    **dict.fromkeys(("bool_push", "led", "led_push"), "bool"),
    "browsepath": "file",
    "slide": "slider",
    "text_pb": "text",
    "itemselect": "checklist",
    "progress": "int",
}
_KNOWN: Final = frozenset(
    {"bool", "int", "float", "str", "text", "list", "color", "action", "group", *_READ_AS.values()}
)
_FLAGS: Final = ("visible", "removable", "readonly", "enabled", "renamable", "expanded", "syncExpanded", "showTop")
_OWN_FLAGS: Final = ("strictNaming", "show_pb", "valid_for_configuration", "filetype")
_TEXTS: Final = ("label", "suffix", "addText")
_LISTS: Final = ("addList", "detList", "movelist")
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4,6})_")


class _Builder:
    """The handlers of one pass of expat, which refuse everything that settings do not need."""

    def __init__(self) -> None:
        self.tree = ET.TreeBuilder()
        self.depth = 0
        self.count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.count += 1
        if self.depth > MAX_LEVELS + 2:
            raise SettingsXMLError(f"the XML is nested deeper than {MAX_LEVELS} levels: show it as text")
        if self.count > _MAX_ELEMENTS:
            raise SettingsXMLError(f"the XML has more than {_MAX_ELEMENTS} elements: show it as text")
        self.tree.start(tag, attributes)

    def end(self, tag: str) -> None:
        self.depth -= 1
        self.tree.end(tag)

    def refuse(self, *_: object) -> NoReturn:
        raise SettingsXMLError("the XML has a DTD or entities, settings have none: it is not read, show it as text")


def parse_xml(xml: bytes | str) -> ET.Element:
    """Return the root element of an XML text that has neither a DTD nor entities.

    SettingsXMLError if it is not XML, has a DTD, is larger than 64 MB or nested deeper than 200 levels.

    >>> parse_xml('<settings type="group" />').tag
    'settings'
    """
    if not isinstance(xml, (bytes, str)):
        raise SettingsXMLError(f"settings are XML text (bytes or str), got {type(xml).__name__}: decode it first")
    if len(xml) > MAX_TEXT:
        raise SettingsXMLError(f"settings of {len(xml)} bytes; at most {MAX_TEXT} are read: show a part as text")
    builder = _Builder()
    try:
        parser = expat.ParserCreate("utf-8" if isinstance(xml, str) else None)
        parser.buffer_text = True
        parser.StartElementHandler = builder.start
        parser.EndElementHandler = builder.end
        parser.CharacterDataHandler = builder.tree.data
        parser.StartDoctypeDeclHandler = builder.refuse
        parser.EntityDeclHandler = builder.refuse
        parser.ExternalEntityRefHandler = builder.refuse
        parser.Parse(xml.encode("utf-8") if isinstance(xml, str) else xml, True)
        return builder.tree.close()
    except SettingsXMLError:
        raise
    except (expat.ExpatError, ValueError, LookupError, AssertionError) as error:
        raise SettingsXMLError(f"{xml[:40]!r} is not XML ({error}); expected settings: show it as text") from error


def _unescape(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code <= 0x10FFFF else match[0]


def _name(element: ET.Element) -> str:
    return "" if element.tag == "_x_" else _ESCAPED.sub(_unescape, element.tag)


def _text(element: ET.Element) -> str:
    text = element.text or ""
    if element.get("text") == "repr":
        with suppress(CodecError):
            value = parse_literal(text)
            return value if isinstance(value, str) else text
    return text


def _list_value(text: str) -> Any:
    try:
        return parse_literal(text)
    except CodecError:  # a plain text, as older files hold
        return text


def _int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise
        return int(number)


def _bool(text: str) -> bool:
    if text.strip().lower() not in ("0", "1", "true", "false"):
        raise ValueError(f"{text[:20]!r} is neither 1 nor 0")
    return text.strip().lower() in ("1", "true")


def _color(text: str) -> tuple[int, ...]:
    value = parse_literal(text)
    if not isinstance(value, (list, tuple)) or len(value) not in (3, 4):
        raise ValueError("a colour has three or four components")
    if not all(type(part) is int and 0 <= part <= 255 for part in value):
        raise ValueError("a component of a colour is 0 to 255")
    return tuple(value)


def _selected(text: str) -> list[Any]:
    value = parse_literal(text)
    if not isinstance(value, (list, tuple)):
        raise ValueError("selected items are a list")
    return list(value)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(text) / 1000)


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "list": _list_value,
    **dict.fromkeys(("bool", "bool_push", "led", "led_push"), _bool),
    **dict.fromkeys(("int", "progress"), _int),
    **dict.fromkeys(("float", "slide", "slider"), float),
    "color": _color,
    "itemselect": _selected,
    "date": lambda text: _moment(text).date().isoformat(),
    "date_time": lambda text: _moment(text).isoformat(sep=" ", timespec="milliseconds"),
}


def _value(kind: str, text: str) -> Any:
    """Return the value that the text of an element of this type means; raise ValueError if it means none."""
    if not text and kind not in ("list", "str", "text", "text_pb", "browsepath"):
        return [] if kind == "itemselect" else None
    return _PARSERS.get(kind, str)(text)


def _limits(kind: str, text: str) -> Any:
    """Return the limits, or None if they are not of the shape that this type needs."""
    try:
        limits = parse_literal(text)
    except CodecError:
        return None
    if kind == "list":
        if isinstance(limits, dict):
            return {str(key): _list_value(value) if isinstance(value, str) else value for key, value in limits.items()}
        return limits if isinstance(limits, list) else None
    if kind in ("int", "float", "slider") and isinstance(limits, (list, tuple)) and len(limits) == 2:
        low, high = limits
        if all(x is None or (isinstance(x, (int, float)) and not math.isnan(x)) for x in limits):
            return None if None not in limits and low > high else [low, high]
    return None


def _options(element: ET.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in (*_FLAGS, *_OWN_FLAGS):
        if (text := element.get(key)) is not None:
            found[key] = text in ("1", "True", "true")
    for key in _TEXTS:
        if (text := element.get(key)) is not None:
            found[key] = text
    for key in _LISTS:
        if (text := element.get(key)) is not None:
            with suppress(CodecError):
                found[key] = parse_literal(text)
    return found


def _leaf(element: ET.Element, kind: str, found: dict[str, Any]) -> None:
    """Add type, value and limits of an element that has a value."""
    text = _text(element)
    shown = _READ_AS.get(kind, kind)
    try:
        value = _value(kind, text)
    except (ValueError, OverflowError, OSError):
        found.update(type="str", value=text, readonly=True)
        return
    if shown not in _KNOWN:
        found.update(type="str", value=text if value is None else value, readonly=True)
        return
    limits = _limits(shown, element.get("limits", "")) if element.get("limits") else None
    if kind == "itemselect":
        limits = list(value)
        with suppress(CodecError, ValueError):
            limits = _selected(element.get("all_items", "[]")) or limits
    if shown == "list" and not limits:
        limits = [value]
    if shown == "file":
        found["fileMode"] = "AnyFile" if found.get("filetype", True) else "Directory"
    found["type"] = shown
    if value is not None or shown == "list":
        found["value"] = value
    if limits is not None:
        found["limits"] = limits


def _children(element: ET.Element) -> list[dict[str, Any]]:
    """Return the dicts of the children; a name that is there already (never in our files) gets a number."""
    taken: set[str] = set()
    found = []
    for child in element:
        entry = _entry(child)
        entry["name"] = free_name(entry["name"], taken)
        taken.add(entry["name"])
        found.append(entry)
    return found


def _entry(element: ET.Element) -> dict[str, Any]:
    name = _name(element)
    kind = element.get("type") or ("group" if len(element) else "str")
    found: dict[str, Any] = {"name": name, "title": element.get("title") or name, "type": "group"}
    found.update(_options(element))
    if kind == "action":
        found["type"] = "action"
    elif kind != "group" and not (len(element) and (kind == "itemselect" or kind not in _KNOWN | _READ_AS.keys())):
        _leaf(element, kind, found)
    elif text := _text(element).strip():
        # a group has no value, but text is kept: as that of a leaf if it is one
        found.update({"type": "str", "value": text, "readonly": True} if not len(element) else {"tip": text})
    own = element.get("ptype") or kind
    if own != found["type"]:
        found["xml_type"] = own
    if len(element):
        found["children"] = _children(element)
    return found


def xml_to_tree(xml: bytes | str) -> list[dict[str, Any]]:
    """Return the settings below the root element as dicts for ``Parameter.create(type='group', children=...)``.

    These have name, title, type (one that pyqtgraph has; the written one is ``xml_type`` if it differs), value, limits,
    flags, children. A value that cannot be parsed is kept as text, in a read-only 'str'.

    SettingsXMLError if it is not XML or has elements that settings never have (:func:`parse_xml`).

    >>> [gain] = xml_to_tree('<settings><gain type="int" limits="[0, 5]">3</gain></settings>')
    >>> gain['type'], gain['value'], gain['limits']
    ('int', 3, [0, 5])
    """
    return _children(parse_xml(xml))


def _values(entries: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in entries:
        if entry["type"] == "action":
            continue
        if entry["type"] == "group" or entry.get("children"):
            found[entry["name"]] = _values(entry.get("children", []))
            if entry["type"] != "group":
                found[entry["name"]].setdefault("value", entry.get("value"))
        else:
            found[entry["name"]] = entry.get("value")
    return found


def xml_values(xml: bytes | str) -> dict[str, Any]:
    """Return the values of a settings tree as nested dicts; a value that has children is its item ``value``.

    SettingsXMLError if it is not XML or has elements that settings never have (:func:`parse_xml`).

    >>> xml_values('<s><camera type="group"><on type="led">1</on></camera></s>')
    {'camera': {'on': True}}
    """
    return _values(xml_to_tree(xml))
