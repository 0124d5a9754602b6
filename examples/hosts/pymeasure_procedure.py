"""PyMeasure: a procedure emits its results as always, and the saver takes them."""

from __future__ import annotations

import sys
from time import sleep
from typing import ClassVar

import numpy as np
from pymeasure.experiment import FloatParameter, IntegerParameter, Procedure, Results, Worker, unique_filename

from h5saver_widget import Recorder


class IV(Procedure):
    """A current for each voltage."""

    points = IntegerParameter("Points", default=20)
    highest = FloatParameter("Highest voltage", units="V", default=1.0)
    DATA_COLUMNS: ClassVar = ["voltage", "current"]
    recorder: ClassVar[Recorder]

    def execute(self) -> None:
        """Measure, and record each row under the name of the procedure."""
        for voltage in np.linspace(0.0, self.highest, self.points):
            row = {"voltage": float(voltage), "current": float(voltage) / 50.0}
            self.emit("results", row)
            self.recorder.record("IV", row, units={"voltage": "V", "current": "A"}, highest=self.highest)
            sleep(0.001)


if __name__ == "__main__":
    with Recorder(sys.argv[1]) as IV.recorder:
        procedure = IV()
        worker = Worker(Results(procedure, unique_filename(f"{sys.argv[1]}_pymeasure")))
        worker.start()
        worker.join(60)
