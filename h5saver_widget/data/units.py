"""Units that differ by a power of ten: mV and V. Numbers are converted only where that loses no digit."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["power_between", "scaled"]

_PREFIXES: Final = {
    **{"f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "c": -2, "": 0},
    **{"k": 3, "M": 6, "G": 9, "T": 12, "P": 15},
}
_UNITS: Final = {*"VAWsmgJNTKFHSCΩLl", "Hz", "Pa", "Ohm", "mol", "cd", "rad", "eV", "bar"}


def _power(units: str) -> tuple[str, int] | None:
    """Return the unit without its prefix, and the power of ten that the prefix stands for."""
    for prefix, power in _PREFIXES.items():
        unit = units.removeprefix(prefix)
        if units.startswith(prefix) and unit in _UNITS and (not prefix or units not in _UNITS):
            return unit, power
    return None


def power_between(units: str, wanted: str) -> int | None:
    """Return by which power of ten numbers in some units are multiplied to be in others; None if that is not known.

    >>> power_between('V', 'mV'), power_between('nm', 'um'), power_between('V', 'A'), power_between('min', 'in')
    (3, -3, None, None)
    """
    known, other = _power(units), _power(wanted)
    return None if known is None or other is None or known[0] != other[0] else known[1] - other[1]


def scaled(values: NDArray[Any], power: int) -> NDArray[Any] | None:
    """Return numbers times a power of ten, in their own number type; None if any of them would change.

    >>> scaled(np.array([0.25, 3.0]), 3), scaled(np.array([1, 2]), -3), scaled(np.array([200], 'uint8'), 3)
    (array([ 250., 3000.]), None, None)
    """
    if values.dtype.kind not in "iufc" or abs(power) > 18:
        return None
    factor = 10 ** abs(power)
    there: NDArray[Any]
    with np.errstate(over="ignore", invalid="ignore"):
        if values.dtype.kind in "iu":
            limits = np.iinfo(values.dtype)
            exact = np.all(values % factor == 0) if power < 0 else True
            if not exact or factor > limits.max or (power > 0 and _beyond(values, limits.max // factor)):
                return None
            step = values.dtype.type(factor)
            whole: NDArray[Any] = values * step if power > 0 else values // step
            return whole
        there = values * values.dtype.type(factor) if power > 0 else values / values.dtype.type(factor)
        back = there / values.dtype.type(factor) if power > 0 else there * values.dtype.type(factor)
    exact = np.array_equal(back, values, equal_nan=True)
    return there.astype(values.dtype, copy=False) if exact else None


def _beyond(values: NDArray[Any], limit: int) -> bool:
    return values.size > 0 and (int(values.max()) > limit or int(values.min()) < -limit)
