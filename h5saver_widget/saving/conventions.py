"""The meaning of stored numbers: scale, offset, fill values and times, as netCDF (CF) and NeXus describe them.

Conventions: https://cfconventions.org, sections 2.5.1, 4.4 and 8.1;
https://docs.unidata.ucar.edu/nug/current/attribute_conventions.html (``_Unsigned``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["EPOCH", "Scaling", "number_in", "scaling_of", "text_in"]

EPOCH: Final = "seconds since 1970-01-01"
"""Units of times that were counted from another date in the file; of netCDF, too."""

_SINCE: Final = re.compile(
    r"\s*(\w+)\s+since\s+(-?\d{1,4})-(\d{1,2})-(\d{1,2})(?:[T\s]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d*)?))?)?"
    r"\s*(?:Z|UTC|GMT|([+-]\d{1,2})(?::?(\d{2}))?)?\s*",
    re.IGNORECASE,
)
_SECONDS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NAMES: Final = {
    **dict.fromkeys(("microsecond", "microsec", "us"), "us"),
    **dict.fromkeys(("millisecond", "millisec", "msec", "ms"), "ms"),
    **dict.fromkeys(("second", "sec", "s"), "s"),
    **dict.fromkeys(("minute", "min"), "min"),
    **dict.fromkeys(("hour", "hr", "h"), "h"),
    **dict.fromkeys(("day", "d"), "d"),
}
#: Calendars in which a day has the date that everybody gives it.
_CALENDARS: Final = ("", "standard", "gregorian", "proleptic_gregorian")


@dataclass(frozen=True)
class Scaling:
    """The conversion of stored numbers into values: ``stored * factor + offset``."""

    #: Number type of the result.
    dtype: np.dtype[Any]
    #: Number type as which the numbers are taken: unsigned, where the file says so.
    stored: np.dtype[Any]
    factor: float = 1.0
    offset: float = 0.0
    #: Stored numbers that stand for no value.
    missing: tuple[Any, ...] = ()

    def __call__(self, values: Any) -> npt.NDArray[Any]:
        """Return numbers as they are meant; those that are missing as NaN."""
        numbers = np.asarray(values)
        if self.stored != numbers.dtype:
            numbers = numbers.astype(self.stored, copy=False)  # signed as unsigned keeps the bits
        found = numbers.astype(self.dtype)
        if self.factor != 1.0:
            found = found * self.dtype.type(self.factor)
        if self.offset:
            found = found + self.dtype.type(self.offset)
        if self.missing:
            found = np.where(np.isin(numbers, np.array(self.missing, self.stored)), self.dtype.type(np.nan), found)
        return np.asarray(found, self.dtype)

    def over(self, read: Callable[..., Any]) -> _Scaled:
        """Return a reader that reads parts of an array and scales them."""
        return _Scaled(read, self)


@dataclass(frozen=True)
class _Scaled:
    """Reads scaled numbers; no inner function: workers could not be sent one."""

    read: Callable[..., Any]
    scaling: Scaling

    def __call__(self, part: Any) -> npt.NDArray[Any]:
        return self.scaling(self.read(part))


def number_in(value: Any) -> Any:
    """Return the number in an attribute: a number, an array of one, or the text of one; None if there is none.

    >>> number_in(np.array([0.5])), number_in('2'), number_in(b'1'), number_in('m')
    (np.float64(0.5), 2.0, 1.0, None)
    """
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, (str, bytes)):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float, np.integer, np.floating)) else None


def text_in(value: Any) -> str:
    """Return the text in an attribute: a text, bytes, or an array of one of them; ``''`` if there is none.

    >>> text_in(np.array([b'nm'])), text_in('nm'), text_in(3)
    ('nm', 'nm', '')
    """
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return str(value) if isinstance(value, str) else ""


def scaling_of(dtype: np.dtype[Any], about: Mapping[str, Any]) -> tuple[Scaling | None, str]:
    """Return the conversion of an array's numbers, None if they need none, and the units of the result.

    `dtype` is the number type in the file, and `about` are the attributes of the array.

    >>> scaling, units = scaling_of(np.dtype('i2'), {'scale_factor': 0.5, 'units': 'm', '_FillValue': np.int16(-1)})
    >>> scaling(np.array([2, -1], 'i2')).tolist(), units
    ([1.0, nan], 'm')
    """
    units = text_in(about.get("units"))
    if dtype.kind not in "iuf":
        return None, units
    factor, offset = number_in(about.get("scale_factor")), number_in(about.get("add_offset"))
    wanted = text_in(about.get("_Unsigned")).lower()
    stored = dtype
    if dtype.kind in "iu" and wanted in ("true", "false"):
        stored = np.dtype(f"{dtype.byteorder}{'u' if wanted == 'true' else 'i'}{dtype.itemsize}")
    missing = _missing(stored, about)
    epoch = _seconds_since(units, text_in(about.get("calendar")).lower())
    if factor is None and offset is None and stored == dtype and not missing and epoch is None:
        return None, units
    scale, shift = float(1 if factor is None else factor), float(0 if offset is None else offset)
    if epoch is not None:
        scale, shift, units = scale * epoch[0], shift * epoch[0] + epoch[1], EPOCH
    if (scale, shift) == (1.0, 0.0) and not missing:
        return Scaling(stored, stored), units
    return Scaling(_result(stored, factor, offset, epoch is not None), stored, scale, shift, missing), units


def _result(stored: np.dtype[Any], factor: Any, offset: Any, is_time: bool) -> np.dtype[Any]:
    """Return the number type of the result: that of scale and offset, never with fewer digits than the numbers have."""
    if is_time:
        return np.dtype(np.float64)
    if factor is None and offset is None:
        return stored.newbyteorder("=") if stored.kind == "f" else np.dtype("f4" if stored.itemsize <= 2 else "f8")
    short = all(value is None or isinstance(value, np.float32) for value in (factor, offset))
    return np.dtype("f4" if short and (stored.itemsize <= 2 or stored == np.float32) else "f8")


def _missing(stored: np.dtype[Any], about: Mapping[str, Any]) -> tuple[Any, ...]:
    found = []
    for name in ("_FillValue", "missing_value"):
        value = about.get(name)
        for item in [] if value is None else np.asarray(value).reshape(-1):
            if np.asarray(item).dtype.kind not in "iuf" or (stored.kind == "f" and np.isnan(item)):
                continue
            with np.errstate(all="ignore"):
                found.append(np.asarray(item).astype(stored)[()])
    return tuple(dict.fromkeys(found))


def _seconds_since(units: str, calendar: str) -> tuple[float, float] | None:
    """Return the length of one unit and the date that is counted from, in seconds (since 1970), or None."""
    match = _SINCE.fullmatch(units) if calendar in _CALENDARS and len(units) < 100 else None
    name = None if match is None else _NAMES.get(match[1].lower(), _NAMES.get(match[1].lower().removesuffix("s")))
    if match is None or name is None:
        return None
    try:
        day = datetime(int(match[2]), int(match[3]), int(match[4]), int(match[5] or 0), int(match[6] or 0), tzinfo=UTC)
    except ValueError:
        return None
    zone = int(match[8] or 0) * 3600
    minutes = int(match[9] or 0) * 60
    return _SECONDS[name], day.timestamp() + float(match[7] or 0) - zone - (minutes if zone >= 0 else -minutes)
