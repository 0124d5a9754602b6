"""Is this a unit? By pint where it is installed, else by its letters."""

from __future__ import annotations

import functools
import re
import threading
from importlib.util import find_spec
from typing import Any, Final

__all__ = ["spelling_problem", "unit_problem", "units_are_known"]

#: A product of names with powers: 'mW/cm^2', 'µm', '1/s', 'kg*m**2', '%', '°C'.
_PLAIN: Final = re.compile(
    r"(?:1/)?[A-Za-zµμΩÅ°%]+(?:(?:\^|\*\*)?-?\d+)?(?:[ */·][A-Za-zµμΩÅ°%]+(?:(?:\^|\*\*)?-?\d+)?)*"
)


def spelling_problem(unit: str) -> str:
    """Return why a text can be no unit by its letters, in a sentence; ``''`` if it can, or is empty. Takes no time.

    >>> spelling_problem('per 3 people'), spelling_problem('three')
    ("'per 3 people' is no unit; write it such as mW, 1/s or W/cm^2", '')
    """
    text = unit.strip()
    return _sentence(text) if text and not _PLAIN.fullmatch(text) else ""


def unit_problem(unit: str, *, at_once: bool = False) -> str:
    """Return why a text is no unit, in a sentence; ``''`` if it is one, or empty.

    `at_once` does not wait for pint, which takes a second to load: it is loaded in the background, and asked from then
    on.

    >>> unit_problem('mW/cm^2'), unit_problem('')
    ('', '')
    """
    text = unit.strip()
    problem = spelling_problem(text)
    if problem or not text:
        return problem
    if at_once and not units_are_known():
        _load_soon()
        return ""
    return "" if _known(text) else _sentence(text)


def units_are_known() -> bool:
    """Tell whether pint can be asked at once, or is not there at all."""
    return bool(_registry.cache_info().currsize)


def _sentence(text: str) -> str:
    return f"{text!r} is no unit; write it such as mW, 1/s or W/cm^2"


@functools.cache
def _load_soon() -> None:
    threading.Thread(target=_registry, name="h5saver: units", daemon=True).start()


@functools.cache
def _registry() -> Any:
    if find_spec("pint") is None:
        return None
    import pint

    return pint.UnitRegistry()


@functools.lru_cache(500)
def _known(text: str) -> bool:
    registry = _registry()
    if registry is None:
        return True
    try:
        registry.parse_units(text.replace("·", "*").removeprefix("1/") if text != "%" else "percent")
    except Exception:  # pint raises its own, and those of Python's tokenizer
        return False
    return True
