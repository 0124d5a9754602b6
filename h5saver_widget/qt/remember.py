"""Settings that last: written into a program's ``QSettings``, and put back when the program starts again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore

__all__ = ["restore_settings", "save_settings"]

#: Settings of a moment instead of the user's choices, and secrets, which must never be written down.
_NOT_KEPT: Final = {
    "do_save",
    "N_saved",
    "current_scan_name",
    "current_scan_path",
    "current_h5_file",
    "save_type",
    "connection",
}
_SECRET: Final = ("password", "passwd", "pwd")


def save_settings(settings: Parameter, store: QtCore.QSettings, key: str = "h5saver") -> None:
    """Write the settings of a saver into a store.

    Parameters
    ----------
    settings
        The settings: ``saver.settings``.
    store
        Where the program keeps its settings.
    key
        Name in the store; each saver of a program has one of its own.

    Examples
    --------
    >>> import os, tempfile
    >>> from pyqtgraph.Qt import mkQApp
    >>> from h5saver_widget import H5Saver
    >>> app = mkQApp()
    >>> store = QtCore.QSettings(os.path.join(tempfile.mkdtemp(), 'lab.ini'), QtCore.QSettings.Format.IniFormat)
    >>> first = H5Saver('detector')
    >>> first.settings['base_name'] = 'Laser'
    >>> save_settings(first.settings, store)
    >>> second = H5Saver('detector')
    >>> restore_settings(second.settings, store)
    ()
    >>> second.settings['base_name']
    'Laser'
    """
    values = {"/".join(path): param.value() for path, param in _kept(settings)}
    store.setValue(key, json.dumps({path: _plain(value) for path, value in values.items()}))
    store.sync()


def restore_settings(settings: Parameter, store: QtCore.QSettings, key: str = "h5saver") -> tuple[str, ...]:
    """Put settings back that :func:`save_settings` wrote.

    Values are set one by one as a user would, so every listener of a setting is called; parameters stay the same
    objects, and connections stay. A value that no longer fits (an entry that is gone, a value that is not among the
    choices) is skipped.

    Parameters
    ----------
    settings, store, key
        As for :func:`save_settings`.

    Returns
    -------
    tuple of str
        Paths of kept values that could not be restored.
    """
    try:
        kept = json.loads(str(store.value(key) or "{}"))
    except (ValueError, RecursionError):
        return (key,)
    if not isinstance(kept, dict):
        return (key,)
    known = {"/".join(path): param for path, param in _kept(settings)}
    left = []
    # The library that writes decides which other values there are to choose from: it comes first.
    for path in sorted(kept, key=lambda path: path != "backend/backend_type"):
        param = known.get(path)
        value = np.nan if kept[path] == {"special": "nan"} else kept[path]
        if param is None or not _fits(param, value):
            left.append(path)
        elif not _same(param.value(), value):
            param.setValue(value)
    return tuple(left)


def _kept(param: Parameter) -> Iterator[tuple[tuple[str, ...], Parameter]]:
    for child in param:
        name = child.name()
        if name in _NOT_KEPT or any(word in name.lower() for word in _SECRET) or child.type() == "password":
            continue
        if child.type() not in ("group", "action"):
            yield (name,), child
        for path, found in _kept(child):
            yield (name, *path), found


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return {"special": "nan"}
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or (one != one and other != other)


def _fits(param: Parameter, value: Any) -> bool:
    kind, limits = param.type(), param.opts.get("limits")
    if kind == "list" and limits:
        return any(_same(known, value) for known in (limits.values() if isinstance(limits, dict) else limits))
    if kind in ("int", "float"):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        low, high = limits or (None, None)
        return number and (low is None or value >= low) and (high is None or value <= high)
    return isinstance(value, bool) if kind == "bool" else isinstance(value, str)
