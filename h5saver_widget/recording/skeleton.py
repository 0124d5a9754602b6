"""The parts of a file that the next file of a recording begins with: the groups of the modules, with their settings.

Programs hold the path of their group, or look for it by its title: in the next file they find it again.
"""

from __future__ import annotations

from typing import Any, Final

from h5saver_widget.format import codec
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["skeleton"]

#: Types of groups that are not made again: they are complete, or hold data.
_LEFT_BEHIND: Final = ("", "scan", "time", "ch", "data", "data_dim", "external_h5", "log")
#: Attributes that each file writes for itself.
_OWN: Final = (
    *("CLASS", "TITLE", "VERSION", "PYTABLES_FORMAT_VERSION", "type"),
    *("frames_received", "frames_written", "frames_dropped"),
)


def skeleton(saver: H5SaverLowLevel) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """Return the parts of the open file with which the next one begins.

    They are the attributes that were given to the raw data group, decoded; and path and raw attributes of the groups
    that modules have made, parents first.
    """
    raw = saver.get_group(saver.raw_group)
    added = {name: value for name, value in raw.attrs.to_dict().items() if name not in _OWN}
    found: list[tuple[str, dict[str, Any]]] = []
    waiting = [raw]
    while waiting:
        for child in waiting.pop(0).children().values():
            if not isinstance(child, GROUP):
                continue
            attributes = dict(saver.io.get_attributes(child.handle))
            if str(codec.decode(attributes.get("type", ""))) not in _LEFT_BEHIND:
                attributes.pop("VERSION", None)
                found.append((child.path, attributes))
                waiting.append(child)
    return added, found
