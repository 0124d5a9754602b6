"""Files that other versions have written, made here by hand with the libraries themselves."""

import json

import h5py
import numpy as np
import pytest
import tables

from h5saver_widget import DataLoader, H5BrowserUtil
from h5saver_widget.backends.registry import local_backends
from h5saver_widget.saving.older import older_attributes

BACKENDS = tuple(local_backends())


def wrapped(value, kind=None, module="builtins", text=None):
    return json.dumps({"module": module, "type": kind or type(value).__name__, "data": text or repr(value)})


def describe(node, **attributes):
    for name, value in attributes.items():
        node.attrs[name] = value


def data_attributes(title="spectrum", nav=(), dim="Data1D", **more):
    return {
        "TITLE": title,
        "CLASS": "CARRAY",
        "data_type": "data",
        "data_dimension": dim,
        "distribution": "uniform",
        "label": "channel",
        "origin": "Det",
        "source": "raw",
        "units": "V",
        "nav_indexes": wrapped(tuple(nav)),
        "timestamp": wrapped(12.5),
        **more,
    }


def axis_attributes(index=0, **more):
    return {"TITLE": "x", "CLASS": "CARRAY", "data_type": "axis", "label": "x", "units": "nm", "index": index,
            "spread_order": 0, **more}  # fmt: skip


def write(path, data=None, axis=None, drop=(), nav=None):
    with h5py.File(path, "w") as file:
        group = file.create_group("RawData/Detector000/Data1D/CH00")
        values = np.arange(3.0) if nav is None else np.arange(12.0).reshape(4, 3)
        describe(group.create_dataset("Data00", data=values), **(data_attributes() if data is None else data))
        signal = axis_attributes(0 if nav is None else 1) if axis is None else axis
        describe(group.create_dataset("Axis00", data=[1.0, 2.0, 4.0]), **signal)
        if nav is not None:
            describe(file.create_dataset("RawData/NavAxes/Axis00", data=[0.0, 1.0, 3.0, 4.0]), **nav)

        def clean(name, node):
            for attribute in drop:
                if attribute in node.attrs:
                    del node.attrs[attribute]

        file.visititems(clean)
    return path


def load(path, backend, where="/RawData/Detector000/Data1D/CH00/Data00"):
    with DataLoader(path, backend=backend) as loader:
        found = loader.load_data(where)
        assert [data.name for data in loader.load_all("/")] == [found.name]
        return found


# ----------------------------------------------------------------------------------------------------------- encodings
@pytest.mark.parametrize(("label", "units"), [("plain", "µV"), (wrapped("wrapped"), wrapped("µV"))])
def test_plain_attributes_beside_wrapped_ones(tmp_path, backend, label, units):
    found = load(write(tmp_path / "a.h5", data_attributes(label=label, units=units)), backend)

    assert (found.labels, found.units) == (["plain" if label == "plain" else "wrapped"], "µV")
    assert (found.timestamp, found.origin) == (12.5, "Det")
    (axis,) = found.axes
    assert (axis.label, axis.units, axis.get_data().tolist()) == ("x", "nm", [1, 2, 4])


def test_what_numpy_1_wrote(tmp_path, backend):
    number = wrapped(None, "float64", "numpy", "0.25")
    attributes = data_attributes(timestamp=number, gain=number, count=wrapped(None, "int64", "numpy", "7"))
    found = load(write(tmp_path / "a.h5", attributes, axis_attributes(offset=number, scaling=number)), backend)

    assert found.timestamp == 0.25
    assert (found.gain, found.count) == (0.25, 7)
    assert type(found.gain) is np.float64


@pytest.mark.parametrize("missing", [["units"], ["CLASS"], ["TITLE"], ["CLASS", "TITLE"], ["label"], ["origin"],
                                     ["timestamp"], ["source"], ["distribution"], ["data_dimension"],
                                     ["nav_indexes"], ["spread_order"], ["index"]])  # fmt: skip
def test_missing_attributes(tmp_path, backend, missing):
    found = load(write(tmp_path / "a.h5", drop=missing), backend)

    np.testing.assert_array_equal(found.data[0], [0, 1, 2])
    assert found.units == ("" if "units" in missing else "V")
    assert found.name == ("Data00" if "TITLE" in missing else "spectrum")
    (axis,) = found.axes
    assert axis.get_data().tolist() == [1, 2, 4]
    assert axis.units == ("" if "units" in missing else "nm")


