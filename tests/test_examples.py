"""Every example runs as a program of its own, warnings being errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[1] / "examples"
# minimal.py has a window that stays: tests/demo/test_minimal_example.py clicks through it. PyMoDAQ's own modules warn:
# tests/integration/test_installing.py runs the examples with them. tests/hsds has the server for those that need one.
EXAMPLES = sorted(
    path for path in _FOLDER.glob("*.py") if path.stem != "minimal" and not path.stem.startswith(("pymodaq_", "hsds_"))
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
        "QT_QPA_PLATFORM": "offscreen",
        "EXAMPLE_SECONDS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example), str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("*.h5")), "the example left no file"


def test_there_are_examples():
    assert {path.stem for path in EXAMPLES} >= {"scan_extension", "script", "viewer_panel"}
