"""Reactions: the effects of a changed setting on an open file, its backend, its server and its mirror. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h5saver_widget.backends.registry import backend_capabilities, server_backend
from h5saver_widget.errors import MissingLibraryError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.recording import before, copied_files, sealed_files
from h5saver_widget.recording.settings import SETTINGS

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["Reactions"]

_SERVER = ("endpoint", "user", "password", "api_key", "certificate", "domain")
_LIMITS = ("roll_over_size", "roll_over_time", "roll_over_frames", "stop_after_time", "stop_after_frames")


class Reactions:
    """Applies changed settings to a recorder at once; other settings are read when they are needed."""

    def __init__(self, saver: H5SaverBase) -> None:
        self._saver = saver
        limits: dict[str, Callable[[Any], None]] = dict.fromkeys((*_LIMITS, "reserve", "sources"), self._limits_changed)
        server = dict.fromkeys(_SERVER, self.server_changed)
        self._by_name: dict[str, Callable[[Any], None]] = {
            **limits,
            **server,
            "save_type": self._save_type_changed,
            "do_save": saver.do_save_switched,
            "current_h5_file": self._current_file_changed,
            "backend_type": self._backend_changed,
            "local_first": self._backend_changed,
            "enable_swmr": self._enable_swmr_changed,
            "flush_interval": saver.set_swmr_flush_interval,
            "isolated": partial(self._way_of_writing_changed, "isolated"),
            "power_safe": partial(self._way_of_writing_changed, "power_safe"),
            "mirror": self._mirror_changed,
            **dict.fromkeys(("keep_before", "keep_before_memory", "trigger"), lambda _: before.follow(saver)),
            "seal": lambda _: sealed_files.follow(saver),
            **dict.fromkeys(("copy_to", "copy_rate", "free_at"), lambda _: copied_files.follow(saver)),
            "notes": self._notes_changed,
            **dict.fromkeys(("template", "base_path"), lambda _: saver.describing.fill()),
        }
        saver.store.listen(self._changed)

    def _changed(self, name: str, value: Any) -> None:
        reaction = self._by_name.get(name)
        if reaction is None:
            return
        try:
            reaction(value)
        except Exception as error:  # people change settings, so they see any error
            self._saver.report(f"'{SETTINGS[name].title}' could not be changed", error)

    def _limits_changed(self, _: Any) -> None:
        self._saver.watcher.follow(self._saver.store.current)
        self._saver.wants_sources = bool(self._saver.watcher.sources.required)

    def _save_type_changed(self, value: str) -> None:
        self._saver.save_type = SaveType.of(value)

    def _enable_swmr_changed(self, enable: bool) -> None:
        if enable and not backend_capabilities(self._saver.store.current.library).swmr:
            self._saver.store.change(enable_swmr=False)
        else:
            self._say_when("enable_swmr")

    def _way_of_writing_changed(self, name: str, _: Any) -> None:
        if not self._say_when(name):
            self._saver.apply_settings()

    def _say_when(self, name: str) -> bool:
        """Say of a setting that it can't apply to the open file; return whether one is open."""
        is_open = self._saver.isopen()
        if is_open:
            self._saver.update_status(f"'{SETTINGS[name].title}' applies from the next file on")
        return is_open

    def _current_file_changed(self, value: str) -> None:
        saver = self._saver
        shown = saver.h5_file_path / saver.h5_file_name if saver.h5_file_path and saver.h5_file_name else None
        if value and Path(value) != shown:
            saver.open_file_dialog_result(value)

    def _notes_changed(self, _: Any) -> None:
        if self._saver.io.writable:
            self._saver.do("", self._write_notes, "The notes could not be written into the file; the next one has them")

    def _write_notes(self) -> None:
        saver = self._saver
        with saver.saving():
            raw = saver.raw_group
            if isinstance(raw, GROUP) and not saver.is_swmr_active:
                saver.io.set_attributes(raw.handle, saver.raw(saver.note_attributes()))
                saver.describing.write()

    # ---------------------------------------------------------------- backend
    def _backend_changed(self, _: Any) -> None:
        saver = self._saver
        if saver.store.current.library == saver.backend:
            self.server_changed(None)
        elif not self._say_when("backend_type"):
            try:
                saver.apply_settings()
            except Exception:
                self._show_backend()
                raise

    def backend_is_another(self) -> None:
        """Have the settings fit the library that writes now."""
        saver = self._saver
        saver.store.change(enable_swmr=saver.store.current.enable_swmr and saver.is_swmr_capable)
        self._show_backend()
        self.server_changed(None)

    def _show_backend(self) -> None:
        """Have the settings name the library that writes now, be it by itself or for a server."""
        saver = self._saver
        if saver.store.current.library != saver.backend:
            saver.store.change(backend_type=saver.backend, local_first=not saver.capabilities.remote)

    # ----------------------------------------------------------------- server
    def server_changed(self, _: Any) -> None:
        """Go to the server that the settings name now, with files or with the mirror."""
        saver = self._saver
        saver.store.change(connection="")
        saver.use_server(saver.server_options())
        saver.watcher.mirroring.renew(saver.wants_mirror)

    def _mirror_changed(self, wanted: bool) -> None:
        if wanted and server_backend() is None:
            self._saver.store.change(mirror=False)
            raise MissingLibraryError("a mirror needs the library h5pyd: pip install 'h5saver_widget[remote]'")
        self.server_changed(None)
