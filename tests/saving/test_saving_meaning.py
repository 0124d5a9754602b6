"""What comes back is what went in, whatever changes between two frames: one property, and the cases that led to it."""

import types

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from h5saver_widget import (
    Axis,
    DataLoader,
    DataRaw,
    DataToExport,
    DetectorEnlargeableSaver,
    DetectorSaver,
    DetectorTimeSaver,
    LoggerSaver,
    ScanSaver,
)
from h5saver_widget.backends.terms import Compression

SAVERS = ("snapshot", "time", "enlargeable", "scan", "logger")
#: What of a frame may change: by name, the values it may have. The first one is where every stream begins.
FACTS = {
    "shape": [(1,), (4,), (2, 3), (5,)],
    "dtype": ["float64", "int64", "uint8", "uint16", "bool", "float32", "complex128", ">f8"],
    "units": ["mV", "V", ""],
    "labels": [("a", "b"), ("b", "a"), ("a", "c"), ("a",)],
    "axis": [None, ("x", "nm", 1.0), ("x", "um", 1.0), ("x", "nm", 2.0), ("x", "nm", -1.0), ("x", "nm", 2**60)],
    "errors": [None, "float64", "int64"],
    "memory": ["plain", "stepped", "repeated", "masked"],
    "exposure": [0.1, 0.5, 1, 2**60, "auto", None, True],
    "type": ["light", "dark"],
}


def frame(number, **facts):
    """Return a data object; each of its values is another one, but in memory that is repeated."""
    facts = {name: facts.get(name, values[0]) for name, values in FACTS.items()}
    shape, labels = facts["shape"], facts["labels"]
    dtype, size = np.dtype(facts["dtype"]), int(np.prod(shape))
    data = []
    for channel in range(len(labels)):
        values = (np.arange(size).reshape(shape) + 10 * number + channel + 1).astype(dtype)
        if facts["memory"] == "stepped":
            values = np.repeat(values, 2, axis=-1)[..., ::2]
        elif facts["memory"] == "repeated":
            values = np.broadcast_to(values.flat[0], shape)
        elif facts["memory"] == "masked":
            values = np.ma.masked_array(values, mask=np.arange(size).reshape(shape) % 3 == 1)
        data.append(values)
    axes = []
    if facts["axis"] is not None:
        label, units, step = facts["axis"]
        axes = [Axis(label, units, (np.arange(shape[-1]) + 1) * step, index=len(shape) - 1)]
    errors = None if facts["errors"] is None else [np.full(shape, number + 1, facts["errors"]) for _ in labels]
    return DataRaw(
        "v", data=data, labels=list(labels), units=facts["units"], axes=axes, errors=errors, origin="Det",
        timestamp=1000.0 + number, exposure=facts["exposure"], type=facts["type"],
    )  # fmt: skip


def module(title, **more):
    return types.SimpleNamespace(title=title, **more)


def save(saver, kind, frames, streamed=False):
    """Save frames with a saver of a kind; frame i is at time 1000 + i, or at point i of a scan along X."""
    host = module("Host", modules_manager=module("", detectors_all=[module("Det")], actuators_all=[]))
    bundles = [DataToExport("Det", data=[data], timestamp=data.timestamp) for data in frames]
    if kind in ("scan", "logger"):
        made = ScanSaver(host) if kind == "scan" else LoggerSaver(host)
        made.h5saver = saver
        if kind == "scan":
            made.set_scan_shape((len(frames),))
        made.get_set_node(new=True)
        if kind == "scan":
            made.add_nav_axes([Axis("X", "mm", 1000.0 + np.arange(len(frames)), 0)])
    else:
        more = [("t",), ("s",)] if kind == "enlargeable" else []
        made = {"snapshot": DetectorSaver, "time": DetectorTimeSaver, "enlargeable": DetectorEnlargeableSaver}[kind](
            module("Det"), *more
        )
        made.h5saver = saver
        node = made.get_set_node()
    for number, bundle in enumerate(bundles):
        if kind == "scan":
            made.add_data(bundle, (number,))
        elif kind == "logger":
            made.add_data(bundle)
        else:
            made.add_data(node, bundle, **({"axis_values": [bundle.timestamp]} if kind == "enlargeable" else {}))
        if streamed and number == 0 and not saver.is_swmr_active:
            saver.enable_swmr()


def rows(loaded):
    """Return what was loaded frame by frame, by its time or position."""
    found = []
    for data in loaded:
        along = data.get_nav_axes()
        if not along:
            found.append((data.timestamp, data, None))
            continue
        found += [(float(at), data, row) for row, at in enumerate(along[0].get_data())]
    return found


def same(one, other):
    return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind in "fc")


