"""Which file a recorder opens or makes, as its settings and hosts say. No Qt, and nobody is asked here.

The functions of this module are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h5saver_widget.backends.registry import READS_ALL, create_backend
from h5saver_widget.errors import FileOpenError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import LOGGER_NAME, SaveType
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.progress import Progress
from h5saver_widget.recording.picking import SwmrAnswer, made_for_swmr
from h5saver_widget.recording.skeleton import skeleton
from h5saver_widget.recovery import repaired_copy
from h5saver_widget.remote.push_pull import copied_and_compared
from h5saver_widget.saving import files

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = [
    "init_file",
    "is_pristine",
    "load_file",
    "new_file",
    "next_part",
    "open_existing",
    "open_file_dialog_result",
    "save_file",
    "save_file_as",
    "start_file_at",
]


def new_file(saver: H5SaverBase, metadata: Mapping[str, Any] | None = None, now: datetime | None = None) -> Path:
    """Close the current file and make a new one where and as the settings say.

    Parameters
    ----------
    metadata
        Attributes of the raw data group.
    now
        The time that stands in its name; None for :meth:`naming_time`.

    Returns
    -------
    Path
        The new file; nothing is ever overwritten.

    Raises
    ------
    NamingError
        If base path, base name or name pattern can't be used; the current file then stays open.
    FileOpenError
        If the disk is nearly full; the current file then stays open.
    OSError
        If the file or its folder can't be made.
    """
    saver.wait()
    saver.describing.require()
    settings, now = saver.store.current, now or saver.promised or saver.naming_time()
    saver.promised = None
    if saver.backend != settings.library:  # another library may keep its files elsewhere
        saver.apply_settings()
    provider = saver.path_provider()
    if not saver.capabilities.remote:
        saver.watcher.space.check(provider.folder(now))
    saver.apply_settings()
    given = {**saver.note_attributes(), **(metadata or {})}
    path = saver.create_new_file(provider.candidates(now), given, swmr=saver.wants_swmr)
    saver.made_from = None if metadata else saver.recipe()
    _file_changed(saver, path, "Scan000" if saver.save_type is SaveType.scan else "")
    saver.describing.remember()
    return path


def next_part(saver: H5SaverBase, number: int, reason: str) -> Path:
    """Go on in the next file of a recording, which has the same groups; named as a new file is.

    Parameters
    ----------
    number
        Number of the next file.
    reason
        Why the recording continues in another file; written into the log of this one.
    """
    before = saver.file_path
    assert before is not None
    provider = saver.path_provider()  # what can't be named is known before the file is closed
    added, groups = skeleton(saver)
    now = datetime.now()
    saver.add_log(f"{now:%Y-%m-%d %H:%M:%S} after {reason}, the recording continues in the next file")
    saver.flush()
    saver.watcher.file_ends()
    given = {**added, "part": number, "previous_file": before.name}
    try:
        path = saver.create_new_file(provider.candidates(now), given, swmr=saver.wants_swmr)
    except BaseException:
        files.init_file(saver, before, swmr=saver.wants_swmr)
        raise
    saver.made_from = None
    _file_changed(saver, path, saver.current_scan_name)
    with saver.saving():
        for where, raw in groups:
            parent, _, name = where.rpartition("/")
            saver.create_group(parent, name, unwrapped=raw)
    return path


def open_existing(
    saver: H5SaverBase,
    path: Path | str,
    mode: str = "a",
    metadata: Mapping[str, Any] | None = None,
) -> Path | None:
    """Open exactly this file and add to it (``'a'``: it is made if missing) or only look (``'r'``).

    Parameters
    ----------
    path, mode, metadata
        The file, how, and attributes of the raw data group.

    Returns
    -------
    Path or None
        The open file; None if the user was asked about SWMR and cancelled, nothing is open then.
    """
    saver.wait()
    path = naming.with_h5_suffix(Path(path).expanduser()).absolute()
    if mode != "r" and path == saver.file_path and saver.io.writable and not metadata:
        return path  # reopening would only break the nodes that others hold
    file_is_swmr = None if mode == "r" else swmr_mismatch(saver, path)
    answer = None if file_is_swmr is None else saver.choose_swmr(path, file_is_swmr)
    return open_as_answered(saver, path, mode, metadata, file_is_swmr, answer)


def open_as_answered(
    saver: H5SaverBase,
    path: Path,
    mode: str,
    metadata: Mapping[str, Any] | None,
    file_is_swmr: bool | None,
    answer: SwmrAnswer | None,
) -> Path | None:
    """Open an existing file whose SWMR state is known, or follow the user's answer; see :func:`open_existing`."""
    if answer is SwmrAnswer.CANCEL:
        saver.update_status(f"{path.name} was not opened")
        return None
    if answer is SwmrAnswer.ADAPT and file_is_swmr is not None:
        saver.store.change(enable_swmr=file_is_swmr)
        saver.update_status(f"SWMR was switched {'on' if file_is_swmr else 'off'} to fit {path.name}")
    return _open_at(saver, path, answer is SwmrAnswer.NEW, mode, metadata)


