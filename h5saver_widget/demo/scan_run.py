"""One scan: its points one after the other, in a thread that moves, measures and saves. No Qt.

A scan that was stopped continues where it was, also into a file that was closed in between: saved points stay, the rest
is added. Points that were never reached are NaN, or zero where numbers can't be NaN.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from h5saver_widget.data import Axis, DataToExport
from h5saver_widget.demo.actuators import MockActuator
from h5saver_widget.errors import FileNotOpenError
from h5saver_widget.modules.scan import ScanSaver

if TYPE_CHECKING:
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["Detector", "ScanPlan", "ScanRun", "ScanState"]


class Detector(Protocol):
    """A detector that a scan reads at every point: data whose ``origin`` is its title."""

    title: str

    def read(self) -> DataToExport:
        """Measure once."""
        ...


class ScanState(Enum):
    """How a scan stands."""

    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "complete"
    FAILED = "failed"


@dataclass(frozen=True)
class ScanPlan:
    """Positions of one or two actuators.

    Attributes
    ----------
    actuators
        The actuators; the first is the slow one.
    positions
        For each actuator, the positions along its axis of the scan.

    Examples
    --------
    >>> stages = MockActuator("X", "mm"), MockActuator("Y", "mm")
    >>> plan = ScanPlan(stages, (np.arange(3.0), np.arange(2.0)))
    >>> plan.shape, plan.indexes[:3], plan.at((1, 0))
    ((3, 2), [(0, 0), (0, 1), (1, 1)], (1.0, 0.0))
    >>> plan.seconds  # 2 steps between 3 lines of 1 step each, at 40 mm/s
    0.125
    """

    actuators: Sequence[MockActuator]
    positions: Sequence[np.ndarray]

    def is_like(self, other: ScanPlan) -> bool:
        """Tell whether another plan has the same positions of the same actuators."""
        same = [one is another for one, another in zip(self.actuators, other.actuators, strict=False)]
        return all(same) and self.shape == other.shape and all(map(np.array_equal, self.positions, other.positions))

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each axis."""
        return tuple(len(positions) for positions in self.positions)

    @property
    def indexes(self) -> list[tuple[int, ...]]:
        """All points in the order they are measured: there and back again, no stage has to fly home."""
        if len(self.shape) == 1:
            return [(i,) for i in range(self.shape[0])]
        rows, columns = self.shape
        return [(i, j if i % 2 == 0 else columns - 1 - j) for i, j in itertools.product(range(rows), range(columns))]

    def at(self, index: tuple[int, ...]) -> tuple[float, ...]:
        """Return the position of every actuator at a point."""
        return tuple(float(positions[i]) for positions, i in zip(self.positions, index, strict=True))

    @property
    def seconds(self) -> float:
        """How long all moves take, in s: each line of a map there or back again, and a step to the next one."""
        times = [
            float(np.abs(np.diff(positions)).sum()) / max(actuator.settings["speed"], 1e-9)
            for actuator, positions in zip(self.actuators, self.positions, strict=True)
        ]
        return times[0] if len(times) == 1 else times[0] + self.shape[0] * times[1]

    def axes(self) -> list[Axis]:
        """Return the navigation axes of the data."""
        return [
            Axis(actuator.title, units=actuator.units, data=np.asarray(positions, float), index=number)
            for number, (actuator, positions) in enumerate(zip(self.actuators, self.positions, strict=True))
        ]


