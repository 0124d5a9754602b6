"""Puts classes of this package in the place of PyMoDAQ's, in modules that are loaded and in those that will be.

PyMoDAQ's modules take a class by name from the module that defines it, many of them while they are being imported. So
a class is replaced in its home module as soon as that has run (an import hook sees to it), before anybody can take it
from there; and where it was taken already, it is replaced by identity. Both are undone by :func:`uninstall`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import logging
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple

from h5saver_widget.errors import IntegrationError
from h5saver_widget.format.layout import SaveType

__all__ = ["VARIABLE", "Scope", "install", "install_from_environment", "installed", "uninstall"]

logger = logging.getLogger(__name__)

#: Environment variable: ``widget`` or ``all``.
VARIABLE = "H5SAVER_PYMODAQ"

_OURS = "h5saver_widget"
_HOSTS = f"{_OURS}.integrations.pymodaq"


class Scope(Enum):
    """How much of PyMoDAQ's saving is replaced."""

    widget = "widget"
    """The file savers: ``H5Saver`` and the browser's. PyMoDAQ's module savers, data savers and loader work on them;
    they and the windows want the library's own file, so it is open in this process."""

    all = "all"
    """Module savers, data savers and loader too."""


class _Name(NamedTuple):
    """The replacement of one name of a home module: our module, and the name there by scope; None leaves PyMoDAQ's."""

    provider: str
    everything: str
    widget: str | None = None
    #: Put both classes there, for ``isinstance`` and ``except``; only at home, others make objects of the class.
    either: bool = False


_PARAMS = "dashboard_submodules_params"
_FILES, _SAVERS, _LOADERS = (f"{_HOSTS}.{name}" for name in ("files", "savers", "loaders"))


def _same(provider: str, *names: str) -> dict[str, _Name]:
    return {name: _Name(f"{_OURS}.{provider}", name) for name in names}


#: Home module -> name there -> replacement.
_TABLE: dict[str, dict[str, _Name]] = {
    "pymodaq_data.h5modules.browsing": {
        "H5BrowserUtil": _Name(_FILES, "HostBrowserUtil", "InProcessBrowserUtil"),
    },
    "pymodaq_data.h5modules.data_saving": {
        # Here alone nodes are tested with isinstance, and their absence is caught: those of both packages count.
        "GROUP": _Name(f"{_OURS}.nodes.typed", "GROUP", "GROUP", either=True),
        "CARRAY": _Name(f"{_OURS}.nodes.typed", "CARRAY", "CARRAY", either=True),
        "NodeError": _Name(f"{_OURS}.errors", "NodeError", "NodeError", either=True),
        "DataLoader": _Name(_LOADERS, "HostDataLoader"),
        "AxisSaverLoader": _Name(_LOADERS, "HostAxisSaverLoader"),
        "DataSaverLoader": _Name(_LOADERS, "HostDataSaverLoader"),
        **_same("saving.arrays", "BkgSaver", "ErrorSaverLoader"),
        **_same("saving.single", "DataEnlargeableSaver", "DataExtendedSaver"),
        **_same("saving.exports", "DataToExportSaver", "DataToExportEnlargeableSaver"),
        **_same("saving.exports", "DataToExportTimedSaver"),
        **_same("saving.scan_exports", "DataToExportExtendedSaver"),
    },
    "pymodaq_gui.h5modules.saving": {
        "H5Saver": _Name(_SAVERS, "HostH5Saver", "InProcessH5Saver"),
        "H5SaverBase": _Name(f"{_OURS}.recording.saver", "H5SaverBase", "H5SaverBase"),
        _PARAMS: _Name(f"{_OURS}.qt.parameters", _PARAMS, _PARAMS),
    },
    "pymodaq.utils.h5modules.module_saving": {
        **_same("modules.base", "ModuleSaver"),
        "DetectorSaver": _Name(_SAVERS, "HostDetectorSaver"),
        **_same("modules.detector", "DetectorTimeSaver", "DetectorEnlargeableSaver", "DetectorExtendedSaver"),
        **_same("modules.actuator", "ActuatorSaver", "ActuatorTimeSaver", "ActuatorEnlargeableSaver"),
        **_same("modules.timestamps", "TimeModuleSaver"),
        **_same("modules.extension", "ExtensionSaver"),
        **_same("modules.scan", "ScanSaver"),
        **_same("modules.logger", "LoggerSaver"),
        **_same("modules.optimizer", "OptimizerSaver"),
    },
}


class _State:
    """The present installation."""

    def __init__(self) -> None:
        self.scope: Scope | None = None
        #: (home, name) -> original, replacement
        self.replaced: dict[tuple[str, str], tuple[Any, Any]] = {}
        #: Module and name of classes of ours that others had by themselves: they keep them.
        self.own: set[tuple[str, str]] = set()


_state = _State()