def test_a_file_that_says_nothing_of_swmr(tmp_path, backend):
    with H5BrowserUtil(backend=backend) as browser:
        browser.open_file(write(tmp_path / "a.h5"))
        assert (browser.swmr_mode, browser.is_swmr_active, browser.is_swmr_compatible) == (False, False, False)


def test_strings_of_fixed_length(tmp_path, backend):
    texts = {name: value for name, value in data_attributes(units="µV").items() if isinstance(value, str)}
    fixed = {name: np.array(value.encode(), dtype=h5py.string_dtype("utf-8", 80)) for name, value in texts.items()}
    ascii_only = axis_attributes(label=np.bytes_(b"x"), units=np.bytes_(b"nm"), data_type=np.bytes_(b"axis"))
    found = load(write(tmp_path / "a.h5", fixed, ascii_only), backend)

    assert (found.name, found.units, found.labels, found.origin) == ("spectrum", "µV", ["channel"], "Det")
    assert [(axis.label, axis.units) for axis in found.axes] == [("x", "nm")]


@pytest.mark.parametrize("nav_indexes", [wrapped((0,)), "[0]", "(0,)", "(0)", np.array([0]), np.int64(0), 0,
                                         wrapped([0]), np.array([0], dtype=np.uint8)])  # fmt: skip
@pytest.mark.parametrize("index", [wrapped(0), np.int64(0), np.int32(0), "0", wrapped(None, "int64", "numpy", "0"),
                                   wrapped(None, "int64", "numpy", "np.int64(0)"), np.array([0])])  # fmt: skip
def test_numbers_of_dimensions_in_every_form(tmp_path, nav_indexes, index):
    nav = axis_attributes(index, label="time", units="s", TITLE="time")
    path = write(tmp_path / "a.h5", data_attributes(nav_indexes=nav_indexes), nav=nav)
    for backend in BACKENDS:
        found = load(path, backend)
        assert found.nav_indexes == (0,)
        assert [(a.index, a.label, a.units, a.size) for a in found.get_nav_axes()] == [(0, "time", "s", 4)]
        assert [(a.index, a.label, a.size) for a in found.axes if a.index == 1] == [(1, "x", 3)]


@pytest.mark.parametrize("nonsense", ["[0", "x", "[null]", "[[0]]", "9" * 300, np.array([7, -1]), wrapped(None), 0.5])
def test_nonsense_for_dimensions_costs_the_navigation_only(tmp_path, backend, nonsense):
    found = load(write(tmp_path / "a.h5", data_attributes(nav_indexes=nonsense)), backend)
    assert (found.nav_indexes, found.shape) == ((), (3,))


def test_two_scan_dimensions_as_a_list(tmp_path, backend):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        node = file.create_dataset("RawData/Scan000/Data0D/CH00/Data00", data=np.arange(6.0).reshape(2, 3))
        describe(node, **data_attributes("power", dim="Data0D", nav_indexes="[0, 1]", shape="[2, 3]"))
        for i, n in enumerate((2, 3)):
            axis = file.create_dataset(f"RawData/Scan000/NavAxes/Axis{i:02d}", data=np.arange(n) * 5.0)
            describe(axis, **axis_attributes(np.int64(i), label=f"a{i}"))
    found = load(tmp_path / "a.h5", backend, "/RawData/Scan000/Data0D/CH00/Data00")
    assert (found.nav_indexes, found.shape) == ((0, 1), (2, 3))
    assert [axis.get_data().tolist() for axis in found.get_nav_axes()] == [[0, 5], [0, 5, 10]]


# -------------------------------------------------------------------------------------------------------- older layout
NX, NY = 4, 3


