"""SettingsStore: holds the present settings, and informs listeners of changes. No Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from h5saver_widget.errors import SettingError
from h5saver_widget.recording.setting import GROUPS, Setting, SettingPath
from h5saver_widget.recording.settings import SETTINGS, Settings

__all__ = ["SettingsLike", "SettingsStore"]

_NAMES: Final[Mapping[str | SettingPath, str]] = {
    **{setting.path: setting.name for setting in SETTINGS.values()},
    **{setting.name: setting.name for setting in SETTINGS.values() if not setting.group},
}


class SettingsLike(Protocol):
    """Settings by their paths: ``settings['base_name']``, ``settings['recording', 'stop_after_frames']``."""

    def __getitem__(self, path: str | SettingPath) -> Any: ...

    def __setitem__(self, path: str | SettingPath, value: Any) -> None: ...


class SettingsStore:
    """Holds the present settings, and informs listeners of changes.

    Settings are replaced as a whole: a reader that takes `current` once sees values that belong together. Any thread
    may read and change them. For text that describes them (XML in files) the store has the methods of a parameter tree.

    >>> store = SettingsStore(Settings())
    >>> store.listen(lambda name, value: print(name, value))
    >>> store['recording', 'stop_after_frames'] = 100
    stop_after_frames 100
    >>> store['recording', 'stop_after_frames']
    100
    """

    def __init__(self, settings: Settings) -> None:
        self.current = settings
        self._changing = threading.Lock()
        self._listeners: list[Callable[[str, Any], None]] = []

    def __getitem__(self, path: str | SettingPath) -> Any:
        """Return a setting by its path; SettingError if there is none."""
        name = _NAMES.get(path)
        return getattr(self.current, self._name_of(path) if name is None else name)

    def __setitem__(self, path: str | SettingPath, value: Any) -> None:
        """Change a setting; errors as :meth:`change`."""
        self.change(**{self._name_of(path): value})

    def _name_of(self, path: str | SettingPath) -> str:
        name = _NAMES.get(path if isinstance(path, str) else tuple(path))
        if name is None:
            raise SettingError(f"there is no setting {path!r}; see h5saver_widget.recording.settings")
        return name

    def listen(self, listener: Callable[[str, Any], None]) -> None:
        """Have a function called with name and new value of each setting that changes, in the thread of the change."""
        self._listeners.append(listener)

    def change(self, **values: Any) -> None:
        """Change settings by their names, all at once.

        SettingError or NamingError if a value can't be used; nothing is changed then.
        """
        with self._changing:
            before, self.current = self.current, replace(self.current, **values)
            after = self.current
        for name in values:
            old, new = getattr(before, name), getattr(after, name)
            if old != new and not (old != old and new != new):
                for listener in self._listeners:
                    listener(name, new)

    # --------------------------------------------------- methods of a parameter tree
    opts: Final[Mapping[str, Any]] = {"title": "Saving"}

    def name(self) -> str:
        """Return the name of the tree."""
        return "h5saver_settings"

    def type(self) -> str:
        """Return the type of the tree."""
        return "group"

    def value(self) -> None:
        """Return nothing: a group has no value."""

    def children(self) -> list[_Described]:
        """Return settings and groups of settings, in the order of the tree."""
        return list(self._below(()))

    def _below(self, group: SettingPath) -> Iterator[_Described]:
        seen: set[SettingPath] = set()
        for setting in SETTINGS.values():
            if setting.group == group:
                yield _Described(setting.name, setting.kind, self._shown(setting), {"title": setting.title})
            elif setting.group[: len(group)] == group and (sub := setting.group[: len(group) + 1]) not in seen:
                seen.add(sub)
                yield _Described(sub[-1], "group", None, {"title": GROUPS[sub][0]}, tuple(self._below(sub)))

    def _shown(self, setting: Setting) -> Any:
        return "" if setting.kind == "secret" or setting.private else getattr(self.current, setting.name)


@dataclass(frozen=True)
class _Described:
    """A setting or a group as the writer of XML knows parameters."""

    _name: str
    _kind: str
    _value: Any
    opts: Mapping[str, Any]
    _children: tuple[_Described, ...] = ()

    def name(self) -> str:
        return self._name

    def type(self) -> str:
        return {"folder": "file", "secret": "password"}.get(self._kind, self._kind)

    def value(self) -> Any:
        return self._value

    def children(self) -> list[_Described]:
        return list(self._children)
