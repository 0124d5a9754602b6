"""How the tests run PyMoDAQ's windows: which of them, with which of our classes, and what they report."""

import json
import os
import sys
from configparser import ConfigParser
from pathlib import Path

from peer_process import ROOT, run_windows

HERE = Path(__file__).parent

#: How PyMoDAQ gets our classes, and when; each backend with each scope.
RUNS = {
    "widget-h5py": ("widget", "h5py", "after"),
    "all-h5py": ("all", "h5py", "environment"),
    "all-tables": ("all", "tables", "before"),
}
#: The same for the other extensions of the dashboard.
MORE_RUNS = {"widget-tables-more": ("widget", "tables", "before"), "all-h5py-more": ("all", "h5py", "before")}
STEPS = ["snapshot", "continuous", "before", "move", "scan", "logger", "browser", "overlays", "load"]
MORE_STEPS = ["bayesian", "adaptive", "ramp", "sequence", "scan_manager", "pid", "mixer"]


def entry_points_as_installed(folder):
    """Write the entry points of setup.cfg where Python looks for those of an installed package."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    info = folder / "h5saver_widget-0.0.dist-info"
    info.mkdir(parents=True)
    groups = [f"[{group}]\n{lines.strip()}\n" for group, lines in parser["options.entry_points"].items()]
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: h5saver_widget\nVersion: 0.0\n", encoding="utf-8")


def run_hosts(folder, scope, backend, when, steps):
    """Run PyMoDAQ's windows and return the report."""
    job, report = folder / "job.json", folder / "report.json"
    job.write_text(
        json.dumps({"scope": scope, "backend": backend, "folder": str(folder), "steps": steps, "when": when})
    )
    more = {}
    if when == "environment":
        entry_points_as_installed(folder / "site")
        more = {"H5SAVER_PYMODAQ": scope, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder / "site")])}
    ran = run_windows([sys.executable, HERE / "host_program.py", job, report], folder, **more)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    return json.loads(report.read_text(encoding="utf-8"))