def write_older(path, repeated=False, wrap=False, lower=False):
    """Write the layout of the picture with PyTables, as it was written: every attribute plain, or wrapped as later."""
    put = wrapped if wrap else lambda value: value
    with tables.open_file(str(path), "w") as file:
        raw = file.create_group("/", "Raw_datas")
        raw._v_attrs["type"] = put("dataset")
        log = file.create_vlarray(raw, "Logger", atom=tables.ObjectAtom())
        log._v_attrs["type"] = put("log")
        scan = file.create_group(raw, "Scan000")
        describe_raw(scan, put, type="scan", settings="<settings/>")
        move = file.create_group(scan, "Move000", title="Stage")
        describe_raw(move, put, type="move", settings="<settings/>")
        det = file.create_group(scan, "Det000", title="Mock")
        describe_raw(det, put, type="detector", settings="<settings/>")
        x, y = ("x_axis", "y_axis") if lower else ("X_axis", "Y_axis")
        for dim, shape in (("0D", ()), ("1D", (5,)), ("2D", (2, 5))):
            group = file.create_group(det, f"Data{dim}")
            for channel in range(2):
                ch = file.create_group(group, f"CH{channel:03d}", title=f"ch{channel} {dim}")
                values = values_of(shape) + channel
                data = file.create_carray(ch, "Data", obj=values, title="data")
                describe_raw(data, put, type="data", data_dimension=dim, scan_type="scan2D", units="counts")
                if dim != "0D":
                    axis = file.create_carray(ch, x, obj=np.arange(5) * 0.5)
                    describe_raw(axis, put, type="axis", data_dimension="1D", units="µm", label="width")
                if dim == "2D":
                    axis = file.create_carray(ch, y, obj=np.array([7.0, 9.0]))
                    describe_raw(axis, put, type="axis", data_dimension="1D", units="mm", label="height")
        live = file.create_group(file.create_group(scan, "Live_scan1D"), "Ch000", title="live")
        data = file.create_carray(live, "Data", obj=np.arange(float(NX)))
        describe_raw(data, put, type="data", data_dimension="0D", scan_type="scan1D")
        axis = file.create_carray(live, x, obj=np.arange(NX) + 0.5)
        describe_raw(axis, put, type="axis", data_dimension="1D", units="s", label="live x")
        live = file.create_group(file.create_group(scan, "Live_scan2D"), "Ch000", title="live map")
        data = file.create_carray(live, "Data", obj=values_of((5,)))
        describe_raw(data, put, type="data", data_dimension="1D", scan_type="scan2D")
        for name, size in ((x, NX), (y, NY)):
            axis = file.create_carray(live, name, obj=np.arange(size) + 0.25)
            describe_raw(axis, put, type="axis", data_dimension="1D", units="mm", label=f"live {name[0].lower()}")
        positions = {"x": np.arange(NX) * 10.0, "y": np.arange(NY) - 5.0}
        for i, (letter, values) in enumerate(positions.items()):
            name = f"scan_{letter}_axis" if lower else f"Scan_{letter}_axis"
            every = np.repeat(values, NY) if letter == "x" else np.tile(values, NX)
            axis = file.create_carray(scan, name, obj=every if repeated or lower else values)
            describe_raw(axis, put, type="navigation_axis", data_dimension="1D", units="mm", label=f"stage {letter}")
            if lower:
                unique = file.create_carray(scan, f"{name}_unique", obj=values)
                describe_raw(unique, put, type="navigation_axis", units="mm", label=f"stage {letter}", nav_index=i)
    return path


def values_of(shape):
    return np.arange(float(NX * NY * int(np.prod(shape)))).reshape(NX, NY, *shape)


def describe_raw(node, put, **attributes):
    for name, value in attributes.items():
        node._v_attrs[name] = put(value)


