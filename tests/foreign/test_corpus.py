"""Files of every family, and some that packages bring along, through all that is done with files."""

from __future__ import annotations

from importlib.util import find_spec
from math import inf
from pathlib import Path

import pytest
from corpus import files_in, judge
from recipes import RECIPES, write_elsewhere

#: Small files that installed packages bring along: what is odd in each stands in its name.
SHIPPED = {
    "tables": ("array_mdatom", "nested-type-with-gaps", "smpl_unsupptype", "smpl_enum", "smpl_compound_chunked"),
    "h5py": ("compound-dtype-complex", "vlen_string_s390x"),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_files_of_other_programs(tmp_path, backend, recipe):
    (tmp_path / "scratch").mkdir()
    verdict = judge(
        RECIPES[recipe](tmp_path / recipe), backend, tmp_path / "scratch", repair=backend == "h5py", limit=inf
    )
    assert not verdict.problems and not verdict.damaged, str(verdict)


def test_files_whose_values_stand_elsewhere(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "scratch").mkdir()
    verdict = judge(write_elsewhere(folder), "h5py", tmp_path / "scratch", limit=inf)
    assert not verdict.problems and verdict.notes == 6, str(verdict)


def shipped() -> list[Path]:
    found = []
    for package, names in SHIPPED.items():
        spec = find_spec(package)
        assert spec is not None and spec.origin is not None
        files = {path.stem: path for path in files_in(Path(spec.origin).parent)}
        found += [files[name] for name in names if name in files]
    return found


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_files_that_packages_bring_along(tmp_path, path):
    verdict = judge(path, "tables", tmp_path, limit=inf)
    assert not verdict.problems and not verdict.damaged, str(verdict)