def check(saved, loaded, row):
    """Compare a frame with what came back for it."""
    assert loaded.units == saved.units
    assert sorted(loaded.labels) == sorted(saved.labels)
    part = loaded if row is None else loaded.inav[row]
    for label, array in zip(saved.labels, saved.data, strict=True):
        channel = loaded.labels.index(label)
        want = np.asarray(array)
        if np.ma.is_masked(array):
            want = np.ma.filled(array if array.dtype.kind in "fc" else array.astype(float), np.nan)
        assert same(part.data[channel], want), (part.data[channel], want)
        assert np.can_cast(want.dtype, loaded.dtype, "safe")
        if saved.errors is not None:
            assert same(part.errors[channel], saved.errors[saved.labels.index(label)])
        else:
            assert part.errors is None or np.isnan(part.errors[channel]).all()
    # a frame without axes has those of the frames before: many instruments tell them once
    for axis, wanted in zip(part.get_signal_axes(), saved.axes, strict=bool(saved.axes)):
        assert axis.label == wanted.label
        assert (axis.units, axis.get_data().dtype) == (wanted.units, wanted.get_data().dtype)
        assert same(axis.get_data(), wanted.get_data())
    for name in ("exposure", "type"):
        value, wanted = getattr(loaded, name), getattr(saved, name)
        value = value[row] if isinstance(value, (list, np.ndarray)) else value
        assert value == wanted and isinstance(value, (bool, np.bool_)) == isinstance(wanted, bool), (
            name,
            value,
            wanted,
        )


def moves(loaded):
    """Tell whether the values of axes are kept for every row: an axis is then no `Axis` of the object."""
    return "moving_axes" in loaded.extra_attributes


def comes_back(path, frames):
    with DataLoader(path) as loader:
        found = rows(loader.load_all("/"))
    assert [at for at, *_ in sorted(found, key=lambda item: item[0])] == [data.timestamp for data in frames]
    for at, loaded, row in found:
        saved = frames[int(at - 1000)]
        if moves(loaded):
            for moving, axis in zip(loaded.moving_axes, saved.axes, strict=bool(saved.axes)):
                assert same(moving["values"][row], axis.get_data())
                assert (moving["label"], moving["units"]) == (axis.label, axis.units)
            saved = saved.deepcopy()
            saved.axes = []
        check(saved, loaded, row)


changes = st.sampled_from([(name, value) for name, values in FACTS.items() for value in values])
streams = st.lists(st.lists(changes, max_size=2), min_size=2, max_size=7)


def changed(*steps):
    """Return steps from pairs of a fact and its new value."""
    return [[], *([step] for step in steps)]


@pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"])
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(SAVERS), steps=streams, level=st.sampled_from([0, 4]), streamed=st.booleans())
@example("time", changed(("units", "V")), 0, False)
@example("scan", changed(("units", "V"), ("units", "mV")), 0, True)
@example(
    "logger", changed(("axis", ("x", "nm", 1.0)), ("axis", ("x", "nm", 2.0)), ("axis", ("x", "nm", -1.0))), 0, False
)
@example("time", changed(*(("axis", ("x", "nm", step)) for step in (1.0, 2.0, -1.0, 1.0, 2.0, 2.0))), 0, False)
@example("time", changed(("labels", ("b", "a"))), 0, False)
@example("scan", changed(("exposure", 0.5), ("exposure", "auto"), ("exposure", 0.1)), 0, True)
@example("enlargeable", [[("dtype", "int64")], [("dtype", "float64")], [("dtype", "int64")]], 0, False)
@example("time", [[("dtype", "bool")], [("dtype", "int64")]], 0, True)
@example("scan", [[("dtype", "uint8")], [("dtype", "uint16")], [("dtype", "uint8")]], 4, False)
@example("snapshot", changed(("memory", "masked"), ("memory", "repeated")), 0, False)
@example("time", changed(("shape", (4,)), ("shape", (1,))), 4, False)
@example("scan", changed(("shape", (4,)), ("shape", (1,))), 0, True)
@example("time", [[("dtype", "int64")], [("memory", "masked")], [("errors", "int64")]], 0, False)
@example("scan", [[], [("errors", "int64")]], 0, False)
@example("time", [[], [("dtype", "complex128"), ("labels", ("b", "a"))]], 0, False)
def test_whatever_changes_comes_back(saver, tmp_path_factory, isolated, kind, steps, level, streamed):
    facts, frames = {}, []
    for number, step in enumerate(steps):
        facts = {**facts, **dict(step)}
        frames.append(frame(number, **facts))
    path = tmp_path_factory.mktemp("meaning") / "a.h5"
    streamed = streamed and saver.capabilities.swmr and kind != "snapshot"
    saver.compression = Compression("gzip", level)
    saver.init_file(path, swmr=streamed)
    save(saver, kind, frames, streamed)
    saver.close_file()
    comes_back(path, frames)
