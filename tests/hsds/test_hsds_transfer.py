"""Copies to a server and back, checked by content; resumed after the server was away."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hsds_server import HsdsServer
from nexusformat.nexus.validate import validate_application
from silx.io import nxdata

from h5saver_widget import DataRaw, DataToExport, DataToExportTimedSaver, H5SaverLowLevel
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.errors import DataMismatchError, FileOpenError
from h5saver_widget.progress import Progress, Step
from h5saver_widget.remote.push_pull import pull, push
from h5saver_widget.remote.transfer import copy_all, fingerprint


class Told(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    def report(self, done: float = 0.0, total: float | None = None, text: str = "") -> None:
        super().report(done, total, text)
        self.steps.append(self.step)


def record(path: Path, frames: int, mode: str = "a") -> Path:
    with H5SaverLowLevel("detector", backend="h5py") as h5saver:
        h5saver.init_file(path, mode=mode)
        group = h5saver.get_set_group("/RawData", "Detector000", "detector")
        saver = DataToExportTimedSaver(h5saver)
        for number in range(frames):
            spectrum = DataRaw("spectrum", data=[np.arange(50.0) + number], units="µV")
            picture = DataRaw("picture", data=[np.full((16, 16), number, "uint16")])
            saver.add_data(group, DataToExport("grab", data=[spectrum, picture]))
        h5saver.add_log(f"{frames} frames")
    return path


def test_there_and_back(tmp_path: Path, domain: Path) -> None:
    path = record(tmp_path / "a.h5", 5)
    with h5py.File(path, "r+") as file:
        file["scalar"] = 3.5
        file["flags"] = np.array([True, False, True])
        file["empty"] = np.zeros((0, 3))
        file["link"] = h5py.SoftLink("/RawData")
        file["complex"] = np.arange(4) * (1 + 2j)
        file.create_dataset("packed", data=np.arange(10_000).reshape(100, 100), compression="gzip")
        file["packed"].attrs["array"] = np.arange(3)
    progress = Told()
    there = push(path, domain, progress=progress)
    assert there.transfer.skipped == {"/link": "a link can't be copied"}
    copying = [step for step in progress.steps if not step.text.startswith("checksum of")]
    assert copying[-1].share == 1.0 and [step.done for step in copying] == sorted(step.done for step in copying)
    assert {step.text for step in progress.steps} >= {f"checksum of {path}", f"checksum of {domain}"}
    back = pull(domain, tmp_path / "b.h5")
    assert back.checksum == there.checksum != ""
    with h5py.File(path) as one, h5py.File(tmp_path / "b.h5") as other:
        for name in ("scalar", "flags", "empty", "complex", "packed"):
            np.testing.assert_array_equal(one[name][()], other[name][()])
            assert one[name].dtype == other[name].dtype
        assert "link" not in other and other["packed"].compression == "gzip"
        # views are not copied: the copy has an entry of its own
        shown = nxdata.get_default(other)
        assert shown.group.name == nxdata.get_default(one).group.name == "/_i_entry/picture"
        np.testing.assert_array_equal(shown.signal, one["_i_entry/picture/CH00"])
        assert [axis and axis.name for axis in shown.axes] == ["/_i_entry/picture/time", None, None]
    assert validate_application(tmp_path / "b.h5")[1] == 0


def test_what_is_there_is_not_sent_again(tmp_path: Path, folder: Path) -> None:
    path, domain = record(tmp_path / "a.h5", 5), folder / "deeper" / "still" / "a.h5"
    first = push(path, domain)
    assert push(path, domain).transfer.copied_bytes == 0
    record(path, 1)
    second = push(path, domain)
    assert 0 < second.transfer.copied_bytes < first.transfer.copied_bytes / 3
    with H5SaverLowLevel("detector", backend="h5pyd") as h5saver:
        h5saver.open_file(domain)
        node = h5saver.get_node("/RawData/Detector000/Data1D/CH00/EnlData00")
        assert node.shape == (6, 50)


@pytest.mark.parametrize("known", [True, False], ids=["with", "without identity"])
def test_another_recording_is_not_touched(tmp_path: Path, domain: Path, known: bool) -> None:
    """Neither on the server nor on the disk: the copy has another name, also when it is made a second time."""
    ours, theirs = record(tmp_path / "a.h5", 2), record(tmp_path / "b.h5", 5)
    for path in (ours, theirs):
        with h5py.File(path, "r+") as file:
            file["who"] = path.stem == "a"
            if not known:
                del file.attrs["recording_id"]
    first = push(theirs, domain)
    for again in range(2):
        copied = push(ours, domain)
        assert copied.target.parent == domain.parent and copied.target != domain
        assert bool(copied.transfer.copied_bytes) == (not again)
    assert pull(domain, tmp_path / "c.h5").checksum == first.checksum
    before = ours.read_bytes()
    back = pull(domain, ours)
    assert ours.read_bytes() == before and back.checksum == first.checksum and back.target != ours
    assert len(create_backend("h5pyd").location.list_folder(domain.parent)) == 2


def test_a_copy_that_holds_more_is_not_changed(tmp_path: Path, domain: Path) -> None:
    path = record(tmp_path / "a.h5", 2)
    shutil.copy(path, tmp_path / "older.h5")
    record(path, 3)
    with h5py.File(tmp_path / "older.h5", "r+") as file:
        file.attrs["title"] = "older"
    first = push(path, domain)
    with pytest.raises(DataMismatchError, match="more rows"):
        push(tmp_path / "older.h5", domain)
    assert pull(domain, tmp_path / "back.h5").checksum == first.checksum


def test_big_endian_values_are_not_sent_again(tmp_path: Path, domain: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["big"] = np.arange(1000, dtype=">f8")
        file["two"] = np.arange(12, dtype=">i2").reshape(3, 4)
        file.create_dataset("grows", data=np.arange(9, dtype=">u4"), maxshape=(None,))
    assert push(tmp_path / "a.h5", domain).transfer.copied_bytes > 0
    assert push(tmp_path / "a.h5", domain).transfer.copied_bytes == 0


def test_names_with_a_backslash(tmp_path: Path, folder: Path) -> None:
    """A server never lists them."""
    copied = push(record(tmp_path / "a\\b.h5", 2), folder / "a\\b.h5")
    asker = create_backend("h5pyd")
    assert copied.target == folder / "a_b.h5" and asker.location.list_folder(folder) == ["a_b.h5"]
    with pytest.raises(FileOpenError, match="never lists a name with a backslash"):
        asker.open(folder / "a\\b.h5", "x")


@pytest.mark.parametrize(
    "name", ["Mess ung ü Ж 試", "50% [a] #1 &b+c?d", "n" * 252, "Ж" * 126], ids=["any", "odd", "long", "Ж"]
)
def test_names_of_files(tmp_path: Path, folder: Path, name: str) -> None:
    """As long as disks take them; a second recording of that name has another one, too."""
    for number in range(2):
        place = tmp_path / str(number)
        place.mkdir()
        path = record(place / f"{name}.h5", 1 + number)
        copied = push(path, folder / path.name)
        assert copied.checksum and (copied.target == folder / path.name) == (number == 0)
    names = create_backend("h5pyd").location.list_folder(folder)
    assert f"{name}.h5" in names and len(names) == 2
    with pytest.raises(FileOpenError, match="too long a name"):
        create_backend("h5pyd").open(folder / f"{'ü' * 127}.h5", "x")


def test_one_changed_value_changes_the_checksum(tmp_path: Path, domain: Path) -> None:
    path = record(tmp_path / "a.h5", 3)
    push(path, domain)
    remote, local = create_backend("h5pyd"), create_backend("h5py")
    remote.open(domain, "r+")
    local.open(path, "r")
    node = "/RawData/Detector000/Data2D/CH00/EnlData00"
    assert fingerprint(remote) == fingerprint(local)
    remote.write(remote.node(node), (1, 3, 4), np.uint16(999))
    assert fingerprint(remote) != fingerprint(local)
    remote.write(remote.node(node), (1, 3, 4), np.uint16(1))
    remote.set_attributes(remote.node(node), {"units": "m"})
    assert fingerprint(remote) != fingerprint(local)
    copy_all(local, remote)
    assert fingerprint(remote) == fingerprint(local)
    remote.close()
    local.close()


def test_commands(tmp_path: Path, domain: Path, hsds: HsdsServer) -> None:
    path, back = record(tmp_path / "a.h5", 2), tmp_path / "back.h5"

    def h5saver(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "h5saver_widget", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    done = h5saver("push", path, domain)
    assert done.returncode == 0 and "both have the checksum" in done.stdout, done.stderr
    assert h5saver("pull", domain, back, "--endpoint", hsds.endpoint).returncode == 0
    failed = h5saver("pull", domain.with_name("missing.h5"), tmp_path / "c.h5")
    assert failed.returncode == 1 and "is not a file on http" in failed.stderr and "Traceback" not in failed.stderr
    assert not (tmp_path / "c.h5").exists()
