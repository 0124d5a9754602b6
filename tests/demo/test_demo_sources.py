"""What the sources give: shapes, types, units, axes, and plain words when something is missing."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from h5saver_widget.data import DataDim
from h5saver_widget.demo.sources import SimulatedCamera, SimulatedSpectrometer, Source, SourceError, SystemMonitor
from h5saver_widget.errors import MissingLibraryError


@pytest.mark.parametrize("kind", [SystemMonitor, SimulatedSpectrometer, SimulatedCamera])
def test_a_frame_is_complete(kind: type[Source]) -> None:
    source = kind()
    frame = source.read()
    assert frame.name == source.title
    assert frame[0].dim is DataDim.of(source.dim)
    assert 0 < source.rate <= source.max_rate
    for dwa in frame:
        assert dwa.origin == source.title
        assert dwa.units
        assert all(dwa.labels)
        assert [axis.units for axis in dwa.axes if not axis.units] == []


def test_system_monitor_gives_four_numbers_with_units() -> None:
    load, traffic = SystemMonitor().read()
    assert (load.units, load.labels) == ("%", ["processor", "memory"])
    assert (traffic.units, traffic.labels) == ("MB/s", ["disk", "network"])
    assert all(array.shape == (1,) for dwa in (load, traffic) for array in dwa.data)
    assert all(0 <= array[0] <= 100 for array in load.data)
    assert all(array[0] >= 0 for array in traffic.data)


def test_traffic_is_bytes_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = SystemMonitor()
    counted = iter([(0, 0), (3_000_000, 500_000)])
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(monitor, "_count_bytes", lambda: next(counted))
    monkeypatch.setattr("h5saver_widget.demo.sources.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monitor.start()
    assert [array[0] for array in monitor.read()[1].data] == [1.5, 0.25]


def test_without_psutil_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(MissingLibraryError, match="pip install psutil"):
        SystemMonitor()


def test_a_system_that_tells_nothing_is_a_source_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = SystemMonitor()

    def broken() -> None:
        raise OSError("no /proc here")

    monkeypatch.setattr(monitor, "_count_bytes", broken)
    with pytest.raises(SourceError, match="no /proc here"):
        monitor.read()


def test_simulated_sources_say_so() -> None:
    for kind in (SimulatedSpectrometer, SimulatedCamera):
        assert "(simulated)" in kind.title
        assert "(sim.)" in kind.short


def test_spectrometer() -> None:
    spectrum = SimulatedSpectrometer(seed=1).read()[0]
    assert spectrum.shape == (1024,)
    axis = spectrum.axes[0]
    assert (axis.label, axis.units, axis.size, axis.offset, axis.scaling) == ("wavelength", "nm", 1024, 400.0, 0.4)
    assert spectrum.data[0].max() > 5 * np.median(spectrum.data[0])


def test_camera() -> None:
    camera = SimulatedCamera(seed=1)
    frame = camera.read()[0]
    assert (frame.shape, frame.dtype) == ((512, 512), np.uint16)
    assert [axis.units for axis in frame.axes] == ["px", "px"]
    assert not np.array_equal(frame.data[0], camera.read()[0].data[0])  # frames are not the same twice
