"""The listing of the older manual: groups by hand, channels as dictionaries."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

from h5saver_widget import DataLoader, DataMismatchError, H5SaverLowLevel
from h5saver_widget.qt.h5saver import H5Saver

SETTINGS = '<settings type="group"><gain type="int">3</gain></settings>'


def test_listing_of_punctual_use(backend, tmp_path, qapp):
    axis = {"data": np.linspace(400, 700, 8), "units": "nm", "labels": ["wavelength"]}
    datas = OrderedDict(
        data0D=OrderedDict(),
        data1D=OrderedDict(spectrum=OrderedDict(data=np.arange(8.0), xaxis=axis)),
        data2D=OrderedDict(
            camera=OrderedDict(
                data=np.arange(6, dtype=np.uint16).reshape(2, 3),
                xaxis=OrderedDict(data=np.arange(3.0), units="um", label="x"),
                yaxis=OrderedDict(data=np.arange(2.0), units="mm", label="y"),
            )
        ),
    )
    path = tmp_path / "test.h5"
    h5saver = H5Saver(save_type="detector", backend=backend)
    h5saver.init_file(update_h5=True, custom_naming=False, addhoc_file_path=path)
    det_group = h5saver.add_det_group(h5saver.raw_group, "Data", SETTINGS)
    data_types = ["data1D"]
    if h5saver.settings.child("save_2D").value():
        data_types.append("data2D")
    for data_type in data_types:
        if not h5saver.is_node_in_group(det_group, data_type):
            data_group = h5saver.add_data_group(det_group, data_type)
            for channel in datas[data_type]:
                channel_group = h5saver.add_CH_group(data_group, title=channel)
                h5saver.add_data(channel_group, datas[data_type][channel], scan_type="", enlargeable=False)
    h5saver.close_file()

    with DataLoader(path, backend=backend) as loader:
        assert loader.get_node("/RawData/Detector000").attrs["settings"] == SETTINGS
        spectrum = loader.load_data("/RawData/Detector000/Data1D/Ch000/Data00")
        assert (spectrum.name, spectrum.axes[0].label, spectrum.axes[0].units) == ("spectrum", "wavelength", "nm")
        np.testing.assert_array_equal(spectrum.axes[0].get_data(), axis["data"])
        camera = loader.load_data("/RawData/Detector000/Data2D/Ch000/Data00")
        assert camera.dtype == np.uint16
        assert {(a.label, a.index, a.units) for a in camera.axes} == {("x", 1, "um"), ("y", 0, "mm")}


def test_enlargeable_appends(backend, tmp_path):
    with H5SaverLowLevel(backend=backend) as h5saver:
        h5saver.init_file(tmp_path / "grow.h5")
        group = h5saver.add_CH_group("/RawData", "log")
        for value in range(3):
            node = h5saver.add_data(group, {"data": np.full(4, float(value))}, scan_type="scan1D", enlargeable=True)
        np.testing.assert_array_equal(node.read(), np.repeat(np.arange(3.0), 4).reshape(3, 4))


def test_a_dictionary_without_data_is_refused(tmp_path):
    with H5SaverLowLevel() as h5saver:
        h5saver.init_file(tmp_path / "bad.h5")
        group = h5saver.add_CH_group("/RawData", "channel")
        with pytest.raises(DataMismatchError, match="'data'"):
            h5saver.add_data(group, {"values": [1, 2]})
        assert group.children_name() == []
