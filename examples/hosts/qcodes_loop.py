"""QCoDeS: parameters are swept by hand, and each point is recorded with their names and units."""

from __future__ import annotations

import sys

import numpy as np
from qcodes.parameters import ManualParameter, Parameter

from h5saver_widget import Recorder

if __name__ == "__main__":
    gate = ManualParameter("gate", unit="V", initial_value=0.0)
    current = Parameter("current", unit="A", get_cmd=lambda: 1e-6 * np.tanh(gate()))
    voltages = np.linspace(-1.0, 1.0, 41)
    with Recorder(sys.argv[1]) as recorder, recorder.scan("sweep", {gate.name: (voltages, gate.unit)}) as scan:
        for i, voltage in enumerate(voltages):
            gate(voltage)
            scan.record(i, current.name, current(), units=current.unit)
