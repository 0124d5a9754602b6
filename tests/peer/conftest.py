"""The corpus of the peer: what it says of the files that it made."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Let the peer write a file with every saver; return what it reports of them, by path."""
    folder = tmp_path_factory.mktemp("corpus")
    script = Path(__file__).with_name("peer_corpus.py")
    environment = {**os.environ, "HOME": str(folder), "QT_QPA_PLATFORM": "offscreen", "PYTHONHASHSEED": "0"}
    command = [sys.executable, script, folder, folder / "report.json"]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")[-4000:]
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))
