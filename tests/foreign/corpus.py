"""Every HDF5 file of a folder through all that is done with files of other programs, compared with plain h5py.

``make corpus DIR=...`` prints a table of verdicts; the exit code is the number of files with one that is not good. Each
file is looked at in a worker process, on one backend after the other.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing import FileView
from h5saver_widget.browsing.text import info_lines, tree_lines
from h5saver_widget.errors import ExportError, NodeError, ValuesElsewhereError
from h5saver_widget.exporters import export
from h5saver_widget.nodes.typed import VLARRAY, Array
from h5saver_widget.recovery import check_file, repair_file
from h5saver_widget.saving.assemble import data_from

#: No step may take longer, seconds.
LIMIT = 10.0
#: Larger arrays are compared by their first rows.
MOST_VALUES = 2_000_000


@dataclass
class Verdict:
    """What became of a file: its steps with their seconds, and what was wrong."""

    file: Path
    backend: str
    seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: int = 0
    damaged: str = ""

    def __str__(self) -> str:
        slow = max(self.seconds, key=lambda step: self.seconds[step], default="")
        word = f"damaged, told ({self.damaged})" if self.damaged else "; ".join(self.problems[:3]) or "good"
        return f"{self.file.name[:44]:44} {self.backend:6} {self.seconds.get(slow, 0):5.1f} s {slow:6} {word}"


def files_in(folder: Path) -> list[Path]:
    """Return the HDF5 files below a folder, whatever they are called."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size > 7)
    return sorted(path for path in found if _is_hdf5(path))


def _is_hdf5(path: Path) -> bool:
    try:
        return bool(h5py.is_hdf5(path))
    except OSError:
        return False


