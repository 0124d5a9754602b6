"""Settings trees as XML text, stored beside the data as by PyMoDAQ, whose browser shows it (docs/file-format.md, 11).

Parameters are any objects with the methods of pyqtgraph's (``name()``, ``type()``, ``opts``, ``value()``,
``children()``), so no Qt is needed here. Text that comes from a file is parsed without running it, and passwords are
never written.
"""

from __future__ import annotations

import datetime
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from contextlib import suppress
from html import escape
from typing import Any, Final

from h5saver_widget.errors import CodecError, SettingsXMLError
from h5saver_widget.format.codec import literal_text
from h5saver_widget.format.settings_reading import MAX_LEVELS, parse_xml, xml_to_tree, xml_values

__all__ = ["all_settings_xml", "xml_to_tree", "xml_values"]

# Written for every parameter, in the order of the peer, with the value that pyqtgraph takes when none is given.
_FLAGS: Final = {
    "visible": True,
    "removable": False,
    "readonly": False,
    "enabled": True,
    "renamable": False,
    "expanded": True,
    "syncExpanded": False,
    "showTop": False,
    "strictNaming": False,
}
_OPTIONAL_FLAGS: Final = ("show_pb", "valid_for_configuration", "filetype")
_OPTIONAL_TEXTS: Final = ("label", "suffix", "addList", "addText", "detList", "movelist")

_BOOLS: Final = frozenset({"bool", "bool_push", "led", "led_push"})
_NUMBERS: Final = frozenset({"int", "float", "slide", "progress"})
_TEXTS: Final = frozenset({"str", "text", "text_pb", "browsepath"})
_DATES: Final = frozenset({"date", "date_time"})
_EMPTY: Final = frozenset({"group", "action"})
_SPECIAL: Final = frozenset({"list", "color", "itemselect", "table"})
_WRITTEN: Final = _BOOLS | _NUMBERS | _TEXTS | _DATES | _EMPTY | _SPECIAL

# pyqtgraph's types that the peer does not read, and the types they are written as (their own name goes to `ptype`).
_WRITTEN_AS: Final = {"file": "browsepath", "slider": "slide", "checklist": "itemselect", "password": "str"}
_SECRET: Final = re.compile("password|passwd|pwd", re.IGNORECASE)
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME_TO_ESCAPE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4,6}_|x_\Z)|[^A-Za-z0-9_.-]|\A[^A-Za-z_]")


# ------------------------------------------------------------------------------------------------------------ writing


def _tag(name: str) -> str:
    """Return the name as an element name; characters that XML does not allow become ``_x0020_`` and so on."""
    return _NAME_TO_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", name) or "_x_"


def _flag(value: object) -> str:
    return "1" if value else "0"


def _simple_text(value: object) -> str:
    """Return the text of any value: Python text if it is simple, else its ``str``."""
    try:
        return literal_text(value)
    except (CodecError, ValueError):
        return repr(value)


def _list_text(value: object) -> str:
    """Return the text of a list parameter's value, ``int(3)``, which the peer evaluates."""
    if isinstance(value, str):
        return f"str({literal_text(value)})"
    if isinstance(value, float) and math.isnan(value):
        return "np.nan"
    if type(value) in (int, float):
        text = literal_text(value)
        return text if text.startswith("float(") else f"{type(value).__name__}({text})"
    return _simple_text(value)


def _limits_text(limits: object) -> str:
    if isinstance(limits, Mapping):
        return repr({str(key): _list_text(value) for key, value in limits.items()})
    if isinstance(limits, Iterable) and not isinstance(limits, str):
        return "[" + ", ".join(map(_simple_text, limits)) + "]"
    return _simple_text(limits)


def _color_text(value: Any) -> str:
    rgba = value.getRgb() if hasattr(value, "getRgb") else value
    return _simple_text(list(rgba) if isinstance(rgba, (tuple, list)) else rgba)


def _date_text(value: Any) -> str:
    """Return milliseconds since the epoch of a date, naive ones being local time."""
    if hasattr(value, "startOfDay"):
        value = value.startOfDay()
    if hasattr(value, "toMSecsSinceEpoch"):
        return str(value.toMSecsSinceEpoch())
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    return str(round(value.timestamp() * 1000)) if isinstance(value, datetime.datetime) else str(value)


def _number_text(kind: str, value: Any) -> str:
    if kind == "progress":  # the peer reads it with int()
        with suppress(TypeError, ValueError, OverflowError):
            return str(round(float(value)))
    return str(value)


def _leaf_text(kind: str, value: Any) -> str | None:
    """Return the text of a value of a type that is written, None for none."""
    if kind == "list":
        return _list_text(value)
    if value is None or kind in _EMPTY:
        return None
    if kind in _BOOLS:
        return _flag(value)
    if kind in _NUMBERS:
        return _number_text(kind, value)
    if kind == "color":
        return _color_text(value)
    if kind in _DATES:
        return _date_text(value)
    return str(value) if kind in _TEXTS else _simple_text(value)


def _set_text(element: ET.Element, text: str | None) -> None:
    """Set the text; characters that XML cannot hold make it the repr of the text, marked as such."""
    if text is not None and _ILLEGAL.search(text):
        element.set("text", "repr")
        text = repr(text)
    element.text = text or None


def _options(element: ET.Element, opts: Mapping[str, Any]) -> None:
    for key, default in _FLAGS.items():
        element.set(key, _flag(opts.get(key, default)))
    for key in _OPTIONAL_FLAGS:
        if key in opts:
            element.set(key, _flag(opts[key]))
    for key in _OPTIONAL_TEXTS:
        if opts.get(key) is not None:
            element.set(key, str(opts[key]))
    if opts.get("limits") is not None:
        element.set("limits", _limits_text(opts["limits"]))
    if "states" in opts:
        element.set("states", str(opts["states"]))


