"""Triggers: conditions on the values of frames, in words, at which a recording begins. No Qt.

``scope above 2.5``, ``scope/ch1 below 0``, ``camera[100:200, 50:80] mean inside 20 30``; several with ``;`` between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.errors import SettingError

__all__ = ["Trigger", "Triggers", "triggers_of"]

_FORM: Final = re.compile(
    r"(?P<source>[^\[\]/]+?)\s*(?:/(?P<channel>[^\[\]/]+?))?\s*(?:\[(?P<region>[^\[\]]*)\])?"
    r"(?:\s+(?P<how>mean|max|min))?\s+(?P<kind>above|below|inside|outside)\s+(?P<limits>\S+(?:\s+\S+)?)"
)
_SLICE: Final = re.compile(r"\s*(-?\d+)?\s*(?P<colon>:)?\s*(-?\d+)?\s*")
_HOW: Final[dict[str, Callable[[NDArray[Any]], Any]]] = {"mean": np.mean, "max": np.max, "min": np.min}
#: The number of an array that is compared, where nothing else is said: any value of it is enough for these two.
_USUAL: Final = {"above": "max", "below": "min"}
_HELP: Final = "write 'camera above 5', 'scope/ch1 below 0' or 'camera[100:200, 50:80] mean inside 20 30'"


@dataclass(frozen=True, eq=False)
class Trigger:
    """A condition on the frames of one source."""

    #: How it was written.
    text: str
    #: Names of the source, and of a channel; ``''`` for any.
    source: str
    channel: str
    #: The part of an array that counts; empty for all of it.
    region: tuple[slice | int, ...]
    #: Which number is made of that (``mean``), and how it is compared (``above``).
    how: str
    kind: str
    #: One number; two for a window.
    limits: tuple[float, ...]

    def number(self, array: NDArray[Any]) -> float:
        """Return the number of an array that is compared; IndexError or ValueError if the array has no such part."""
        part = array[self.region] if self.region else array
        return float(_HOW[self.how](abs(part) if part.dtype.kind == "c" else part))

    def holds(self, number: float) -> bool:
        """Tell whether the condition is true."""
        low, high = self.limits[0], self.limits[-1]
        if self.kind == "above":
            return number > low
        if self.kind == "below":
            return number < low
        return low <= number <= high if self.kind == "inside" else number < low or number > high


def triggers_of(text: str) -> list[Trigger]:
    """Return the conditions in a text; SettingError if one of them can't be understood.

    >>> (found,) = triggers_of('camera[2:4, 0] mean inside 20 30')
    >>> found.source, found.region, found.number(np.full((9, 9), 25.0)), found.holds(25.0)
    ('camera', (slice(2, 4, None), 0), 25.0, True)
    """
    return [_trigger_of(part.strip()) for part in text.split(";") if part.strip()]


def _trigger_of(text: str) -> Trigger:
    found = _FORM.fullmatch(text)
    if found is None:
        raise SettingError(f"Trigger: {text!r} can't be understood; {_HELP}")
    kind = found["kind"]
    try:
        limits = tuple(float(word) for word in found["limits"].split())
    except ValueError:
        raise SettingError(f"Trigger: {found['limits']!r} is no number in {text!r}; {_HELP}") from None
    if len(limits) != (2 if kind in ("inside", "outside") else 1) or limits[0] > limits[-1]:
        raise SettingError(f"Trigger: {text!r} needs one number, a window two, the smaller one first; {_HELP}")
    region = tuple(_part_of(part, text) for part in (found["region"] or "").split(",") if part.strip())
    how = found["how"] or _USUAL.get(kind, "mean")
    return Trigger(text, found["source"], found["channel"] or "", region, how, kind, limits)


def _part_of(word: str, text: str) -> slice | int:
    found = _SLICE.fullmatch(word)
    if found is None or (found[1] is None and not found["colon"]):
        raise SettingError(f"Trigger: {word.strip()!r} is no part of an array in {text!r}; {_HELP}")
    begin, end = (None if number is None else int(number) for number in (found[1], found[3]))
    return slice(begin, end) if found["colon"] else int(found[1])


class Triggers:
    """The conditions of a saver. Each is a reason once it becomes true, not as long as it is.

    >>> triggers = Triggers('meter above 5')
    >>> [triggers.reason('meter', [('meter', np.array([value]))]) for value in (4, 6, 7, 4, 8)]
    ['', 'meter above 5: 6', '', '', 'meter above 5: 8']
    """

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._of: dict[str, list[Trigger]] = {}
        self._true: set[Trigger] = set()
        #: Why a condition can't be looked at, in a sentence; those are looked at no more.
        self.problems: list[str] = []
        for trigger in triggers_of(text):
            self._of.setdefault(trigger.source, []).append(trigger)

    def watches(self, source: str) -> bool:
        """Tell whether there are conditions on frames of a source."""
        return source in self._of

    def reason(self, source: str, channels: Iterable[tuple[str, NDArray[Any]]]) -> str:
        """Return which condition has become true with a frame (its arrays by name), in words; ``''`` for none."""
        found, known = "", list(channels)
        for trigger in [*self._of[source]]:
            try:
                numbers = [
                    trigger.number(array)
                    for name, array in known
                    if trigger.channel in ("", name) and array.dtype.kind in "fiubc"
                ]
            except (IndexError, ValueError) as error:
                self._of[source].remove(trigger)
                self.problems.append(f"The trigger {trigger.text!r} does not fit the frames of {source}: {error}")
                continue
            if not any(map(trigger.holds, numbers)):
                self._true.discard(trigger)
            elif trigger not in self._true:
                self._true.add(trigger)
                number = next(filter(trigger.holds, numbers))
                found = found or f"{trigger.text}: {number:g}"
        return found
