"""Growing arrays: rows of one number belong to one point, in every array, whatever comes in between."""

import numpy as np
import pytest

from h5saver_widget import (
    Axis,
    BkgSaver,
    DataActuator,
    DataEnlargeableSaver,
    DataLoader,
    DataMismatchError,
    DataRaw,
    DataToExport,
    DataToExportEnlargeableSaver,
    DataToExportSaver,
    DataToExportTimedSaver,
    DynamicRangeError,
    NodeError,
)
from h5saver_widget.backends.registry import local_backends

BACKENDS = tuple(local_backends())


def point(i, name="point", **options):
    return DataRaw(name, data=[np.array([float(i)]), np.array([-float(i)])], units="V", origin="Det", **options)


def line(i, name="line", size=4, **options):
    axis = Axis("x", "µm", np.array([0.0, 1.0, 3.0, 9.0])[:size], index=0)
    return DataRaw(name, data=[np.arange(size) + float(i)], axes=[axis], units="nm", **options)


def frame(i):
    return DataRaw("frame", data=[np.full((2, 3), i, np.uint16)])


def grab(i, *data):
    return DataToExport("grab", data=list(data), timestamp=100.0 + i)


def test_timed_round_trip_by_both_libraries(saver, backend, reopened):
    timed = DataToExportTimedSaver(saver)
    for i in range(5):
        timed.add_data("/RawData", grab(i, point(i), line(i, errors=[np.full(4, 0.1 * i)]), frame(i)))

    for reader in BACKENDS:
        loader = DataLoader(reopened(reader))
        zero = loader.load_data("/RawData/Data0D/CH00/EnlData00", load_all=True)
        assert [a.tolist() for a in zero.data] == [[0, 1, 2, 3, 4], [0, -1, -2, -3, -4]]
        assert (zero.units, zero.labels, zero.nav_indexes, zero.dim.name) == ("V", ["CH00", "CH01"], (0,), "DataND")
        time = zero.get_nav_axes()[0]
        assert (time.label, time.units, time.get_data().tolist()) == ("time", "s", [100, 101, 102, 103, 104])
        one = loader.load_data("/RawData/Data1D/CH00/EnlData00")
        assert one.shape == (5, 4)
        assert one.inav[2].isig[1].data[0].tolist() == [3.0]
        assert [axis.label for axis in one.get_signal_axes()] == ["x"]
        assert one.errors[0][3, 0] == pytest.approx(0.3)
        two = loader.load_data("/RawData/Data2D/CH00/EnlData00")
        assert (two.shape, two.dtype) == ((5, 2, 3), np.uint16)
        assert len(loader.load_all("/")) == 3
        node = loader.get_node("/RawData/Data1D/CH00/EnlData00")
        assert node.attrs["shape"] == (5, 4)
        assert loader.get_node("/RawData/NavAxes/Axis00").attrs["size"] == 5


def test_axes_of_any_meaning(saver):
    growing = DataToExportEnlargeableSaver(saver, ("x", "y", "x"), ("mm", "mm"))
    positions = [(0.5, np.array([1.5]), DataActuator("y", data=2.5)), (np.float32(0.25), Axis(data=np.ones(1)), 3)]
    for i, values in enumerate(positions):
        growing.add_data("/RawData", grab(i, point(i)), axis_values=values)

    loaded = DataLoader(saver).load_data("/RawData/Data0D/CH00/EnlData00")
    assert [a.get_data().tolist() for a in loaded.get_nav_axes()] == [[0.5, 0.25], [1.5, 1.0], [2.5, 3.0]]
    assert [a.units for a in loaded.get_nav_axes()] == ["mm", "mm", ""]
    assert loaded.distribution.name == "spread"

    single = DataToExportEnlargeableSaver(saver, axis_name="n", axis_units="1")
    group = saver.add_det_group("/RawData", "single")
    single.add_data(group, grab(0, point(0)), axis_value=7)
    assert DataLoader(saver).load_data(f"{group.path}/Data0D/CH00/EnlData00").axes[0].get_data().tolist() == [7]


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0], [1.0, None], [1.0, np.zeros(2)], [1.0, np.zeros(0)]])
def test_wrong_axis_values_write_nothing(saver, values):
    growing = DataToExportEnlargeableSaver(saver, ("x", "y"), ("mm", "mm"))
    growing.add_data("/RawData", grab(0, point(0)), axis_values=[0, 0])
    with pytest.raises(DataMismatchError, match="one"):
        growing.add_data("/RawData", grab(1, point(1)), axis_values=values)
    growing.add_data("/RawData", grab(2, point(2)), axis_values=[1, 1])

    loaded = DataLoader(saver).load_data("/RawData/Data0D/CH00/EnlData00")
    assert loaded.data[0].tolist() == [0, 2]
    assert len(loaded.axes) == 2


