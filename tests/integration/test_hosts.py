"""PyMoDAQ's own windows save with our classes: what they did, what is in the files, and who can read them."""

import numpy as np
import pytest
from peer_hosts import RUNS, STEPS

from h5saver_widget import DataLoader

#: What PyMoDAQ says of itself, with its own saver as with ours.
ITS_OWN = ("could not restore setting option addText", "disconnect() failed between")


def of(loader, where, name):
    found = [dwa for dwa in loader.load_all(where) if dwa.name == name]
    assert len(found) == 1, [dwa.name for dwa in loader.load_all(where)]
    return found[0]


def arrays(facts):
    return [np.array(values) for values in facts["data"]]


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(its).reshape(np.shape(mine)))


def test_every_window_did_what_it_was_asked_and_complained_about_nothing(hosts):
    _, _, report = hosts
    assert list(report["steps"]) == STEPS
    failed = {name: seen["error"] for name, seen in report["steps"].items() if "error" in seen}
    assert failed == {}, report["complaints"]
    assert [c for c in report["complaints"] if not any(own in c for own in ITS_OWN)] == []


def test_the_savers_are_ours_and_isolated_where_nobody_needs_the_librarys_file(hosts):
    scope, _, report = hosts
    steps = report["steps"]
    everything = scope == "all"
    assert steps["continuous"]["class"] == ("HostH5Saver" if everything else "InProcessH5Saver")
    assert steps["continuous"]["handle"] == ("FileProxy" if everything else "File")
    assert steps["scan"]["isolated"] is everything
    assert steps["browser"]["class"] == ("HostBrowserUtil" if everything else "InProcessBrowserUtil")
    assert steps["load"]["scan"]["class"] == ("HostDataLoader" if everything else "DataLoader")


def test_a_snapshot_with_its_background(hosts):
    seen = hosts[2]["steps"]["snapshot"]
    with DataLoader(seen["path"]) as loader:
        (saved,) = seen["saved"]
        dwa = of(loader, "/RawData/Detector000", "Mock1D")
        assert (dwa.origin, dwa.dim.name) == ("Det1", "Data1D")
        same(dwa.data, arrays(saved))
        bkg = [loader.load_data(f"/RawData/Detector000/Data1D/CH00/Bkg0{n}").data[0] for n in range(len(dwa))]
        same(bkg, arrays(seen["bkg"][0]))
        settings = loader.get_node("/RawData/Detector000").attrs["settings"]
        assert b"main_settings" in settings and b"h5saver_settings" in settings


def test_continuous_saving(hosts):
    seen = hosts[2]["steps"]["continuous"]
    assert seen["told"] == len(seen["frames"]) == 5
    with DataLoader(seen["path"]) as loader:
        dwa = of(loader, "/RawData/Detector000", "Mock0D")
        same(dwa.data, [np.array([frame[channel] for frame in seen["frames"]]) for channel in range(len(dwa))])
        (time,) = dwa.get_nav_axes()
        assert (time.label, time.units, time.size) == ("time", "s", 5)
        assert np.all(np.diff(time.get_data()) > 0)


def test_the_seconds_before_of_a_viewer(hosts):
    """Held frames and later ones are one recording, in the group of the viewer with its settings."""
    scope, _, report = hosts
    seen = report["steps"]["before"]
    assert seen["state"] == "armed"
    frames = seen["frames"] if scope == "all" else seen["frames"][3:]  # PyMoDAQ's savers tell us of no others
    with DataLoader(seen["path"]) as loader:
        dwa = of(loader, "/RawData/Detector000", "Mock0D")
        same(dwa.data, [np.array([frame[channel] for frame in frames]) for channel in range(len(dwa))])
        assert b"main_settings" in loader.get_node("/RawData/Detector000").attrs["settings"]
        assert loader.get_node("/RawData").children_name() == ["Detector000", "Logger"]


def test_positions_of_an_actuator(hosts):
    seen = hosts[2]["steps"]["move"]
    with DataLoader(seen["path"]) as loader:
        (dwa,) = loader.load_all("/RawData/Actuator000")
        same(dwa.data, [np.array(seen["values"])])
        assert loader.get_node("/RawData/Actuator000").title == "Lens"


