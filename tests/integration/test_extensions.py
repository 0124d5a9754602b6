"""PyMoDAQ's other extensions save with our classes: the optimisers, ramp, sequencer, PID controller and data mixer."""

import numpy as np
from peer_hosts import MORE_STEPS
from peer_process import ROOT
from test_hosts import ITS_OWN, arrays, of

from h5saver_widget import DataLoader

#: What these windows complain about with PyMoDAQ's own saver as well: all of the words of one line.
THEIRS = (
    *((own,) for own in ITS_OWN),
    ("No detector with this name",),
    # its histogram: while nothing is saved yet, and while there are fewer values than bins
    ("histograming.py", "update_control_modules", "IndexError: pop from empty list"),
    ("histograming.py", "compute_histogram", "find_index", "IndexError: index "),
    # the histogram is drawn anew while it is being drawn, or while its plot goes
    ("plotting/data_viewers/viewer.py", "in update_viewers", "IndexError: list index out of range"),
    ("plotting/data_viewers/", "RuntimeError: wrapped C/C++ object of type"),
    ("plotting/data_viewers/viewer1D.py", "in update_xyplot", "ValueError: array shape must be (N,)"),
)
#: It looks into a file that was closed meanwhile; our saver says so.
CLOSED = ("histograming.py", "compute_histogram", "FileNotOpenError: node: no file is open")
#: What PyMoDAQ's own OptimizerSaver says at every step: it looks for a detector called like the bundle.
OPTIMIZER = ("KeyError: 'ModulesManager'",)


def is_known(complaint, scope):
    """Tell whether PyMoDAQ complains so by itself: none of our code was being run."""
    if all(words in complaint for words in CLOSED):
        return True
    if str(ROOT / "h5saver_widget") in complaint:
        return False
    known = THEIRS if scope == "all" else (*THEIRS, OPTIMIZER)
    return any(all(words in complaint for words in line) for line in known)


def test_every_window_did_what_it_was_asked_and_complained_about_nothing(extensions):
    scope, report = extensions
    assert list(report["steps"]) == MORE_STEPS
    failed = {name: seen["error"] for name, seen in report["steps"].items() if "error" in seen}
    assert failed == {}, report["complaints"]
    assert [complaint for complaint in report["complaints"] if not is_known(complaint, scope)] == []


def test_every_step_of_an_optimisation_is_saved(extensions):
    scope, report = extensions
    for kind in ("bayesian", "adaptive"):
        seen = report["steps"][kind]
        assert seen["class"] == ("HostH5Saver" if scope == "all" else "InProcessH5Saver")
        (live,) = seen["live"]  # read back from the temporary file of the live plot
        tried = live["axes"][0][2]
        assert len(tried) == len(arrays(live)[0]) == 7
        with DataLoader(seen["path"]) as loader:
            assert loader.get_node(f"/RawData/{seen['name']}").attrs["type"] == "optimizer"
            if scope != "all":
                continue  # PyMoDAQ's own saver of optimisations writes nothing
            dwa = of(loader, f"/RawData/{seen['name']}", "Mock0D")
            np.testing.assert_array_equal(dwa.data[0], arrays(live)[0])
            (axis,) = dwa.get_nav_axes()
            assert axis.label == "Stage"
            np.testing.assert_array_equal(axis.get_data(), tried)


def test_a_ramp_is_logged_and_read_meanwhile(extensions):
    seen = extensions[1]["steps"]["ramp"]
    assert seen["drawn"] > 0
    with DataLoader(seen["path"]) as loader:
        (ramp,) = [node for node in loader.walk_nodes("/RawData", 1, True) if node.name.startswith("Ramp")]
        assert ramp.attrs["type"] == "ramp"
        for name, origin in (("Mock0D", "Det0"), ("Mock1D", "Det1"), ("Stage", "Stage"), ("Lens", "Lens")):
            dwa = of(loader, ramp.path, name)
            (time,) = dwa.get_nav_axes()
            assert 3 <= time.size == len(dwa.data[0]) <= seen["given"][origin]
            assert np.all(np.diff(time.get_data()) >= 0)


def test_a_sequence_logs_where_it_moved(extensions):
    seen = extensions[1]["steps"]["sequence"]
    with DataLoader(seen["path"]) as loader:
        (dwa,) = loader.load_all("/RawData/Datalogger000")
        assert dwa.name == "Lens" and len(seen["saved"]) == 2
        assert dwa.data[0].tolist() == seen["saved"]


def test_the_file_manager_of_every_extension(extensions):
    report = extensions[1]
    for kind, base in (("pid", "PID"), ("mixer", "DataMixer")):
        seen = report["steps"][kind]
        first, second = seen["files"]
        assert first != second and seen["base"] == base
        assert seen["shown"] and seen["browser"] and seen["closed"] == [False, None]
        assert seen["opened"] == [first, [first]]
        assert seen["copy"] == [True, ""]
        with DataLoader(second) as loader:
            assert loader.get_node("/RawData/mydata").name == "mydata"


def test_the_scan_manager_serialises_and_applies_every_setting(extensions):
    seen = extensions[1]["steps"]["scan_manager"]
    assert seen["failed"] == {} and seen["settings"] > 20
    assert seen["applied"] == ["Managed", 7]
