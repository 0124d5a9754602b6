"""A host as type checkers see it: never run. What is wrong here has to be an error, else its comment is one too many.

``make lint`` has it looked at by mypy (strict) and pyright.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from h5saver_widget import H5Saver, Recorder, RecorderState, RecorderStatus, ThreadCommand


def told(status: ThreadCommand) -> None:
    """Take a change of state."""
    print(status.command, status.message, status.args["path"])


def picked(path: str) -> None:
    """Take the path of a file."""
    print(path)


def host() -> None:
    """Use what a host uses, as it is meant."""
    saver = H5Saver("detector")
    saver.status_sig.connect(told)
    saver.status_sig.connect(lambda status: print(status.command))
    saver.new_file_sig.connect(lambda: None)
    saver.file_changed_sig.connect(picked)
    saver.settings["base_name"] = "Laser"
    saver.settings["recording", "stop_after_frames"] = 100
    saver.settings.child("do_save").hide()
    saver.settings.child("base_path").setOpts(title="Folder")
    saver.settings_tree.setVisible(True)
    saver.start()
    saver.start("run.h5", wait=5.0)
    taken: bool = saver.record("camera", np.zeros((3, 4)), units="counts", exposure=0.1)
    saver.record("scope", {"a": 1.0, "b": [1.0, 2.0]}, units={"a": "V"}, axes={"time": ([0.0, 1.0], "s")})
    path: Path | None = saver.snapshot("camera", np.zeros(3))
    slot = saver.sink("camera", units="counts")
    slot(np.zeros(3))
    with saver.scan("map", {"x": (np.arange(3), "mm")}) as scan:
        scan.record((0,), "detector", 1.0)
    status: RecorderStatus = saver.status()
    if status.state is RecorderState.RECORDING and status.statistics.frames_dropped:
        print(path, taken)
    saver.stop(wait=False)


def script() -> None:
    """Use what a script uses."""
    with Recorder("run.h5") as recorder:
        recorder.record("meter", 1.0, units="V")


def mistakes() -> None:
    """Make the mistakes that a checker has to find."""
    saver = H5Saver("detektor")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    saver.begin()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    saver.start(3.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    saver.status().stat  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue] # noqa: B018
    saver.status_sig.connect(picked)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    saver.settings.reset()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    saver.record(np.zeros(3), "camera")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Recorder("run.h5", save_type="detektor")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
