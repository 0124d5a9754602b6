"""Savers of one detector or actuator: what they let pass, and what they write beside the data."""

import types

import numpy as np
import pytest

from h5saver_widget import (
    ActuatorEnlargeableSaver,
    ActuatorExtendedSaver,
    ActuatorSaver,
    ActuatorTimeSaver,
    DataActuator,
    DataCalculated,
    DataLoader,
    DataRaw,
    DataToExport,
    DetectorEnlargeableSaver,
    DetectorExtendedSaver,
    DetectorSaver,
    DetectorTimeSaver,
    FileNotOpenError,
    H5SaverLowLevel,
)
from h5saver_widget.backends.registry import local_backends
from h5saver_widget.format.settings_reading import xml_values

BACKENDS = tuple(local_backends())


class Saver(H5SaverLowLevel):
    """A saver with the two settings that filter, as the widget has them."""

    settings = None


@pytest.fixture
def filtering(backend, tmp_path):
    with Saver("detector", backend=backend) as h5saver:
        h5saver.settings = {"save_2D": True, "save_raw_only": False}
        h5saver.init_file(tmp_path / "filtering.h5")
        yield h5saver


def module(title="Camera", **more):
    return types.SimpleNamespace(title=title, **more)


def bundle(i=0.0):
    return DataToExport(
        "Camera",
        data=[
            DataRaw("zero", data=[np.array([i])]),
            DataRaw("two", data=[np.full((2, 3), i)]),
            DataCalculated("roi", data=[np.full(4, i)]),
            DataRaw("many", data=[np.full((2, 3, 4), i)]),
        ],
        timestamp=50.0 + i,
    )


def loaded(h5saver):
    return [data.name for data in DataLoader(h5saver).load_all("/").data]


@pytest.mark.parametrize(("large", "raw_only", "names"), [
    (True, False, {"zero", "two", "roi", "many"}), (False, False, {"zero", "roi"}),
    (True, True, {"zero", "two", "many"}), (False, True, {"zero"}),
])  # fmt: skip
@pytest.mark.parametrize("kind", [DetectorSaver, DetectorTimeSaver])
def test_filters(filtering, kind, large, raw_only, names):
    filtering.settings = {"save_2D": large, "save_raw_only": raw_only}
    saver = kind(module())
    saver.h5saver = filtering
    saver.add_data(saver.get_set_node(), bundle())

    assert set(loaded(filtering)) == names


def test_do_save_decides_first(filtering):
    filtering.settings = {"save_2D": False, "save_raw_only": True}
    dte = bundle()
    dte[1].add_extra_attribute(do_save=True)
    dte[0].add_extra_attribute(do_save=False)
    saver = DetectorSaver(module())
    saver.h5saver = filtering
    saver.add_data(saver.get_set_node(), dte)

    assert loaded(filtering) == ["two"]


@pytest.mark.parametrize("kind", [DetectorSaver, DetectorTimeSaver])
def test_a_bundle_of_which_nothing_passes_is_not_saved_and_not_counted(filtering, kind):
    filtering.settings = {"save_2D": False, "save_raw_only": True}
    saver = kind(module())
    saver.h5saver = filtering
    node = saver.get_set_node()
    saver.add_data(node, DataToExport("Camera", data=[bundle()[1]]))

    assert node.children_name() == []
    assert filtering.frames_saved == 0


def test_background_goes_beside_the_data(filtering):
    saver = DetectorSaver(module())
    saver.h5saver = filtering
    node = saver.get_set_node()
    saver.add_bkg(node, bundle(1.0))
    saver.add_data(node, bundle(3.0))

    data = DataLoader(filtering).load_all("/", with_bkg=True)
    assert len(data) == 4
    assert all((dwa.data[0] == 2.0).all() for dwa in data)


def test_settings_of_module_saver_and_rois(saver, qapp, backend, reopened):
    from pyqtgraph.parametertree import Parameter

    def tree(name, **children):
        made = [{"name": key, "type": type(value).__name__, "value": value} for key, value in children.items()]
        return Parameter.create(name=name, type="group", children=made)

    viewer = module(roi_manager=module(settings=tree("ROISettings", x=1.5)))
    camera = module(
        settings=tree("daq_viewer_settings", exposure=20, unit="µs"),
        viewers=[viewer, module(roi_manager=None), module()],
        ui=object(),
    )
    saver.settings = tree("h5saver_settings", save_2D=False, save_raw_only=False)
    detector = DetectorSaver(camera)
    detector.h5saver = saver
    detector.get_set_node()

    text = reopened(backend).get_node("/RawData/Detector000").attrs["settings"]
    assert xml_values(text) == {
        "daq_viewer_settings": {"exposure": 20, "unit": "µs"},
        "H5Saver": {"h5saver_settings": {"save_2D": False, "save_raw_only": False}},
        "ROI_Viewer_00": {"ROISettings": {"x": 1.5}},
    }
    camera.ui = None
    assert b"ROI_Viewer_00" not in detector.settings_xml()


