"""Is this a unit? By pint where it is installed, else by its letters."""

from __future__ import annotations

import functools
import re
from importlib.util import find_spec
from typing import Any, Final

__all__ = ["unit_problem"]

#: A product of names with powers: 'mW/cm^2', 'µm', '1/s', 'kg*m**2', '%', '°C'.
_PLAIN: Final = re.compile(
    r"(?:1/)?[A-Za-zµμΩÅ°%]+(?:(?:\^|\*\*)?-?\d+)?(?:[ */·][A-Za-zµμΩÅ°%]+(?:(?:\^|\*\*)?-?\d+)?)*"
)


def unit_problem(unit: str) -> str:
    """Return why a text is no unit, in a sentence; ``''`` if it is one, or empty.

    Examples
    --------
    >>> unit_problem('mW/cm^2'), unit_problem('')
    ('', '')
    >>> unit_problem('per 3 people')
    "'per 3 people' is no unit; write it such as mW, 1/s or W/cm^2"
    """
    text = unit.strip()
    if not text or (_PLAIN.fullmatch(text) and _known(text)):
        return ""
    return f"{text!r} is no unit; write it such as mW, 1/s or W/cm^2"


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
