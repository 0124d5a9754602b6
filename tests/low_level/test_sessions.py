"""Files that nobody closes, programs that are killed, and programs that start in the same second."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from h5saver_widget import H5BrowserUtil, H5SaverLowLevel
from h5saver_widget.errors import FileNotOpenError


def child(code: str, *args: object, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [sys.executable, *options, "-c", code, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check(path: Path, rows: int) -> None:
    for backend in ("h5py", "tables"):
        with H5SaverLowLevel(backend=backend) as saver:
            saver.init_file(path, mode="r")
            array = saver.get_node("/RawData/Rows")
            assert array.shape == (rows, 1) == array.attrs["shape"]


def test_a_forgotten_saver(backend: str, path: Path) -> None:
    saver = H5SaverLowLevel(backend=backend)
    saver.init_file(path)
    saver.create_earray("/RawData", "Rows").append(np.zeros(7))
    with pytest.warns(ResourceWarning, match=r"file\.h5 was still open when its saver was forgotten"):
        del saver
        gc.collect()
    check(path, 7)


FORGETFUL = """
import sys, tempfile
folder = tempfile.TemporaryDirectory()  # a finalizer made before the library is loaded runs after its own
import numpy as np
from h5saver_widget import H5SaverLowLevel
saver = H5SaverLowLevel(backend=sys.argv[1])
saver.init_file(sys.argv[2])
saver.create_earray('/RawData', 'Rows').append(np.zeros(5))
folder.cleanup()
"""


@pytest.mark.parametrize("options", [(), ("-W", "default"), ("-W", "error")])
def test_a_program_that_ends_without_closing(backend: str, path: Path, options: tuple[str, ...]) -> None:
    process = child(FORGETFUL, backend, path, options=options)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert ("was still open when its saver was forgotten" in errors) is bool(options), errors
    assert "UnclosedFileWarning" not in errors
    check(path, 5)


KILLED = """
import sys, os, signal, numpy as np
from h5saver_widget import H5SaverLowLevel
saver = H5SaverLowLevel(backend=sys.argv[1])
saver.init_file(sys.argv[2])
for number in range(5):
    group = saver.add_det_group('/RawData', f'detector {number}')
    saver.get_set_group(group, 'CH00', 'temp', origin='Det')
    saver.create_earray(group, 'Rows')
    saver.create_carray(group, 'Data', np.arange(3.0))
    saver.create_vlarray(group, 'Text', text=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_made_outlives_a_kill(backend: str, path: Path) -> None:
    """New groups and arrays are on disk when the call that makes them returns."""
    process = child(KILLED, backend, path)
    assert process.communicate()[1] == "" and process.returncode == -signal.SIGKILL
    for reader in ("h5py", "tables"):
        with H5SaverLowLevel(backend=reader) as saver:
            saver.init_file(path, mode="r")
            groups = saver.get_groups("/RawData", "detector")
            assert [g.title for g in groups] == [f"detector {n}" for n in range(5)]
            for group in groups:
                assert group.children_name() == ["CH00", "Data", "Rows", "Text"]
                assert group.get_child("CH00").attrs["origin"] == "Det"
                assert group.get_child("Data").read().tolist() == [0, 1, 2]


RACER = """
import sys, pathlib, datetime
from h5saver_widget import H5SaverLowLevel
from h5saver_widget.format.naming import PathProvider
from h5saver_widget.format.layout import SaveType
now = datetime.datetime(2026, 11, 21, 16, 58, 48)
provider = PathProvider(pathlib.Path(sys.argv[2]), 'Scan', SaveType(sys.argv[3]))
sys.stdin.readline()
saver = H5SaverLowLevel(sys.argv[3], sys.argv[1])
for number in range(25):
    print(saver.create_new_file(provider.candidates(now), {'who': (sys.argv[4], number)}))
saver.close_file()
"""


@pytest.mark.parametrize("save_type", ["detector", "scan"])
def test_programs_that_start_in_the_same_second(backend: str, tmp_path: Path, save_type: str) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, backend, str(tmp_path), save_type, str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    paths = [line for racer in racers for line in racer.communicate()[0].split()]
    assert [racer.returncode for racer in racers] == [0] * 4
    assert len(paths) == len(set(paths)) == 100
    assert sorted(paths) == sorted(map(str, tmp_path.rglob("*.h5")))
    owners = set()
    for path in paths:
        with H5SaverLowLevel(backend="h5py") as saver:
            saver.init_file(path, mode="r")
            owners.add(saver.get_attr("/RawData", "who"))
    assert len(owners) == 100


def test_a_host_that_closes_the_raw_file(saver: H5SaverLowLevel, path: Path) -> None:
    saver.h5file.close()
    assert not saver.isopen() and saver.file_path is None
    with pytest.raises(FileNotOpenError):
        saver.add_det_group("/RawData", "x")
    saver.close_file()
    saver.init_file(path)
    assert saver.add_det_group("/RawData", "x").name == "Detector000"


@pytest.mark.skipif(os.name == "nt", reason="a reader blocks the writer's reopening on Windows")
def test_the_end_of_streaming_with_a_reader(path: Path) -> None:
    code = """
import sys, h5py
with h5py.File(sys.argv[1], 'r', swmr=True) as file:
    print('reading', flush=True)
    sys.stdin.readline()
"""
    saver = H5SaverLowLevel(backend="h5py")
    saver.init_file(path, swmr=True)
    array = saver.create_earray("/RawData", "Rows")
    saver.enable_swmr()
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None and reader.stdout.readline() == "reading\n"
    array.append(np.zeros(3))
    saver.add_log("late")
    saver.close_file()
    reader.communicate("go on\n")
    check(path, 3)
    with h5py.File(path, "r") as file:
        assert len(file["RawData/Logger"]) == 1


def test_browsing(saver: H5SaverLowLevel, path: Path) -> None:
    xml, png = b"<All_settings type='group'/>", b"\x89PNG..."
    values = {"Det_settings": xml, "scan_settings": "<scan/>", "pixmap2D": png, "author": "me"}
    saver.add_det_group("/RawData", "a", xml, values)
    saver.add_log("first")
    with pytest.raises(FileExistsError):
        H5BrowserUtil.save_file_as(saver, path)  # type: ignore[arg-type]
    saver.close_file()
    before = path.read_bytes()
    with H5BrowserUtil(backend=saver.backend) as browser:
        browser.open_file(path)
        found = browser.get_h5_attributes("/RawData/Detector000")
        assert found.settings == [xml.decode()] * 2 and found.scan_settings == "<scan/>" and found.pixmaps == [png]
        assert found.attributes["author"] == "me" and "settings" not in found.attributes
        assert browser.log_lines() == ["first"] and browser.log_lines("/RawData/Detector000") == []
        copy = browser.save_file_as(path.with_name("copy.h5"))
    assert path.read_bytes() == before == copy.read_bytes()
