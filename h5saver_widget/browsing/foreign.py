"""Which group of a NeXus file is plotted for another one, by the rules of all its generations.

Rules: https://manual.nexusformat.org/datarules.html#find-plottable-data
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import H5SaverError
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.saving.conventions import text_in
from h5saver_widget.saving.foreign import signal_of
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.links import resolved

__all__ = ["default_of"]

#: How often a default may lead to a default.
_MOST_STEPS: Final = 20
#: So many nodes are looked at where a file names no default.
_MOST_NODES: Final = 300


def default_of(h5: H5Backend, path: str, attributes: Mapping[str, Any]) -> str:
    """Return the group that is plotted for another: where its ``default`` leads; without one, the first NXdata."""
    here = path
    for _ in range(_MOST_STEPS):
        name = text_in(attributes.get("default"))
        if not name:
            break
        try:
            here = resolved(h5.io, f"{here}/{name}")
            node = h5.get_node(here)
        except H5SaverError:
            return ""
        if not isinstance(node, GROUP):
            return ""
        attributes = node.attrs.to_dict()
    if here == path or text_in(attributes.get("NX_class")) in ("NXentry", "NXroot"):
        here = _first_data(h5, here, attributes)
    return "" if here == path else here


def _first_data(h5: H5Backend, path: str, attributes: Mapping[str, Any]) -> str:
    """Return the first NXdata group with a signal in the entries of a file, or in one of them."""
    waiting, looked = [(path, 0)], 0
    while waiting:
        here, depth = waiting.pop(0)
        try:
            group = h5.get_node(here)
            kinds = h5.io.children_kinds(group.handle) if isinstance(group, GROUP) else {}
        except H5SaverError:
            continue
        for name, kind in kinds.items():
            looked += 1
            if looked > _MOST_NODES:
                return path
            if kind is not NodeKind.GROUP:
                continue
            below = f"{here.rstrip('/')}/{name}"
            child = h5.get_node(below)
            assert isinstance(child, GROUP)
            about = child.attrs.to_dict()
            kind_of_group = text_in(about.get("NX_class"))
            if kind_of_group == "NXdata" and signal_of(child, about, child.children_name()):
                return below
            if depth < 3 and kind_of_group.startswith("NX"):
                waiting.append((below, depth + 1))
    return path
