"""The examples of the documentation that users know, with the node names they show."""

import numpy as np

from h5saver_widget import (
    Axis,
    AxisSaverLoader,
    BkgSaver,
    DataDim,
    DataDistribution,
    DataLoader,
    DataRaw,
    DataSaverLoader,
    DataSource,
    DataToExport,
    DataToExportSaver,
    DataWithAxes,
    DetectorSaver,
    H5SaverLowLevel,
)


def listing(saver, where):
    return [str(node) for node in saver.walk_nodes(where)]


def test_axis_saver_loader(saver):
    axis = Axis("myaxis", units="seconds", data=np.array([3, 7, 11, 15]), index=0)
    axis_saver = AxisSaverLoader(saver)

    assert str(axis_saver.add_axis("/RawData", axis)) == "/RawData/Axis00 (CARRAY) 'myaxis'"

    assert sorted(listing(saver, "/")) == [
        "/ (GROUP) 'Laboratory data'",
        "/RawData (GROUP) 'Data from PyMoDAQ modules'",
        "/RawData/Axis00 (CARRAY) 'myaxis'",
        "/RawData/Logger (VLARRAY) ''",
    ]
    loaded = axis_saver.load_axis("/RawData/Axis00")
    assert loaded == axis
    assert loaded is not axis
    assert axis_saver.get_last_node_name("/RawData") == "Axis00"


def test_data_and_background(saver):
    data = DataWithAxes(
        "mydata",
        source=DataSource["raw"],
        dim=DataDim["Data2D"],
        distribution=DataDistribution["uniform"],
        data=[np.array([[1, 2, 3], [4, 5, 6]])],
        axes=[Axis("vaxis", index=0, data=np.array([-1, 1])), Axis("haxis", index=1, data=np.array([10, 11, 12]))],
    )
    bkg = data.deepcopy()
    assert repr(saver.add_det_group("/RawData", "Example")) == ("/RawData/Detector000 (GROUP) 'Example' children := []")
    datasaver = DataSaverLoader(saver)
    datasaver.add_data("/RawData/Detector000", data)
    loaded = datasaver.load_data("/RawData/Detector000/Data00")
    assert loaded == data
    assert loaded is not data

    BkgSaver(saver).add_data("/RawData/Detector000", bkg, save_axes=False)

    assert sorted(listing(saver, "/RawData/Detector000")) == [
        "/RawData/Detector000 (GROUP) 'Example'",
        "/RawData/Detector000/Axis00 (CARRAY) 'vaxis'",
        "/RawData/Detector000/Axis01 (CARRAY) 'haxis'",
        "/RawData/Detector000/Bkg00 (CARRAY) 'mydata'",
        "/RawData/Detector000/Data00 (CARRAY) 'mydata'",
    ]
    with_bkg = datasaver.load_data("/RawData/Detector000/Data00", with_bkg=True)
    assert with_bkg != loaded
    np.testing.assert_array_equal(with_bkg.data[0], [[0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(loaded.data[0], [[1, 2, 3], [4, 5, 6]])


def bundle():
    axes = [Axis("myaxis0", "s", np.arange(3.0), index=0), Axis("myaxis1", "m", np.arange(4.0), index=1)]
    return DataToExport(
        "mybigdata",
        data=[
            DataRaw("mydata2D", data=[np.ones((3, 4)), np.zeros((3, 4))], axes=axes),
            DataRaw("mydata0D", data=[np.array([1.0]), np.array([2.0])]),
            DataRaw("mydata1D", data=[np.ones(3), np.zeros(3)], axes=axes[:1]),
            DataRaw("mydata0Dbis", data=[np.array([3.0]), np.array([4.0])]),
        ],
    )


def test_bundle(saver):
    saver.add_det_group("/RawData", "Example")
    saver.add_det_group("/RawData", "Example dte")

    DataToExportSaver(saver).add_data("/RawData/Detector001", bundle())

    where = "/RawData/Detector001"
    assert sorted(listing(saver, where)) == sorted(
        [
            f"{where} (GROUP) 'Example dte'",
            f"{where}/Data0D (GROUP) ''",
            f"{where}/Data1D (GROUP) ''",
            f"{where}/Data2D (GROUP) ''",
            f"{where}/Data0D/CH00 (GROUP) 'mydata0D'",
            f"{where}/Data0D/CH01 (GROUP) 'mydata0Dbis'",
            f"{where}/Data1D/CH00 (GROUP) 'mydata1D'",
            f"{where}/Data2D/CH00 (GROUP) 'mydata2D'",
            f"{where}/Data2D/CH00/Data00 (CARRAY) 'mydata2D'",
            f"{where}/Data2D/CH00/Data01 (CARRAY) 'mydata2D'",
            f"{where}/Data2D/CH00/Axis00 (CARRAY) 'myaxis0'",
            f"{where}/Data2D/CH00/Axis01 (CARRAY) 'myaxis1'",
            f"{where}/Data1D/CH00/Data00 (CARRAY) 'mydata1D'",
            f"{where}/Data1D/CH00/Data01 (CARRAY) 'mydata1D'",
            f"{where}/Data1D/CH00/Axis00 (CARRAY) 'myaxis0'",
            f"{where}/Data0D/CH00/Data00 (CARRAY) 'mydata0D'",
            f"{where}/Data0D/CH00/Data01 (CARRAY) 'mydata0D'",
            f"{where}/Data0D/CH01/Data00 (CARRAY) 'mydata0Dbis'",
            f"{where}/Data0D/CH01/Data01 (CARRAY) 'mydata0Dbis'",
        ]
    )


def test_loader_gives_the_bundle_back(saver):
    DataToExportSaver(saver).add_data("/RawData", bundle())

    loader = DataLoader(saver)

    assert sorted(loader.load_all("/").data, key=lambda d: d.name) == sorted(bundle().data, key=lambda d: d.name)
    assert loader.load_data("/RawData/Data1D/CH00/Data01", load_all=True) == bundle().data[2]
    assert loader.load_data("/RawData/Data1D/CH00/Data01").labels == ["CH01"]


def test_snapshot_code_of_the_module_savers(tmp_path, backend):
    class Viewer:
        title = "Camera"

    with H5SaverLowLevel(save_type="detector", backend=backend) as h5saver:
        h5saver.init_file(tmp_path / "snapshot.h5")
        module_and_data_saver = DetectorSaver(Viewer())
        module_and_data_saver.h5saver = h5saver
        detector_node = module_and_data_saver.get_set_node("/RawData")
        module_and_data_saver.add_data(detector_node, bundle())
        module_and_data_saver.add_bkg(detector_node, bundle())
        names = [node.path for node in h5saver.walk_nodes("/RawData/Detector000/Data1D")]

    assert "/RawData/Detector000/Data1D/CH00/Bkg01" in names
    assert "/RawData/Detector000/Data1D/CH01" not in names
