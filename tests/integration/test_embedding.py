"""What PyMoDAQ's modules call, row by row: names, ways of calling, and what comes of it, on every kind of file."""

import enum
import inspect
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tables

import h5saver_widget as ours
from h5saver_widget.backends.registry import local_backends
from h5saver_widget.integrations.pymodaq.files import FileProxy, HostBrowserUtil, InProcessBrowserUtil
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.qt.parameters import dashboard_submodules_params

BACKENDS = tuple(local_backends())


class Host(H5Saver):
    """A saver as PyMoDAQ's modules get it, without PyMoDAQ's configuration."""


@pytest.fixture(scope="module", params=[(name, isolated) for name in BACKENDS for isolated in (False, True)], ids=str)
def one_saver(request, qapp):
    """Make one saver for many tests, as a program does; each makes files of its own."""
    backend, isolated = request.param
    saver = Host(backend=backend)
    saver.settings["backend", "isolated"] = isolated
    yield saver, backend
    saver.close_file()


@pytest.fixture
def host(one_saver, tmp_path):
    saver, backend = one_saver
    saver.set_backend(backend)
    saver.settings["base_path"] = str(tmp_path / "Data")
    yield saver
    saver.close_file()


@pytest.fixture
def opened(host, tmp_path):
    host.init_file(update_h5=True)
    return host


Theirs = enum.Enum("Theirs", ["SCAN", "detector", "actuator", "Data1D", "data"])

# -------------------------------------------------------------------------------------- 1.1, 5: names and parameters
SETTINGS = [
    *("save_type", "save_2D", "save_raw_only", "do_save", "N_saved", "custom_name", "close_after_scan", "base_path"),
    *("base_name", "current_scan_name", "current_scan_path", "current_h5_file", "show_file", "new_file"),
    *("backend/backend_type", "backend/swmr_options/enable_swmr", "backend/swmr_options/flush_interval"),
    *("data_format/fill_value", "data_format/compression_options/h5comp_library"),
    "data_format/compression_options/h5comp_level",
]


@pytest.mark.parametrize("path", SETTINGS)
def test_settings_have_the_paths_that_hosts_use(qapp, path):
    saver = Host()
    param = saver.settings.child(*path.split("/"))
    param.hide()
    param.setOpts(title="other")
    assert any(known["name"] == path.split("/")[0] for known in H5Saver.params)


def test_parameters_for_the_class_bodies_of_hosts():
    assert [p["name"] for p in dashboard_submodules_params] == ["save_2D", "save_raw_only", "do_save", "N_saved"]
    assert [p["name"] for p in H5Saver.params][:5] == ["save_type", "save_2D", "save_raw_only", "do_save", "N_saved"]
    for member in (Theirs.detector, Theirs.actuator):
        (param,) = [p for p in H5Saver.get_params_for_save_type(member) if p["name"] == "save_type"]
        assert param["value"] == member.name
    assert H5Saver.params is not H5Saver.get_params_for_save_type(Theirs.detector)
    assert H5Saver.settings_name == "h5saver_settings"


# --------------------------------------------------------------------------------- 1.2 to 1.5: what is called, and how
def _bkg(saver, path):
    return saver.add_array(
        path, "bkg00", Theirs.data, title="t", array_to_save=np.arange(3.0), data_dimension=Theirs.Data1D,
        metadata={"label": "l"},
    )  # fmt: skip


def _grown(saver, path):
    axis = saver.add_array(
        path, "axis00", "axis", title="t", array_to_save=np.array([0.0, 1.0]), enlargeable=True, metadata={"size": 0}
    )
    axis.append(np.array([4.0]), expand=False)
    axis.attrs["size"] += 1
    return axis