@pytest.mark.parametrize("bad", [
    DataRaw("line", data=[np.zeros(2, [("a", int)])]),
    DataRaw("line", data=[np.ma.masked_array([1, 2**60], [1, 0])]),
], ids=["records", "masked"])  # fmt: skip
def test_a_frame_that_can_not_be_saved_is_refused_as_a_whole(saver, bad):
    timed = DataToExportTimedSaver(saver)
    timed.add_data("/RawData", grab(0, point(0), line(0)))
    with pytest.raises(DataMismatchError, match=r"line: .*save"):
        timed.add_data("/RawData", grab(1, point(1), bad))
    timed.add_data("/RawData", grab(2, point(2), line(2)))

    zero, one = DataLoader(saver).load_all("/").data
    assert zero.data[0].tolist() == [0, 2]
    assert one.data[0][:, 0].tolist() == [0, 2]
    assert zero.axes[0].get_data().tolist() == [100, 102]
    assert saver.frames_saved == 2


def test_dynamic_of_growing_arrays(saver):
    saver.dynamic = np.dtype("int16")
    timed = DataToExportTimedSaver(saver)
    with pytest.raises(DynamicRangeError, match="40000"):
        timed.add_data("/RawData", grab(0, point(0), point(40000, "late")))
    timed.add_data("/RawData", grab(1, point(1), point(2, "late")))
    with pytest.raises(DynamicRangeError, match="32769"):
        timed.add_data("/RawData", grab(2, point(2), point(32769, "late")))
    timed.add_data("/RawData", grab(3, point(3), point(4, "late")))

    first, late = DataLoader(saver).load_all("/").data
    assert (first.data[0].tolist(), late.data[0].tolist()) == ([1, 3], [2, 4])
    assert first.dtype == np.int16
    assert first.axes[0].get_data().tolist() == [101, 103]


def test_late_and_missing_data_stay_in_line_with_time(saver):
    timed = DataToExportTimedSaver(saver)
    timed.add_data("/RawData", grab(0, point(0)))
    timed.add_data("/RawData", grab(1, line(1)))
    timed.add_data("/RawData", grab(2, point(2), frame(2)))
    timed.add_data("/RawData", grab(3, point(3), line(3), frame(3)))

    zero, one, two = DataLoader(saver).load_all("/").data
    np.testing.assert_array_equal(zero.data[0], [0, np.nan, 2, 3])
    np.testing.assert_array_equal(one.data[0][:, 0], [np.nan, 1, np.nan, 3])
    assert two.data[0][:, 0, 0].tolist() == [0, 0, 2, 3]
    for data in (zero, one, two):
        assert data.get_nav_axes()[0].get_data().tolist() == [100, 101, 102, 103]


def test_late_and_missing_errors_stay_in_line(saver, backend, reopened):
    timed = DataToExportTimedSaver(saver)
    errors = [np.array([0.1]), np.array([0.2])]
    timed.add_data("/RawData", grab(0, point(0)))
    timed.add_data("/RawData", grab(1, point(1, errors=errors)))
    timed.add_data("/RawData", grab(2, point(2)))
    again = reopened(backend, "a")
    DataToExportTimedSaver(again).add_data("/RawData", grab(3, point(3)))
    DataToExportTimedSaver(again).add_data("/RawData", grab(4, point(4, errors=errors)))

    (loaded,) = DataLoader(again).load_all("/").data
    assert loaded.data[0].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(loaded.errors[1], [np.nan, 0.2, np.nan, np.nan, 0.2])


def test_a_reopened_file_goes_on_in_the_same_arrays(saver, backend, reopened):
    bundle = [point(0), line(0), point(10), frame(0)]  # two of one name
    DataToExportTimedSaver(saver).add_data("/RawData", grab(0, *bundle))
    before = [node.path for node in saver.walk_nodes("/")]
    again = reopened(backend, "a")
    timed = DataToExportTimedSaver(again)
    timed.add_data("/RawData", grab(1, point(1), line(1), point(11), frame(1)))
    timed.add_data("/RawData", grab(2, point(2), line(2), point(12), frame(2)))

    assert [node.path for node in again.walk_nodes("/")] == before
    assert again.get_node("/RawData/Data0D/CH00/EnlData00").read().ravel().tolist() == [0, 1, 2]
    assert again.get_node("/RawData/Data0D/CH01/EnlData00").read().ravel().tolist() == [10, 11, 12]


def test_one_saver_goes_on_after_its_file_was_closed_and_opened(saver):
    timed = DataToExportTimedSaver(saver)
    node = saver.add_det_group("/RawData", "Det")
    timed.add_data(node, grab(0, point(0)))
    path = saver.file_path
    saver.close_file()
    saver.init_file(path)
    timed.add_data(node, grab(1, point(1)))

    assert saver.get_node("/RawData/Detector000/Data0D/CH00/EnlData00").shape == (2, 1)


