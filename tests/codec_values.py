"""What the tests of the codec share: types that files don't know, and what counts as the same value."""

from __future__ import annotations

import datetime
import enum
import json
import math
from typing import Any

import numpy as np

from h5saver_widget.format.codec import _native, _unwrap, _wrapper

UTC = datetime.UTC


class Colour(enum.Enum):
    red = 1


class Level(enum.IntEnum):
    high = 3


class Pair(tuple):
    pass


def same(a: Any, b: Any) -> bool:
    """Equal, of the same type, with nan equal to nan and the sign of zeros kept."""
    if isinstance(a, np.ndarray):
        return type(b) is np.ndarray and (a.dtype, a.shape) == (b.dtype, b.shape) and same(a.tolist(), b.tolist())
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            same(k, j) and same(v, w) for (k, v), (j, w) in zip(a.items(), b.items(), strict=True)
        )
    if isinstance(a, (complex, np.complexfloating)):
        return same(float(a.real), float(b.real)) and same(float(a.imag), float(b.imag))
    if isinstance(a, (float, np.floating)):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    return bool(a == b)


def wrapped(module: str, name: str, data: str, **more: object) -> str:
    return json.dumps({"module": module, "type": name, "data": data, **more})


def decode_strict(raw: object) -> Any:
    """Return the value of an attribute; CodecError for a wrapper that does not hold the text of a plain value."""
    native = _native(raw)
    found = _wrapper(native) if isinstance(native, str) else None
    return native if found is None else _unwrap(found)
