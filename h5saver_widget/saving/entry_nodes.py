"""The nodes of a NeXus entry, with names that NeXus allows."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from h5saver_widget.backends.terms import Plain
from h5saver_widget.nodes.attributes import storable_text

__all__ = [
    "ShownArray",
    "group_node",
    "how_telling",
    "joined",
    "module_node",
    "step_nodes",
    "storable",
    "text_node",
    "time_node",
    "time_to_come",
    "valid_name",
]

_DIMENSIONS: Final = ("Data0D", "Data1D", "Data2D", "DataND")
#: Where a module has its name.
_NAMES: Final = {"NXdetector": "local_name", "NXpositioner": "name"}


@dataclass
class ShownArray:
    """An array as it was made."""

    path: str
    ndim: int
    about: Mapping[str, Any]

    @property
    def number(self) -> str:
        """The digits at the end of its name: an array of error bars has those of its array."""
        return self.path[len(self.path.rstrip("0123456789")) :]

    def label(self, default: str) -> str:
        """Return the label as a name that NeXus allows."""
        return valid_name(str(self.about.get("label") or default))

    def shown_as(self, name: str) -> Plain:
        """Return the view that shows it under a name."""
        units = storable_text(str(self.about.get("units", "")))
        label = storable_text(str(self.about.get("label") or name))
        about = {"long_name": f"{label} ({units})", "units": units} if units else {"long_name": label}
        return Plain("view", about, self.path)


def storable(node: Plain) -> Plain:
    """Return a node of a template with texts that HDF5 can hold."""
    about = {name: storable_text(value) if isinstance(value, str) else value for name, value in node.attributes.items()}
    members = {name: storable(member) for name, member in node.members.items()}
    return Plain(node.kind, about, storable_text(node.text), members)


def joined(nodes: Mapping[str, Plain], more: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return nodes by name with more of them: groups that both have are added to, other nodes are replaced."""
    found = dict(nodes)
    for name, node in more.items():
        known = found.get(name)
        if known is not None and known.kind == node.kind == "group":
            about = {**known.attributes, **node.attributes}
            node = node._replace(attributes=about, members=joined(known.members, node.members))
        found[name] = node
    return found


def step_nodes(path: str, members: Mapping[str, Plain]) -> tuple[Plain, dict[str, Plain]]:
    """Return the group of a step, and the links to its members, which say where they stand as NeXus demands it."""
    places = {name: f"{path}/{name}" for name in members}
    shown = {
        name: node._replace(attributes={**node.attributes, "target": places[name]}) for name, node in members.items()
    }
    return group_node("NXcollection", **shown), {name: Plain("soft", text=place) for name, place in places.items()}


def group_node(nx_class: str, **members: Plain) -> Plain:
    """Return a group of a class of NeXus."""
    return Plain("group", {"NX_class": nx_class}, members=members)


def text_node(text: str, varies: bool = False, **about: str) -> Plain:
    """Return a text with attributes, *unknown* if it is empty; one that `varies` is another one in each file."""
    return Plain("text", about, storable_text(text) or "unknown", varies=varies)


def time_node(time: datetime) -> Plain:
    """Return a time."""
    return text_node(time.isoformat(timespec="milliseconds"), varies=True)


def time_to_come() -> Plain:
    """Return a node for a time that is not known yet."""
    return text_node("it has not come yet", varies=True)


def module_node(path: str, title: str, nx_class: str) -> Plain:
    """Return the group of a module: its name, and where its settings are."""
    settings = group_node("NXnote", description=text_node(f"XML in the attribute 'settings' of {path}"))
    return group_node(nx_class, **{_NAMES[nx_class]: text_node(title)}, settings=settings)


def how_telling(path: str) -> int:
    """Return how telling the data at a path are: more dimensions first, positions after readings, times last."""
    parts = path.split("/")
    if "Timestamps" in parts:
        return 0
    dimensions = next((_DIMENSIONS.index(part) for part in parts if part in _DIMENSIONS), 0)
    return 2 + 2 * dimensions - any(part.startswith("Actuator") for part in parts)


@functools.lru_cache(1000)
def valid_name(text: str) -> str:
    """Return a name that NeXus allows.

    >>> valid_name('CH 1 (µW)'), valid_name('7')
    ('CH_1_W', '_7')
    """
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    return name if name and not name[0].isdigit() else f"_{name}"
