"""One data object at a time: what is saved is loaded back the same, by either backend."""

import datetime
import string

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from h5saver_widget import (
    Axis,
    AxisSaverLoader,
    BkgSaver,
    DataCalculated,
    DataLoader,
    DataMismatchError,
    DataRaw,
    DataSaverLoader,
    DynamicRangeError,
    ErrorSaverLoader,
    H5SaverLowLevel,
    NodeError,
)
from h5saver_widget.backends.registry import local_backends

BACKENDS = tuple(local_backends())
DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
DTYPES += ["float16", "float32", "float64", "complex64", "complex128"]
HYPOTHESIS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

text = st.text(max_size=8).map(lambda s: s.encode("utf-8", "ignore").decode())
names = st.text(string.ascii_letters + "µ°é日 #", min_size=1, max_size=8)


@st.composite
def data_objects(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0 if draw(st.booleans()) else 1, max_side=4))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    channels = draw(st.integers(1, 3))
    arrays = [draw(hnp.arrays(dtype, shape)) for _ in range(channels)]
    spread = draw(st.booleans())
    nav = tuple(sorted(draw(st.sets(st.integers(0, len(shape) - 1), max_size=2))))
    axes = []
    for index in range(len(shape)):
        if draw(st.booleans()):
            values = draw(hnp.arrays(np.float64, (shape[index],), elements=st.floats(-1e6, 1e6)))
            axes.append(Axis(draw(names), draw(text), values, index))
    errors = [np.ones(shape) * i for i in range(channels)] if draw(st.booleans()) else None
    return draw(st.sampled_from([DataRaw, DataCalculated]))(
        draw(names),
        distribution="spread" if spread else "uniform",
        data=arrays,
        labels=[draw(names) for _ in range(draw(st.integers(0, channels)))],
        units=draw(text),
        origin=draw(text),
        axes=axes,
        nav_indexes=nav,
        errors=errors,
        timestamp=draw(st.floats(0, 2e9)),
        gain=draw(st.integers() | st.none() | text | st.lists(st.floats(allow_nan=False))),
    )


def same(loaded, saved):
    assert loaded == saved
    assert [a.dtype for a in loaded.data] == [a.dtype for a in saved.data]
    assert type(loaded) is type(saved)
    assert (loaded.origin, loaded.timestamp) == (saved.origin, saved.timestamp)
    for name in saved.extra_attributes:
        assert getattr(loaded, name) == getattr(saved, name)


@HYPOTHESIS
@given(data=data_objects())
def test_data_round_trip(tmp_path_factory, backend, data):
    path = tmp_path_factory.mktemp("roundtrip") / "data.h5"
    with H5SaverLowLevel(backend=backend) as h5saver:
        h5saver.init_file(path)
        group = h5saver.add_det_group("/RawData", "Example")
        DataSaverLoader(h5saver).add_data(group, data)
        same(DataSaverLoader(h5saver).load_data(f"{group.path}/Data00", load_all=True), data)
    for reader in BACKENDS:
        with DataLoader(path, backend=reader) as loader:
            same(loader.load_data("/RawData/Detector000/Data00", load_all=True), data)
            assert len(loader.load_all("/")) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (5,), (2, 3), (2, 3, 4)])
def test_every_number_type_read_by_the_other_library(saver, backend, reopened, dtype, shape):
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    data = DataRaw("values", data=[values, values[::-1]], units="µV")
    DataSaverLoader(saver).add_data("/RawData", data)
    other = next(name for name in BACKENDS if name != backend)

    same(DataLoader(reopened(other)).load_data("/RawData/Data00", load_all=True), data)


@pytest.mark.parametrize("axis", [
    Axis("empty", "s", np.zeros(0)),
    Axis("one", "s", np.array([2.5])),
    Axis("step", "µm", offset=1.0, scaling=0.1, size=11),
    Axis("numbers", "", np.array([3, 7, 12])),
    Axis("bytes", "", np.arange(5, dtype=np.uint8)),
    Axis("日本", "Ω", np.array([0.0, np.nan, np.inf]), index=2, spread_order=1),
], ids=lambda axis: axis.label)  # fmt: skip
def test_axis_round_trip(saver, backend, reopened, axis):
    AxisSaverLoader(saver).add_axis("/RawData", axis)
    for reader in BACKENDS:
        loaded = AxisSaverLoader(reopened(reader)).load_axis("/RawData/Axis00")
        assert (loaded.label, loaded.units, loaded.index) == (axis.label, axis.units, axis.index)
        assert loaded.spread_order == axis.spread_order
        np.testing.assert_array_equal(loaded.get_data(), axis.get_data())
        assert loaded.get_data().dtype == axis.get_data().dtype


