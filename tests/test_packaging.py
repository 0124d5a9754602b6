"""What is shipped: a light import, a complete wheel, floors that hold, nothing of one person's machine."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from h5saver_widget.version import __version__

ROOT = Path(__file__).resolve().parents[1]


def setup_cfg() -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=600)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, h5saver_widget; print(h5saver_widget.__file__); print(*sys.modules)"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    file, modules = done.stdout.splitlines()
    assert Path(file).name == "__init__.py"
    loaded = {name.partition(".")[0] for name in modules.split()}
    assert not loaded & {"PyQt5", "PyQt6", "PySide6", "qtpy", "pyqtgraph", "h5py", "tables", "numexpr", "pymodaq"}


def test_there_is_one_version() -> None:
    """The one of version.py, with a date in the changelog, and the same in the citation."""
    release = re.search(r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", read("CHANGELOG.md"), re.M)
    assert release is not None
    number, date = release.groups()
    assert number == __version__
    assert f"version: {number}\ndate-released: {date}\n" in read("CITATION.cff")


def test_every_decision_has_a_date_and_a_status_and_is_listed() -> None:
    listed = read("docs/decisions/README.md")
    for note in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        title, _, status, *_ = note.read_text(encoding="utf-8").split("\n")
        assert re.fullmatch(r"\*\d{4}-\d\d-\d\d, (accepted|superseded)\b.*\*", status), note.name
        assert f"- [{title.removeprefix('# ')}]({note.name})" in listed


def test_no_qt_contract_covers_every_module_below_the_qt_floors() -> None:
    config = setup_cfg()
    floors = [
        {word.strip(" ()") for word in line.split(":")}
        for line in config["importlinter:contract:floors"]["layers"].split("\n")
        if line.strip() and not line.strip().startswith("#")
    ]
    below_qt = set().union(*floors[next(i for i, floor in enumerate(floors) if "qt" in floor) + 1 :])
    covered = {
        name.removeprefix("h5saver_widget.") for name in config["importlinter:contract:no-qt"]["source_modules"].split()
    }
    exists = {name for name in below_qt if (ROOT / "h5saver_widget" / name).is_dir()}
    exists |= {name for name in below_qt if (ROOT / "h5saver_widget" / f"{name}.py").is_file()}
    assert exists - covered == set()


def test_imports_go_only_downward() -> None:
    script = Path(sysconfig.get_path("scripts")) / ("lint-imports.exe" if os.name == "nt" else "lint-imports")
    if not script.exists():
        pytest.fail("import-linter is not installed: pip install -e .[test]")
    done = run(script, "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_wheel_holds_every_module_the_icons_and_the_type_marker(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in ("h5saver_widget", "icons"):
        shutil.copytree(ROOT / folder, source / folder, ignore=ignore)
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    here = int(version("setuptools").partition(".")[0]) >= 77
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", *(["--no-build-isolation"] if here else [])]
    done = run(*pip, "--wheel-dir", tmp_path / "wheels", source, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr

    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    modules = {path.relative_to(source).as_posix() for path in (source / "h5saver_widget").rglob("*.py")}
    icons = {f"h5saver_widget/icons/{path.name}" for path in (ROOT / "icons").glob("*.svg")}
    assert len(icons) >= 12
    assert modules | icons | {"h5saver_widget/py.typed", "h5saver_widget/icons/__init__.py"} <= names
    assert not [name for name in names if name.startswith(("tests/", "icons/", "benchmarks/"))]
    assert "h5saver = h5saver_widget.cli:main" in entry_points


def test_nothing_of_one_machine_is_in_the_repository() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    done = run("git", "ls-files", "-z")
    assert done.returncode == 0, done.stderr
    # Put together here, so that this file does not find itself.
    words = ["/".join(parts) for parts in (("", "root", ""), ("", "work", "main"), ("", "work", "shared"))]
    words += [".".join(parts) for parts in (("pypi", "org"), ("files", "pythonhosted", "org"))]
    found = []
    for name in filter(None, done.stdout.split("\0")):
        path = ROOT / name
        if path.is_file():
            text = path.read_bytes().decode("utf-8", errors="ignore")
            found += [f"{name}: {word}" for word in words if word in text]
    assert found == []
