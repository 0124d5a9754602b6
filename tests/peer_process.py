"""How the tests run PyMoDAQ: in processes of their own, with a home of their own, no screen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

#: After so many seconds a program with PyMoDAQ's windows is asked where it is.
PATIENCE = 150


def peer_environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process with PyMoDAQ; its user keeps no list of what is installed at every start.

    Parameters
    ----------
    home
        The home of that user.
    more
        Further variables.
    """
    configuration = home / ".pymodaq" / "config"
    configuration.mkdir(parents=True, exist_ok=True)
    (configuration / "utils.toml").write_text("[backup]\nkeep_backup = false\n", encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("H5SAVER")}
    return {**inherited, "HOME": str(home), "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT), **more}


def run_windows(command: Sequence[str | Path], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program with PyMoDAQ's windows to its end; one that PyQt5 has stopped is run again.

    PyQt5 can stop for ever when one thread makes an object while another one destroys one: the first has Python's lock
    and waits for Qt's lock of connections, the second has that and waits for Python's. If none of our code is running
    then, it is not about us.

    Parameters
    ----------
    command
        The program and its arguments.
    home
        The home of its user, and the folder that it is run in.
    more
        Further variables of its environment.
    """
    environment = peer_environment(home, PYTHONFAULTHANDLER="1", **more)
    said = ""
    for _ in range(3):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=home
        ) as process:
            try:
                out, said = process.communicate(timeout=PATIENCE)
                return subprocess.CompletedProcess(command, process.returncode, out, said)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)  # it tells where its threads are
                _, said = process.communicate()
        if f"{ROOT / 'h5saver_widget'}{os.sep}" in said:
            break
    raise AssertionError(f"after {PATIENCE} s it was here:\n{said[-6000:]}")


class PeerProcess:
    """One process with PyMoDAQ that does one job after the other: its imports take seconds.

    Parameters
    ----------
    home
        A folder of its own.
    """

    def __init__(self, home: Path) -> None:
        self._log = home / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, ROOT / "tests" / "peer" / "peer_server.py"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=peer_environment(home, PYTHONHASHSEED="0"),
                cwd=home,
                text=True,
            )

    def ask(self, program: str, folder: Path, /, **job: Any) -> Any:
        """Have a program of tests/peer do a job, and return its report.

        Parameters
        ----------
        program
            Name of a module there; its function `run` gets the job.
        folder
            Where job and report may lie.
        job
            What it gets, all of it JSON.
        """
        asked, report = folder / f"{program}-job.json", folder / f"{program}-report.json"
        asked.write_text(json.dumps({"program": program, "report": str(report), "job": job}), encoding="utf-8")
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{asked}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline().strip()
        assert said == "done", f"{said} {self._log.read_text(encoding='utf-8', errors='replace')[-4000:]}"
        return json.loads(report.read_text(encoding="utf-8"))

    def end(self) -> None:
        """End it."""
        self._process.communicate()
