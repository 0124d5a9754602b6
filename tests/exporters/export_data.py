"""Data of every dimension, number type and distribution."""

from __future__ import annotations

import numpy as np

from h5saver_widget import Axis, DataCalculated, DataRaw


def everything() -> list[DataRaw]:
    """Return data of every dimension, number type and distribution, with names in several scripts."""
    x = Axis("λ", "nm", np.array([1.0, 2.0, 4.0]), 0)
    y = Axis("délai #1", "µs", np.linspace(0, 0.3, 4, dtype=np.float32), 1)
    even = [
        Axis("y", "µm", offset=0.0, scaling=0.5, size=2, index=0),
        Axis("x", "µm", offset=1.0, scaling=0.25, size=4, index=1),
    ]
    axes = [Axis(n, "mm", np.array([0.0, 5, 2]) + k, 0, spread_order=k) for k, n in enumerate("ab")]
    spread = {"axes": axes, "nav_indexes": (0,), "distribution": "spread"}
    nan = np.array([np.nan, -np.inf, 0.1, 1e-300])
    points = Axis("t", "s", np.array([0.0, 1.5]), 0)
    data = [
        DataRaw("température", data=[np.array([21.5]), np.array([-0.0])], labels=["a, b", 'c"d'], units="°C"),
        DataRaw("spectre", data=[np.arange(3) / 3, np.arange(3.0)], axes=[x], units="V", timestamp=12.5,
                errors=[np.full(3, 0.1), np.zeros(3)], exposure=0.5, note="µ\nzwei", gains=(1, 2)),
        DataRaw("no axis", data=[nan]),
        DataRaw("image", data=[np.arange(8, dtype=np.uint16).reshape(2, 4)] * 2, labels=["L", "R"], axes=even),
        DataRaw("mask", data=[np.eye(3, dtype=bool)]),
        DataRaw("field", data=[(np.arange(12).reshape(3, 4) * (1 + 2j)).astype(np.complex64)], axes=[x, y]),
        DataRaw("counts", data=[np.array([np.iinfo(np.uint64).max, 0], np.uint64)]),
        DataRaw("single", data=[np.array([[0.1], [0.2]], np.float32)]),
        DataCalculated("cloud", data=[np.arange(6.0).reshape(3, 2)], **spread),
        DataCalculated("places", data=[np.arange(3.0)], **spread),
        DataRaw("film", data=[np.arange(24, dtype=np.float32).reshape(2, 3, 4)], axes=[points], nav_indexes=(0,)),
    ]  # fmt: skip
    for dwa in data:
        dwa.origin = "Det"
    return data


DATA = {dwa.name: dwa for dwa in everything()}
