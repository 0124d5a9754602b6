"""Runs inside a child process: PyMoDAQ's own windows with mock instruments. ``host_program.py JOB REPORT``, both JSON.

A job is a dict: ``scope``, ``when`` (install it ``before`` or ``after`` PyMoDAQ is imported, or by the
``environment``), ``backend``, ``folder``, and ``steps``, names of functions of ``host_steps``. The report holds what
each step saw, and everything that a logger or an uncaught exception complained about.
"""

import gc
import json
import logging
import os
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path


class Complaints(logging.Handler):
    """Collects what loggers complain about."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.messages.append(f"{record.name}: {record.getMessage()} {trace}")

    def uncaught(self, *error):
        self.messages.append("uncaught: " + "".join(traceback.format_exception(*error)))


def configure(job):
    """Let PyMoDAQ's configuration lie in the folder of the job."""
    config = import_module("pymodaq_utils.config")
    config.CONFIG_BASE_PATH = Path(job["folder"])  # else /etc
    import_module("pymodaq_data")
    configuration = config.GlobalConfig()
    others = [name for name in ("h5py", "tables") if name != job["backend"]]
    configuration["data", "data_saving", "backend"] = [job["backend"], *others]
    configuration["data", "data_saving", "h5file", "save_path"] = str(Path(job["folder"]) / "Data")


def main():
    gc.disable()  # nothing that is imported ever becomes garbage: to look for some meanwhile takes more than a second
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    complaints = Complaints()
    if job["when"] == "before":
        import_module("h5saver_widget.integrations.pymodaq").install(job["scope"])
    configure(job)
    steps = import_module("host_steps")
    known_steps = dict(vars(steps))
    if not set(job["steps"]) <= set(known_steps):
        known_steps.update(vars(import_module("extension_steps")))
    if job["when"] == "after":
        import_module("h5saver_widget.integrations.pymodaq").install(job["scope"])
    gc.freeze()
    gc.enable()
    for known in list(logging.root.manager.loggerDict):
        if known.startswith(("pymodaq", "h5saver_widget")):
            logging.getLogger(known).addHandler(complaints)
    application = steps.start(complaints)
    sys.excepthook = complaints.uncaught
    report = {"complaints": complaints.messages, "steps": {}, "seconds": {}}
    lab = steps.Lab(application, job)
    for name in job["steps"]:
        begun = time.monotonic()
        try:
            report["steps"][name] = known_steps[name](lab)
        except Exception:
            report["steps"][name] = {"error": traceback.format_exc()}
        report["seconds"][name] = round(time.monotonic() - begun, 2)
    Path(sys.argv[2]).write_text(json.dumps(report), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # PyMoDAQ leaves threads of its instruments running; what is to be seen is in the files


if __name__ == "__main__":
    main()
