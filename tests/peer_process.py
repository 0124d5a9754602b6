"""How the tests run PyMoDAQ: in processes of their own, with a home of their own, no screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


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
