"""Sources: which modules have saved something lately, and which that should have did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["PATIENCE", "Sources", "source_names"]

#: How long nothing may come from a source after the start, and at least after its last frame, in s.
PATIENCE: Final = 5.0
#: A source is silent after so many times its usual interval.
INTERVALS: Final = 5.0


def source_names(text: str) -> tuple[str, ...]:
    """Return the names in a text, separated by commas.

    >>> source_names('Camera, Spectrometer,')
    ('Camera', 'Spectrometer')
    """
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


@dataclass
class _Source:
    first: float
    last: float
    frames: int = 1


@dataclass
class Sources:
    """The latest data of each source.

    >>> sources = Sources(required=('Camera', 'Laser'))
    >>> sources.saved('Camera', 1.0)
    >>> sources.missing(now=8.0, since=0.0)
    ('Camera: nothing for 7 s', 'Laser: nothing yet')
    """

    required: tuple[str, ...] = ()
    _known: dict[str, _Source] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget all sources: another recording begins."""
        self._known = {}

    def saved(self, title: str, now: float) -> None:
        """Note a frame."""
        found = self._known.get(title)
        if found is None:
            self._known[title] = _Source(now, now)
        else:
            found.last = now
            found.frames += 1

    def never_came(self) -> str:
        """Return which needed sources have not saved anything, in words; ``''`` if all have."""
        names = [title for title in self.required if title not in self._known]
        return f"Nothing has come from {', '.join(names)}." if names else ""

    def missing(self, now: float, since: float) -> tuple[str, ...]:
        """Return the missing sources at a time, in words; `since` is when recording began."""
        found = []
        for title in self.required:
            source = self._known.get(title)
            if source is None:
                if now - since > PATIENCE:
                    found.append(f"{title}: nothing yet")
                continue
            interval = (source.last - source.first) / max(source.frames - 1, 1)
            if now - source.last > max(PATIENCE, INTERVALS * interval):
                found.append(f"{title}: nothing for {now - source.last:.0f} s")
        return tuple(found)