def judge(path: Path, backend: str, scratch: Path, *, repair: bool = True, limit: float = LIMIT) -> Verdict:
    """Do everything with one file, and return the verdict."""
    verdict = Verdict(path, backend)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    step = _Steps(verdict)
    state = step("check", lambda: check_file(path))
    try:
        view = FileView(path, backend, isolated=True)
        view.open()
    except OSError as error:
        return _refused(verdict, path, error)
    try:
        step("info", lambda: list(info_lines(view)))
        step("tree", lambda: list(tree_lines(view)))
        step("load", lambda: verdict.problems.extend(_loaded(view, path)))
        done = step("h5", lambda: export(view.h5, scratch / "copy.h5"))
        if done is not None:
            verdict.notes = len(done.notes)
            verdict.problems += [f"h5: {text}" for text in _differences(path, scratch / "copy.h5", done.notes)]
        step("csv", lambda: _csv(view, scratch))
    finally:
        view.close()
    if repair and state is not None and state.exit_code == 1:
        step("repair", lambda: repair_file(path, scratch / "repaired.h5"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != before:
        verdict.problems.append("BYTES CHANGED")
    verdict.problems += [f"{name} took {took:.0f} s" for name, took in verdict.seconds.items() if took > limit]
    return verdict


class _Steps:
    """Does one thing after the other, and notes what was wrong."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict

    def __call__(self, name: str, action: Callable[[], object]) -> object:
        begun = time.monotonic()
        try:
            return action()
        except Exception as error:  # whatever it is: it is the verdict
            self._verdict.problems.append(f"{name}: {type(error).__name__}: {str(error)[:160]}")
            return None
        finally:
            self._verdict.seconds[name] = time.monotonic() - begun


def _refused(verdict: Verdict, path: Path, error: Exception) -> Verdict:
    """Return the verdict on a file that can't be opened: good if plain h5py can't either."""
    try:
        with h5py.File(path, "r") as file:
            list(file)
    except (OSError, RuntimeError, KeyError, ValueError):
        verdict.damaged = str(error)[:60]
    else:
        verdict.problems.append(f"not opened: {error}")
    return verdict


def _arrays(view: FileView) -> Iterator[tuple[str, Array]]:
    for group, children in view.expand("/").items():
        for name, kind in children:
            if kind in (NodeKind.FIXED, NodeKind.GROWING, NodeKind.TEXT):
                path = f"{group.rstrip('/')}/{name}"
                node = view.h5.get_node(path)
                if isinstance(node, Array):
                    yield path, node


def _loaded(view: FileView, path: Path) -> Iterator[str]:
    """Iterate over what can't be described or loaded, or differs from what h5py reads."""
    seen = 0
    with h5py.File(path, "r", locking=False) as plain:
        for where, node in _arrays(view):
            seen += 1
            if seen > 2000:
                return
            report = view.describe(where)
            if "damaged" in str(report.facts) + str(report.lines) and _readable(plain, where):
                yield f"{where}: told as damaged"
            if isinstance(node, VLARRAY) or node.info.dtype.kind not in "biufc" or 0 in node.shape:
                continue
            if report.elsewhere or int(np.prod(node.shape)) > MOST_VALUES:
                continue
            if not _readable(plain, where):
                continue
            data_from(node)
            raw = data_from(node, raw=True).data[0]
            theirs = np.asarray(plain[where][()])
            if theirs.dtype.kind in "biufc" and not np.array_equal(
                raw.reshape(-1), theirs.reshape(-1), equal_nan=theirs.dtype.kind in "fc"
            ):
                yield f"{where}: other values than h5py"


def _readable(plain: h5py.File, where: str) -> bool:
    try:
        plain[where][()]
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, UnicodeDecodeError):
        return False
    return True


def _csv(view: FileView, scratch: Path) -> None:
    try:
        export(view.h5, scratch / "a.csv")
    except ExportError as error:
        if "no data that can be exported" not in str(error) and "allowed to read" not in str(error):
            raise
    except ValuesElsewhereError:
        pass  # nobody was asked
    except NodeError as error:
        if "not installed" not in str(error) and "damaged" not in str(error):
            raise


def _differences(one: Path, two: Path, notes: list[str]) -> Iterator[str]:
    """Iterate over what a copy lacks that no note tells."""
    told = "\n".join(notes)
    with h5py.File(one, "r", locking=False) as first, h5py.File(two, "r") as second:
        seen: set[tuple[int, int]] = set()
        waiting = ["/"]
        while waiting:
            path = waiting.pop()
            if path not in second:
                if path not in told:
                    yield f"{path} is missing"
                continue
            try:
                obj = first[path]
                about = h5py.h5o.get_info(obj.id)
            except (OSError, KeyError, RuntimeError):
                continue
            if (about.fileno, about.addr) in seen:
                continue
            seen.add((about.fileno, about.addr))
            if isinstance(obj, h5py.Group):
                waiting += [f"{path.rstrip('/')}/{name}" for name in obj if _is_hard(obj, name)]
            missing = set(_names(obj)) - set(_names(second[path])) - {"swmr_active", "swmr_compatible"}
            if missing and path not in told:
                yield f"{path}: attributes {sorted(missing)} are missing"
            if isinstance(obj, h5py.Dataset):
                yield from _other_values(obj, second[path], path, told)


def _names(obj: h5py.HLObject) -> list[str]:
    try:
        return list(obj.attrs)
    except (OSError, RuntimeError):
        return []


def _is_hard(group: h5py.Group, name: str) -> bool:
    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def _other_values(one: h5py.Dataset, two: h5py.Dataset, path: str, told: str) -> Iterator[str]:
    if one.id.get_type() != two.id.get_type() and one.id.get_type().get_class() != h5py.h5t.REFERENCE:
        yield f"{path}: other type"
    if one.shape != two.shape:
        yield f"{path}: other shape"
    elif one.shape is not None and one.size and one.size < MOST_VALUES and not one.is_virtual and path not in told:
        try:
            first, second = one[()], two[()]
        except (OSError, TypeError, ValueError, RuntimeError):
            return
        if first.dtype.kind in "biufcSV" if isinstance(first, np.ndarray) else False:
            same = first.tobytes() == second.tobytes() if not first.dtype.hasobject else True
            if not same:
                yield f"{path}: other values"


def main(arguments: list[str] | None = None) -> int:
    """Judge every file of a folder, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backend", choices=("h5py", "tables"), action="append")
    options = parser.parse_args(arguments)
    verdicts = []
    for path in files_in(options.folder):
        for backend in options.backend or ("h5py", "tables"):
            scratch = Path(tempfile.mkdtemp(prefix="corpus-"))
            try:
                verdicts.append(judge(path, backend, scratch))
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            print(verdicts[-1], flush=True)
    bad = {verdict.file for verdict in verdicts if verdict.problems}
    files = {verdict.file for verdict in verdicts}
    damaged = {verdict.file for verdict in verdicts if verdict.damaged}
    print(
        f"{len(files)} files: {len(files - bad - damaged)} good, {len(damaged)} damaged and told, {len(bad)} not good"
    )
    return min(len(bad), 100)


if __name__ == "__main__":
    sys.exit(main())
