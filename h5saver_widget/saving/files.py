"""Opening and making files of the common layout, and the notes in them when they are closed. No Qt.

Some of these functions are methods of :class:`~h5saver_widget.saving.low_level.H5SaverLowLevel`, which lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from h5saver_widget.backends.shown_again import PLACES, shown_again
from h5saver_widget.backends.terms import OpenMode
from h5saver_widget.errors import FileIncompleteError, FileOpenError, H5SaverError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import RAW_TITLE, RECORDING_ID, ROOT_TITLE
from h5saver_widget.saving import frames, streaming
from h5saver_widget.saving.clock import WallClock
from h5saver_widget.saving.entry_of_copies import add_entry
from h5saver_widget.saving.nexus import root_attributes
from h5saver_widget.saving.provenance import provenance, recording_id
from h5saver_widget.saving.session import Session
from h5saver_widget.version import __version__

if TYPE_CHECKING:
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["close_now", "create_new_file", "final_counts", "init_file"]

#: Bytes that the group of all data gets later: counts, and what readers of NeXus look for.
_ROOM: Final = 1000


def init_file(
    file: H5SaverLowLevel,
    file_name: Path | str,
    raw_group_name: str = "RawData",
    new_file: bool = False,
    metadata: Mapping[str, Any] | None = None,
    *,
    mode: str = "a",
    swmr: bool = False,
    swmr_mode: bool = False,
) -> bool:
    """Open a file for saving, made if it is not there. A file that is still open is closed first.

    Parameters
    ----------
    file_name
        Path; folders that are missing are made.
    raw_group_name
        Name of the group that all data go into.
    new_file
        Start a new file even if one exists: that one is renamed to ``name_old1.h5`` first, nothing is overwritten.
    metadata
        Attributes of the raw data group.
    mode
        ``'a'`` to save, ``'r'`` to look only.
    swmr
        Make the file so that others can read it while it is written; without effect on a backend that can't.
    swmr_mode
        The same, under the name that hosts use.

    Returns
    -------
    bool
        Whether a file was created.

    Raises
    ------
    FileOpenError
        If the file can't be opened or created.
    """
    path = naming.with_h5_suffix(Path(file_name)).absolute()  # a program may change its folder
    file.raw(metadata or {})  # what can't be stored is refused before a file is made
    with file.io.switching():
        file._close_now()
        moved = None
        if mode != "r":
            _make_folder(file, path.parent)
            if new_file and file.io.location.exists(path):
                moved = file.io.location.move_aside(path)
        swmr = (swmr or swmr_mode) and mode != "r" and file.capabilities.swmr
        created = mode != "r" and not file.io.location.exists(path)
        access: OpenMode = "r" if mode == "r" else "x" if created else "r+"
        file.io.open(path, access, swmr=swmr)
        _start(file, path, raw_group_name, metadata, created, swmr and created, moved)
        return created


def create_new_file(
    file: H5SaverLowLevel, candidates: Iterable[Path], metadata: Mapping[str, Any] | None = None, *, swmr: bool = False
) -> Path:
    """Create the first file of `candidates` whose name is free, and return its path.

    The name is taken by exclusive creation: of two programs that start in the same second, each gets its own file.

    Raises
    ------
    FileOpenError
        If the folder can't be made or written to.
    """

    def make(path: Path) -> Path:
        _make_folder(file, path.parent)
        file.io.open(path, "x", swmr=swmr)
        return path

    swmr = swmr and file.capabilities.swmr
    with file.io.switching():
        file._close_now()
        path = naming.create_exclusive(candidates, make, lambda folder: _make_folder(file, folder))
        _start(file, path, "RawData", metadata, True, swmr, None)
        return path


def _make_folder(file: H5SaverLowLevel, folder: Path) -> None:
    try:
        file.io.location.make_folder(folder)
    except OSError as error:
        other = "" if file.capabilities.remote else "; choose another base path"
        raise FileOpenError(f"the folder {folder} can't be made: {error}{other}") from error


def _start(
    file: H5SaverLowLevel,
    path: Path,
    raw_group_name: str,
    metadata: Mapping[str, Any] | None,
    created: bool,
    swmr: bool,
    moved: Path | None,
) -> None:
    """Begin a session on the file that the backend has just opened."""
    file.generation += 1
    file.told.clear()
    file._kept = None
    file.clock, file.scan_runs = WallClock(file.clocks), False
    file.frames_saved = file.bytes_saved = file._frames_refused = file._swmr_ticks = file._frames_flushed = 0
    raw_path = f"/{raw_group_name.strip('/')}"
    try:
        made_for_swmr = swmr or (not created and streaming.read_swmr_compatible(file))
        file._begin_session(Session(file.io, raw_path, made_for_swmr))
        if file.io.writable:
            if not file.capabilities.remote:
                file.require_session().written_at(path)
            _lay_out(file, path, raw_path, metadata, created, swmr)
        file.require_session().hold_raw()
    except BaseException as error:  # the caller gets the error; a file that it takes for closed must not stay open
        file._begin_session(None)
        with suppress(OSError, H5SaverError):
            file.io.close()
        if isinstance(error, FileIncompleteError):
            if created and not file.capabilities.remote:
                path.unlink(missing_ok=True)  # there is nothing in it
            done = "made" if created else "opened for saving"
            raise FileOpenError(
                f"{path} could not be {done}: nothing can be written. Look whether the disk is full"
            ) from error
        raise
    file._flushed_at = monotonic()
    file._size_before = path.stat().st_size if path.exists() else 0
    file._notify("opened", path=path, created=created, moved_aside=moved)


def _lay_out(
    file: H5SaverLowLevel, path: Path, raw_path: str, metadata: Mapping[str, Any] | None, created: bool, swmr: bool
) -> None:
    """Write the parts of every file: its description, the raw data group, the log."""
    with file._changing_structure():
        if created:
            now = datetime.now().astimezone()
            about: dict[str, Any] = {
                "CLASS": "GROUP",
                "TITLE": ROOT_TITLE,
                "date": now.date().isoformat(),
                "time": now.time().isoformat(),
                "file": path.name,
                "h5saver_widget_version": __version__,
            }
            if swmr:
                about["swmr_compatible"] = True
            place = PLACES.get(file.nexus_entry) if file.nexus and file.capabilities.views else None
            nexus = root_attributes((place[0] if place else raw_path).strip("/")) if file.nexus else {}
            known = {**provenance(file.io, now), RECORDING_ID: uuid4().hex}
            file.io.set_attributes(file.io.root(), {**file.raw(about), **known, **nexus})
            if place:
                file.require_session().entry.begin(place, now, known[RECORDING_ID], known["user_name"])
        elif not recording_id(file.io):
            file.io.set_attributes(file.io.root(), {RECORDING_ID: uuid4().hex})
        raw = file.get_set_group("/", raw_path.strip("/"), RAW_TITLE)
        if created and not file.capabilities.remote:
            # HDF5 puts attributes for which a group has no room at the end of the file, and cannot open the group
            # without them: room is made for those that are written when the file is closed
            file.io.set_attributes(raw.handle, {"room": bytes(_ROOM)})
            file.io.delete_attribute(raw.handle, "room")
        if file.nexus and not created:
            if shown_again(file.io):  # it is missing if the program was killed before the first data
                add_entry(file.io)
            file.require_session().entry.resume()
        if file.nexus and not created:
            file.require_session().plots.group_made(raw.path, raw.attrs.get("default"))
        values = {**({} if "type" in raw.attrs else {"type": file.save_type.name}), **(metadata or {})}
        if values:
            file.io.set_attributes(raw.handle, file.raw(values))
        file.get_set_logger(raw)


def close_now(file: H5SaverLowLevel) -> None:
    """Bring the file up to date and close it; see `H5SaverLowLevel.close_file`."""
    if file._own is None:
        file.io.settle()
    with file.io.lock:
        if file._own is not None:
            file.io, file._own = file._own, None
            file.generation += 1
            file._begin_session(None)
            return
        path, session = file.file_path, file.session
        if path is None:
            file._begin_session(None)  # the host may have closed the library's own object
            return
        frames_saved, size, now = file.frames_saved, file.bytes_saved, path
        file.generation += 1
        try:
            try:
                if session is not None:
                    session.counts = file.final_counts()
                    now = session.moved() or path
                    file._begin_session(None)  # no frame comes between the last count and the end
            finally:
                (file.io if session is None else session).close()
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            said = str(error) if str(path) in str(error) else f"{path} was not closed properly: {error}"
            file._notify("error", message=said, exception=error)
            raise
        else:
            if now != path:
                said = f"{path} was renamed while it was recorded: the recording is {now}"
                file._notify("error", message=said, exception=None)
        finally:
            file._begin_session(None)
            lost = frames.statistics(file).frames_dropped - file._frames_refused  # of those that were accepted
            kept = max(frames_saved - lost, 0)
            size = size * kept // max(frames_saved, 1)
            file._notify("closed", path=now, frames=kept, bytes=size)


def final_counts(file: H5SaverLowLevel) -> dict[str, Any]:
    """Return the counts of frames that are noted in the file when it is closed."""
    if not file.frames_saved + file._frames_refused:
        return {}
    if file.io.queue.failure is None:
        file.io.flush()
    counted = frames.statistics(file)  # of this file: a recording may have had others before
    return file.raw(
        {
            "frames_received": counted.frames_received,
            "frames_written": counted.frames_written,
            "frames_dropped": counted.frames_dropped,
        }
    )
