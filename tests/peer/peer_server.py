"""Runs inside a child process, with the peer: does the jobs that are named to it, one after the other.

A line on its input is the path of a JSON file: ``program`` names a module beside this one, ``job`` what its function
``run`` is called with, ``report`` where what it returns is written to. When that is done, it says so in a line.
"""

import gc
import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

from qtpy import QtWidgets


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the peer prints goes into the log, not between the answers
    application = QtWidgets.QApplication([])
    gc.disable()
    for line in sys.stdin:
        asked = json.loads(Path(line.strip()).read_text(encoding="utf-8"))
        try:
            report = import_module(asked["program"]).run(**asked["job"])
            Path(asked["report"]).write_text(json.dumps(report), encoding="utf-8")
            said = "done"
        except Exception:
            traceback.print_exc()
            said = "failed"
        application.processEvents()
        gc.collect()  # between two jobs: its many windows and nodes are looked at once
        print(said, file=answers, flush=True)


if __name__ == "__main__":
    main()
