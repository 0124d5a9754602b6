"""The measurements of the demo, without Qt: the load of this computer, and two simulated instruments for speed.

A source gives one :class:`~h5saver_widget.data.DataToExport` per :meth:`Source.read`; the caller decides how often. Raw
data come first; a calculated 0D value may follow ("save raw only" skips it).
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.data import Axis, DataCalculated, DataRaw, DataToExport
from h5saver_widget.errors import H5SaverError, MissingLibraryError

__all__ = ["SimulatedCamera", "SimulatedSpectrometer", "Source", "SourceError", "SystemMonitor"]

MEGA = 1e6


class SourceError(H5SaverError, RuntimeError):
    """A source could not give a frame."""


class Source(ABC):
    """Something that can be measured again and again.

    Attributes
    ----------
    title
        Name on the tab and of the group in the file; also the origin of the data.
    icon
        Name of one of our icons.
    short
        The title for narrow places.
    dim
        Dimension of the first data of a frame: ``"Data0D"``, ``"Data1D"`` or ``"Data2D"``.
    rate, max_rate
        Frames per second to start with, and the most that may be asked for.
    about
        One sentence for the tooltip.
    """

    title: str
    short: str
    icon: str
    dim: str
    histogram = False
    """Whether 1D data are counts in bins."""
    rate: float
    max_rate: float
    about: str

    @abstractmethod
    def read(self) -> DataToExport:
        """Measure once.

        Raises
        ------
        SourceError
            If nothing can be measured now.
        """

    def start(self) -> None:  # noqa: B027 - most sources have nothing to prepare
        """Get ready: frames will be asked for regularly from now on."""

    def close(self) -> None:  # noqa: B027
        """Release threads and timers; no more frames will be asked for."""

    def _bundle(self, *data: DataRaw | DataCalculated) -> DataToExport:
        for dwa in data:
            dwa.origin = self.title
        return DataToExport(self.title, data=list(data), timestamp=data[0].timestamp)


class SystemMonitor(Source):
    """Load of this computer by psutil: processor and memory in %, disk and network traffic in MB/s.

    Raises
    ------
    MissingLibraryError
        If psutil is not installed.

    Examples
    --------
    >>> monitor = SystemMonitor()
    >>> [(dwa.name, dwa.units, dwa.labels) for dwa in monitor.read()]
    [('load', '%', ['processor', 'memory']), ('traffic', 'MB/s', ['disk', 'network'])]
    """

    title = "System monitor"
    short = "System"
    icon = "chart"
    dim = "Data0D"
    rate, max_rate = 5.0, 20.0
    about = "What this computer is doing: processor and memory in %, disk and network traffic in MB/s"

    def __init__(self) -> None:
        """Import psutil and take the first counts: a rate needs two."""
        try:
            import psutil
        except ImportError as error:
            raise MissingLibraryError(
                "The system monitor needs psutil, which is not installed: python -m pip install psutil"
            ) from error
        self._psutil = psutil
        self._errors = (psutil.Error, OSError)
        self.start()

    def start(self) -> None:
        """Count from now on."""
        self._psutil.cpu_percent(interval=None)
        self._last_time, self._last_bytes = time.perf_counter(), self._count_bytes()
        self._traffic = (0.0, 0.0)

    def read(self) -> DataToExport:
        """Return the load now and the traffic since the last reading.

        Raises
        ------
        SourceError
            If the system does not tell.
        """
        try:
            load = (self._psutil.cpu_percent(interval=None), self._psutil.virtual_memory().percent)
            now, counted = time.perf_counter(), self._count_bytes()
        except self._errors as error:
            raise SourceError(f"{self.title}: the system gave no numbers ({error})") from error
        elapsed = now - self._last_time
        if elapsed > 1e-3:  # two readings at once would divide by nothing
            disk, network = (new - old for new, old in zip(counted, self._last_bytes, strict=True))
            self._traffic = (disk / elapsed / MEGA, network / elapsed / MEGA)
            self._last_time, self._last_bytes = now, counted
        return self._bundle(
            DataRaw("load", data=[_scalar(v) for v in load], labels=["processor", "memory"], units="%"),
            DataRaw("traffic", data=[_scalar(v) for v in self._traffic], labels=["disk", "network"], units="MB/s"),
        )

    def _count_bytes(self) -> tuple[int, int]:
        """Return the bytes moved since the computer started: disk (read and written), network (in and out)."""
        disk, network = self._psutil.disk_io_counters(), self._psutil.net_io_counters()
        # Containers may have neither: psutil says None.
        return (
            disk.read_bytes + disk.write_bytes if disk else 0,
            network.bytes_recv + network.bytes_sent if network else 0,
        )


class SimulatedSpectrometer(Source):
    """A spectrum of 1024 points with drifting Gaussian lines and noise (the same for a seed), in counts over nm.

    Examples
    --------
    >>> spectrum = SimulatedSpectrometer().read()[0]
    >>> spectrum.shape, spectrum.axes[0].units
    ((1024,), 'nm')
    """

    title = "Spectrometer (simulated)"
    short = "Spectrum (sim.)"
    icon = "spectrum"
    dim = "Data1D"
    rate, max_rate = 25.0, 500.0
    about = "Not a real instrument: Gaussian lines with noise, 1024 points from 400 to 809 nm"
    lines = ((436.0, 6.0, 900.0), (546.0, 5.0, 1500.0), (578.0, 7.0, 700.0), (692.0, 14.0, 500.0))
    """Centre in nm, width (standard deviation) in nm, height in counts: roughly a mercury lamp, blurred."""

    def __init__(self, seed: int | None = None) -> None:
        self._rng = np.random.default_rng(seed)
        self._axis = Axis("wavelength", units="nm", offset=400.0, scaling=0.4, size=1024)
        nm = self._axis.get_data()
        self._shapes = np.array([height * np.exp(-(((nm - at) / width) ** 2) / 2) for at, width, height in self.lines])
        self._started = time.perf_counter()

    def read(self) -> DataToExport:
        """Return the next spectrum, float64, and its total."""
        phase = time.perf_counter() - self._started
        weights = 1 + 0.25 * np.sin(phase * np.array([1.1, 0.7, 1.9, 0.4]))
        spectrum = 100 + weights @ self._shapes + self._rng.normal(0.0, 12.0, self._axis.size)
        strongest = self._axis.get_data()[int(spectrum.argmax())]
        return self._bundle(
            DataRaw("spectrum", data=[spectrum], labels=["counts"], units="counts", axes=[self._axis]),
            DataCalculated("strongest line", data=[_scalar(strongest)], labels=["wavelength"], units="nm"),
        )


class SimulatedCamera(Source):
    """A camera of 512 x 512 pixels, uint16, that looks at a spot going round, with noise.

    Noise is cut from a pool at a random place: fresh random numbers for each frame would take 3 ms, this takes 0.2.

    Examples
    --------
    >>> frame = SimulatedCamera().read()[0]
    >>> frame.shape, frame.dtype
    ((512, 512), dtype('uint16'))
    """

    title = "Camera (simulated)"
    short = "Camera (sim.)"
    icon = "camera"
    dim = "Data2D"
    rate, max_rate = 20.0, 200.0
    about = "Not a real camera: a spot that goes round, with noise, 512 × 512 px of 16 bits (0.5 MB a frame)"
    size = 512
    orbit = 110
    """Radius of the way that the spot goes, in pixels."""

    def __init__(self, seed: int | None = None) -> None:
        """Prepare the scene, larger than a frame by the spot's way, and the pool of noise."""
        self._rng = np.random.default_rng(seed)
        across = np.arange(self.size + 2 * self.orbit) - (self.size / 2 + self.orbit)
        radius = np.hypot(across[:, None], across[None, :])
        rings = 2200 * np.exp(-((radius / 34) ** 2) / 2) + 350 * np.exp(-(((radius - 90) / 16) ** 2))
        self._scene: NDArray[np.uint16] = (rings + 60).astype(np.uint16)
        self._noise: NDArray[np.uint16] = self._rng.integers(0, 64, 2 * self.size**2, dtype=np.uint16)
        self._axes = [
            Axis("y", units="px", offset=0, scaling=1, size=self.size, index=0),
            Axis("x", units="px", offset=0, scaling=1, size=self.size, index=1),
        ]
        self._started = time.perf_counter()

    def read(self) -> DataToExport:
        """Return the next frame and its brightest value."""
        angle = (time.perf_counter() - self._started) * 0.9
        top = self.orbit + round(self.orbit * math.sin(angle))
        left = self.orbit + round(self.orbit * math.cos(angle))
        at = int(self._rng.integers(self.size**2))
        frame = self._scene[top : top + self.size, left : left + self.size] + self._noise[
            at : at + self.size**2
        ].reshape(self.size, self.size)
        return self._bundle(
            DataRaw("image", data=[frame], labels=["intensity"], units="counts", axes=list(self._axes)),
            DataCalculated("brightest pixel", data=[_scalar(frame.max())], labels=["intensity"], units="counts"),
        )


def _scalar(value: Any) -> NDArray[np.float64]:
    """Return a 0D value as the data model wants it: shape (1,)."""
    return np.array([value], dtype=np.float64)
