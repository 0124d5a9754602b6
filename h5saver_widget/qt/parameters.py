"""The settings of a saver as plain parameter descriptions: generated from their declaration, with the buttons between.

Programs and files know these parameters by their paths, so paths and order are those of PyMoDAQ 5.3.8; how they are
grouped on screen is decided in :mod:`h5saver_widget.qt.settings_view`. Only standard pyqtgraph types are used, because
a host rebuilds the tree from ``settings.saveState()`` and may show it in a tree of its own.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from pyqtgraph.parametertree import Parameter

from h5saver_widget.backends.compression import reader_note
from h5saver_widget.backends.registry import backend_capabilities, default_backend, server_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.terms import Capabilities
from h5saver_widget.format.layout import SaveType
from h5saver_widget.qt.secret import SECRET_TYPE
from h5saver_widget.recording.setting import GROUPS, Setting, SettingPath
from h5saver_widget.recording.settings import SETTINGS, Settings

__all__ = [
    "SETTINGS_NAME",
    "action_paths",
    "compression_libraries",
    "dashboard_submodules_params",
    "saver_params",
    "show_options",
    "shown_with",
    "with_save_type",
]

SETTINGS_NAME: Final = "h5saver_settings"

#: Buttons, by the path of the setting below them in the tree.
_ACTIONS: Final[dict[SettingPath, list[tuple[str, str, str]]]] = {
    ("backend",): [
        ("show_file", "Show content", "Look into the current file, also while it is being written."),
        (
            "new_file",
            "New file",
            "Close the current file and continue in a new one. The current one is kept.",
        ),
        ("browse", "Append to file...", "Choose an existing file and add to it. Nothing in it is overwritten."),
    ],
    ("backend", "hsds_options", "connection"): [
        (
            "test",
            "Test connection",
            "Test the connection to the server and the login, and report a failure.",
        )
    ],
    ("recording", "name_template"): [
        ("pause", "Pause", "Leave out what comes now, until Resume; the file stays open. A scan is paused, too."),
        ("stop", "Stop", "Complete the file and close it."),
        ("marker", "Marker", "Mark this moment in the log of the file (Ctrl+M); plots along time show it."),
        ("open_folder", "Open folder", "Show the folder of the files in the file manager."),
        ("presets", "Presets", "Keep all settings under a name, and take them again. A right click resets a setting."),
    ],
    ("recording", "seal"): [
        ("try_alarm", "Try it", "Run the alarm command now, with an event that says it is a test."),
    ],
    ("recording", "keep_before"): [
        ("save_before", "Save what just happened", "Record from now on, and begin with the last seconds."),
    ],
}
#: Buttons that do something only while a file is open.
_WITH_A_FILE: Final = ("pause", "stop", "marker")
_FILE_TYPES: Final = "HDF5 files (*.h5 *.hdf5 *.nxs);;All files (*)"
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "folder": {"type": "file", "fileMode": "Directory"},
    "file": {"type": "file", "fileMode": "ExistingFile", "nameFilter": _FILE_TYPES},
    "secret": {"type": SECRET_TYPE},
}


def action_paths() -> list[SettingPath]:
    """Return the paths of the buttons."""
    return [(*before[:-1], name) for before, actions in _ACTIONS.items() for name, _, _ in actions]


def compression_libraries(capabilities: Capabilities) -> list[str]:
    """Return the compression libraries to choose from: never empty, because a list on screen must show something."""
    return list(capabilities.compression) or ["none"]


def shown_with(settings: Settings, capabilities: Capabilities) -> dict[SettingPath, bool]:
    """Return which parameters are shown with a backend that can do this; all others always look the same."""
    names_server = settings.backend_type == server_backend()
    return {
        ("base_path",): not capabilities.remote,
        ("backend", "mirror"): server_backend() is not None and not names_server,
        ("backend", "hsds_options"): names_server or settings.mirror,
        ("backend", "hsds_options", "local_first"): names_server,
        ("backend", "hsds_options", "connection"): bool(settings.connection),
        ("backend", "power_safe"): capabilities.journal,
        ("recording", "save_before"): settings.keep_before > 0,
        ("backend", "swmr_options"): capabilities.swmr,
    }


def with_save_type(params: list[dict[str, Any]], save_type: object) -> list[dict[str, Any]]:
    """Return a deep copy of parameter descriptions of :func:`saver_params` whose save type is another one.

    That is a :class:`~h5saver_widget.format.layout.SaveType`, its name, or another library's member of the same name.
    """
    copied = copy.deepcopy(params)
    for param in copied:
        if param["name"] == "save_type":
            param["value"] = SaveType.of(save_type).name
    return copied


def saver_params(save_type: SaveType = SaveType.scan, backend: str | None = None) -> list[dict[str, Any]]:
    """Return the descriptions from which pyqtgraph builds the settings of a saver.

    A backend of None is the default one, chosen at first.

    >>> [param['name'] for param in saver_params()][:4]
    ['save_type', 'save_2D', 'save_raw_only', 'do_save']
    """
    settings = Settings(backend_type=backend or default_backend())
    capabilities = backend_capabilities(settings.library)
    params = {path: _group(path) for path in GROUPS}
    root: list[dict[str, Any]] = []

    def put(path: SettingPath, param: dict[str, Any]) -> None:
        siblings = params[path[:-1]]["children"] if len(path) > 1 else root
        if param not in siblings:
            if len(path) > 1:
                put(path[:-1], params[path[:-1]])
            siblings.extend(_button(*action) for action in _ACTIONS.get(path, ()))
            siblings.append(param)

    for setting in SETTINGS.values():
        params[setting.path] = _leaf(setting)
        put(setting.path, params[setting.path])
    params["save_type",]["value"] = save_type.name
    params["backend", "backend_type"]["value"] = settings.backend_type
    libraries = compression_libraries(capabilities)
    library = params["data_format", "compression_options", "h5comp_library"]
    library.update(limits=libraries, value="zlib" if "zlib" in libraries else libraries[0])
    for path, visible in shown_with(settings, capabilities).items():
        if path in params:  # buttons are hidden at first
            params[path]["visible"] = visible
    known, own = RemoteOptions().completed(secret=False), RemoteOptions()
    for name, text in (("endpoint", known.endpoint), ("user", known.username), ("domain", own.home)):
        if text:
            params["backend", "hsds_options", name]["placeholder"] = text
    secret = "from the environment" if known.password else "from the keyring"
    params["backend", "hsds_options", "password"]["placeholder"] = secret
    params["backend", "hsds_options", "api_key"]["placeholder"] = "from the environment" if known.api_key else "none"
    return root


def _group(path: SettingPath) -> dict[str, Any]:
    title, tip = GROUPS[path]
    return {"title": title, "name": path[-1], "type": "group", "tip": tip, "children": []}


def _button(name: str, title: str, tip: str) -> dict[str, Any]:
    return {
        "title": title,
        "name": name,
        "type": "action",
        "tip": tip,
        **({"enabled": False} if name in _WITH_A_FILE else {}),
        **({"visible": False} if name == "save_before" else {}),
    }


def _leaf(setting: Setting) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": setting.title,
        "name": setting.name,
        "type": setting.kind,
        "value": setting.default,
        "tip": setting.tip,
        **_OPTIONS.get(setting.kind, {}),
    }
    if setting.choices is not None:
        found["limits"] = setting.choices()
    if setting.limits is not None:
        found["limits"] = list(setting.limits)
    extra = {"suffix": setting.unit, "placeholder": setting.placeholder, "readonly": setting.readonly}
    found.update({name: value for name, value in extra.items() if value})
    if setting.private:
        found["secret"] = True  # stays out of files
    if not setting.visible:
        found["visible"] = False
    return found


#: The settings that a module shows in a tree of its own.
dashboard_submodules_params = [
    param for param in saver_params() if param["name"] in ("save_2D", "save_raw_only", "do_save", "N_saved")
]


def show_options(tree: Parameter, now: Settings) -> None:
    """Show the settings that the chosen library has; it may be chosen for the next file."""
    capabilities = backend_capabilities(now.library)
    for path, visible in shown_with(now, capabilities).items():
        tree.child(*path).setOpts(visible=visible)
    library = tree.child("data_format", "compression_options", "h5comp_library")
    library.setLimits(compression_libraries(capabilities))
    library.setOpts(tip=f"{SETTINGS['h5comp_library'].tip} {reader_note(now.h5comp_library)}".strip())