def swmr_mismatch(saver: H5SaverBase, path: Path, picked: bool = False) -> bool | None:
    """Return the SWMR state of a file if it differs from the settings, else None.

    The open file is closed for it. A file that a person has `picked` may be any: it is read in a worker process.
    ReadingStuckError if it is damaged so that reading it comes to no end.
    """
    if not saver.io.location.exists(path) or not (saver.is_swmr_capable or picked):
        return None
    saver.wait()
    saver._close_now()
    saver.apply_settings()
    io = saver.io if saver.isolated or not picked else create_backend(saver.backend, isolated=True)
    found = made_for_swmr(path, io)
    return found if saver.is_swmr_capable and found is not None and found != saver.wants_swmr else None


def start_file_at(saver: H5SaverBase, path: Path | str, metadata: Mapping[str, Any] | None = None) -> Path:
    """Make a new file at exactly this path; an existing one is renamed to ``name_old1.h5`` first."""
    saver.wait()
    saver.describing.require()
    return _open_at(saver, naming.with_h5_suffix(Path(path).expanduser()).absolute(), True, "a", metadata)


def _open_at(saver: H5SaverBase, path: Path, renew: bool, mode: str, metadata: Mapping[str, Any] | None) -> Path:
    saver.apply_settings()
    begin = partial(files.init_file, saver, metadata=metadata, mode=mode, swmr=saver.wants_swmr)
    try:
        begin(path, new_file=renew)
    except FileOpenError:
        report = None if renew else repaired_copy(path)
        if report is None or report.out is None:
            raise
        saver.update_status(
            f"{path.name} was not closed properly by the program that wrote it. It stays as it is, and a repaired "
            f"copy is opened: {report.out.name} ({len(report.lost) or 'no'} losses)"
        )
        path = report.out
        begin(path)
    saver.made_from = None
    raw = saver.raw_group if mode != "r" else None
    names = raw.children_name() if isinstance(raw, GROUP) else []
    _file_changed(saver, path, f"Scan{max(naming.next_number(names, 'Scan'), 1):03d}")
    return path


def init_file(  # the calls of hosts
    saver: H5SaverBase,
    update_h5: bool = False,
    custom_naming: bool = False,
    addhoc_file_path: Path | str | None = None,
    metadata: Mapping[str, Any] | None = None,
    mode: str = "a",
    timeout: float | None = None,
    **_: Any,
) -> bool:
    """Open the file that is to be written, the way that hosts ask for it.

    Parameters
    ----------
    update_h5
        Start a new file. Without it, scans go on in the last file of the day; everything else has one file per start
        anyway.
    custom_naming
        Ask for the file's name (`addhoc_file_path` is the answer, if given).
    addhoc_file_path
        Exactly this file: opened or made; with `update_h5` a new one, the existing one is renamed.
    metadata
        Attributes of the raw data group.
    mode
        ``'a'`` to save, ``'r'`` to look only.
    timeout
        How long to wait for the disk, in s; None waits until the file is open.

    Returns
    -------
    bool
        Whether a new file was asked for or turned out to be needed.

    Raises
    ------
    NotAnsweringError
        If it takes longer than `timeout`. It continues in the background.
    """
    path = addhoc_file_path or None
    if path is None and (custom_naming or saver.store.current.custom_name):
        path = saver.choose_new_path()
        if path is None:
            saver.update_status("no file name was chosen, no file was made")
            return update_h5
    work = partial(_init_file, saver, update_h5, path, metadata, mode)
    if timeout is None:
        return work()
    return bool(saver.background.done_within(timeout, "opening", work, "The file could not be opened"))


