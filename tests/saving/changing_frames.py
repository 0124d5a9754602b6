"""Frames whose every fact may change, each kind of saver that saves them, and the comparison with what comes back."""

import types

import numpy as np

from h5saver_widget import (
    Axis,
    DataCalculated,
    DataEnlargeableSaver,
    DataExtendedSaver,
    DataLoader,
    DataMismatchError,
    DataRaw,
    DataToExport,
    DataToExportExtendedSaver,
    DetectorEnlargeableSaver,
    DetectorSaver,
    DetectorTimeSaver,
    LoggerSaver,
    ScanSaver,
)

NUMBERS = (
    *("float64", "int64", "uint8", "uint16", "bool", "float32", "complex128", ">f8", ">i2", "int8", "uint32", "uint64"),
    *("float16", "complex64", "longdouble", "large int64", "large uint64"),
)
TIMES = ("datetime64[ns]", "datetime64[ms]", "datetime64[D]", "timedelta64[ms]", "no time")
AXES = (("nm", 1.0), ("um", 1.0), ("nm", 2.0), ("nm", -1.0), ("nm", 2**60), ("", "text"), ("", "times"), ("", "flags"))
SAVERS = ("snapshot", "time", "enlargeable", "scan", "logger", "single", "single scan")
#: The calls of a recorder that save a frame in one line.
CALLS = ("record", "sink", "record point", "one snapshot")
#: What of a frame may change: by name, the values it may have. The first one is where every stream begins.
FACTS = {
    "shape": [(1,), (4,), (2, 3), (5,), (), (0,), (0, 3), (3, 0)],
    "dtype": [*NUMBERS, *TIMES, "text", "bytes", "object"],
    "units": ["mV", "V", "", "µV", "\udc80\0"],
    "labels": [("a", "b"), ("b", "a"), ("a", "c"), ("a",), ("a", "b", "c"), ("", ""), ("a", "a"), ("\udc80", "\0")],
    "axis": [None, *(("x", units, step) for units, step in AXES), ("y", "nm", 1.0), ("", "", 1.0)],
    "errors": [None, "float64", "int64", "longdouble"],
    "memory": ["plain", "stepped", "repeated", "masked", "backwards", "by columns"],
    "exposure": [
        0.1,
        0.5,
        1,
        1.0,
        2**60,
        2**70,
        "auto",
        "\udc80",
        None,
        True,
        1j,
        np.int16(3),
        np.nan,
        (1, "a"),
        {"a": [1]},
    ],
    "type": ["light", "dark"],
    "source": ["raw", "calculated"],
}


def frame(number, **facts):
    """Return a data object; each of its values is another one, but in memory that is repeated."""
    facts = {name: facts.get(name, values[0]) for name, values in FACTS.items()}
    shape, labels = facts["shape"], facts["labels"]
    kind, size = facts["dtype"], int(np.prod(shape))
    data = []
    for channel in range(len(labels)):
        values = np.arange(size).reshape(shape) + 10 * number + channel + 1
        if kind in ("text", "bytes", "object"):
            texts = [f"é{value}" if kind != "bytes" else b"\xff%d" % value for value in values.flat]
            values = np.array(texts, {"text": "U4", "bytes": "S4", "object": object}[kind]).reshape(shape)
        elif kind.startswith("large"):
            values = values.astype(kind[6:]) + np.array(2**53 if kind == "large int64" else 2**63, kind[6:])
        elif kind == "no time":
            values = np.where(values % 2, values.astype("M8[us]"), np.datetime64("NaT", "us"))
        else:
            values = values.astype(kind)
        if facts["memory"] == "stepped" and shape:
            values = np.repeat(values, 2, axis=-1)[..., ::2]
        elif facts["memory"] == "repeated" and size:
            values = np.broadcast_to(values.flat[0], shape)
        elif facts["memory"] == "backwards" and shape:
            values = np.ascontiguousarray(values[..., ::-1])[..., ::-1]
        elif facts["memory"] == "by columns":
            values = np.asfortranarray(values)
        elif facts["memory"] == "masked":
            values = np.ma.masked_array(values, mask=np.arange(size).reshape(shape) % 3 == 1)
        data.append(values)
    axes = []
    if facts["axis"] is not None and shape:
        label, units, step = facts["axis"]
        along = np.arange(shape[-1]) + 1
        named = {"text": along.astype("U4"), "times": along.astype("M8[us]"), "flags": along % 2 == 1}
        along = named[step] if isinstance(step, str) else along * step
        axes = [Axis(label, units, along, index=len(shape) - 1)]
    errors = None if facts["errors"] is None else [np.full(shape, number + 1, facts["errors"]) for _ in labels]
    return (DataRaw if facts["source"] == "raw" else DataCalculated)(
        "v", data=data, labels=list(labels), units=facts["units"], axes=axes, errors=errors, origin="Det",
        timestamp=1000.0 + number, exposure=facts["exposure"], type=facts["type"],
    )  # fmt: skip


def module(title, **more):
    return types.SimpleNamespace(title=title, **more)


def is_refused(data, error):
    """Tell whether an error is the answer to masked values that no file holds: text, numbers beyond 2**53."""
    return np.ma.is_masked(data.data[0]) and ("masked text" in str(error) or "masked integers" in str(error))


