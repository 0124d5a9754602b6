"""Two simulated stages and a sample under them, without Qt: something to scan where there is no laboratory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
from pyqtgraph.parametertree import Parameter

from h5saver_widget.data import Axis, DataRaw, DataToExport
from h5saver_widget.errors import H5SaverError

__all__ = ["MockActuator", "MoveError", "ScannedSample"]


class MoveError(H5SaverError, ValueError):
    """An actuator can't go there."""


class MockActuator:
    """A stage that needs time to get somewhere, and arrives nearly there.

    Parameters
    ----------
    title
        Name of its group in the file.
    units
        Of its positions.
    limits
        The positions that it reaches.
    speed
        In units per second.
    seed
        Start of the random numbers of its small errors.

    Attributes
    ----------
    settings
        The settings that the module savers write with its data.
    target
        Its target.

    Examples
    --------
    >>> stage = MockActuator("Stage X", "mm", limits=(0, 10), speed=1e6)
    >>> stage.move_to(3.0)
    >>> stage.wait()
    True
    >>> round(stage.position, 1), stage.read()[0].units
    (3.0, 'mm')
    """

    def __init__(
        self,
        title: str,
        units: str,
        limits: tuple[float, float] = (-10.0, 10.0),
        speed: float = 40.0,
        seed: int | None = None,
    ) -> None:
        self.title, self.units, self.limits = title, units, limits
        self.settings = Parameter.create(
            name="settings",
            title=title,
            type="group",
            children=[
                {"name": "units", "title": "Units", "type": "str", "value": units, "readonly": True},
                {"name": "minimum", "title": "Minimum", "type": "float", "value": float(limits[0]), "suffix": units},
                {"name": "maximum", "title": "Maximum", "type": "float", "value": float(limits[1]), "suffix": units},
                {"name": "speed", "title": "Speed", "type": "float", "value": float(speed), "suffix": f"{units}/s"},
            ],
        )
        self._rng = np.random.default_rng(seed)
        self._from = self.target = float(min(max(0.0, limits[0]), limits[1]))
        self._began, self._takes, self._error = time.monotonic(), 0.0, 0.0

    @property
    def position(self) -> float:
        """Where it is now."""
        if self._takes <= 0:
            return self.target + self._error
        share = min(1.0, (time.monotonic() - self._began) / self._takes)
        return self._from + (self.target + self._error - self._from) * share

    @property
    def moving(self) -> bool:
        """Whether it is on its way."""
        return time.monotonic() - self._began < self._takes

    def move_to(self, target: float) -> None:
        """Begin to move.

        Raises
        ------
        MoveError
            If the target is outside of the limits; it stays where it is then.
        """
        low, high = self.settings["minimum"], self.settings["maximum"]
        if not low <= target <= high:
            raise MoveError(f"{self.title} can't go to {target:g} {self.units}: it reaches {low:g} to {high:g}")
        self._from = self.position
        self.target = float(target)
        self._takes = abs(self.target - self._from) / max(self.settings["speed"], 1e-9)
        self._error = float(self._rng.normal(0.0, 2e-4 * (self.limits[1] - self.limits[0])))
        self._began = time.monotonic()

    def stop(self) -> None:
        """Stay where it is."""
        self.target, self._takes, self._error = self.position, 0.0, 0.0

    def wait(self, give_up: Callable[[float], bool] | None = None) -> bool:
        """Wait until it has arrived; return whether it has.

        Parameters
        ----------
        give_up
            Waits for so many seconds, and returns True to give up: the ``wait`` of an Event.
        """
        while self.moving:
            rest = self._takes - (time.monotonic() - self._began)
            if give_up is None:
                time.sleep(max(rest, 0.0))
            elif give_up(max(rest, 0.0)):
                return False
        return True

    def read(self) -> DataToExport:
        """Return its position, 0D."""
        position = DataRaw(
            self.title, data=[np.array([self.position])], labels=["position"], units=self.units, origin=self.title
        )
        return DataToExport(self.title, data=[position], timestamp=position.timestamp)


class ScannedSample:
    """A detector that sees a sample under two stages: spots on a slope, and a spectrum that shifts with the position.

    Parameters
    ----------
    stages
        One or two actuators; the sample lies under them.
    seed
        Start of the random numbers.

    Examples
    --------
    >>> sample = ScannedSample([MockActuator("X", "mm"), MockActuator("Y", "mm")], seed=1)
    >>> [dwa.name for dwa in sample.read()]
    ['signal', 'spectrum']
    """

    title = "Microscope"
    ui = None
    viewers: tuple[object, ...] = ()
    spots = ((-3.0, 2.0, 1.6, 900.0), (4.0, -1.5, 2.4, 600.0), (1.0, 6.0, 1.1, 750.0), (-6.0, -5.0, 2.0, 400.0))
    """Position in both directions, width (standard deviation), height in counts."""

    def __init__(self, stages: Sequence[MockActuator], seed: int | None = None) -> None:
        self._stages = list(stages)
        self._rng = np.random.default_rng(seed)
        self._axis = Axis("wavelength", units="nm", offset=500.0, scaling=1.0, size=200)
        self.settings = Parameter.create(
            name="settings",
            title=self.title,
            type="group",
            children=[
                {"name": "exposure", "title": "Exposure", "type": "float", "value": 10.0, "suffix": "ms"},
                {"name": "noise", "title": "Noise", "type": "float", "value": 8.0, "suffix": "counts"},
            ],
        )

    def read(self) -> DataToExport:
        """Measure where the stages are now: the signal (0D) and its spectrum (1D)."""
        x, y = [*(stage.position for stage in self._stages), 0.0][:2]
        bright = 60.0 + 4.0 * x
        for at_x, at_y, width, height in self.spots:
            bright += height * math.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * width**2))
        nm = self._axis.get_data()
        line = bright * np.exp(-(((nm - 600.0 - 5.0 * x) / 12.0) ** 2))
        spectrum = line + 50.0 + self._rng.normal(0.0, self.settings["noise"], nm.size)
        signal = float(spectrum.sum() / 21.3 - 469.0)  # the line's area over its width: the height, nearly
        return DataToExport(
            self.title,
            data=[
                DataRaw("signal", data=[np.array([signal])], labels=["signal"], units="counts", origin=self.title),
                DataRaw(
                    "spectrum",
                    data=[spectrum],
                    labels=["counts"],
                    units="counts",
                    origin=self.title,
                    axes=[self._axis],
                ),
            ],
        )
