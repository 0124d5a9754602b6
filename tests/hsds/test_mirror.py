"""A mirror: local files come first, the server gets them when it can, whatever happens to it or to the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
import pytest
from faults import until
from faulty_proxy import Proxy
from hsds_server import USER, HsdsServer

from h5saver_widget import DataRaw, DataToExport, DataToExportExtendedSaver, DataToExportTimedSaver, H5SaverLowLevel
from h5saver_widget.backends.h5pyd_backend import H5pydBackend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.cli import main
from h5saver_widget.remote.mirror import Mirror
from h5saver_widget.remote.push_pull import push
from h5saver_widget.remote.transfer import fingerprint
from h5saver_widget.remote.unfinished import Unfinished, notes_folder

QUICK = {"patience_seconds": 0.3, "flush_seconds": 0.02, "checkpoint_seconds": 0.2, "connect_seconds": 1.0}


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[H5SaverLowLevel]:
    with H5SaverLowLevel("detector", backend="h5py", isolated=True) as h5saver:
        h5saver.init_file(tmp_path / "data" / "local.h5")
        yield h5saver


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def mirror_of(saver: H5SaverLowLevel, folder: Path, notes: Path, **options: object) -> Mirror:
    made = Mirror(RemoteOptions(**{**QUICK, **options}), folder, interval=0.02, notes=notes)  # type: ignore[arg-type]
    made.follow(saver.io)
    return made


def record(saver: H5SaverLowLevel, frames: int) -> None:
    group = saver.get_set_group("/RawData", "Detector000", "detector")
    timed = DataToExportTimedSaver(saver)
    for number in range(frames):
        spectrum = DataRaw("spectrum", data=[np.arange(50.0) + number], units="V")
        timed.add_data(group, DataToExport("grab", data=[spectrum]))


def assert_alike(path: Path, domain: Path, **options: object) -> None:
    local, remote = create_backend("h5py"), create_backend("h5pyd")
    remote.location.use_server(RemoteOptions(**options))  # type: ignore[arg-type]
    local.open(path, "r")
    remote.open(domain, "r")
    try:
        assert fingerprint(local) == fingerprint(remote)
    finally:
        remote.close()
        local.close()


def test_the_server_follows_and_is_complete_in_the_end(saver: H5SaverLowLevel, folder: Path, notes: Path) -> None:
    path = saver.file_path
    assert path is not None
    with mirror_of(saver, folder, notes) as mirror:
        record(saver, 40)
        saver.flush()
        until(lambda: mirror.status().sent_bytes >= 40 * 50 * 8)  # while the file is open
        scan = saver.add_det_group("/RawData", "scan")
        points = DataToExportExtendedSaver(saver, (3, 4))
        for number in range(12):
            data = DataToExport("p", data=[DataRaw("s", data=[np.array([float(number)])])])
            points.add_data(scan, data, indexes=divmod(number, 4))
        record(saver, 5)
        assert mirror.status().text == "follows the file"
        saver.close_file()
        mirror.let_go()
        assert mirror.wait(60)
        assert mirror.status().completed == 1 and mirror.status().text == "complete"
    assert_alike(path, folder / "local.h5")
    assert list(Unfinished.read_all(notes)) == []


def test_files_below_the_base_keep_their_folders(tmp_path: Path, folder: Path, notes: Path) -> None:
    with Mirror(RemoteOptions(), folder, base=tmp_path, notes=notes) as mirror:
        assert mirror.domain_of(tmp_path / "2026" / "a.h5") == folder / "2026" / "a.h5"
        assert mirror.domain_of(Path("/elsewhere/a.h5")) == folder / "a.h5"


def test_server_absent_killed_and_back(
    saver: H5SaverLowLevel, own_server: HsdsServer, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, home = saver.file_path, Path(f"/home/{USER}")
    assert path is not None
    own_server.kill()
    with mirror_of(saver, home, notes, endpoint=own_server.endpoint) as mirror:
        record(saver, 20)
        until(lambda: "is the address right and the server running" in mirror.status().problem)
        assert saver.statistics().frames_dropped == 0
        own_server.start()
        saver.flush()
        until(lambda: mirror.status().sent_bytes >= 20 * 50 * 8)
        own_server.kill()
        record(saver, 20)
        saver.close_file()
        until(lambda: mirror.status().problem and mirror.status().waiting == 1)
        assert mirror.status().completed == 0
        own_server.start()
        assert mirror.wait(60)
    assert_alike(path, home / "local.h5", endpoint=own_server.endpoint)
    lost = [line for line in caplog.messages if line.startswith("the mirror is behind")]
    assert 1 <= len(lost) <= 2, "told once each time, not with every try"


def test_a_slow_server_does_not_slow_the_recording(
    saver: H5SaverLowLevel, folder: Path, notes: Path, proxy: Proxy
) -> None:
    path = saver.file_path
    assert path is not None
    proxy.delay = 0.1
    with mirror_of(saver, folder, notes, endpoint=proxy.endpoint) as mirror:
        record(saver, 3000)
        saver.flush()
        counted = saver.statistics()
        assert (counted.frames_written, counted.frames_dropped, counted.waited_seconds) == (3000, 0, 0.0)
        assert mirror.status().completed == 0 and proxy.requests < 100, "the recording is done long before the copy"
        saver.close_file()
        proxy.delay = 0.0
        assert mirror.wait(60)
    assert_alike(path, folder / "local.h5")


def test_the_next_program_goes_on(saver: H5SaverLowLevel, folder: Path, notes: Path, hsds: HsdsServer) -> None:
    """The first one ends in the middle; what it left is noted without any password, and completed by another one.

    That spells the address of the server in another way.
    """
    path = saver.file_path
    assert path is not None
    mirror = mirror_of(saver, folder, notes)
    record(saver, 5)
    saver.flush()
    until(lambda: mirror.status().sent_bytes)
    mirror.stop()
    record(saver, 5)
    saver.close_file()
    (note,) = Unfinished.read_all(notes)
    with h5py.File(path) as file:
        word = file.attrs["recording_id"]
    assert note == Unfinished(str(path), f"{folder.as_posix()}/local.h5", hsds.endpoint, USER, word)
    spelled = hsds.endpoint.replace("127.0.0.1", "localhost") + "/"
    with Mirror(RemoteOptions(endpoint=spelled), folder, interval=0.02, notes=notes) as second:
        assert second.wait(60) and second.status().completed == 1
    assert_alike(path, folder / "local.h5")
    assert list(Unfinished.read_all(notes)) == []


def test_the_command_goes_on(saver: H5SaverLowLevel, folder: Path, tmp_path: Path, hsds: HsdsServer) -> None:
    path = saver.file_path
    assert path is not None
    record(saver, 5)
    saver.close_file()
    notes = tmp_path / "state" / "h5saver_widget" / "unfinished"
    Unfinished(str(path), f"{folder.as_posix()}/local.h5", hsds.endpoint, USER).write(notes)
    Unfinished(str(tmp_path / "gone.h5"), f"{folder.as_posix()}/gone.h5", hsds.endpoint, USER).write(notes)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "h5saver_widget", "push", "--unfinished"],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "LOCALAPPDATA": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and f"{path}: complete" in done.stdout and "gone.h5" in done.stderr, done.stderr
    assert [note.path.name for note in Unfinished.read_all(notes)] == ["gone.h5"]
    assert_alike(path, folder / "local.h5")


def test_rows_that_changed_after_they_were_sent(saver: H5SaverLowLevel, folder: Path, notes: Path) -> None:
    path = saver.file_path
    assert path is not None
    record(saver, 5)
    saver.flush()
    with mirror_of(saver, folder, notes) as mirror:
        until(lambda: mirror.status().sent_bytes >= 5 * 50 * 8)
        saver.get_node("/RawData/Detector000/Data1D/CH00/EnlData00")[1] = np.full(50, -1.0)
        saver.close_file()
        assert mirror.wait(60)
    assert_alike(path, folder / "local.h5")


def test_what_can_not_become_alike_is_said(saver: H5SaverLowLevel, folder: Path, notes: Path) -> None:
    path = saver.file_path
    assert path is not None
    record(saver, 5)
    saver.flush()
    with mirror_of(saver, folder, notes) as mirror:
        until(lambda: mirror.status().sent_bytes >= 5 * 50 * 8)
        saver.remove_node("/RawData/Detector000")
        saver.close_file()
        until(lambda: "differ after copying" in mirror.status().problem)
        assert not mirror.wait(0.1)
    assert len(list(Unfinished.read_all(notes))) == 1


def test_two_computers_with_files_of_one_name(tmp_path: Path, folder: Path) -> None:
    """Each recording is complete on the server, and people are told under which name."""
    paths = [tmp_path / computer / "Dataset_000.h5" for computer in ("one", "two")]
    told = []
    for number, path in enumerate(paths):
        with H5SaverLowLevel("detector", backend="h5py") as h5saver:
            h5saver.init_file(path)
            record(h5saver, 3 + 3 * number)
        note = Unfinished(str(path), f"{folder.as_posix()}/{path.name}", RemoteOptions().completed().endpoint, USER)
        note.write(path.parent / "notes")
        with Mirror(RemoteOptions(**QUICK), folder, interval=0.02, notes=path.parent / "notes") as mirror:  # type: ignore[arg-type]
            assert mirror.wait(60) and mirror.status().completed == 1
            told.append(mirror.status().text)
    with h5py.File(paths[1]) as file:
        other = f"Dataset_000_{file.attrs['recording_id'][:8]}.h5"
    assert told[0] == "complete" and told[1].endswith(f"another recording: this one is {folder / other}")
    assert_alike(paths[0], folder / "Dataset_000.h5")
    assert_alike(paths[1], folder / other)


def test_a_file_that_was_replaced_is_not_taken_for_the_noted_one(tmp_path: Path, folder: Path) -> None:
    path, notes = tmp_path / "a.h5", tmp_path / "notes"
    with H5SaverLowLevel("detector", backend="h5py") as h5saver:
        h5saver.init_file(path)
    Unfinished(str(path), f"{folder.as_posix()}/a.h5", RemoteOptions().completed().endpoint, USER, "0" * 32).write(
        notes
    )
    with Mirror(RemoteOptions(), folder, interval=0.02, notes=notes) as mirror:
        until(lambda: "is another recording now" in mirror.status().problem)
    assert len(list(Unfinished.read_all(notes))) == 1


def test_two_files_of_one_name_in_one_program(tmp_path: Path, folder: Path) -> None:
    """Both are followed at the same time; who comes second gets another name."""
    with ExitStack() as stack:
        savers, mirrors = [], []
        for place in ("one", "two"):
            saver = stack.enter_context(H5SaverLowLevel("detector", backend="h5py"))
            saver.init_file(tmp_path / place / "Data.h5")
            savers.append(saver)
            mirrors.append(stack.enter_context(mirror_of(saver, folder, tmp_path / place / "notes")))
        for number, saver in enumerate(savers):
            record(saver, 3 + number)
            saver.flush()
        words = [str(saver.h5_file.attrs["recording_id"])[:8] for saver in savers]
        for mirror in mirrors:
            until(lambda seen=mirror: seen.status().sent_bytes >= 3 * 50 * 8)
        for saver in savers:
            saver.close_file()
        assert all(mirror.wait(60) for mirror in mirrors)
    asker = create_backend("h5pyd")
    names = asker.location.list_folder(folder)
    assert len(names) == 2 and "Data.h5" in names
    (other,) = set(names) - {"Data.h5"}
    second = 1 if words[1] in other else 0
    assert_alike(tmp_path / ("one", "two")[second] / "Data.h5", folder / other)
    assert_alike(tmp_path / ("two", "one")[second] / "Data.h5", folder / "Data.h5")


def test_a_copy_that_somebody_deletes_is_made_again(saver: H5SaverLowLevel, folder: Path, notes: Path) -> None:
    path, domain = saver.file_path, folder / "local.h5"
    assert path is not None
    with mirror_of(saver, folder, notes) as mirror:
        record(saver, 5)
        saver.flush()
        until(lambda: mirror.status().sent_bytes >= 5 * 50 * 8)
        H5pydBackend().location.at(domain).ask("DELETE", "/")
        record(saver, 5)
        saver.flush()
        until(lambda: H5pydBackend().location.exists(domain))
        saver.close_file()
        assert mirror.wait(60)
    assert_alike(path, domain)


def test_another_machine_goes_on_with_a_copy_of_the_file(saver: H5SaverLowLevel, folder: Path, tmp_path: Path) -> None:
    """It has no notes of the first one: what belongs together says the identity in the file."""
    path = saver.file_path
    assert path is not None
    with mirror_of(saver, folder, tmp_path / "notes") as mirror:
        record(saver, 5)
        saver.flush()
        until(lambda: mirror.status().sent_bytes >= 5 * 50 * 8)
    record(saver, 5)
    saver.close_file()
    copy = tmp_path / "elsewhere" / "renamed.h5"
    copy.parent.mkdir()
    shutil.copy(path, copy)
    copied = push(copy, folder / "local.h5")
    assert copied.target == folder / "local.h5" and 0 < copied.transfer.copied_bytes < 10 * 50 * 8
    with Mirror(RemoteOptions(), folder, interval=0.02, notes=tmp_path / "notes") as again:
        assert again.wait(60) and again.status().text == "complete"
    assert_alike(copy, folder / "local.h5")


def test_a_server_that_has_another_name_now(
    tmp_path: Path, folder: Path, hsds: HsdsServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path, gone = tmp_path / "a.h5", "http://a-name-that-is-no-more.invalid:5101"
    with H5SaverLowLevel("detector", backend="h5py") as h5saver:
        h5saver.init_file(path)
    Unfinished(str(path), f"{folder.as_posix()}/a.h5", gone, USER).write(notes_folder())
    assert main(["push", "--unfinished"]) == 0
    assert f"something is left for {gone}" in capsys.readouterr().out
    assert main(["push", "--unfinished", "--formerly", gone]) == 0
    assert list(Unfinished.read_all(notes_folder())) == []
    assert_alike(path, folder / "a.h5")