@pytest.mark.parametrize("options", [{}, {"repeated": True}, {"wrap": True}, {"lower": True}], ids=str)
@pytest.mark.parametrize("where", ["/", "/Raw_datas"])
def test_the_older_layout(tmp_path, backend, options, where):
    path = write_older(tmp_path / "older.h5", **options)

    with DataLoader(path, backend=backend) as loader:
        found = {data.name: data for data in loader.load_all(where)}
        single = loader.load_data("/Raw_datas/Scan000/Det000/Data2D/CH001/Data")
        frames = loader.load_data("/Raw_datas/Scan000/Det000/Data2D/CH001/Data", lazy=True).data[0][1]

    assert sorted(found) == ["ch0 0D", "ch0 1D", "ch0 2D", "ch1 0D", "ch1 1D", "ch1 2D", "live", "live map"]
    for dim, shape in (("0D", ()), ("1D", (5,)), ("2D", (2, 5))):
        for channel in range(2):
            data = found[f"ch{channel} {dim}"]
            np.testing.assert_array_equal(data.data[0], values_of(shape) + channel)
            assert (data.nav_indexes, data.units, data.origin) == ((0, 1), "counts", "Mock")
            assert [(a.index, a.label, a.units) for a in data.get_nav_axes()] == [
                (0, "stage x", "mm"), (1, "stage y", "mm"),
            ]  # fmt: skip
            assert data.get_nav_axes()[0].get_data().tolist() == [0, 10, 20, 30]
            assert data.get_nav_axes()[1].get_data().tolist() == [-5, -4, -3]
            signal = [(a.index, a.label, a.units) for a in data.axes if a.index > 1]
            expected = [(3, "width", "µm"), (2, "height", "mm")] if dim == "2D" else [(2, "width", "µm")]
            assert signal == (expected if shape else [])
    live = found["live"]
    assert (live.nav_indexes, live.data[0].tolist()) == ((0,), [0, 1, 2, 3])
    assert [(a.index, a.label, a.units) for a in live.axes] == [(0, "live x", "s")]
    live_map = found["live map"]
    assert (live_map.nav_indexes, live_map.shape, live_map.data[0][1, 2, 3]) == ((0, 1), (NX, NY, 5), 28)
    assert {(a.index, a.label, a.size) for a in live_map.axes} == {(0, "live x", NX), (1, "live y", NY)}
    np.testing.assert_array_equal(single.data[0], found["ch1 2D"].data[0])
    np.testing.assert_array_equal(frames, single.data[0][1])


def test_a_growing_array_of_the_older_layout(tmp_path, backend):
    with tables.open_file(str(tmp_path / "older.h5"), "w") as file:
        group = file.create_group("/Raw_datas/Det000/Data1D", "CH000", createparents=True, title="spectra")
        data = file.create_earray(group, "Data", atom=tables.Float64Atom(), shape=(0, 5))
        data.append(np.arange(15.0).reshape(3, 5))
        describe_raw(data, str, type="data", data_dimension="1D", scan_type="")
        axis = file.create_carray(group, "X_axis", obj=np.arange(5) * 2.0)
        describe_raw(axis, str, type="axis", label="x")
    with DataLoader(tmp_path / "older.h5", backend=backend) as loader:
        (found,) = loader.load_all("/")
    assert (found.name, found.shape, found.nav_indexes) == ("spectra", (3, 5), (0,))
    assert [(a.index, a.size) for a in found.axes] == [(1, 5)]


def test_the_first_browser_picture(tmp_path, backend):
    """In the oldest files ``type`` is *channel2D* and ``data_type`` is *2D*."""
    with h5py.File(tmp_path / "older.h5", "w") as file:
        node = file.create_dataset("Raw_datas/Scan002/Det001/Data2D/CH000/Data", data=np.zeros((4, 3, 2, 5)))
        describe(node, type="channel2D", data_type="2D", scan_type="Scan2D", shape="[4, 3, 2, 5]", TITLE="data",
                 data_name="Mock2D_0_image", Naverage=1)  # fmt: skip
    with DataLoader(tmp_path / "older.h5", backend=backend) as loader:
        (found,) = loader.load_all("/")
        assert loader.load_data("/Raw_datas/Scan002/Det001/Data2D/CH000/Data", with_bkg=True, load_all=True) == found
    assert (found.name, found.nav_indexes, found.Naverage) == ("Mock2D_0_image", (0, 1), 1)


def test_arrays_that_say_nothing_are_no_data_but_can_be_loaded(tmp_path, backend):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file["Data"] = np.arange(3)
        file["run/data"] = np.arange(4)
        file["X_axis"] = np.arange(3)
    with DataLoader(tmp_path / "any.h5", backend=backend) as loader:
        assert len(loader.load_all("/")) == 0
        assert loader.load_data("/run/data").data[0].tolist() == [0, 1, 2, 3]


def test_dimensions_are_taken_from_the_names_of_groups_if_nothing_else_says_them(tmp_path, backend):
    with h5py.File(tmp_path / "older.h5", "w") as file:
        node = file.create_dataset("Raw_datas/Scan000/Det000/Data1D/CH000/Data", data=np.zeros((4, 5)))
        describe(node, type="data", scan_type="Tabular")
    with DataLoader(tmp_path / "older.h5", backend=backend) as loader:
        node = loader.get_node("/Raw_datas/Scan000/Det000/Data1D/CH000/Data")
        told = older_attributes(node, node.attrs.to_dict())
    assert (told["data_dimension"], told["nav_indexes"]) == ("Data1D", (0,))
