"""NeXus: a file of one NXentry with an NXdata group per data object, which silx, NeXpy and h5web plot with true axes.

Format: https://manual.nexusformat.org/classes/base_classes/NXdata.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import READS_ALL, create_backend
from h5saver_widget.backends.terms import Handle, NodeKind, NodeSpec, RawAttribute
from h5saver_widget.data import Axis, DataDistribution
from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.source import Channel, Item, Source
from h5saver_widget.format.naming import free_name
from h5saver_widget.saving.nexus import names_attribute
from h5saver_widget.saving.provenance import provenance

__all__ = ["NexusExporter"]

_NOT_NEXUS = re.compile(r"[^a-zA-Z0-9_]+")
_SUFFIX = {"data": "", "error": "_errors", "background": "_background"}


class NexusExporter(Exporter):
    """Writes ``/entry/<data object>`` with signal, auxiliary signals, axes, errors and units where NeXus has them."""

    name = "nexus"
    extensions = (".nxs", ".nx")
    help = "NeXus file that silx, NeXpy and h5web plot at once, with axes, units and errors"
    takes = Takes.BUNDLE

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write all data objects."""
        backend = create_backend(READS_ALL)  # texts of any length: those of PyTables are bytes to most readers
        backend.open(path, "x")
        try:
            _write(backend, source, job)
        finally:
            backend.close()


def _write(backend: Backend, source: Source, job: Job) -> None:
    root = backend.root()
    known = {**provenance(backend), "file_name": job.file_name}
    backend.set_attributes(root, {"NX_class": "NXroot", "default": "entry", **known})
    names = [_nexus_name(name) for name in source.names()]
    names = [free_name(name, names[:i]) for i, name in enumerate(names)]
    about: dict[str, RawAttribute] = {"NX_class": "NXentry", "default": names[0]}
    entry = backend.create(root, "entry", NodeSpec(NodeKind.GROUP, attributes=about))
    times = [item.data.timestamp for item in source.items]
    for name, text in {
        "title": source.items[0].data.name if len(source.items) == 1 else f"{len(source.items)} data objects",
        "start_time": _first_time(times),
        "program_name": "h5saver_widget",
    }.items():
        backend.create(entry, name, NodeSpec(NodeKind.FIXED, data=np.array(str(text).encode())))
    for item, name in zip(source.items, names, strict=True):
        _NXdata(backend, entry, name, item, job).write()


def _first_time(times: Iterable[float]) -> str:
    """Return the earliest time; those of others may be in ms, us or ns, or nan for unknown.

    >>> _first_time([1.79e12, float('nan')]), _first_time([1.79e18]), _first_time([float('nan')])
    ('2026-09-21T14:13:20+00:00', '2026-09-21T14:13:20+00:00', '')
    """
    units = (1.0, 1e3, 1e6, 1e9)
    known = [next((t / unit for unit in units if 0 <= t < 1e11 * unit), None) for t in times]
    seconds = [t for t in known if t is not None]
    return datetime.fromtimestamp(min(seconds), UTC).isoformat() if seconds else ""


class _NXdata:
    """One NXdata group."""

    def __init__(self, backend: Backend, entry: Handle, name: str, item: Item, job: Job) -> None:
        self._backend, self._entry, self._name, self._item, self._job = backend, entry, name, item, job
        self._taken: list[str] = ["title"]

    def write(self) -> None:
        """Make the group and its fields."""
        item, data = self._item, self._item.data
        channels = [channel for channel in item.channels if channel.role == "data"]
        signals = [self._take(channel.label or "data") for channel in channels]
        # a name is free only if the names of its errors and background are too
        self._taken += [signal + suffix for signal in signals for suffix in _SUFFIX.values()]
        axes = {id(axis): self._take(str(axis.label) or f"axis_{axis.index}") for axis in data.axes}
        described: dict[str, RawAttribute] = {
            "NX_class": "NXdata",
            "signal": signals[0],
            "axes": names_attribute(self._axis_names(axes)),
            "title": str(data.name),
        }
        if len(signals) > 1:
            described["auxiliary_signals"] = names_attribute(signals[1:])
        for axis in data.axes:
            described[f"{axes[id(axis)]}_indices"] = np.int32(axis.index)
        spec = NodeSpec(NodeKind.GROUP, attributes={**self._described(), **described})
        group = self._backend.create(self._entry, self._name, spec)
        for axis in data.axes:
            values = np.asarray(axis.get_data())
            about = _about(str(axis.label), str(axis.units))
            self._backend.create(group, axes[id(axis)], NodeSpec(NodeKind.FIXED, data=values, attributes=about))
        for channel in item.channels:
            if channel.role == "text":
                words = np.array([str(value).encode() for value in channel.array[...]], dtype=np.bytes_)
                self._backend.create(group, self._take(channel.label), NodeSpec(NodeKind.FIXED, data=words))
                continue
            self._field(group, signals[channel.number] + _SUFFIX[channel.role], channel)

    def _take(self, wanted: str) -> str:
        name = free_name(_nexus_name(wanted), self._taken)
        self._taken.append(name)
        return name

    def _axis_names(self, names: Mapping[int, str]) -> list[str]:
        """Return the value of ``axes``: one name per dimension, ``.`` without an axis; of scattered points, all."""
        data = self._item.data
        spread = data.distribution is DataDistribution.spread
        if spread and data.ndim == 1 and data.axes:
            return [names[id(axis)] for axis in self._item.axes_of(0)]
        first: list[Axis | None] = [next(iter(self._item.axes_of(i)), None) for i in range(data.ndim)]
        return ["." if axis is None else names[id(axis)] for axis in first]

    def _described(self) -> dict[str, RawAttribute]:
        """Return facts that NeXus has no name for, so that a person finds them."""
        about = self._item.about
        kept = {key: about[key] for key in ("name", "origin", "source", "dimension", "distribution", "timestamp")}
        values = {**kept, "navigation": about["navigation"], **about["extra"]}
        return {
            key.replace("/", "_"): value if isinstance(value, (int, float, str)) else str(value)
            for key, value in values.items()
        }

    def _field(self, group: Handle, name: str, channel: Channel) -> None:
        array = channel.array
        label = channel.label or name
        units = self._item.data.units if channel.units is None else channel.units
        about = _about(label if channel.role == "data" else f"{label} {channel.role}", units)
        signal = len(self._item.data.sig_indexes)
        if array.ndim > 2 and signal in (1, 2):
            about["interpretation"] = "spectrum" if signal == 1 else "image"
        if 0 in array.shape:
            whole = NodeSpec(NodeKind.FIXED, data=np.asarray(array[...]), attributes=about)
            self._backend.create(group, name, whole)
            return
        spec = NodeSpec(NodeKind.FIXED, array.shape, array.dtype, attributes=about)
        made = self._backend.create(group, name, spec)
        for part, values in self._job.blocks(array):
            self._backend.write(made, part, values)


def _about(label: str, units: str) -> dict[str, RawAttribute]:
    about: dict[str, Any] = {"long_name": f"{label} ({units})" if units else label}
    return {**about, "units": units} if units else about


def _nexus_name(text: str) -> str:
    """Return a name that NeXus allows: letters, digits and underscores, no digit first.

    >>> _nexus_name('délai [fs]'), _nexus_name('2nd')
    ('d_lai_fs', '_2nd')
    """
    name = _NOT_NEXUS.sub("_", text).strip("_") or "data"
    return f"_{name}" if name[0].isdigit() else name