def test_a_2d_and_a_1d_scan_in_one_file(hosts):
    seen = hosts[2]["steps"]["scan"]
    assert [scan["name"] for scan in seen["scans"]] == ["Scan001", "Scan002"]
    with DataLoader(seen["path"]) as loader:
        for number, shape in enumerate([(3, 3), (5,)]):
            where = f"/RawData/Scan{number:03d}"
            scalars, spectra = of(loader, where, "Mock0D"), of(loader, where, "Mock1D")
            times = of(loader, where, "ElapsedTime")
            assert scalars.shape == times.shape == shape
            assert spectra.shape[:-1] == shape
            assert not np.isnan(scalars.data[0]).any() and not np.isnan(spectra.data[0]).any()
            assert [axis.label for axis in scalars.get_nav_axes()] == ["Stage", "Lens"][: len(shape)]
            first = scalars.get_nav_axes()[0].get_data().tolist()
            assert first == [0.5 * n for n in range(shape[0])]
            (plotted,) = seen["scans"][number]["live"]  # what the live plot showed last: transposed, as images are
            same([array.T for array in scalars.data], arrays(plotted))
            attributes = loader.get_node(where).attrs
            assert attributes["scan_type"] == f"Scan{len(shape)}D"
            assert "Stage_settings" in attributes
        assert loader.get_node("/RawData").attrs["type"] == "dataset"
    # PyMoDAQ's Navigator shows what has two dimensions
    shown = ["Scan000/Det0/Mock0D", "Scan000/Timestamps/ElapsedTime", "Scan001/Det1/Mock1D"]
    assert seen["overlays"] == shown
    assert hosts[2]["steps"]["overlays"] == {"overlays": shown, "images": len(shown)}


def test_a_run_of_the_logger(hosts):
    seen = hosts[2]["steps"]["logger"]
    with DataLoader(seen["path"]) as loader:
        for name, origin in (("Mock0D", "Det0"), ("Mock1D", "Det1")):
            dwa = of(loader, "/RawData/Datalogger000", name)
            frames = [facts for facts in seen["saved"] if facts["name"] == name]
            same(dwa.data, [np.stack([arrays(frame)[n] for frame in frames]) for n in range(len(dwa))])
            assert dwa.origin == origin


def test_the_browser_of_pymodaq_opens_the_file(hosts):
    steps = hosts[2]["steps"]
    assert [path.rpartition("/")[2] for path in steps["browser"]["shown"]].count("Data00") == 3
    assert steps["browser"]["copied"] and steps["browser"]["exported"]
    opened = steps["scan"]["opened"]  # while DAQ_Scan had it open
    assert (opened["same"], opened["open"], opened["filename"]) == (True, True, steps["scan"]["path"])
    assert opened["paths"] > 40


def test_windows_load_pymodaqs_own_data_objects(hosts):
    steps = hosts[2]["steps"]
    for name in ("snapshot", "scan"):
        path, loaded = steps[name]["path"], steps["load"][name]["data"]
        assert {facts["class"] for facts in loaded} == {"pymodaq_data.data.DataWithAxes"}
        with DataLoader(path) as loader:
            ours = list(loader.load_all("/"))
        theirs = {(facts["name"], str(np.shape(facts["data"]))): facts for facts in loaded}
        for dwa in ours:
            facts = theirs.get((dwa.name, str((len(dwa), *dwa.shape))))
            if facts is not None:  # PyMoDAQ's bundle keeps one of each name and origin
                assert (facts["dim"], facts["nav_indexes"]) == (dwa.dim.name, list(dwa.nav_indexes))
        assert {facts["name"] for facts in loaded} == {dwa.name for dwa in ours}


@pytest.mark.parametrize(("scope", "reader"), [("widget", "h5py"), ("all", "tables")])
def test_pymodaq_alone_reads_every_file(peer, report_of, tmp_path, scope, reader):
    paths = []
    # with PyTables it stops at the links of an entry, which are in files of h5py
    for name in [name for name, run in RUNS.items() if run[0] == scope and reader in ("h5py", run[1])]:
        paths += [seen["path"] for seen in report_of(name)["steps"].values() if "path" in seen]
    assert len(paths) > 3
    report = peer.ask("peer_reader", tmp_path, read=paths, browse=[], backend=reader)
    for path, read in report["read"].items():
        assert read["failed"] == {} and read["nodes"], path
        with DataLoader(path) as loader:
            for key, facts in read["nodes"].items():
                node, with_bkg = key.rsplit(" ", 1)
                if with_bkg == "False":
                    ours = loader.load_data(node)
                    assert (ours.name, ours.origin, ours.dim.name) == (facts["name"], facts["origin"], facts["dim"])
                    same(ours.data, [array["values"] for array in facts["data"]])