def test_a_row_that_a_killed_program_left_behind(saver, backend, reopened):
    timed = DataToExportTimedSaver(saver)
    for i in range(3):
        timed.add_data("/RawData", grab(i, point(i), line(i)))
    saver.get_node("/RawData/Data0D/CH00/EnlData00").append(np.array([[9.0]]))
    assert DataLoader(saver).load_data("/RawData/Data0D/CH00/EnlData00", load_all=True).shape == (3,)
    again = reopened(backend, "a")
    DataToExportTimedSaver(again).add_data("/RawData", grab(4, point(4), line(4)))

    zero, one = DataLoader(again).load_all("/").data
    np.testing.assert_array_equal(zero.data[0], [0, 1, 2, 9, 4])
    np.testing.assert_array_equal(zero.data[1], [0, -1, -2, np.nan, -4])
    np.testing.assert_array_equal(one.data[0][:, 0], [0, 1, 2, np.nan, 4])
    np.testing.assert_array_equal(one.get_nav_axes()[0].get_data(), [100, 101, 102, np.nan, 104])


def test_an_append_that_fails_half_way_is_put_right_by_the_next(saver, monkeypatch):
    timed = DataToExportTimedSaver(saver)
    timed.add_data("/RawData", grab(0, point(0), line(0)))
    with monkeypatch.context() as patch:
        append_many = saver.io.append_many

        def failing(rows):
            append_many(rows[:1])
            raise OSError("disk full")

        patch.setattr(saver.io, "append_many", failing)
        with pytest.raises(OSError, match="disk full"):
            timed.add_data("/RawData", grab(1, point(1), line(1)))
    timed.add_data("/RawData", grab(2, point(2), line(2)))

    zero, one = DataLoader(saver).load_all("/").data
    assert zero.data[0].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(one.data[0][:, 0], [0, np.nan, 2])


def test_blocks_of_points_bring_their_axis_along(saver, backend, reopened):
    def block(start, count):
        axes = [Axis("t", "s", np.arange(start, start + count, dtype=float), 0), Axis("x", "m", np.arange(4.0), 1)]
        data = [np.arange(start, start + count)[:, np.newaxis] * np.ones(4)]
        return DataRaw("block", data=data, axes=axes, nav_indexes=(0,))

    timed = DataToExportTimedSaver(saver)
    timed.add_data("/RawData", grab(0, block(0, 3), DataRaw("scalars", data=[np.arange(3.0)], nav_indexes=(0,))))
    again = reopened(backend, "a")
    timed = DataToExportTimedSaver(again)
    timed.add_data("/RawData", grab(1, block(3, 2), DataRaw("scalars", data=[np.arange(2.0)], nav_indexes=(0,))))

    blocks, scalars = DataLoader(again).load_all("/").data
    assert blocks.data[0][:, 0].tolist() == [0, 1, 2, 3, 4]
    times = ("time", "s", [100, 100, 100, 101, 101])
    assert [facts(axis) for axis in blocks.get_nav_axes()] == [("t", "s", [0, 1, 2, 3, 4]), times]
    assert [axis.label for axis in blocks.get_signal_axes()] == ["x"]
    assert scalars.data[0].tolist() == [0, 1, 2, 0, 1]
    assert [facts(axis) for axis in scalars.get_nav_axes()] == [("", "", [0, 1, 2, 3, 4]), times]
    timed.add_data("/RawData", grab(2, DataRaw("block", data=[np.zeros((4, 4, 4))], nav_indexes=(0,))))
    assert [data.shape for data in DataLoader(again).load_all("/")] == [(5, 4), (4, 4, 4), (5,)]


def facts(axis):
    return axis.label, axis.units, axis.get_data().tolist()


def test_blocks_and_points_in_one_recording_each_have_the_times_of_their_rows(saver):
    timed = DataToExportTimedSaver(saver)
    for i in range(2):
        spread = [Axis(name, "mm", np.arange(3.0) + i, 0, spread_order=k) for k, name in enumerate(("x", "time"))]
        cloud = DataRaw("cloud", data=[np.arange(3.0) + i], nav_indexes=(0,), axes=spread, distribution="spread")
        timed.add_data("/RawData", grab(i, point(i), cloud))
    loader = DataLoader(saver)
    cloud, single = loader.load_data_from_name_origin("cloud"), loader.load_data_from_name_origin("point")
    assert cloud.data[0].tolist() == [0, 1, 2, 1, 2, 3]
    assert [facts(axis) for axis in cloud.get_nav_axes()] == [
        ("x", "mm", [0, 1, 2, 1, 2, 3]),
        ("time", "mm", [0, 1, 2, 1, 2, 3]),
        ("time", "s", [100, 100, 100, 101, 101, 101]),
    ]
    assert [facts(axis) for axis in single.get_nav_axes()] == [("time", "s", [100, 101])]


