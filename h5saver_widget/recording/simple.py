"""The simple way: one line saves a frame, a snapshot, or a point of a scan. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them; on
disk they make the groups, arrays and axes that the module savers make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from time import time as now
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from h5saver_widget.errors import H5SaverError
from h5saver_widget.modules.detector import DetectorSaver
from h5saver_widget.recording.alike import Meant
from h5saver_widget.recording.gaps import DRIVER, SKIPPED, Gap, lost_at, place_of
from h5saver_widget.recording.scanning import Scan
from h5saver_widget.saving.given import AxesGiven, ErrorsGiven, Given, TimeGiven, UnitsGiven, bundle_of, copy_of
from h5saver_widget.saving.stamps import stamp_of, stamped_extras

if TYPE_CHECKING:
    from h5saver_widget.data.protocols import DataToExportLike
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["gaps", "lost", "record", "scan", "sink", "sink_before", "snapshot"]


def record(
    saver: H5SaverBase,
    source: str,
    data: Given,
    *,
    units: UnitsGiven = "",
    axes: AxesGiven = None,
    time: TimeGiven = None,
    errors: ErrorsGiven = None,
    number: int | None = None,
    clock: float | None = None,
    **extras: Any,
) -> bool:
    """Record a frame, one after the other along time; from any thread, for every frame.

    Parameters
    ----------
    source
        Where the frame comes from; names its group in the file.
    data
        An array of any shape, a number, a dict of them by label (channels), or a data object.
    units
        Units of the values; a dict by label if they differ.
    axes
        Axes in the order of the dimensions: ``{'y': (rows, 'mm'), 'x': (columns, 'mm')}``.
    time
        When it was measured: seconds since 1970, or a datetime; None for now.
    errors
        Error bars in `units`, like `data`.
    number, clock
        The device's counter and clock (in s) of this frame: missing frames are then known, and how the clock drifts.
    **extras
        Anything else that is to be kept with the data: ``exposure=0.1``.

    Returns
    -------
    bool
        True if it was taken: it is in the file, or will be once the file is open, or it is counted as dropped, and the
        status ``error`` says why. False while nothing is recorded. Never raises because a file is being opened or
        closed, or because a disk refuses something.

    Raises
    ------
    DataMismatchError, AxisError, DynamicRangeError
        If the data, number or clock can't be saved as they are; the sentence says how they can.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import DataLoader, Recorder
    >>> path = pathlib.Path(tempfile.mkdtemp()) / 'run.h5'
    >>> with Recorder(path) as recorder:
    ...     for voltage in (0.1, 0.2, 0.3):
    ...         _ = recorder.record('meter', voltage, units='V')
    >>> with DataLoader(path) as loader:
    ...     loader.load_data('/RawData/Detector000/Data0D/CH00/EnlData00').data[0].ravel().tolist()
    [0.1, 0.2, 0.3]
    """
    kept_before, intake = saver.kept_before, saver.intake
    stamp = None if number is None and clock is None else stamp_of(source, number, clock, saver.clocks())
    if kept_before is not None:
        is_kept = kept_before.take(source, data, units, axes, time, errors, extras, stamp)
        if is_kept is not None:
            return is_kept
    if stamp is not None:
        saver.timing.came(source, stamp)
    stream = intake.streams.get(source) if type(source) is str else None
    alike = None if stream is None else stream.alike
    if stream is not None and alike is not None and errors is None and not isinstance(time, datetime):
        rows = alike.rows(data, units, axes, extras)
        if rows is not None:
            taken = stream.append(alike, rows, now() if time is None else time, stamp)
            if taken is not None:
                return taken
    try:
        bundle = bundle_of(source, data, units, axes, time, errors, extras)
    except Exception as error:
        if stamp is not None and stamp.lost is not None:  # its number is known, so it is missing
            stamp.lost(stamp.number, place_of(error))
            saver.frame_lost(source, error)
        raise
    stream = intake.stream(source)
    kept = stream.kept(bundle)
    meant = Meant.of(data, units, axes, extras) if errors is None and len(bundle.data) == 1 else None
    if not len(kept):
        lost_at(stamp, SKIPPED)
        return False
    return intake.take(source, kept, partial(stream.write, meant, stamp), stamp)


def lost(saver: H5SaverBase, source: str, frames: int | Iterable[int], where: str = DRIVER) -> None:
    """Say that frames were lost before they came here, as drivers report it; from any thread. Never waits.

    While nothing is recorded, it does nothing.

    Parameters
    ----------
    source
        Where the frames come from, as in :func:`record`.
    frames
        Their numbers, at any time; or how many they are, between the frame that was recorded last and the next one.
    where
        Where they were lost: ``'driver'``, ``'device'``, ``'queue'`` (one of the program), ``'disk'``, ``'skipped'``.

    Raises
    ------
    DataMismatchError
        If it is neither a count nor numbers, or if there is no such place.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import Recorder
    >>> with Recorder(pathlib.Path(tempfile.mkdtemp()) / 'run.h5') as recorder:
    ...     for number in (0, 1, 2, 7, 8):
    ...         if number == 7:
    ...             recorder.lost('camera', 3)
    ...         _ = recorder.record('camera', 0.5, number=number)
    ...     [(gap.first, gap.last, gap.place) for gap in recorder.gaps()]
    [(3, 5, 'driver'), (6, 6, 'device')]
    """
    saver.timing.lost(source, frames, where)


def gaps(saver: H5SaverBase) -> tuple[Gap, ...]:
    """Return the gaps of the recording so far, or of the last one, in the order of time. Never waits."""
    return saver.timing.gaps()


def sink(
    saver: H5SaverBase,
    source: str,
    *,
    number: Callable[..., int] | None = None,
    clock: Callable[..., float] | None = None,
    **meaning: Any,
) -> Callable[..., None]:
    """Return a slot for any signal that carries an array, or a dict of them: it records them.

    Parameters
    ----------
    source
        Where the frames come from.
    number, clock
        Called with all that the signal carries; they return the device's counter and clock of the frame.
    **meaning
        Units, axes, and other arguments of :func:`record`.

    Returns
    -------
    callable
        Records its first argument. Never raises: refused data are counted as lost, and the status ``error`` says why.

    Examples
    --------
    >>> saver = Recorder()                                       # doctest: +SKIP
    >>> camera.frame_ready.connect(saver.sink('camera', units='counts'))  # doctest: +SKIP
    >>> camera.numbered.connect(saver.sink('camera', number=lambda frame, number: number))  # doctest: +SKIP
    """

    def take(*carried: Any) -> None:
        counted = None if number is None else number(*carried)
        timed = None if clock is None else clock(*carried)
        saver.record(source, carried[0], number=counted, clock=timed, **meaning)

    return partial(_into_sink, saver, source, take)


def sink_before(saver: H5SaverBase, module: Any, **meaning: Any) -> Callable[..., None]:
    """Return a slot that holds frames while nothing is recorded, for programs that record by a module saver.

    Parameters
    ----------
    module
        The module of that saver, or its title: a recording begins with these frames, in the module's group.
    **meaning
        As of :func:`sink`.
    """
    title = module if isinstance(module, str) else str(module.title)
    saver.intake.stream(title, None if isinstance(module, str) else module)

    def hold(data: Given, *_: Any) -> None:
        kept = saver.kept_before
        if kept is not None and not kept.has_fired:
            kept.take(title, data, **meaning)

    return partial(_into_sink, saver, title, hold)


def _into_sink(saver: H5SaverBase, source: str, take: Callable[..., object], *carried: Any) -> None:
    try:
        take(*carried)
    except (H5SaverError, ValueError, TypeError) as error:  # one that leaves a slot ends the program (PyQt aborts)
        saver.frame_lost(source, error)


def snapshot(
    saver: H5SaverBase,
    source: str,
    data: Given,
    *,
    units: UnitsGiven = "",
    axes: AxesGiven = None,
    time: TimeGiven = None,
    errors: ErrorsGiven = None,
    number: int | None = None,
    clock: float | None = None,
    wait: bool | float = True,
    **extras: Any,
) -> Path | None:
    """Save one set of data: into the open file, or into a separate file, named as the settings say.

    Parameters
    ----------
    source, data, units, axes, time, errors, number, clock, **extras
        As of :func:`record`.
    wait
        Return when it is in the file; a number of seconds waits no longer than that. False begins it.

    Returns
    -------
    Path or None
        The file; None if it was only begun, the status ``message`` says it then.

    Raises
    ------
    DataMismatchError, AxisError, DynamicRangeError
        If the data can't be saved as they are.
    FileOpenError, OSError
        If there is no file for it.
    NotAnsweringError
        If it takes longer than `wait`; it continues in the background.
    """
    extras = stamped_extras(source, number, clock, saver.clocks, extras)
    bundle = bundle_of(source, data, units, axes, time, errors, extras)
    work = partial(_snapshot, saver, source, bundle if wait else copy_of(bundle))
    failed = f"The snapshot of {source} could not be saved"
    if not wait:
        saver.background.begin("", work, failed)
        return None
    if saver.io.holds_lock() or saver.background.worker.is_this_thread:
        return work()
    return saver.background.done_within(saver.patience(wait), "", work, failed)  # type: ignore[return-value]


def _snapshot(saver: H5SaverBase, source: str, bundle: DataToExportLike) -> Path:
    with saver.io.lock:
        if saver.session is not None and saver.io.writable:
            _save_once(saver, source, bundle)
            path = saver.file_path
            assert path is not None
            return path
    other = saver.sibling()
    path = other.new_file()
    try:
        _save_once(other, source, bundle)
    finally:
        other.close_file()
    saver.h5_file_path, saver.h5_file_name = path.parent, path.name
    saver.show_current_file(path, saver.current_scan_name)
    saver.update_status(f"The snapshot of {source} is in {path.name}")
    return path


def _save_once(saver: H5SaverBase, source: str, bundle: DataToExportLike) -> None:
    module = DetectorSaver(SimpleNamespace(title=source))
    module.h5saver = saver
    with saver.saving():
        streams = saver.is_swmr_active
        saver.end_streaming()  # its arrays have to be made
        module.data_saver.add_data(module.get_set_node(), bundle)
        if streams:
            saver.enable_swmr()


def scan(saver: H5SaverBase, name: str, axes: Mapping[str, Any]) -> Scan:
    """Return a scan, to be used in a ``with`` block: its points are recorded in any order.

    Parameters
    ----------
    name
        Title of its group in the file.
    axes
        The varied quantities, in the order of the indexes: ``{'x': (positions, 'mm'), 'y': (rows, 'mm')}``.

    Raises
    ------
    AxisError
        If an axis can't be used.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from h5saver_widget import DataLoader, Recorder
    >>> path = pathlib.Path(tempfile.mkdtemp()) / 'map.h5'
    >>> with Recorder(path) as recorder, recorder.scan('line', {'x': (np.arange(3.0), 'mm')}) as scan:
    ...     for i in range(3):
    ...         _ = scan.record(i, 'detector', [i, 10.0 * i], units='counts')
    >>> with DataLoader(path) as loader:
    ...     loader.load_data('/RawData/Scan000/Detector000/Data1D/CH00/Data00')
    <DataRaw 'detector' [counts] DataND: 1 channel (3|2) float64>
    """
    return Scan(saver, name, axes)
