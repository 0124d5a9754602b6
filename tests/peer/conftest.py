"""The corpus of the peer takes half a minute to make: it is begun before it is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def corpus_process(tmp_path_factory, request):
    """Start the program that writes the corpus, if a test will ask for it; return it and its folder."""
    if not any("corpus" in item.fixturenames for item in request.session.items):
        yield None
        return
    folder = tmp_path_factory.mktemp("corpus")
    script = Path(__file__).with_name("peer_corpus.py")
    environment = {**os.environ, "HOME": str(folder), "QT_QPA_PLATFORM": "offscreen", "PYTHONHASHSEED": "0"}
    with (folder / "said.txt").open("wb") as said:
        command = [sys.executable, script, folder, folder / "report.json"]
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        yield process, folder
        process.kill()
        process.wait()
