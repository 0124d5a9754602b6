"""What the tests of settings XML share: a parameter that needs no Qt, and its text."""

from __future__ import annotations

import math
from typing import Any

from h5saver_widget.format.settings_xml import _parameter_element, _to_bytes


def parameter_to_xml(param: Any) -> bytes:
    """Return the XML text of a parameter and everything below it."""
    return _to_bytes(_parameter_element(param))


FLAGS = (
    'visible="1" removable="0" readonly="0" enabled="1" renamable="0" expanded="1" syncExpanded="0" showTop="0"'
    ' strictNaming="0"'
)


#: Types of settings.
KINDS = [
    "bool",
    "int",
    "float",
    "str",
    "list",
    "color",
    "itemselect",
    "slide",
    "date",
    "date_time",
    "group",
    "table",
    "x",
]


class Fake:
    """What the writer needs of a parameter, and no more."""

    def __init__(self, name: str, kind: str = "group", value: Any = None, children: Any = (), **opts: Any) -> None:
        self._name, self._kind, self._value, self._children, self.opts = name, kind, value, list(children), opts

    def name(self) -> str:
        return self._name

    def type(self) -> str:
        return self._kind

    def value(self) -> Any:
        return self._value

    def children(self) -> list[Fake]:
        return self._children


def root(*children: Fake) -> bytes:
    return parameter_to_xml(Fake("settings", children=children))


def leaf(kind: str, value: Any, **opts: Any) -> str:
    text = root(Fake("a", kind, value, **opts)).decode()
    return text.split('strictNaming="0">', 1)[1].removesuffix("</settings>").replace(" " + FLAGS, "")


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return bool(type(a) is type(b) and (a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))))
