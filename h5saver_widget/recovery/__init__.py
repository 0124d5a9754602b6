"""Check the state of a file, and repair a damaged one. No Qt; the original is never written to."""

from __future__ import annotations

from h5saver_widget.recovery.checking import check_file
from h5saver_widget.recovery.repairing import repair_file, repaired_copy
from h5saver_widget.recovery.state import Condition, FileState, ModuleContent, Problem, RepairReport

__all__ = [
    "Condition",
    "FileState",
    "ModuleContent",
    "Problem",
    "RepairReport",
    "check_file",
    "repair_file",
    "repaired_copy",
]
