"""The older documented way of saving: groups by hand, data as dictionaries.

PyMoDAQ's manual lists ``add_CH_group`` and ``add_data``; both write the common layout, which
:class:`~h5saver_widget.saving.loading.DataLoader` reads back. New programs use the data savers. They are methods of
:class:`~h5saver_widget.saving.low_level.H5SaverLowLevel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from h5saver_widget.data import Axis, DataRaw
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.layout import DataType
from h5saver_widget.nodes.typed import GROUP, Array, Node
from h5saver_widget.saving.h5_backend import Where

if TYPE_CHECKING:
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["add_CH_group", "add_data", "axes_of", "data_of"]

#: Dictionary key of an axis and the dimension that it describes, counted from the last one.
_AXES = {"x_axis": 1, "xaxis": 1, "y_axis": 2, "yaxis": 2}


def axes_of(channel: Mapping[str, Any], ndim: int) -> list[Axis]:
    """Return the axes that stand in a channel's dictionary, for data with so many dimensions.

    It has ``xaxis=dict(data=, units=, label=)`` for the last dimension and ``yaxis`` for the one before; ``labels`` is
    taken for ``label``, and an array for a dict without label and units.
    """
    axes = []
    for key, from_end in _AXES.items():
        found = channel.get(key)
        if found is None or from_end > ndim:
            continue
        described = found if isinstance(found, Mapping) else {"data": found}
        values = described.get("data")
        if values is None or np.size(values) == 0:
            continue
        label = described.get("label", described.get("labels", ""))
        text = label if isinstance(label, str) else ", ".join(map(str, label or ()))
        units = str(described.get("units", ""))
        axes.append(Axis(text, units, data=np.asarray(values), index=ndim - from_end))
    return axes


def data_of(group: GROUP, channel: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> DataRaw:
    """Return a channel's dictionary as a data object, named after the channel's group.

    DataMismatchError if there is no array in it, or an axis does not fit.
    """
    if "data" not in channel:
        raise DataMismatchError(
            f"a channel is a dict with 'data' (an array), and 'xaxis', 'yaxis' if it has them; got {list(channel)}"
        )
    values = np.atleast_1d(np.asarray(channel["data"]))
    skipped = {"data", *_AXES}
    extras = {k: v for k, v in channel.items() if k not in skipped and k.isidentifier()}
    labels = [str(extras.pop("label"))] if "label" in extras else None
    return DataRaw(
        str(extras.pop("name", "") or group.title or group.name),
        data=[values],
        labels=labels,
        units=str(extras.pop("units", "")),
        origin=str(extras.pop("origin", "") or getattr(group.parent_node, "title", "")),
        axes=axes_of(channel, values.ndim),
        **{**extras, **(metadata or {})},
    )


def add_CH_group(
    file: H5SaverLowLevel, where: Where, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
) -> GROUP:
    """Make the next channel group; the same as ``add_ch_group``."""
    return file.add_ch_group(where, str(title), settings_as_xml, metadata)


def add_data(
    file: H5SaverLowLevel,
    channel_group: Where,
    data_dict: Mapping[str, Any],
    scan_type: str = "",
    enlargeable: bool = False,
    title: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Node:
    """Save the dictionary of a channel.

    Parameters
    ----------
    channel_group
        Group of the channel.
    data_dict
        ``data`` (an array), ``xaxis`` and ``yaxis`` (dicts of data, units, label), and further attributes.
    scan_type
        Kept as an attribute, if it is not empty.
    enlargeable
        Append to a growing array, made by the first call.
    title
        Title of the array; that of the group by default.
    metadata
        More attributes.

    Returns
    -------
    Node
        The array.

    Raises
    ------
    DataMismatchError
        If there is no array, or an axis does not fit.
    """
    from h5saver_widget.saving.arrays import DataSaverLoader
    from h5saver_widget.saving.single import DataEnlargeableSaver

    group = file.get_group(channel_group)
    more = {**({"scan_type": scan_type} if scan_type else {}), **(metadata or {})}
    data = data_of(group, data_dict, more)
    data.name = title or data.name
    made: DataSaverLoader | DataEnlargeableSaver
    if enlargeable:
        made = DataEnlargeableSaver(file, (), ())
        made.add_data(group, data, [])
        made.data_type = DataType.data_enlargeable  # type: ignore[misc]
    else:
        made = DataSaverLoader(file)
        made.add_data(group, data)
    node = made.nodes_of_type(group)[-1]
    assert isinstance(node, Array)
    return node
