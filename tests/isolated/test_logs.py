"""The folder for the logs of processes: private, and tidied up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from h5saver_widget.backends.isolated import logs


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs.tempfile, "tempdir", str(tmp_path))
    logs.log_folder.cache_clear()
    yield
    logs.log_folder.cache_clear()


def test_it_is_private() -> None:
    log = logs.open_log()
    assert log is not None and Path(log.name).parent == logs.log_folder()
    log.close()
    if os.name == "posix":
        assert logs.log_folder().stat().st_mode & 0o777 == 0o700
        assert Path(log.name).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege elsewhere")
@pytest.mark.parametrize("planted", ["connection", "dangling link", "file", "open folder"])
def test_what_others_have_put_in_its_place_is_not_used(planted: str, tmp_path: Path) -> None:
    usual, other = logs.log_folder(), tmp_path / "of others"
    usual.rmdir()
    logs.log_folder.cache_clear()
    other.mkdir()
    if "connection" in planted:
        usual.symlink_to(other if planted == "connection" else tmp_path / "nowhere")
    elif planted == "file":
        usual.touch()
    else:
        usual.mkdir()
        usual.chmod(0o777)
    log = logs.open_log()
    assert log is not None
    log.close()
    assert logs.log_folder() != usual and logs.log_folder().stat().st_mode & 0o777 == 0o700
    assert list(other.iterdir()) == [] and not (tmp_path / "nowhere").exists()
    assert not usual.is_dir() or list(usual.iterdir()) == []


def test_at_most_20_are_kept() -> None:
    folder = logs.log_folder()
    for number in range(40):
        path = folder / (f"{os.getpid()}-running.log" if number == 0 else f"old{number:02d}.log")
        path.touch()
        os.utime(path, (number, number))
    for _ in range(3):
        log = logs.open_log()
        assert log is not None
        log.close()
        assert len(list(folder.iterdir())) == logs.MOST_LOGS
    left = {path.name for path in folder.iterdir()}
    assert f"{os.getpid()}-running.log" in left and "old39.log" in left and "old05.log" not in left