def test_a_megabyte_of_settings(saver, reopened):
    class Settled(DetectorSaver):
        def settings_xml(self):
            return b"<All_settings>" + "é".encode() * 500_000 + b"</All_settings>"

    detector = Settled(module())
    detector.h5saver = saver
    detector.add_data(detector.get_set_node(), bundle(), settings_as_xml=detector.settings_xml())

    for reader in BACKENDS:
        again = reopened(reader)
        for where in ("/RawData/Detector000", "/RawData/Detector000/Data0D/CH00/Data00"):
            assert again.get_node(where).attrs["settings"] == detector.settings_xml()
        assert DataLoader(again).load_data("/RawData/Detector000/Data0D/CH00/Data00").name == "zero"


def test_groups_are_found_again(saver, backend, reopened):
    first, second = DetectorSaver(module("A")), DetectorSaver(module("B"))
    for detector in (first, second):
        detector.h5saver = saver
    assert first.get_next_node_name() == "Detector000"
    paths = [first.get_set_node().path, second.get_set_node().path, first.get_set_node().path]
    assert paths == ["/RawData/Detector000", "/RawData/Detector001", "/RawData/Detector000"]
    assert first.get_set_node(new=True).path == "/RawData/Detector002"
    assert first.module_group.path == "/RawData/Detector002"
    assert (first.get_last_node().path, first.get_last_node_index()) == ("/RawData/Detector002", 2)

    again = reopened(backend, "a")
    first.h5saver = again
    assert first.get_set_node().path == "/RawData/Detector002"
    assert first.get_next_node_name() == "Detector003"


def test_no_file(saver):
    detector = DetectorSaver(module())
    detector.flush()
    for action in (detector.get_set_node, lambda: detector.add_data("/RawData", bundle())):
        with pytest.raises(FileNotOpenError, match="Camera: no saver"):
            action()


def test_the_same_saver_assigned_again_keeps_what_is_known(saver):
    detector = DetectorTimeSaver(module())
    detector.h5saver = saver
    node, data_saver = detector.get_set_node(), detector.data_saver
    detector.h5saver = saver

    assert detector.data_saver is data_saver
    assert detector.get_set_node() is node


def test_a_node_that_was_kept_while_the_file_was_reopened(saver):
    detector = DetectorTimeSaver(module())
    detector.h5saver = saver
    node = detector.get_set_node()
    detector.add_data(node, bundle(0.0))
    path = saver.file_path
    saver.close_file()
    saver.init_file(path)
    detector.h5saver = saver
    detector.add_data(node, bundle(1.0))

    time = DataLoader(saver).load_data("/RawData/Detector000/Data0D/CH00/EnlData00").get_nav_axes()[0]
    assert time.get_data().tolist() == [50, 51]


def test_enlargeable_and_extended(saver):
    enlargeable = DetectorEnlargeableSaver(module("E"), ("x",), ("mm",))
    extended = DetectorExtendedSaver(module("X"), (2, 2))
    for detector in (enlargeable, extended):
        detector.h5saver = saver
    where = enlargeable.get_set_node()
    enlargeable.add_data(where, bundle(), axis_values=[1.5])
    enlargeable.add_data_bundle(module(dte=bundle(), node=where, axis_values=[2.5]))
    where = extended.get_set_node()
    extended.add_data(where, bundle(4.0), indexes=(1, 0), distribution="uniform")
    extended.add_data_bundle(module(dte=bundle(5.0), node=where, indexes=[0, 1], distribution="uniform"))

    zero = DataLoader(saver).load_data("/RawData/Detector000/Data0D/CH00/EnlData00")
    assert zero.axes[0].get_data().tolist() == [1.5, 2.5]
    grid = DataLoader(saver).load_data("/RawData/Detector001/Data0D/CH00/Data00")
    np.testing.assert_array_equal(grid.data[0], [[np.nan, 5], [4, np.nan]])


@pytest.mark.parametrize(("kind", "args", "options", "name"), [
    (ActuatorSaver, (), {}, "Data00"), (ActuatorTimeSaver, (), {}, "EnlData00"),
    (ActuatorEnlargeableSaver, (("x",), ("mm",)), {"axis_values": [1]}, "EnlData00"),
    (ActuatorExtendedSaver, ((2,),), {"indexes": (0,)}, "Data00"),
])  # fmt: skip
def test_actuators(filtering, kind, args, options, name):
    filtering.settings = {"save_2D": False, "save_raw_only": True}
    saver = kind(module("Stage"), *args)
    saver.h5saver = filtering
    node = saver.get_set_node()
    assert (node.path, node.attrs["type"]) == ("/RawData/Actuator000", "actuator")
    assert b"H5Saver" not in saver.settings_xml()
    saver.add_data(node, DataToExport("Stage", data=[DataActuator("Stage", data=3.5, units="mm")]), **options)

    position = DataLoader(filtering).load_data(f"{node.path}/Data0D/CH00/{name}")
    assert position.data[0][0] == 3.5
    assert position.units == "mm"