# -------------------------------------------------------------------------------------------------------- the calls
def install(scope: Scope | str = Scope.all) -> None:
    """Make PyMoDAQ's modules of this program save with this package.

    To be called once, best before PyMoDAQ is imported. Modules that were imported already follow; windows that are open
    already keep the saver they have. Calling it again does nothing, with another scope it changes the scope.

    Parameters
    ----------
    scope
        ``'all'``: file savers, module savers, data savers and loader. ``'widget'``: the file savers alone.

    Raises
    ------
    IntegrationError
        If the scope is unknown, or PyMoDAQ is not installed or lacks a class to replace.

    Examples
    --------
    >>> install()
    >>> installed()
    <Scope.all: 'all'>
    >>> uninstall()
    """
    try:
        wanted = Scope(scope)
    except ValueError:
        raise IntegrationError(f"scope {scope!r} is unknown; choose 'all' or 'widget'") from None
    if _state.scope is wanted:
        return
    uninstall()
    _state.scope = wanted
    sys.meta_path.insert(0, _finder)
    try:
        for home in _TABLE:
            if home in sys.modules:
                _replace_in(sys.modules[home])
        _spread(_pairs())
    except BaseException:
        uninstall()
        raise


def uninstall() -> None:
    """Give PyMoDAQ its own classes back; does nothing when :func:`install` was not called."""
    if _state.scope is None:
        return
    sys.meta_path.remove(_finder)
    for (home, name), (theirs, _) in _state.replaced.items():
        setattr(sys.modules[home], name, theirs)
    _spread([(ours, theirs) for theirs, ours in _pairs()], _state.own)
    _state.scope, _state.replaced, _state.own = None, {}, set()


def installed() -> Scope | None:
    """Return how much is replaced, None if nothing is."""
    return _state.scope


def install_from_environment() -> None:
    """Install the scope of the environment variable ``H5SAVER_PYMODAQ``, if it is set; a wrong value is logged."""
    wanted = os.environ.get(VARIABLE, "").strip().lower()
    if not wanted:
        return
    try:
        install(wanted)
    except IntegrationError as error:
        logger.error("%s=%s has no effect: %s", VARIABLE, wanted, error)


# ---------------------------------------------------------------------------------------------------- home modules
def _replace_in(module: ModuleType) -> None:
    """Replace the names of a home module that has just been run, or was loaded before."""
    found: dict[str, tuple[Any, Any]] = {}
    for name, entry in _TABLE[module.__name__].items():
        attribute = entry.everything if _state.scope is Scope.all else entry.widget
        if attribute is None:
            continue
        if not hasattr(module, name):
            raise IntegrationError(
                f"{module.__name__} of this PyMoDAQ has no {name!r}: version 5.3 is known here; install pymodaq==5.3.8"
            )
        theirs = getattr(module, name)
        ours = getattr(importlib.import_module(entry.provider), attribute)
        if entry.either:
            ours = (theirs, ours) if issubclass(ours, Exception) else theirs | ours
        found[name] = (theirs, ours)
    ids = {id(ours) for _, ours in found.values()}
    for other in _other_modules():
        _state.own.update((other.__name__, name) for name, value in list(vars(other).items()) if id(value) in ids)
    for name, (theirs, ours) in found.items():
        _state.replaced[module.__name__, name] = (theirs, ours)
        setattr(module, name, ours)


class _Loader(importlib.abc.Loader):
    """Runs a home module as its own loader does, and replaces names right after."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return the module that the real loader makes."""
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Run the module; afterwards nothing of this loader is left in it."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        if _state.scope is not None:
            _replace_in(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds home modules by asking the finders behind it, and has :class:`_Loader` run them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of a home module; None for every other one."""
        if fullname not in _TABLE:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader)
                return spec
        return None


_finder = _Finder()


# ------------------------------------------------------------------------------------------- those who took the name
def _pairs() -> list[tuple[Any, Any]]:
    """Return the replaced names and their replacements, of those names that importing modules follow."""
    return [pair for (home, name), pair in _state.replaced.items() if not _TABLE[home][name].either]


def _spread(pairs: Sequence[tuple[Any, Any]], own: Collection[tuple[str, str]] = ()) -> None:
    """Replace objects wherever a module holds them under any name but its `own`; copied parameter lists follow too."""
    swap = {id(old): new for old, new in pairs}
    for module in _other_modules():
        for name, value in list(vars(module).items()):
            if id(value) in swap and (module.__name__, name) not in own:
                setattr(module, name, swap[id(value)])
    for old, new in pairs:
        params = getattr(old, "params", None)
        if isinstance(old, type) and isinstance(params, list):
            _swap_params(_names(params), new)


def _other_modules() -> Iterator[ModuleType]:
    """Iterate over all loaded modules but ours."""
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and name.partition(".")[0] != _OURS:
            yield module


def _names(params: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(param.get("name")) for param in params]


def _swap_params(names: list[str], saver: Any) -> None:
    """Replace the saver's parameters in the class attribute ``params`` of PyMoDAQ's modules that were loaded before."""
    for module in _other_modules():
        if not module.__name__.startswith("pymodaq"):
            continue
        for owner in list(vars(module).values()):
            if isinstance(owner, type) and isinstance(owner.__dict__.get("params"), list):
                _swap_below(owner.__dict__["params"], names, saver)


def _swap_below(params: list[Any], names: list[str], saver: Any) -> None:
    for param in params:
        children = param.get("children") if isinstance(param, dict) else None
        if not isinstance(children, list):
            continue
        if children and all(isinstance(child, dict) for child in children) and _names(children) == names:
            save_type = children[names.index("save_type")].get("value") or "scan"
            param["children"] = saver.get_params_for_save_type(SaveType.of(save_type))
        else:
            _swap_below(children, names, saver)
