"""Savers, loader and module savers on a server, as on a disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from h5saver_widget import (
    Axis,
    DataLoader,
    DataRaw,
    DataSaverLoader,
    DataToExport,
    DataToExportExtendedSaver,
    DataToExportTimedSaver,
    H5BrowserUtil,
    H5SaverLowLevel,
)
from h5saver_widget.browsing.copying import copy_file


@pytest.fixture
def saver(domain: Path) -> Any:
    with H5SaverLowLevel("detector", backend="h5pyd") as h5saver:
        assert h5saver.init_file(domain)
        yield h5saver


def reopened(h5saver: H5SaverLowLevel) -> DataLoader:
    path = h5saver.file_path
    assert path is not None
    h5saver.close_file()
    again = H5SaverLowLevel("detector", backend="h5pyd")
    again.open_file(path)
    return DataLoader(again)


def test_folders_are_made_and_old_files_moved_aside(folder: Path) -> None:
    path = folder / "2026" / "20261121" / "a.h5"
    with H5SaverLowLevel("detector", backend="h5pyd") as h5saver:
        assert h5saver.init_file(path, metadata={"sample": "one"})
        assert not h5saver.init_file(path)
        assert h5saver.init_file(path, new_file=True)
        assert "sample" not in h5saver.get_node("/RawData").attrs
        h5saver.init_file(path.with_name("a_old1.h5"), mode="r")
        assert h5saver.get_node("/RawData").attrs["sample"] == "one"
        names = iter([path, path.with_name("b.h5")])
        assert h5saver.create_new_file(names) == path.with_name("b.h5")
    assert not Path(path.parts[0], path.parts[1], "tester", folder.name).exists(), "nothing is made on the local disk"


def test_one_data_object(saver: H5SaverLowLevel) -> None:
    data = DataRaw(
        "frames",
        data=[np.arange(24).reshape(4, 2, 3), np.ones((4, 2, 3), "u2")],
        labels=["a", "b"],
        units="V",
        nav_indexes=(0,),
        axes=[Axis("time", "s", data=np.arange(4.0) ** 2, index=0), Axis("x", "mm", data=np.arange(3.0), index=2)],
    )
    DataSaverLoader(saver).add_data("/RawData", data)
    loader = reopened(saver)
    found = loader.load_data("/RawData/Data00", load_all=True)
    assert (found.shape, found.units, found.labels, found.nav_indexes) == ((4, 2, 3), "V", ["a", "b"], (0,))
    np.testing.assert_array_equal(found.data[0], data.data[0])
    assert sorted(axis.label for axis in found.axes)[:2] == ["time", "x"]
    lazy = loader.load_data("/RawData/Data00", lazy=True)
    assert lazy.inav[3].data[0].tolist() == data.data[0][3].tolist()
    loader.close()


def test_continuous_recording(saver: H5SaverLowLevel) -> None:
    group = saver.add_det_group("/RawData", "detector", "<settings/>")
    timed = DataToExportTimedSaver(saver)
    for number in range(300):
        data = DataRaw("spectrum", data=[np.full(20, float(number))])
        timed.add_data(group, DataToExport("grab", data=[data, DataRaw("t", data=[np.array([number])])]))
    saver.add_log("done")
    assert saver.frames_saved == 300 and saver.frames_lost == 0
    loader = reopened(saver)
    found = loader.load_data("/RawData/Detector000/Data1D/CH00/EnlData00")
    np.testing.assert_array_equal(found.data[0], np.repeat(np.arange(300.0)[:, np.newaxis], 20, axis=1))
    assert loader.load_data("/RawData/Detector000/Data0D/CH00/EnlData00").shape == (300,)
    assert loader.get_node("/RawData/Logger").read() == ["done"]
    loader.close()


def test_scan_in_any_order(saver: H5SaverLowLevel) -> None:
    group = saver.add_det_group("/RawData", "detector")
    extended = DataToExportExtendedSaver(saver, (5, 6))
    extended.add_nav_axes(group, [Axis("x", "mm", data=np.arange(5.0), index=0)])
    order = np.random.default_rng(1).permutation(30)
    for number in order:
        at = (int(number) // 6, int(number) % 6)
        extended.add_data(group, DataToExport("p", data=[DataRaw("s", data=[np.full(4, float(number))])]), indexes=at)
    loader = reopened(saver)
    found = loader.load_data("/RawData/Detector000/Data1D/CH00/Data00")
    np.testing.assert_array_equal(found.data[0][..., 0].ravel(), np.arange(30.0))
    loader.close()


def test_lazy_data_have_the_servers_chunks(saver: H5SaverLowLevel) -> None:
    timed = DataToExportTimedSaver(saver)
    group = saver.add_det_group("/RawData", "camera")
    for number in range(6):
        timed.add_data(group, DataToExport("g", data=[DataRaw("frame", data=[np.full((512, 600), number, "f4")])]))
    loader = reopened(saver)
    frames = loader.load_data("/RawData/Detector000/Data2D/CH00/EnlData00", lazy=True).to_xarray()
    (variable,) = frames.data_vars.values()
    assert variable.data.chunks == ((1,) * 6, (512,), (600,))
    assert variable.mean(dim=variable.dims[1:]).values.tolist() == [0, 1, 2, 3, 4, 5]
    loader.close()


def test_groups_and_names(saver: H5SaverLowLevel) -> None:
    for _ in range(3):
        saver.add_det_group("/RawData", "detector")
    assert saver.get_children("/RawData").keys() >= {"Detector000", "Detector002"}
    settings = "<settings>" + "µ" * 400_000 + "</settings>"
    node = saver.get_node("/RawData/Detector001")
    node.attrs["settings"] = settings
    saver.copy_node(node, "/RawData", "Copied")
    saver.remove_node("/RawData/Detector002")
    loader = reopened(saver)
    assert [n.name for n in loader.walk_nodes("/RawData")][1:] == ["Copied", "Detector000", "Detector001", "Logger"]
    assert loader.get_node("/RawData/Copied").attrs["settings"] == settings
    loader.close()


def test_the_open_file_is_saved_on_the_local_disk(saver: H5SaverLowLevel, tmp_path: Path) -> None:
    saver.create_earray("/RawData", "Rows", np.int32, (2,)).append(np.ones((3, 2), np.int32))
    saver.add_log("on the server")
    copied = copy_file(saver, tmp_path / "copy.h5")
    with H5BrowserUtil(backend="h5py") as copy:
        copy.open_file(copied.path)
        assert copy.get_node("/RawData/Rows").read().tolist() == [[1, 1]] * 3
        assert copy.log_lines() == ["on the server"]