class Odd:
    def __repr__(self):
        return "an odd thing"


class Worse:
    def __repr__(self):
        raise RuntimeError("no text for you")


def test_extra_attributes_of_any_kind(saver, backend, reopened):
    endless = []
    endless.append(endless)
    data = DataRaw("a", data=[np.zeros(3)], timestamp=1.0)
    kept = {
        "number": 3, "text": "µ", "nothing": None, "pair": (1, 2.5), "many": [[1, 2], {"a": None}],
        "day": datetime.date(2026, 11, 21), "when": datetime.datetime(2026, 11, 21, 10, 0), "flag": True,
        "z": 1 + 2j, "index": 4, "offset": 0.5, "with space": 1,
    }  # fmt: skip
    data.add_extra_attribute(**kept, numpy=np.float32(0.5), array=np.arange(3), odd=Odd(), worse=Worse())
    data.add_extra_attribute(endless=endless, title="not the name", **{"a/b": 1})
    DataSaverLoader(saver).add_data("/RawData", data)

    for reader in BACKENDS:
        loaded = DataLoader(reopened(reader)).load_data("/RawData/Data00")
        assert loaded == data
        assert {name: getattr(loaded, name) for name in kept} == kept
        assert loaded.numpy == 0.5
        np.testing.assert_array_equal(loaded.array, [0, 1, 2])
        assert loaded.odd == "an odd thing"
        assert "Worse" in loaded.worse
        assert loaded.title == "not the name"
        assert getattr(loaded, "a/b") == 1


def test_two_data_objects_in_one_group_keep_axes_errors_and_background_apart(saver):
    first = DataRaw("first", data=[np.arange(3.0)], axes=[Axis("x", "m", np.array([0.0, 1.0, 3.0]))], timestamp=1.0)
    second = DataRaw(
        "second",
        data=[np.arange(3.0), np.ones(3)],
        errors=[np.full(3, 0.1)] * 2,
        axes=[Axis("y", "s", np.array([5.0, 6.0, 9.0]))],
        timestamp=2.0,
    )
    third = DataRaw("third", data=[np.arange(3.0)], timestamp=3.0)
    longer = DataRaw("first", data=[np.arange(4.0)], timestamp=1.0)
    datasaver = DataSaverLoader(saver)
    for data in (first, second, third, longer):
        datasaver.add_data("/RawData", data)
    BkgSaver(saver).add_data("/RawData", second, save_axes=False)

    loader = DataLoader(saver)
    assert loader.load_all("/").data == [first, second, third, longer]
    assert loader.load_data("/RawData/Data00", with_bkg=True) == first
    with_bkg = loader.load_data("/RawData/Data02", with_bkg=True)
    np.testing.assert_array_equal(with_bkg.data[0], np.zeros(3))
    assert ErrorSaverLoader(saver).load_errors("/RawData/ErrorBar01").errors is None


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "uint64", "bool", "float32"])
def test_background_of_small_integers_does_not_wrap(saver, dtype):
    low, high = np.array([0, 1]).astype(dtype), np.array([1, 1]).astype(dtype)
    DataSaverLoader(saver).add_data("/RawData", DataRaw("camera", data=[low, high]))
    BkgSaver(saver).add_data("/RawData", DataRaw("camera", data=[high, low]), save_axes=False)

    loaded = DataLoader(saver).load_data("/RawData/Data00", with_bkg=True, load_all=True)

    np.testing.assert_array_equal(loaded.data[0], [-1, 0])
    np.testing.assert_array_equal(loaded.data[1], [1, 0])


def test_background_of_another_shape_is_refused_in_words(saver):
    DataSaverLoader(saver).add_data("/RawData", DataRaw("camera", data=[np.zeros(3)]))
    BkgSaver(saver).add_data("/RawData", DataRaw("camera", data=[np.zeros(4)]), save_axes=False)

    with pytest.raises(DataMismatchError, match=r"Bkg00 of shape \(4,\).*Data00 of shape \(3,\)"):
        DataLoader(saver).load_data("/RawData/Data00", with_bkg=True)