#: The call as hosts write it, and whether what it returned is what they expect of it.
CALLS = [
    ("raw_group is a group", lambda s: s.raw_group.name, lambda v: v == "RawData"),
    ("isopen", lambda s: s.isopen(), lambda v: v is True),
    ("flush", lambda s: s.flush(), lambda v: v is None),
    ("h5_file is something", lambda s: s.h5_file, lambda v: v is not None),
    ("h5_file.filename", lambda s: s.h5_file.filename == str(s.file_path), lambda v: v),
    ("settings of the file", lambda s: s.settings["current_h5_file"] == str(s.file_path), lambda v: v),
    ("h5_file_path, h5_file_name", lambda s: s.h5_file_path / s.h5_file_name == s.file_path, lambda v: v),
    ("filename", lambda s: s.filename, lambda v: v.endswith(".h5")),
    ("root", lambda s: s.root().attrs.attrs_name, lambda v: "CLASS" in v),
    ("get_node by name", lambda s: s.get_node("/", "RawData").path, lambda v: v == "/RawData"),
    ("get_node of a node", lambda s: s.get_node(s.raw_group) == s.raw_group, lambda v: v),
    ("get_children", lambda s: s.get_children("/RawData"), lambda v: list(v) == ["Logger"]),
    ("walk_nodes", lambda s: [n.name for n in s.walk_nodes("/", depth=1)], lambda v: v == ["/", "RawData"]),
    ("walk_nodes groups", lambda s: [n.name for n in s.walk_nodes("/", only_groups=True)], lambda v: len(v) == 2),
    ("walk_groups", lambda s: [n.name for n in s.walk_groups("/")], lambda v: v == ["/", "RawData"]),
    ("is_node_in_group", lambda s: s.is_node_in_group(s.raw_group, "Logger"), lambda v: v is True),
    ("get_set_group", lambda s: s.get_set_group(s.raw_group, "NavAxes", "", origin="D").attrs["origin"],
     lambda v: v == "D"),
    ("add_group", lambda s: s.add_group("external_data", Theirs.SCAN, "/RawData", metadata={"a": 1}).name,
     lambda v: v == "External_data"),
    ("add_det_group", lambda s: s.add_det_group("/RawData", title="D", settings_as_xml="", metadata={}).path,
     lambda v: v == "/RawData/Detector000"),
    ("add_act_group", lambda s: s.add_act_group("/RawData", title="A", settings_as_xml="", metadata={}).title,
     lambda v: v == "A"),
    ("add_generic_group", lambda s: s.add_generic_group("/RawData", title="S", settings_as_xml=b"<a/>", metadata={},
     group_type="SCAN").attrs["type"], lambda v: v == "scan"),
    ("get_last_group", lambda s: (s.add_scan_group(), s.get_last_group(s.raw_group, Theirs.SCAN).name)[1],
     lambda v: v == "Scan000"),
    ("get_groups", lambda s: s.get_groups(s.raw_group, "scan"), lambda v: v == []),
    ("get_node_from_title", lambda s: (s.add_scan_group(title="X"), s.get_node_from_title("/RawData", "X").name)[1],
     lambda v: v == "Scan000"),
    ("get_scan_groups", lambda s: (s.add_scan_group(), [g.name for g in s.get_scan_groups()])[1],
     lambda v: v == ["Scan000"]),
    ("get_last_scan", lambda s: s.get_last_scan(), lambda v: v is None),
    ("get_scan_index", lambda s: s.get_scan_index(), lambda v: v == 0),
    ("add_array", lambda s: _bkg(s, "/RawData"), lambda v: v.name == "Bkg00" and v[1] == 1.0 and len(v) == 3),
    ("add_array of a scan", lambda s: s.add_array("/RawData", "data00", Theirs.data, title="", data_shape=(1,),
     array_type=np.dtype("float64"), fill_value=None, scan_shape=(2, 3), add_scan_dim=True, data_dimension="Data0D",
     metadata={}).read(), lambda v: v.shape == (2, 3) and np.isnan(v).all()),
    ("a growing axis", lambda s: _grown(s, "/RawData"), lambda v: v.read().tolist() == [4.0] and v.attrs["size"] == 1),
    ("add_string_array", lambda s: s.add_string_array("/RawData", "texts", title="t", metadata={}).read(),
     lambda v: v == []),
    ("add_log", lambda s: (s.add_log("line"), s.get_set_logger().read())[1], lambda v: v == ["line"]),
    ("set_attr", lambda s: (s.set_attr("/RawData", "k", 2), s.get_attr("/RawData", "k"))[1], lambda v: v == 2),
    ("get_attr of all", lambda s: s.get_attr("/RawData"), lambda v: v["type"] == "scan"),
    ("has_attr", lambda s: s.has_attr("/RawData", "type"), lambda v: v is True),
    ("attrs", lambda s: [s.raw_group.attrs["title"] == s.raw_group.title, "type" in s.raw_group.attrs,
     s.raw_group.attrs.get("no"), "type" in s.raw_group.attrs.attrs_name, "type" in s.raw_group.attrs.to_dict()],
     lambda v: v == [True, True, None, True, True]),
    ("a group's children", lambda s: [s.raw_group.children_name(), list(s.raw_group.children()),
     s.raw_group.get_child("Logger").parent_node == s.raw_group], lambda v: v == [["Logger"], ["Logger"], True]),
    ("remove_children", lambda s: (s.raw_group.remove_children(), s.raw_group.children_name())[1], lambda v: v == []),
    ("swmr", lambda s: [s.swmr_mode, s._swmr_mode, s.is_swmr_active, s.is_swmr_compatible], lambda v: not any(v)),
    ("is_swmr_capable", lambda s: s.is_swmr_capable == (s.backend == "h5py"), lambda v: v),
    ("set_swmr_flush_interval", lambda s: (s.set_swmr_flush_interval(2), s.tick_flush()), lambda v: True),
    ("fill_value", lambda s: (setattr(s, "fill_value", 0.0), s.fill_value, s.settings["data_format", "fill_value"])[1:],
     lambda v: v == (0.0, 0.0)),
    ("settings_tree", lambda s: (s.show_settings(False), s.settings_tree.isVisible())[1], lambda v: v is False),
    ("plain attributes", lambda s: [s.file_loaded, s.save_type.name, s.current_scan_name, s.compression],
     lambda v: v[1] == "scan"),
    ("another new file", lambda s: (s.add_scan_group(), s.file_path, s.init_file(update_h5=True), s.file_path)[1:],
     lambda v: v[1] is True and v[0] != v[2]),
    ("reopen it", lambda s: (s.close_file(), s.init_file(addhoc_file_path=s.settings["current_h5_file"]), s.isopen()),
     lambda v: v[1:] == (False, True)),
    ("reopen to look", lambda s: (s.close_file(), s.init_file(addhoc_file_path=s.settings["current_h5_file"],
     mode="r"), s.io.writable)[2], lambda v: v is False),
    ("close, twice", lambda s: (s.close(), s.close_file(), s.isopen(), s.h5_file, s.h5file), lambda v: v[2:] ==
     (False, None, None)),
    ("closed: raw_group is a path", lambda s: (s.close(), s.raw_group, s.flush())[1], lambda v: v == "/RawData"),
    ("open_file", lambda s: (s.close(), s.open_file(s.settings["current_h5_file"], "r", swmr_mode=False,
     locking=False), s.isopen())[2], lambda v: v is True),
    ("load_file", lambda s: (s.close(), s.load_file(file_path=s.settings["current_h5_file"]), s.file_loaded)[2],
     lambda v: v is True),
    ("save_file_as", lambda s: s.save_file_as(s.file_path.with_name("copy.h5")).exists(), lambda v: v),
    ("set_backend", lambda s: (s.set_backend("tables"), s.set_backend("h5py"), s.backend, s.isopen())[2:],
     lambda v: v == ("h5py", False)),
    ("update_status", lambda s: s.update_status("words"), lambda v: v is None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "answers"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_calls_of_hosts(opened, call, answers):
    assert answers(call(opened))


def test_modes_of_opening_that_hosts_use(host, tmp_path):
    """A snapshot's file, a temporary one, and metadata."""
    assert (host.isopen(), host.h5_file, host.raw_group) == (False, None, "/RawData")
    host.init_file(update_h5=True, custom_naming=False, addhoc_file_path=tmp_path / "snap.h5")
    assert host.file_path == tmp_path / "snap.h5"
    host.init_file(custom_naming=True, addhoc_file_path=tmp_path / "temp.h5")  # asks nobody
    assert host.file_path == tmp_path / "temp.h5"
    host.init_file(update_h5=True, metadata={"sample": "A"})
    assert host.raw_group.attrs["sample"] == "A"


def test_signals_that_hosts_connect(opened, qtbot, tmp_path):
    other = tmp_path / "other.h5"
    with ours.H5SaverLowLevel(backend=opened.backend) as saver:
        saver.init_file(other)
    made = []
    opened.new_file_sig.connect(lambda: made.append(opened.init_file(update_h5=True)))
    opened.settings.child("new_file").activate()
    assert made == [True]
    with qtbot.waitSignal(opened.file_changed_sig) as changed:
        opened.settings["current_h5_file"] = str(other)
    assert changed.args == [str(other)]
    assert opened.settings.saveState()["name"] == "h5saver_settings"


# ------------------------------------------------------------------------------------ rule 5: the open file, handed on
def test_a_window_looks_into_a_file_that_another_has_open(opened, qapp, tmp_path):
    _bkg(opened, "/RawData")
    handle = opened.h5_file
    assert isinstance(handle, FileProxy) if opened.isolated else isinstance(handle, (h5py.File, tables.File))
    for other in (Host(backend=opened.backend), HostBrowserUtil(opened.backend), InProcessBrowserUtil(opened.backend)):
        other.h5file = handle
        assert other.isopen() and other.file_path == opened.file_path
        assert other.get_node("/RawData/Bkg00").read().tolist() == [0, 1, 2]
        opened.set_attr("/RawData", "seen", type(other).__name__)
        assert other.get_attr("/RawData", "seen") == type(other).__name__
        other.close_file()
        assert (other.isopen(), opened.isopen()) == (False, True)
        other.open_file(_file(tmp_path / f"{type(other).__name__}.h5", opened.backend), "r")
        assert "RawData" in other.root().children_name() and opened.isopen()
        other.close_file()
    opened.h5file = opened.h5_file  # its own
    assert opened.isopen()


def _file(path, backend):
    with ours.H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(path)
    return path


def test_a_file_of_somebody_else(qapp, tmp_path):
    with h5py.File(_file(tmp_path / "mine.h5", "h5py"), "r+", locking=False) as mine:
        browser = InProcessBrowserUtil("h5py")
        browser.h5file = mine
        assert browser.root().children_name() == ["RawData"]
        browser.close_file()
        assert mine.id.valid
    with pytest.raises(ours.FileOpenError, match="no open file"):
        browser.h5file = 3


def test_save_copy_as(opened, tmp_path):
    if not opened.isolated:
        return  # there hosts get the library's own object
    target = _file(tmp_path / "copy.h5", "h5py")
    with pytest.raises(FileExistsError):
        opened.h5_file.copy_file(str(target))
    opened.h5_file.copy_file(str(target), overwrite=True)
    assert (tmp_path / "copy_old1.h5").exists()
    with ours.H5SaverLowLevel.from_file(target, mode="r") as copy:
        assert copy.get_attr("/RawData", "type") == "scan"


# -------------------------------------------------------------------------- 2, 3: module savers, data savers, loader
ANY = object()
MODULE_CALLS = {
    "get_set_node": [((ANY,), {}), ((), {}), ((), {"where": ANY, "name": "n"})],
    "get_last_node": [((), {}), ((ANY,), {})],
    "get_last_node_index": [((), {})],
    "get_next_node_name": [((), {})],
    "flush": [((), {})],
    "add_data_bundle": [((ANY,), {})],
}
EXTENSION_CALLS = {**MODULE_CALLS, "get_set_node": [((), {"new": True})], "create_module_group": [((ANY,), {})]}
DETECTOR_CALLS = {**MODULE_CALLS, "filter_data": [((ANY,), {})], "add_bkg": [((ANY, ANY), {})]}
POINT = {"indexes": ANY, "distribution": ANY}

#: name -> how hosts make one, and how they call it
ROWS = {
    "DetectorSaver": (((ANY,), {}), {**DETECTOR_CALLS, "add_data": [((ANY, ANY), {})]}),
    "DetectorTimeSaver": (((ANY,), {}), {**DETECTOR_CALLS, "add_data": [((ANY, ANY), {})]}),
    "DetectorEnlargeableSaver": (((ANY, ANY, ANY), {}), {"add_data": [((ANY, ANY), {"axis_values": ANY})]}),
    "DetectorExtendedSaver": (((ANY, ANY), {}), {
        "add_data": [((ANY, ANY), POINT)], "add_nav_axes": [((ANY, ANY), {})]}),
    "ActuatorSaver": (((ANY,), {}), {**MODULE_CALLS, "add_data": [((ANY, ANY), {})]}),
    "ActuatorTimeSaver": (((ANY,), {}), {**MODULE_CALLS, "add_data": [((ANY, ANY), {})]}),
    "ActuatorEnlargeableSaver": (((ANY, ANY, ANY), {}), {"add_data": [((ANY, ANY, ANY), {})]}),
    "ScanSaver": (((ANY,), {}), {
        **EXTENSION_CALLS, "set_scan_shape": [((ANY,), {})], "initialize_time_array": [((ANY,), {})],
        "add_nav_axes": [((ANY,), {})], "add_data": [((ANY,), POINT)]}),
    "LoggerSaver": (((ANY,), {}), {**EXTENSION_CALLS, "add_data": [((ANY,), {})]}),
    "OptimizerSaver": (((ANY,), {"enl_axis_names": ANY, "enl_axis_units": ANY}), {
        **EXTENSION_CALLS, "add_data": [((), {"axis_values": ANY, "dte": ANY})], "forget_h5": [((), {})]}),
    "TimeModuleSaver": (((), {}), {}),
    "DataToExportSaver": (((ANY,), {"save_type": ANY, "new_file": ANY, "metadata": ANY}), {
        "add_data": [((ANY, ANY), {}), ((ANY, ANY), {"settings_as_xml": ""})], "add_bkg": [((ANY, ANY), {})],
        "add_error": [((ANY, ANY), {})], "add_data_bundle": [((ANY,), {})], "isopen": [((), {})], "close": [((), {})],
        "__enter__": [((), {})]}),
    "DataToExportEnlargeableSaver": (((ANY, ANY, ANY), {}), {
        "add_data": [((ANY, ANY), {"axis_values": ANY}), ((ANY, ANY), {"axis_value": ANY})]}),
    "DataToExportTimedSaver": (((ANY,), {}), {"add_data": [((ANY, ANY), {})]}),
    "DataToExportExtendedSaver": (((ANY, ANY), {"fill_value": ANY}), {
        "add_nav_axes": [((ANY, ANY), {})], "add_data": [((ANY, ANY, ANY), {"distribution": ANY})]}),
    "DataEnlargeableSaver": (((ANY,), {"enl_axis_names": ANY, "enl_axis_units": ANY}), {
        "add_data": [((ANY, ANY), {"axis_values": ANY})]}),
    "DataSaverLoader": (((ANY,), {}), {
        "add_data": [((ANY, ANY), {"save_axes": True})], "load_data": [((ANY,), {"with_bkg": True, "load_all": True})],
        "get_axes": [((ANY,), {})], "get_last_node_name": [((ANY,), {})], "get_node_from_index": [((ANY, 0), {})]}),
    "AxisSaverLoader": (((ANY,), {}), {"add_axis": [((ANY, ANY), {"enlargeable": True})], "load_axis": [((ANY,), {})]}),
    "DataLoader": (((ANY,), {"swmr_mode": True}), {
        "load_data": [((ANY,), {"with_bkg": True, "load_all": True})], "load_all": [((ANY, ANY), {"with_bkg": True})],
        "walk_nodes": [((ANY,), {})], "get_node": [((ANY,), {})], "get_nav_group": [((ANY,), {})],
        "load_data_from_name_origin": [(("n", "o"), {})], "close_file": [((), {})]}),
    "H5Saver": (((), {"save_type": "detector", "backend": ANY}), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_savers_and_loader_take_the_calls_of_hosts(name):
    cls = getattr(ours, name)
    (args, kwargs), methods = ROWS[name]
    inspect.signature(cls).bind(*args, **kwargs)
    for method, calls in methods.items():
        for args, kwargs in calls:
            inspect.signature(getattr(cls, method)).bind(ANY, *args, **kwargs)
    if name.endswith("Saver") and name.startswith(("Detector", "Actuator", "Scan", "Logger", "Optimizer")):
        assert cls.main_module is True and hasattr(cls.group_type, "name")
        assert isinstance(cls.h5saver, property) and cls.h5saver.fset is not None and hasattr(cls, "module_group")


def test_a_saver_is_assigned_again_and_again(opened):
    """The hosts' property does so before every call: nothing may be made anew for it, or looked up."""
    saver = ours.LoggerSaver(SimpleNamespace(title="Log", modules_manager=SimpleNamespace(
        detectors_all=[SimpleNamespace(title="Det")], actuators_all=[])))  # fmt: skip
    saver.h5saver = opened
    node = saver.get_set_node(new=True)
    for _ in range(3):
        saver.h5saver = opened
        assert saver.module_group is node and saver.get_last_node() == node


def test_group_type_of_a_subclass_needs_only_a_name(opened):
    """PyMoDAQ's ramping extension adds a member to its own enum."""

    class RampSaver(ours.LoggerSaver):
        group_type = Theirs.SCAN

    saver = RampSaver(
        SimpleNamespace(title="Ramp", modules_manager=SimpleNamespace(detectors_all=[], actuators_all=[]))
    )
    saver.h5saver = opened
    assert saver.get_set_node(new=True).attrs["type"] == "scan"
