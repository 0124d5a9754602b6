"""Installing, changing and taking back: what is replaced where, in processes with PyMoDAQ but without windows."""

import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from peer_hosts import entry_points_as_installed
from peer_process import ROOT, peer_environment, run_windows

from h5saver_widget import IntegrationError
from h5saver_widget.integrations.pymodaq import install, installed, launching

#: Before anything else: nothing heavy is loaded by asking.
NOTHING_LOADED = """
import sys
from h5saver_widget.integrations.pymodaq import install, installed, uninstall
install('all')
assert not {name.partition('.')[0] for name in sys.modules} & {'pymodaq_data', 'pymodaq_gui', 'PyQt5', 'h5py', 'tables'}
"""
CHANGES = """
from h5saver_widget.integrations.pymodaq import Scope, install, installed, uninstall
from h5saver_widget import DataLoader, NodeError
from h5saver_widget.nodes import typed as nodes
from pymodaq_data.h5modules import backends, browsing, data_saving
import pymodaq_data.h5modules.data_saving as alias
theirs = data_saving.DataLoader
user = type(sys)('user'); sys.modules['user'] = user
user.Loader = theirs
from h5saver_widget import BkgSaver
user.Ours = BkgSaver

install('all'); install('all')
assert data_saving.BkgSaver is BkgSaver
assert installed() is Scope.all
assert issubclass(data_saving.DataLoader, DataLoader) and user.Loader is data_saving.DataLoader
assert isinstance(object.__new__(nodes.GROUP), data_saving.GROUP)
assert isinstance(object.__new__(backends.GROUP), data_saving.GROUP)
assert backends.GROUP.__module__ == 'pymodaq_data.h5modules.backends'  # where nodes are made
try:
    raise NodeError('gone')
except data_saving.NodeError:
    pass
assert not [name for name in sys.modules if name.startswith(('PyQt', 'pymodaq_gui'))]  # scripts have no windows

install('widget')
assert data_saving.DataLoader is user.Loader is theirs
assert browsing.H5BrowserUtil.__name__ == 'InProcessBrowserUtil'
uninstall(); uninstall()
assert installed() is None and data_saving.DataLoader is user.Loader is theirs
assert browsing.H5BrowserUtil.__module__ == 'pymodaq_data.h5modules.browsing'
assert data_saving.GROUP is backends.GROUP
assert data_saving.BkgSaver is not BkgSaver and user.Ours is BkgSaver  # which the module had by itself
"""
CLASS_BODIES = """
from pymodaq.control_modules.daq_viewer import DAQ_Viewer
def names():
    (group,) = [p for p in DAQ_Viewer.params if p['name'] == 'saver_settings']
    return [p['name'] for p in group['children']], group['children'][0]['value']
theirs = names()
from h5saver_widget.integrations.pymodaq import install, uninstall
install()
ours = names()
assert 'browse' in ours[0] and 'browse' not in theirs[0] and ours[1] == theirs[1] == 'detector', (ours, theirs)
uninstall()
assert names() == theirs
"""
OTHER_VERSION = """
from h5saver_widget.integrations.pymodaq import install, installed
from h5saver_widget import IntegrationError
from pymodaq_data.h5modules import data_saving
theirs = data_saving.AxisSaverLoader
del data_saving.DataLoader
try:
    install()
except IntegrationError as error:
    assert "no 'DataLoader'" in str(error)
else:
    raise AssertionError
assert installed() is None and data_saving.AxisSaverLoader is theirs
"""


def run(program, tmp_path, **more):
    return subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint('fine')"],
        env=peer_environment(tmp_path, **more),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "program",
    [NOTHING_LOADED, CHANGES, CLASS_BODIES, OTHER_VERSION],
    ids=["lazy", "changes", "class bodies", "version"],
)
def test_what_is_replaced(program, tmp_path):
    ran = run(program, tmp_path)
    assert ran.stdout.strip().endswith("fine"), ran.stderr[-3000:]


@pytest.mark.parametrize(("value", "class_name", "said"), [
    ("widget", "DataLoader InProcessBrowserUtil", ""),
    ("half", "DataLoader H5BrowserUtil", "H5SAVER_PYMODAQ=half has no effect: scope 'half' is unknown"),
    ("", "DataLoader H5BrowserUtil", ""),
])  # fmt: skip
def test_the_environment_variable(tmp_path, value, class_name, said):
    entry_points_as_installed(tmp_path / "site")
    program = (
        "from pymodaq_data.h5modules import browsing, data_saving\n"
        "print(data_saving.DataLoader.__name__, browsing.H5BrowserUtil.__name__)"
    )
    path = os.pathsep.join([str(ROOT), str(tmp_path / "site")])
    ran = run(program, tmp_path, H5SAVER_PYMODAQ=value, PYTHONPATH=path)
    assert ran.stdout.splitlines()[-2:] == [class_name, "fine"], ran.stderr[-2000:]
    assert said in ran.stderr


def test_an_unknown_scope_changes_nothing():
    with pytest.raises(IntegrationError, match="'half' is unknown; choose 'all' or 'widget'"):
        install("half")
    assert installed() is None


# ------------------------------------------------------------------------------------------------------ the launcher
def fake_program():
    print("started", sys.argv, installed())
    return 3


def test_the_launcher_installs_and_starts(monkeypatch, capsys):
    point = EntryPoint("daq_viewer", f"{__name__}:fake_program", "console_scripts")
    monkeypatch.setattr(launching, "peer_programs", lambda: {"daq_viewer": point})
    monkeypatch.setattr(sys, "argv", ["launcher"])
    states = []
    monkeypatch.setattr(launching, "install", states.append)
    assert launching.main(["--scope", "widget", "daq_viewer", "-i", "a.h5"]) == 3
    assert states == ["widget"]
    assert "started ['daq_viewer', '-i', 'a.h5']" in capsys.readouterr().out


def test_the_launcher_says_what_is_wrong(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        launching.main(["no_such_program"])
    assert "daq_scan" in capsys.readouterr().err
    monkeypatch.setattr(launching, "peer_programs", dict)
    assert launching.main([]) == 1
    assert "PyMoDAQ is not installed here" in capsys.readouterr().err


def test_the_launcher_knows_pymodaqs_programs():
    known = {"daq_viewer", "daq_move", "daq_scan", "daq_logger", "dashboard", "h5browser"}
    assert known <= set(launching.peer_programs())


# ------------------------------------------------------------------------------------------------------ the examples
@pytest.mark.parametrize(("example", "words", "said"), [
    ("pymodaq_viewer", ["--seconds", "1"], " frames in "), ("pymodaq_scan", ["--run"], "(11|512)"),
])  # fmt: skip
def test_examples(example, words, said, tmp_path):
    ran = run_windows([sys.executable, ROOT / "examples" / f"{example}.py", tmp_path / "Data", *words], tmp_path)
    assert ran.returncode == 0 and said in ran.stdout, ran.stderr[-3000:]
    assert list((tmp_path / "Data").rglob("*.h5"))