def _init_file(
    saver: H5SaverBase, update_h5: bool, path: Path | str | None, metadata: Mapping[str, Any] | None, mode: str
) -> bool:
    saver.wait()
    if path is not None:
        if update_h5 and mode != "r":
            saver.start_file_at(path, metadata)
            saver.made_by_host = saver.generation, saver.recipe()
        else:
            saver.open_existing(path, mode, metadata)
        return update_h5
    if not update_h5 and saver.save_type is SaveType.scan:
        last = saver.path_provider().last_dataset(saver.naming_time())
        if last is not None:
            saver.open_existing(last, mode, metadata)
            return False
    if metadata or not saver.is_pristine():
        saver.new_file(metadata)
    saver.made_by_host = saver.generation, saver.recipe()
    return True


def is_pristine(saver: H5SaverBase) -> bool:
    """Tell whether the open file was just made from the settings as they are, and nothing was saved into it.

    Do Save makes a file, and the host that listens to Do Save then asks for a new file too: it gets this one. Frames
    that were held before it was made don't count.
    """
    if not saver.is_ready or saver.made_from != saver.recipe() or saver.frames_saved > saver.frames_held:
        return False
    raw = saver.raw_group
    return isinstance(raw, GROUP) and (bool(saver.frames_held) or raw.children_name() == [LOGGER_NAME])


def load_file(saver: H5SaverBase, base_path: Path | str | None = None, file_path: Path | str | None = None) -> None:
    """Open an existing file to add to it; without a path it is asked for, starting in `base_path`."""
    path = file_path or saver.choose_existing_path(base_path)
    saver.file_loaded = bool(path) and saver.open_existing(Path(str(path))) is not None


def save_file(saver: H5SaverBase, filename: Path | str | None = None, progress: Progress | None = None) -> Path | None:
    """Copy the open file to another path, never over an existing file.

    Parameters
    ----------
    filename
        The path; None: the user is asked for it.
    progress
        Is told how far the copy is. May be called in a thread: ``LongWork`` does it.

    Raises
    ------
    FileNotOpenError, FileExistsError, WorkStoppedError
    """
    saver.require_open("copy the file")
    target = filename or saver.choose_new_path()
    if target is None:
        return None
    path = naming.with_h5_suffix(Path(target))
    if saver.capabilities.remote:
        _copy_to_disk(saver, path)
        return path
    from h5saver_widget.browsing.copying import copy_file  # what exports is not needed before

    saver.flush()
    copy_file(saver, path, progress)
    saver.update_status(f"the file was copied to {path}")
    return path


def _copy_to_disk(saver: H5SaverBase, path: Path) -> None:
    """Copy the open file of a server to the local disk, checked by checksum."""
    saver.flush()
    local = create_backend(READS_ALL, isolated=saver.isolated)
    local.open(path, "x")
    try:
        copied_and_compared(saver.io, local)
    finally:
        local.close()
    saver.update_status(f"the file was copied from the server to {path}")


def save_file_as(saver: H5SaverBase, filename: Path | str) -> Path | None:
    """Copy the open file to another path; see :meth:`save_file`."""
    return saver.save_file(filename)


def open_file_dialog_result(saver: H5SaverBase, path: Path | str) -> None:
    """Open the file that the user has chosen, to add to it; problems are reported."""
    if path:
        saver.pick(Path(path))


def _file_changed(saver: H5SaverBase, path: Path, scan_name: str) -> None:
    """Say everywhere which file is the current one."""
    saver.h5_file_path, saver.h5_file_name = path.parent, path.name
    saver.current_scan_name = scan_name
    saver.current_scan_group = None
    saver.show_current_file(path, scan_name)
    if saver.io.writable:
        with saver.saving():
            saver.describing.write()
