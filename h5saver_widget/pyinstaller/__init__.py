"""Facts for PyInstaller about this package: a plain build finds it by the entry point, no flag is needed."""

from __future__ import annotations

from pathlib import Path

__all__ = ["get_hook_dirs"]


def get_hook_dirs() -> list[str]:
    """Return the folders with hooks; PyInstaller asks."""
    return [str(Path(__file__).parent)]
