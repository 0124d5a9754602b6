"""SettingsSaver: a saver that follows its settings: where files go, their format, the library that writes them.

Which file is open, and when, is the business of :class:`~h5saver_widget.qt.base.H5SaverBase`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from pyqtgraph.parametertree import Parameter

from h5saver_widget.backends.compression import reader_note
from h5saver_widget.backends.terms import Compression
from h5saver_widget.errors import H5SaverError, NamingError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.format.name_template import NameTemplate
from h5saver_widget.format.naming import PathProvider
from h5saver_widget.qt import parameters
from h5saver_widget.recording.notes import read_notes
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["Reactions", "SettingsSaver", "log_error"]

logger = logging.getLogger(__name__)

#: What is called with the new value of a parameter, by the parameter's path.
Reactions = dict[tuple[str, ...], Callable[[Any], None]]


def log_error(what: str, error: BaseException) -> None:
    """Write an error into the program's log; where it came from only if nobody expected it."""
    if isinstance(error, (H5SaverError, OSError)):
        logger.warning("%s: %s", what, error)
    else:
        logger.error("%s", what, exc_info=error)


class SettingsSaver(H5SaverLowLevel):
    """A saver that follows its settings.

    Parameters
    ----------
    save_type
        What the files are for; decides how they are named.
    backend
        Name of the backend; None for the configured default.

    Attributes
    ----------
    settings : pyqtgraph Parameter
        All settings. Programs read and write them: ``saver.settings['base_name'] = 'Laser'``.

    Examples
    --------
    >>> saver = SettingsSaver('detector')
    >>> saver.settings['data_format', 'dynamic'] = 'uint16'
    >>> saver.dynamic
    dtype('uint16')
    """

    settings_name = parameters.SETTINGS_NAME
    params = parameters.saver_params()

    def __init__(self, save_type: SaveType | str = SaveType.scan, backend: str | None = None) -> None:
        super().__init__(save_type, backend, isolated=True)
        self.settings = Parameter.create(
            name=self.settings_name,
            title="Saving",
            type="group",
            children=parameters.saver_params(self.save_type, self.backend),
        )
        self._reactions = self.reactions()
        for path in self._reactions:
            self.settings.child(*path).sigValueChanged.connect(self._parameter_changed)

    def reactions(self) -> Reactions:
        """Return what a changed setting does; settings that are not here are looked at when they are needed."""
        return {
            ("save_type",): self._save_type_changed,
            ("backend", "backend_type"): self._backend_changed,
            ("backend", "swmr_options", "enable_swmr"): self._enable_swmr_changed,
            ("backend", "swmr_options", "flush_interval"): self.set_swmr_flush_interval,
            ("data_format", "dynamic"): self._dynamic_changed,
            ("data_format", "compression_options", "h5comp_library"): self._compression_changed,
            ("data_format", "compression_options", "h5comp_level"): self._compression_changed,
        }

    # -------------------------------------------------------------- settings
    @classmethod
    def get_params_for_save_type(cls, save_type: Any) -> list[dict[str, Any]]:
        """Return a copy of the parameter descriptions for a save type (a member, a name, or a peer's member)."""
        return parameters.with_save_type(cls.params, save_type)

    @property
    def fill_value(self) -> float:
        """What the points of a scan hold before they are measured; also in the settings."""
        settings = self.__dict__.get("settings")
        return np.nan if settings is None else settings["data_format", "fill_value"]

    @fill_value.setter
    def fill_value(self, value: float) -> None:
        settings = self.__dict__.get("settings")
        if settings is None:
            return  # set by the class below before there are settings, which have their own default
        param = settings.child("data_format", "fill_value")
        value = np.nan if value != value else value  # that very object: see the parameter
        if not any(value == known or (value != value and known != known) for known in param.opts["limits"].values()):
            param.setLimits({**param.opts["limits"], str(value): value})
        param.setValue(value)

    def path_provider(self) -> PathProvider:
        """Return where the settings say that files go.

        Raises
        ------
        NamingError
            If the base path is empty, the name pattern is wrong, or no file may have the base name.
        """
        base_path = self.base_folder()
        pattern = str(self.settings["recording", "name_template"]).strip()
        template = None
        if pattern:
            notes = read_notes(self.settings["recording", "notes"])
            template = NameTemplate(pattern, {note.name: note.value for note in notes})
        dated = bool(self.settings["recording", "dated_folders"])
        where = self.io.list_folder if self.capabilities.remote else None
        return PathProvider(base_path, self.settings["base_name"], self.save_type, dated, template, where)

    def base_folder(self) -> Path:
        """Return the folder that all files go below; NamingError if none is chosen."""
        base_path = str(self.settings["base_path"]).strip()
        if not base_path:
            raise NamingError("the base path is empty: choose a folder for the files")
        return Path(base_path).expanduser()

    def next_file_name(self, now: datetime | None = None) -> str:
        """Return the name that a file gets that is made now. The folder is looked into: this may wait for a share.

        Parameters
        ----------
        now
            Another time than now.

        Raises
        ------
        NamingError
            As :meth:`path_provider`.
        """
        return self.path_provider().preview(now or datetime.now())

    def value_changed(self, param: Parameter) -> None:
        """React to a changed setting; errors are reported by :meth:`report`, never raised."""
        path = tuple(self.settings.childPath(param) or ())
        reaction = self._reactions.get(path)
        if reaction is None:
            return
        try:
            reaction(param.value())
        except Exception as error:
            # The slot of a signal: an exception that leaves it ends the program (PyQt aborts).
            self.report(f"'{param.title()}' could not be changed", error)

    def _parameter_changed(self, param: Parameter, value: Any) -> None:
        self.value_changed(param)

    def put_back(self, param: Parameter, value: Any) -> None:
        """Set a value from within the reaction to a change of the same parameter."""
        param.setValue(value)

    def close_file(self) -> None:
        """Close the file; never raises: what goes wrong is told by the status ``error``."""
        with suppress(OSError, RuntimeError, ValueError, KeyError):  # told by _notify
            super().close_file()

    # --------------------------------------------------------------- reports
    def update_status(self, text: str) -> None:
        """Say something worth knowing."""
        logger.info(text)

    def report(self, what: str, error: BaseException) -> None:
        """Say what did not work, and why."""
        log_error(what, error)
        self._notify("error", message=f"{what}: {error}", exception=error)

    # ------------------------------------------------------------- reactions
    @property
    def _wants_swmr(self) -> bool:
        return self.is_swmr_capable and bool(self.settings["backend", "swmr_options", "enable_swmr"])

    def _save_type_changed(self, value: str) -> None:
        self.save_type = SaveType.of(value)

    def set_backend(self, name: str) -> None:
        """Change the library that writes; an open file is closed properly first."""
        super().set_backend(name)
        settings = self.__dict__.get("settings")
        if settings is None:
            return
        settings["backend", "backend_type"] = name
        settings.child("backend", "swmr_options").setOpts(visible=self.capabilities.swmr)
        settings.child("backend", "power_safe").setOpts(visible=self.capabilities.journal)
        if not self.capabilities.swmr:
            settings["backend", "swmr_options", "enable_swmr"] = False
        library = settings.child("data_format", "compression_options", "h5comp_library")
        library.setLimits(parameters.compression_libraries(self.capabilities))

    def _backend_changed(self, name: str) -> None:
        try:
            self.set_backend(name)
        except Exception:
            self.put_back(self.settings.child("backend", "backend_type"), self.backend)
            raise

    def _enable_swmr_changed(self, enable: bool) -> None:
        if enable and not self.is_swmr_capable:
            self.put_back(self.settings.child("backend", "swmr_options", "enable_swmr"), False)

    def _dynamic_changed(self, value: str) -> None:
        self.dynamic = parameters.dynamic_dtype(value)

    def _compression_changed(self, _: Any) -> None:
        options = self.settings.child("data_format", "compression_options")
        note = reader_note(options["h5comp_library"])
        options.child("h5comp_library").setOpts(tip=f"{parameters.LIBRARY_TIP} {note}".strip())
        self.compression = Compression(options["h5comp_library"], int(options["h5comp_level"]))
