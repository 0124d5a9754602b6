"""H5SaverBase: turns what the settings say into files: which one is made, opened, added to, kept or closed.

It shows nothing and asks nothing; :class:`~h5saver_widget.qt.h5saver.H5Saver` adds signals, buttons and questions. What
hosts call by the names of PyMoDAQ (``init_file`` with ``update_h5``) forwards to three plain calls: :meth:`new_file`,
:meth:`open_existing` and :meth:`start_file_at`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from h5saver_widget.backends.registry import create_backend
from h5saver_widget.errors import FileNotOpenError, FileOpenError, H5SaverError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import LOGGER_NAME, SaveType
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.progress import Progress
from h5saver_widget.qt import parameters
from h5saver_widget.qt.recording_saver import RecordingSaver
from h5saver_widget.qt.settings_saver import Reactions
from h5saver_widget.qt.swmr_dialog import SwmrAnswer
from h5saver_widget.recovery import repaired_copy
from h5saver_widget.remote.push_pull import copied_and_compared
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["H5SaverBase", "dashboard_submodules_params"]

_DO_SAVE_PARAMS = ("save_2D", "save_raw_only", "do_save", "N_saved")

#: The settings that a module shows in a tree of its own.
dashboard_submodules_params = [param for param in parameters.saver_params() if param["name"] in _DO_SAVE_PARAMS]


class H5SaverBase(RecordingSaver):
    """A saver whose files follow its settings.

    Parameters
    ----------
    save_type
        What the files are for; decides how they are named.
    backend
        Name of the backend; None for the configured default.

    Attributes
    ----------
    h5_file_path, h5_file_name
        Folder and name of the current file, None before there is one.
    current_scan_name
        Name of the scan that comes next.

    Examples
    --------
    >>> import tempfile
    >>> saver = H5SaverBase('detector')
    >>> saver.settings['base_path'] = tempfile.mkdtemp()
    >>> path = saver.new_file()
    >>> path.name.startswith('Data_'), saver.isopen()
    (True, True)
    >>> saver.close_file()
    """

    def __init__(self, save_type: SaveType | str = SaveType.scan, backend: str | None = None) -> None:
        super().__init__(save_type, backend)
        self.h5_file_path: Path | None = None
        self.h5_file_name: str | None = None
        self.current_scan_name = ""
        self.current_scan_group: GROUP | None = None
        self.file_loaded = False
        # What the current file was made from, as long as nothing else was made of it; see is_pristine().
        self._made_from: tuple[Any, ...] | None = None
        self._chosen: Path | None = None

    def reactions(self) -> Reactions:
        """Return what a changed setting does."""
        mine: Reactions = {("do_save",): self._do_save_changed, ("current_h5_file",): self._current_file_changed}
        return {**super().reactions(), **mine}

    # ----------------------------------------------------------------- files
    def new_file(self, metadata: Mapping[str, Any] | None = None) -> Path:
        """Close the current file and make a new one where and as the settings say.

        Parameters
        ----------
        metadata
            Attributes of the raw data group.

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
        provider, now = self.path_provider(), self.naming_time()
        self.check_room(provider.folder(now))
        self.apply_isolated()
        given = {**self.note_attributes(), **(metadata or {})}
        path = self.create_new_file(provider.candidates(now), given, swmr=self._wants_swmr)
        self._made_from = None if metadata else self._recipe()
        self._file_changed(path, f"{self.settings['base_name']}000")
        return path

    def next_part(self, metadata: Mapping[str, Any]) -> Path:
        """Make the next file of a recording that goes on; named as a new file is."""
        path = self.create_new_file(self.path_provider().candidates(datetime.now()), metadata, swmr=self._wants_swmr)
        self._made_from = None
        self._file_changed(path, self.current_scan_name)
        return path

    def start(self) -> None:
        """Start recording: switch *Do Save* on, or go on after a pause."""
        if self._paused:
            self.resume()
        else:
            self.settings["do_save"] = True

    def open_existing(
        self, path: Path | str, mode: str = "a", metadata: Mapping[str, Any] | None = None
    ) -> Path | None:
        """Open exactly this file and add to it (``'a'``: it is made if missing) or only look (``'r'``).

        Returns
        -------
        Path or None
            The open file; None if the user was asked about SWMR and cancelled, nothing is open then.
        """
        path = naming.with_h5_suffix(Path(path).expanduser())
        if mode != "r" and path == self.file_path and self.io.writable and not metadata:
            return path  # reopening would only break the nodes that others hold
        answer = SwmrAnswer.ADAPT
        if mode != "r" and self.is_swmr_capable and path.exists():
            file_is_swmr = _is_swmr_file(path, self.backend)
            if file_is_swmr is not None and file_is_swmr != self._wants_swmr:
                self.close_file()
                answer = self.choose_swmr(path, file_is_swmr)
                if answer is SwmrAnswer.CANCEL:
                    self.update_status(f"{path.name} was not opened")
                    return None
                if answer is SwmrAnswer.ADAPT:
                    self.settings["backend", "swmr_options", "enable_swmr"] = file_is_swmr
                    self.update_status(f"SWMR was switched {'on' if file_is_swmr else 'off'} to fit {path.name}")
        return self._open_at(path, answer is SwmrAnswer.NEW, mode, metadata)

    def start_file_at(self, path: Path | str, metadata: Mapping[str, Any] | None = None) -> Path:
        """Make a new file at exactly this path; an existing one is renamed to ``name_old1.h5`` first."""
        return self._open_at(naming.with_h5_suffix(Path(path).expanduser()), True, "a", metadata)

    def _open_at(self, path: Path, renew: bool, mode: str, metadata: Mapping[str, Any] | None) -> Path:
        self.apply_isolated()
        try:
            super().init_file(path, new_file=renew, metadata=metadata, mode=mode, swmr=self._wants_swmr)
        except FileOpenError:
            report = None if renew else repaired_copy(path)
            if report is None or report.out is None:
                raise
            self.update_status(
                f"{path.name} was not closed properly by the program that wrote it. It stays as it is, and a repaired "
                f"copy is opened: {report.out.name} ({len(report.lost) or 'no'} losses)"
            )
            path = report.out
            super().init_file(path, metadata=metadata, mode=mode, swmr=self._wants_swmr)
        self._made_from = None
        raw = self.raw_group if mode != "r" else None
        names = raw.children_name() if isinstance(raw, GROUP) else []
        self._file_changed(path, f"Scan{max(naming.next_number(names, 'Scan'), 1):03d}")
        return path

    def init_file(  # type: ignore[override]
        self,
        update_h5: bool = False,
        custom_naming: bool = False,
        addhoc_file_path: Path | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        mode: str = "a",
        **_: Any,
    ) -> bool:
        """Open the file that is to be written, the way that hosts ask for it.

        Parameters
        ----------
        update_h5
            Start a new file. Without it, scans go on in the last file of the day; everything else has one file per
            start anyway.
        custom_naming
            Ask for the file's name (`addhoc_file_path` is the answer, if given).
        addhoc_file_path
            Exactly this file: opened or made; with `update_h5` a new one, the existing one is renamed.
        metadata
            Attributes of the raw data group.
        mode
            ``'a'`` to save, ``'r'`` to look only.

        Returns
        -------
        bool
            Whether a new file was asked for or turned out to be needed.
        """
        path = addhoc_file_path or None
        if path is None and (custom_naming or self.settings["custom_name"]):
            path = self.choose_new_path()
            if path is None:
                self.update_status("no file name was chosen, no file was made")
                return update_h5
        if path is not None:
            if update_h5 and mode != "r":
                self.start_file_at(path, metadata)
            else:
                self.open_existing(path, mode, metadata)
            return update_h5
        if not update_h5 and self.save_type is SaveType.scan:
            last = self.path_provider().last_dataset(self.naming_time())
            if last is not None:
                self.open_existing(last, mode, metadata)
                return False
        if metadata or not self.is_pristine():
            self.new_file(metadata)
        return True

    def is_pristine(self) -> bool:
        """Tell whether the open file was just made from the settings as they are, and nothing was saved into it.

        Do Save makes a file, and the host that listens to Do Save then asks for a new file too: it gets this one.
        """
        if not self.isopen() or self._made_from != self._recipe() or self.frames_saved:
            return False
        raw = self.raw_group
        return isinstance(raw, GROUP) and raw.children_name() == [LOGGER_NAME]

    def _recipe(self) -> tuple[Any, ...]:
        names = (("base_path",), ("base_name",), ("recording", "name_template"), ("recording", "dated_folders"))
        settings = (self.settings[name] for name in (*names, ("recording", "notes"), ("backend", "isolated")))
        return (*settings, self.save_type, self.backend, self._wants_swmr)

    def load_file(self, base_path: Path | str | None = None, file_path: Path | str | None = None) -> None:
        """Open an existing file to add to it; without a path it is asked for, starting in `base_path`."""
        path = file_path or self.choose_existing_path(base_path)
        self.file_loaded = bool(path) and self.open_existing(Path(str(path))) is not None

    def save_file(self, filename: Path | str | None = None, progress: Progress | None = None) -> Path | None:
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
        if self.file_path is None:
            raise FileNotOpenError("there is no open file to be copied; open one first")
        target = filename or self.choose_new_path()
        if target is None:
            return None
        path = naming.with_h5_suffix(Path(target))
        if self.capabilities.remote:
            self._copy_to_disk(path)
            return path
        from h5saver_widget.browsing.copying import copy_file  # what exports is not needed before

        self.flush()
        copy_file(self, path, progress)
        self.update_status(f"the file was copied to {path}")
        return path

    def _copy_to_disk(self, path: Path) -> None:
        """Copy the open file of a server to the local disk, checked by checksum."""
        self.flush()
        local = create_backend("h5py", isolated=self.isolated)
        local.open(path, "x")
        try:
            copied_and_compared(self.io, local)
        finally:
            local.close()
        self.update_status(f"the file was copied from the server to {path}")

    def save_file_as(self, filename: Path | str) -> Path | None:
        """Copy the open file to another path; see :meth:`save_file`."""
        return self.save_file(filename)

    def open_file_dialog_result(self, path: Path | str) -> None:
        """Open the file that the user has chosen, to add to it; what goes wrong is reported."""
        if not path:
            return
        try:
            opened = self.open_existing(Path(path))
        except Exception as error:
            self.report(f"{Path(path).name} could not be opened", error)
            return
        if opened is not None:
            self._chosen = opened
            self.user_changed_file(opened)

    def _file_changed(self, path: Path, scan_name: str) -> None:
        """Say everywhere which file is the current one."""
        self.h5_file_path, self.h5_file_name = path.parent, path.name
        self.current_scan_name = scan_name
        self.current_scan_group = None
        self.show_current_file(path, scan_name)

    def show_current_file(self, path: Path, scan_name: str) -> None:
        """Write the current file and the next scan into the settings."""
        self.settings["current_scan_name"] = scan_name
        self.settings["current_scan_path"] = str(path.parent)
        self.settings["current_h5_file"] = str(path)

    # --------------------------------------------- what a saver with a screen does otherwise
    def naming_time(self) -> datetime:
        """Return the time that stands in the name of a file made now."""
        return datetime.now()

    def choose_swmr(self, path: Path, file_is_swmr: bool) -> SwmrAnswer:
        """Decide what to do with a file whose SWMR state is not that of the settings."""
        return SwmrAnswer.ADAPT

    def choose_new_path(self) -> Path | None:
        """Return the path of a file to be made; None if nobody can be asked."""
        return None

    def choose_existing_path(self, folder: Path | str | None = None) -> Path | None:
        """Return the path of a file to be opened; None if nobody can be asked."""
        return None

    def user_changed_file(self, path: Path) -> None:
        """Be told that the user has picked another file."""

    def show_settings(self, show: bool = True) -> None:
        """Show or hide the settings."""

    # ------------------------------------------------------------- reactions
    def _do_save_changed(self, do_save: bool) -> None:
        if not do_save:
            self._chosen = None
            self.flush()
            self.close_file()
            return
        try:
            # A file that the user has just picked is the one to add to; else each start has a file of its own.
            if not (self.isopen() and self.io.writable and self.file_path == self._chosen):
                self.init_file(update_h5=True)
            path = self.file_path
            if path is None:
                raise FileOpenError("no file was opened")
        except Exception as error:
            self.report("Saving could not start", error)
            self.put_back(self.settings.child("do_save"), False)
            return
        self._notify("saving", path=path)

    def _current_file_changed(self, value: str) -> None:
        shown = self.h5_file_path / self.h5_file_name if self.h5_file_path and self.h5_file_name else None
        if value and Path(value) != shown:
            self.open_file_dialog_result(value)


def _is_swmr_file(path: Path, backend: str) -> bool | None:
    """Return whether a file was made for SWMR, None if it can't be read (opening it will tell why)."""
    try:
        with H5Backend(backend) as h5:
            h5.open_file(path, "r")
            return bool(h5.root().attrs.get("swmr_compatible", False))
    except (H5SaverError, OSError):
        return None