def save(saver, kind, frames, streamed=False):
    """Save frames with a saver of a kind; frame i is at time 1000 + i, or at point i of a scan along X."""
    host = module("Host", modules_manager=module("", detectors_all=[module("Det")], actuators_all=[]))
    bundles = [DataToExport("Det", data=[data], timestamp=data.timestamp) for data in frames]
    if kind.startswith("single"):
        node = saver.add_det_group("/RawData", "Det")
        scan = kind == "single scan"
        made = DataExtendedSaver(saver, (len(frames),)) if scan else DataEnlargeableSaver(saver, ("t",), ("s",))
        bundles = frames
        if scan:
            DataToExportExtendedSaver(saver, (len(frames),)).add_nav_axes(
                node, [Axis("X", "mm", 1000.0 + np.arange(len(frames)), 0)]
            )
    elif kind in ("scan", "logger"):
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
    saved = []
    for number, bundle in enumerate(bundles):
        where = () if kind in ("scan", "logger") else (node,)
        more = {"indexes": (number,)} if kind.endswith("scan") else {}
        more = {"axis_values": [bundle.timestamp]} if kind in ("enlargeable", "single") else more
        try:
            made.add_data(*where, bundle, **more)
            saved.append(frames[number])
        except DataMismatchError as error:
            if not is_refused(frames[number], error):
                raise
        if streamed and number == 0 and not saver.is_swmr_active:
            saver.enable_swmr()
    assert saver.frames_lost == len(frames) - len(saved)
    return saved


def recorded(saver, kind, frames, streamed=False):
    """Save frames with a call of a recorder; return those that were taken."""
    scan = saver.scan("Scan", {"X": (1000.0 + np.arange(len(frames)), "mm")}) if kind == "record point" else None
    saved = []
    for number, data in enumerate(frames):
        said, given = {"time": data.timestamp}, data
        data.name = "Det"  # as that of arrays: one stream
        if len(set(data.labels)) == len(data.labels) and data.source.name == "raw":
            given = dict(zip(data.labels, data.data, strict=True))
            errors = None if data.errors is None else dict(zip(data.labels, data.errors, strict=True))
            axes = {axis.label: (axis.get_data(), axis.units, axis.index) for axis in data.axes}
            said |= {"units": data.units, "axes": axes, "errors": errors, "exposure": data.exposure, "type": data.type}
        lost = saver.frames_lost
        try:
            if kind == "record point":
                taken = scan.record(number, "Det", given, **said)
            elif kind == "sink":
                saver.sink("Det", **said)(given)
                taken = saver.frames_lost == lost
            else:
                taken = bool((saver.record if kind == "record" else saver.snapshot)("Det", given, **said))
        except DataMismatchError as error:
            taken = False
            if not is_refused(data, error):
                raise
        if taken:
            saved.append(data)
        if streamed and number == 0 and not saver.is_swmr_active:
            saver.enable_swmr()
    assert len(saved) == len(frames) or any(np.ma.is_masked(data.data[0]) for data in frames)
    if scan is not None:
        scan.close()
    return saved


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
    return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind in "fcmM")


def check(saved, loaded, row):
    """Compare a frame with what came back for it."""
    assert (loaded.units, loaded.source) == (saved.units, saved.source)
    assert sorted(loaded.labels) == sorted(saved.labels)
    in_order = len(set(saved.labels)) < len(saved.labels)
    part = loaded if row is None else loaded.inav[row]
    for number, (label, array) in enumerate(zip(saved.labels, saved.data, strict=True)):
        channel = number if in_order else loaded.labels.index(label)
        want = np.atleast_1d(np.asarray(array))
        if np.ma.is_masked(array) and want.dtype.kind in "mM":
            want = np.where(np.atleast_1d(array.mask), want.dtype.type("NaT"), want)
        elif np.ma.is_masked(array):
            want = np.atleast_1d(np.ma.filled(array if array.dtype.kind in "fc" else array.astype(float), np.nan))
        assert same(part.data[channel], want), (part.data[channel], want)
        kind = part.data[channel].dtype
        if want.dtype.kind in "USO":
            assert kind.kind == ("S" if want.dtype.kind == "S" else "U")
        else:
            assert np.can_cast(want.dtype, kind, "safe")
        assert (want.dtype.kind in "mMUSO") == (kind.kind in "mMUS") and (want.dtype.kind == "b") == (kind.kind == "b")
        if saved.errors is not None:
            assert same(part.errors[channel], np.atleast_1d(saved.errors[number]))
        else:
            assert part.errors is None or np.isnan(part.errors[channel]).all()
    # a frame without axes has those of the frames before: many instruments tell them once
    for axis, wanted in zip(part.get_signal_axes(), saved.axes, strict=bool(saved.axes)):
        assert axis.label == wanted.label
        assert axis.units == wanted.units
        assert axis.get_data().dtype == wanted.get_data().dtype or axis.get_data().dtype.kind == "U"
        assert same(axis.get_data(), wanted.get_data())
    for name in ("exposure", "type"):
        value, wanted = getattr(loaded, name), getattr(saved, name)
        value = value[row] if isinstance(value, (list, np.ndarray)) else value
        is_same = value == wanted or (value != value and wanted != wanted)
        assert is_same and isinstance(value, (bool, np.bool_)) == isinstance(wanted, bool), (name, value, wanted)


def moves(loaded):
    """Tell whether the values of axes are kept for every row: an axis is then no `Axis` of the object."""
    return "moving_axes" in loaded.extra_attributes


def comes_back(path, frames):
    with DataLoader(path) as loader:
        wanted = {data.timestamp: data for data in frames}
        loaded = [data for data in loader.load_all("/") if data.name != "ElapsedTime"]
        found = [item for item in rows(loaded) if item[0] in wanted]
    assert [at for at, *_ in sorted(found, key=lambda item: item[0])] == [data.timestamp for data in frames]
    for at, loaded, row in found:
        saved = wanted[at]
        if moves(loaded):
            for moving, axis in zip(loaded.moving_axes, saved.axes, strict=bool(saved.axes)):
                assert same(moving["values"][row], axis.get_data())
                assert (moving["label"], moving["units"]) == (axis.label, axis.units)
            saved = saved.deepcopy()
            saved.axes = []
        check(saved, loaded, row)
