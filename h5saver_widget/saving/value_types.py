"""Values that are no numbers, stored as numbers: times as counts of their unit, text as numbers of its words.

Every library and every program opens such an array: it holds integers. Two attributes say what they stand for, and the
loader gives the values back. A text type of HDF5 would do for one library, and be out of sight of another's loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.errors import DataMismatchError
from h5saver_widget.nodes.typed import Array

__all__ = ["CODED", "VALUE_TYPE", "WORDS", "ValueType", "coded", "type_of"]

#: Kinds of arrays (as numpy calls them) that are stored by their value type: times, durations, text, bytes.
CODED: Final = "mMUS"

VALUE_TYPE, WORDS = "value_type", "value_words"

#: So many characters of different words may an array have: they stand in an attribute, which is read whole.
_MOST: Final = 50_000

_NAMES: Final = {"U": "text", "S": "bytes"}


class ValueType:
    """The meaning of the integers of one array: ``datetime64``, ``timedelta64``, text or bytes of any length.

    >>> kind = ValueType(np.dtype('U'))
    >>> kind.learn(np.array(['on', 'off', 'on'])), kind.numbers(np.array(['off', 'on']))
    (True, array([2, 1], dtype=int32))
    >>> kind.values(np.array([0, 1, 2]))
    array(['', 'on', 'off'], dtype='<U3')
    >>> ValueType(np.dtype('datetime64[s]')).numbers(np.array(['1970-01-01T00:01:00'], 'datetime64[s]'))
    array([60])
    """

    def __init__(self, dtype: np.dtype[Any], words: tuple[str, ...] = ("",)) -> None:
        self.is_text = dtype.kind in _NAMES
        #: Type of the values; of text and bytes without a length.
        self.dtype = np.dtype(dtype.kind) if self.is_text else dtype
        #: Number type on the disk.
        self.stored: np.dtype[Any] = np.dtype(np.int32 if self.is_text else np.int64)
        #: Number of a value that was never written: no time, the empty text.
        self.fill = 0 if self.is_text else int(np.iinfo(np.int64).min)
        #: The texts that are numbered already.
        self._words = {word: number for number, word in enumerate(words)}
        self._characters = sum(map(len, words))

    @classmethod
    def on(cls, node: Array) -> ValueType | None:
        """Return the value type of an array in a file; None if its numbers are numbers."""
        if node.dtype not in (np.int32, np.int64):
            return None
        attributes = node.attrs
        return cls.told(attributes.to_dict()) if VALUE_TYPE in attributes else None

    @classmethod
    def told(cls, attributes: Mapping[str, Any]) -> ValueType | None:
        """Return the value type that the attributes of an array tell, None if they tell none."""
        name, words = attributes.get(VALUE_TYPE), attributes.get(WORDS)
        for kind, known in _NAMES.items():
            if name == known and isinstance(words, (tuple, list)):
                return cls(np.dtype(kind), tuple(map(str, words)))
        try:
            dtype = np.dtype(str(name))
        except TypeError:  # of a later version, perhaps
            return None
        return cls(dtype) if dtype.kind in "mM" else None

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes that tell it."""
        if not self.is_text:
            return {VALUE_TYPE: self.dtype.name}
        return {VALUE_TYPE: _NAMES[self.dtype.kind], WORDS: tuple(self._words)}

    def news(self, values: NDArray[Any]) -> list[str]:
        """Return the words that have no number yet; DataMismatchError if there are too many of them."""
        if not self.is_text:
            return []
        new = [word for word in dict.fromkeys(map(_text, values.reshape(-1).tolist())) if word not in self._words]
        if new and self._characters + sum(map(len, new)) > _MOST:
            raise DataMismatchError(
                f"text that has more than {_MOST:,} characters of different words can't be saved as data; save it as "
                "an extra attribute of the data, or as a comment in the log"
            )
        return new

    def learn(self, values: NDArray[Any]) -> bool:
        """Give the words that are new a number; return whether there were any."""
        new = self.news(values)
        for word in new:
            self._words[word] = len(self._words)
            self._characters += len(word)
        return bool(new)

    def numbers(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the numbers that stand for values, all of them known."""
        if not self.is_text:
            return np.ascontiguousarray(values).view(np.int64)
        words = self._words
        found = [words[_text(value)] for value in values.reshape(-1).tolist()]
        return np.array(found, np.int32).reshape(values.shape)

    def values(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Return the values of numbers; numbers without a word (of a damaged file) are the empty text."""
        if not self.is_text:
            return np.ascontiguousarray(numbers, np.int64).view(self.dtype)
        words = [word.encode("latin-1") for word in self._words] if self.dtype.kind == "S" else [*self._words]
        known = np.where((numbers >= 0) & (numbers < len(words)), numbers, 0)
        return np.array(words, self.dtype)[known]


def type_of(array: NDArray[Any]) -> np.dtype[Any]:
    """Return the type of an array; text and bytes of every length have one."""
    return np.dtype(array.dtype.kind) if array.dtype.kind in _NAMES else array.dtype


def coded(array: NDArray[Any]) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return an array as it is stored, and the attributes that tell what its numbers stand for, if they are none."""
    if array.dtype.kind not in CODED:
        return array, {}
    kind = ValueType(array.dtype)
    kind.learn(array)
    return kind.numbers(array), kind.attributes


def _text(value: str | bytes) -> str:
    """Return a word as it is kept: each byte of bytes is a character."""
    return value.decode("latin-1") if isinstance(value, bytes) else value