class ScanRun:
    """Makes one scan, and saves it as one group.

    Parameters
    ----------
    plan
        Where to go.
    detectors
        The detectors read at every point.
    h5saver
        Where it is saved; its file must be open when the scan starts.
    module
        The module that stands for the scan in the file: title, settings and a ``modules_manager`` with detectors and
        actuators.
    told
        Called in the scan's thread: with a point and its data, or with None and the state when that changes.

    Attributes
    ----------
    path, node_path
        The file and the scan's group in it, once there is one.
    done
        Number of points that are saved.
    problem
        Why it failed, or an empty text.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from h5saver_widget.demo.actuators import ScannedSample
    >>> from h5saver_widget import H5SaverLowLevel
    >>> stage = MockActuator("X", "mm", speed=1e6)
    >>> sample = ScannedSample([stage])
    >>> with H5SaverLowLevel("scan") as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / "scan.h5")
    ...     run = ScanRun(ScanPlan([stage], [np.linspace(0, 1, 5)]), [sample], h5saver)
    ...     run.start()
    ...     run.wait()
    ...     print(run.state.value, run.done, run.node_path)
    complete 5 /RawData/Scan000
    """

    def __init__(
        self,
        plan: ScanPlan,
        detectors: Sequence[Detector],
        h5saver: H5SaverLowLevel,
        module: Any = None,
        told: Callable[[tuple[int, ...] | None, Any], None] | None = None,
    ) -> None:
        self.plan, self.detectors, self.h5saver = plan, list(detectors), h5saver
        manager = SimpleNamespace(detectors_all=self.detectors, actuators_all=list(plan.actuators))
        self._module = module or SimpleNamespace(title="Scan", modules_manager=manager)
        self.told = told or (lambda index, what: None)
        self._points = plan.indexes
        self._saver: ScanSaver | None = None
        self._halt, self._go_on = threading.Event(), threading.Event()
        self._go_on.set()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self.state = ScanState.READY
        self.path: Path | None = None
        self.node_path, self.done, self.problem = "", 0, ""

    @property
    def name(self) -> str:
        """Name of the scan's group in the file, ``''`` before there is one."""
        return self.node_path.rpartition("/")[2]

    @property
    def points(self) -> int:
        """Number of points of the whole scan."""
        return len(self._points)

    def start(self) -> None:
        """Begin, or go on after :meth:`stop` or a failure: with the first point that is not saved yet."""
        if self.state in (ScanState.RUNNING, ScanState.PAUSED) or self.done == self.points:
            return
        self._halt.clear()
        self._go_on.set()
        self.problem = ""
        self._change(ScanState.RUNNING)
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Stay at the next point, with all that is known, until :meth:`resume`."""
        if self._change(ScanState.PAUSED, only_from=ScanState.RUNNING):
            self._go_on.clear()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        if self._change(ScanState.RUNNING, only_from=ScanState.PAUSED):
            self._go_on.set()

    def stop(self) -> None:
        """End after the present point; measured points stay, and :meth:`start` continues later."""
        self._halt.set()
        self._go_on.set()

    def wait(self) -> None:
        """Wait until the thread has ended; does nothing in that thread."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    # --------------------------------------------------------------------------------------------- in the thread
    def _run(self) -> None:
        state = ScanState.DONE
        try:
            saver = self._prepare()
            self.told(None, self.state)  # now it has a name
            while self.done < self.points:
                self._go_on.wait()
                if self._halt.is_set() or not self._move(self.plan.at(self._points[self.done])):
                    state = ScanState.STOPPED
                    break
                index = self._points[self.done]
                data = self._measure()
                saver.add_data(data, indexes=index)
                self.done += 1
                self.told(index, data)
            saver.flush()
        except Exception as error:  # of an instrument or of the disk: the scan ends, its window says why
            self.problem, state = str(error), ScanState.FAILED
        for actuator in self.plan.actuators:
            actuator.stop()
        self.h5saver.scan_ended()  # also of one that was given up: nothing comes of it for now
        self._change(state)

    def _prepare(self) -> ScanSaver:
        """Make the scan's group, or find it again in a file that was opened anew."""
        if self._saver is not None:
            self.h5saver.require_open("go on with the scan")  # waits for a file that is being opened
            if self.h5saver.file_path != self.path:
                raise FileNotOpenError(f"the scan is in {self.path}, which is not open; open it to go on")
            self._saver.current_node()
            return self._saver
        saver = ScanSaver(self._module)
        saver.h5saver = self.h5saver
        saver.set_scan_shape(self.plan.shape)
        self.node_path = saver.get_set_node(new=True).path
        saver.initialize_time_array()
        saver.add_nav_axes(self.plan.axes())
        self._saver, self.path = saver, self.h5saver.file_path
        return saver

    def _move(self, target: Sequence[float]) -> bool:
        for actuator, position in zip(self.plan.actuators, target, strict=True):
            actuator.move_to(position)
        return all(actuator.wait(self._halt.wait) for actuator in self.plan.actuators)

    def _measure(self) -> DataToExport:
        data = [dwa for detector in self.detectors for dwa in detector.read()]
        data += [dwa for actuator in self.plan.actuators for dwa in actuator.read()]
        return DataToExport(str(self._module.title), data=data)

    def _change(self, state: ScanState, only_from: ScanState | None = None) -> bool:
        """Change the state, if it still is the caller's; return whether it was."""
        with self._guard:
            if only_from is not None and self.state is not only_from:
                return False
            self.state = state
        self.told(None, state)
        return True
