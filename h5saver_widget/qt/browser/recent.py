"""The files that were opened last, remembered by the settings of the user."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from h5saver_widget.qt.geometry import user_settings

__all__ = ["recent_files", "remember_file"]

_MOST: Final = 12
_KEY: Final = "browser/recent"


def recent_files() -> list[Path]:
    """Return the files that were opened last, the last one first; nothing is looked up on the disk."""
    found = user_settings().value(_KEY) or []
    return [Path(str(name)) for name in ([found] if isinstance(found, str) else found)]


def remember_file(path: Path) -> None:
    """Put a file at the top of the list."""
    path = path.absolute()
    names = [str(path), *(str(other) for other in recent_files() if other != path)]
    user_settings().setValue(_KEY, names[:_MOST])