def _is_secret(name: str, kind: str, opts: Mapping[str, Any]) -> bool:
    return bool(_SECRET.search(name)) or kind == "password" or bool(opts.get("secret"))


def _hide(element: ET.Element) -> None:
    element.text = None
    for key in ("limits", "all_items", "states", "text"):
        element.attrib.pop(key, None)


def _parameter_element(param: Any, depth: int = 0) -> ET.Element:
    if depth > MAX_LEVELS:
        raise SettingsXMLError(f"the parameter tree is deeper than {MAX_LEVELS} levels: make it flatter")
    name, opts = str(param.name()), param.opts
    own = str(param.type())
    children = [] if own == "checklist" else list(param.children())
    kind = _WRITTEN_AS.get(own, own)
    if kind not in _WRITTEN:
        kind = "group" if children else "str"
    element = ET.Element(_tag(name), {"type": kind, "title": str(opts.get("title") or name)})
    _options(element, opts)
    if own == "file" and "filetype" not in opts:
        element.set("filetype", _flag(opts.get("fileMode") != "Directory"))
    try:
        value = None if kind in _EMPTY else param.value()
    except ValueError:  # no value has been set: saved without one
        value = None
    if own == "checklist":
        value = {"all_items": list(opts.get("limits") or []), "selected": value or []}
    if kind == "itemselect" and isinstance(value, Mapping):
        element.set("all_items", _simple_text(list(value.get("all_items", []))))
        value = list(value.get("selected", []))
    if own != kind:
        element.set("ptype", own)
        if own not in _WRITTEN_AS and value is not None:
            value = value if isinstance(value, str) else _simple_text(value)
    _set_text(element, _leaf_text(kind, value))
    if _is_secret(name, own, opts):
        _hide(element)
    element.extend([_parameter_element(child, depth + 1) for child in children])
    return element


def _value_element(name: str, value: object, depth: int = 0) -> ET.Element:
    """Return the element of a plain value, or of a dict of them as a group."""
    if depth > MAX_LEVELS:
        raise SettingsXMLError(f"the settings are deeper than {MAX_LEVELS} levels: make them flatter")
    if isinstance(value, Mapping):
        group = ET.Element(_tag(name), {"type": "group", "title": name})
        group.extend([_value_element(str(key), item, depth + 1) for key, item in value.items()])
        return group
    kind = type(value).__name__ if type(value) in (bool, int, float) else "str"
    element = ET.Element(_tag(name), {"type": kind, "title": name})
    plain = value if value is None or isinstance(value, str) else _simple_text(value) if kind == "str" else value
    _set_text(element, "" if _SECRET.search(name) else _leaf_text(kind, plain))
    return element


def _without_secrets(element: ET.Element) -> ET.Element:
    for inner in element.iter():
        if _SECRET.search(inner.tag) or inner.get("ptype") == "password":
            _hide(inner)
    return element


def _elements(tag: str | None, content: Any) -> list[ET.Element]:
    if isinstance(content, (bytes, str)):
        return [_without_secrets(parse_xml(content))] if content else []
    if isinstance(content, Mapping):
        return [_value_element(str(key), value) for key, value in content.items()]
    if isinstance(content, (list, tuple)):
        return [element for item in content for element in _elements(tag, item)]
    if hasattr(content, "children") and hasattr(content, "opts"):
        return [_parameter_element(content)]
    raise SettingsXMLError(
        f"settings of type {type(content).__name__} (in {tag or 'All_settings'}); expected a parameter, a list of them,"
        " XML text or a dict of plain values: convert them"
    )


def _escape(text: str, more: dict[int, str]) -> str:
    return escape(_ILLEGAL.sub("\ufffd", text), quote=False).translate(more)


_IN_TEXT: Final = str.maketrans({"\r": "&#13;"})
_IN_ATTRIBUTE: Final = str.maketrans({"\r": "&#13;", "\n": "&#10;", "\t": "&#9;", '"': "&quot;"})


def _write(element: ET.Element, out: list[str]) -> None:
    attributes = "".join(f' {key}="{_escape(value, _IN_ATTRIBUTE)}"' for key, value in element.attrib.items())
    if not element.text and not len(element):
        out.append(f"<{element.tag}{attributes} />")
    else:
        out.append(f"<{element.tag}{attributes}>{_escape(element.text or '', _IN_TEXT)}")
        for child in element:
            _write(child, out)
        out.append(f"</{element.tag}>")


def _to_bytes(element: ET.Element) -> bytes:
    out: list[str] = []
    _write(element, out)
    return "".join(out).encode("ascii", "xmlcharrefreplace")


def all_settings_xml(*roots: tuple[str | None, Any], group_attr: bool = True) -> bytes:
    """Return the ``All_settings`` text that a module's group carries.

    Its parts are pairs of a tag and settings: a parameter, a list of parameters, XML text, or a dict of plain values.
    With a tag (``'H5Saver'``, ``'ROI_Viewer_00'``) they go into a group of that name, with None right below the root.
    The root says that it is a group, unless `group_attr` is False (for actuators).

    SettingsXMLError if settings are of another type, too deep, or text that is not XML.

    >>> all_settings_xml(('H5Saver', {'n': 1}))
    b'<All_settings type="group"><H5Saver type="group"><n type="int" title="n">1</n></H5Saver></All_settings>'
    """
    root = ET.Element("All_settings", {"type": "group"} if group_attr else {})
    for tag, content in roots:
        parent = root if tag is None else ET.SubElement(root, _tag(tag), {"type": "group"})
        parent.extend(_elements(tag, content))
    return _to_bytes(root)