@pytest.mark.parametrize("values", [None, [7.0]])
def test_blocks_of_one_data_object_right_below_a_group(saver, backend, reopened, values):
    def block(i):
        axis = Axis("t", "s", np.arange(3) + 3 * i, 0)
        return DataRaw("block", data=[np.full((3, 2), i)], errors=[np.ones((3, 2)) * i], nav_indexes=(0,), axes=[axis])

    DataEnlargeableSaver(saver, ["p"], ["mm"]).add_data("/RawData", block(0), values)
    again = reopened(backend, "a")
    growing = DataEnlargeableSaver(again, ["p"], ["mm"])
    growing.add_data("/RawData", block(1), values)
    growing.add_data("/RawData", block(2), values)

    loaded = DataLoader(again).load_data("/RawData/EnlData00")
    assert loaded.data[0][:, 0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert loaded.errors[0][:, 0].tolist() == loaded.data[0][:, 0].tolist()
    expected = [("t", "s", [*range(9)]), ("p", "mm", [7] * 9)]
    assert [facts(axis) for axis in loaded.get_nav_axes()] == expected[: 1 if values is None else 2]
    assert loaded.get_nav_axes()[0].get_data().dtype == int


def test_one_data_object_without_axis_values(saver):
    growing = DataEnlargeableSaver(saver)
    for i in range(3):
        growing.add_data("/RawData", point(i))
    assert DataLoader(saver).load_data("/RawData/EnlData00").data[0].tolist() == [0, 1, 2]
    assert "Axis00" not in saver.get_node("/RawData").children_name()


def test_one_data_object_in_turn_into_several_groups(saver):
    growing = DataEnlargeableSaver(saver, ["p"], ["mm"])
    groups = [saver.add_det_group("/RawData", title) for title in "ab"]
    for i in range(3):
        for group in groups:
            growing.add_data(group, point(i), [i])
    for group in groups:
        assert DataLoader(saver).load_data(f"{group.path}/EnlData00").axes[0].get_data().tolist() == [0, 1, 2]


def test_one_data_object_right_below_a_group(saver):
    growing = DataEnlargeableSaver(saver, ("x", "y"), ("mm", "s"))
    for i in range(3):
        growing.add_data("/RawData", line(i, name=f"line {i}"), axis_values=[i, 2 * i])

    loaded = DataLoader(saver).load_data("/RawData/EnlData00")
    assert loaded.shape == (3, 4)
    assert [axis.label for axis in loaded.get_nav_axes()] == ["x", "y"]
    assert [axis.label for axis in loaded.get_signal_axes()] == ["x"]
    assert saver.get_node("/RawData/Axis00").attrs["size"] == 0
    growing.add_data("/RawData", line(0, size=2), axis_values=[7, 8])
    later = DataLoader(saver).load_all("/").data[1]
    assert (later.shape, [axis.get_data().tolist() for axis in later.get_nav_axes()]) == ((1, 2), [[7], [8]])
    with pytest.raises(NodeError):
        saver.get_node("/RawData/EnlData01")


def test_snapshots_and_growing_arrays_in_one_group_keep_apart(saver):
    DataToExportSaver(saver).add_data("/RawData", grab(0, line(0)))
    timed = DataToExportTimedSaver(saver)
    for i in range(2):
        timed.add_data("/RawData", grab(i, line(i)))
    DataToExportSaver(saver).add_data("/RawData", grab(0, line(5)))

    loaded = DataLoader(saver).load_all("/").data
    assert [data.shape for data in loaded] == [(4,), (2, 4), (4,)]
    assert all(len(data.get_signal_axes()) == 1 for data in loaded)


def test_background_of_growing_data(saver):
    timed = DataToExportTimedSaver(saver)
    for i in range(2):
        timed.add_data("/RawData", grab(i, frame(i), point(i)))
    DataToExportSaver(saver).add_bkg("/RawData", grab(0, frame(1), point(1)))

    loader = DataLoader(saver)
    assert loader.load_all("/").data[1].shape == (2, 2, 3)
    loaded = loader.load_data("/RawData/Data2D/CH00/EnlData00", with_bkg=True)
    assert loaded.data[0][:, 0, 0].tolist() == [-1, 0]
    assert loader.load_data("/RawData/Data0D/CH00/EnlData01", with_bkg=True).data[0].tolist() == [1, 0]
    assert BkgSaver(saver).load_data("/RawData/Data0D/CH00/Bkg00").data[0].tolist() == [1]