def test_errors_are_saved_and_loaded(saver):
    data = DataRaw("a", data=[np.ones(3), np.zeros(3)], errors=[np.full(3, 0.5), np.full(3, 0.25)], units="V")
    DataSaverLoader(saver).add_data("/RawData", data)

    assert DataLoader(saver).load_data("/RawData/Data01").errors[0].tolist() == [0.25] * 3
    errors = ErrorSaverLoader(saver).load_errors("/RawData/ErrorBar00", load_all=True)
    assert errors == data.errors_as_dwa()

    plain = DataRaw("b", data=[np.ones(3)])
    DataSaverLoader(saver).add_data("/RawData", plain)
    ErrorSaverLoader(saver).add_data("/RawData", DataCalculated("b", data=[np.full(3, 2.0)]), save_axes=False)
    assert DataLoader(saver).load_data("/RawData/Data02").errors[0].tolist() == [2.0] * 3


def test_axis_and_log_loaded_as_data(saver):
    data = DataRaw("a", data=[np.ones((2, 3))], errors=[np.ones((2, 3))], axes=[Axis("x", "m", np.array([1.0, 4.0]))])
    DataSaverLoader(saver).add_data("/RawData", data)

    axis = DataLoader(saver).load_data("/RawData/Axis00")
    assert axis.data[0].tolist() == [1.0, 4.0]
    assert axis.errors is None
    with pytest.raises(NodeError, match="not an array"):
        DataLoader(saver).load_data("/RawData/Logger")
    with pytest.raises(NodeError, match="not an array"):
        DataLoader(saver).load_data("/RawData")


def test_name_and_origin(saver):
    for origin in ("Det 0", "Det 1"):
        group = saver.add_det_group("/RawData", origin)
        DataSaverLoader(saver).add_data(group, DataRaw("a", data=[np.ones(2)], origin=origin))
    loader = DataLoader(saver)

    assert loader.load_data_from_name_origin("a", "Det 1").origin == "Det 1"
    assert loader.load_data_from_name_origin("a").origin == "Det 0"
    with pytest.raises(NodeError, match="no data named 'b'"):
        loader.load_data_from_name_origin("b")


# --------------------------------------------------------------------------------------------- saving dynamic
def test_dynamic_is_the_number_type_on_disk(saver):
    saver.dynamic = np.dtype("uint16")
    data = DataRaw("a", data=[np.array([0.0, 65535.0])], errors=[np.array([0.5, 0.5])])
    DataSaverLoader(saver).add_data("/RawData", data)

    assert saver.get_node("/RawData/Data00").read().dtype == np.uint16
    assert saver.get_node("/RawData/ErrorBar00").read().tolist() == [0.5, 0.5]
    assert DataLoader(saver).load_data("/RawData/Data00") == data


@pytest.mark.parametrize(("dynamic", "values", "named"), [
    ("uint8", [256.0], "256"), ("uint8", [-1], "-1"), ("int16", [0.5], "0.5"), ("int64", [np.nan], "nan"),
    ("int64", [np.inf], "inf"), ("int64", [-np.inf, 1.0], "-inf"), ("float32", [1e300], "1e\\+300"),
    ("float64", [1 + 2j], "1\\+2j"), ("int64", np.array([2**63], np.uint64), "9223372036854775808"),
    ("float16", [100000], "100000"), ("complex64", [1e200 + 0j], "1e\\+200"),
])  # fmt: skip
def test_values_out_of_range_are_refused_and_nothing_is_written(saver, dynamic, values, named):
    saver.dynamic = np.dtype(dynamic)
    before = [node.path for node in saver.walk_nodes("/")]
    bad = DataRaw("bad", data=[np.ones(2), np.resize(np.asarray(values), 2)])

    with pytest.raises(DynamicRangeError, match=named):
        DataSaverLoader(saver).add_data("/RawData", bad)

    assert [node.path for node in saver.walk_nodes("/")] == before
    DataSaverLoader(saver).add_data("/RawData", DataRaw("good", data=[np.ones(2)]))
    assert saver.get_node("/RawData/Data00").read().dtype == np.dtype(dynamic)
