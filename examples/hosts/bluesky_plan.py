"""bluesky: the documents of a run go into a file, each stream of events as a source."""

from __future__ import annotations

import sys
from typing import Any

import bluesky.plans as plans
from bluesky import RunEngine
from ophyd.sim import det, motor

from h5saver_widget import Recorder

if __name__ == "__main__":
    with Recorder(sys.argv[1]) as recorder:

        def save(name: str, document: dict[str, Any]) -> None:
            """Record the values of an event at its time."""
            if name == "event":
                recorder.record("bluesky", document["data"], time=document["time"])

        engine = RunEngine({})
        engine.subscribe(save)
        engine(plans.scan([det], motor, -1, 1, 21))
