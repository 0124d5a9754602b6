"""The entry check of arrays: every array becomes one that each library stores as it is, or is refused in a sentence.

Strides that repeat memory make PyTables write garbage, masked values would stand as data, and text or records are saved
by one library and not found by the other. So each array passes here once, before anything else looks at it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.errors import DataMismatchError

__all__ = ["PLAIN", "holds", "is_exact", "plain"]

#: Number types that are stored as they are.
PLAIN = frozenset(np.dtype(code) for code in "?bhilqBHILQefdgFDG")

#: Whole numbers up to here, and not beyond, are all float64 as well.
_EXACT = 2**53


def plain(values: Any, what: str, *, also: str = "") -> NDArray[Any]:
    """Return values as an array of numbers that lie in a row, in the byte order of this machine.

    Given are a number, or an array of any strides, byte order and subclass. Masked values become nan; integers and
    booleans with masked values become float64 for it. The result is C-contiguous and native, and the very array that
    was given if that is so already. Kinds of arrays (as numpy calls them) that pass besides numbers are in `also`:
    ``mM`` times, ``US`` text and bytes, with objects that are all text.

    DataMismatchError for records, objects, enumerations (of h5py), and all that is not asked for; for masked integers
    that no float64 holds, and masked text.

    >>> plain(np.broadcast_to(np.float64(2.0), (3,)), 'constant').strides
    (8,)
    >>> plain(np.ma.masked_array([1, 999], mask=[0, 1]), 'counts')
    array([ 1., nan])
    """
    if type(values) is np.ndarray and values.dtype in PLAIN and values.flags.c_contiguous and not values.dtype.metadata:
        return values
    if isinstance(values, np.ma.MaskedArray):
        values = _without_mask(values, what)
    array = np.asarray(values)
    if array.dtype.kind == "O" and "U" in also and all(type(value) is str for value in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "fiubc" + also or "enum" in (array.dtype.metadata or ()):
        raise DataMismatchError(f"{what}: {_refusal(array)}")
    native: NDArray[Any] = array.astype(array.dtype.newbyteorder("="), order="C", copy=False)
    return native


def _without_mask(values: Any, what: str) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(values.data)
    mask = np.ma.getmaskarray(values)
    if not mask.any():
        return array
    if array.dtype.kind in "mM":
        return np.where(mask, array.dtype.type("NaT"), array)
    if array.dtype.kind not in "fiubc":
        raise DataMismatchError(f"{what}: masked text and objects can't be saved; fill the masked values first")
    if array.dtype.kind in "iub":
        if not is_exact(array[~mask]):
            raise DataMismatchError(
                f"{what}: masked integers are saved as float64 with nan, which does not hold numbers beyond 2**53; "
                "save values and mask as two data objects"
            )
        array = array.astype(np.float64)
    return np.where(mask, array.dtype.type(np.nan), array)


def _refusal(array: NDArray[Any]) -> str:
    """Return a sentence with the type of an array, and advice."""
    kind, first = array.dtype.kind, array.flat[0] if array.size else None
    if kind in "US" or (kind == "O" and isinstance(first, (str, bytes))):
        return "text can't be saved as data; save it as an extra attribute of the data, or as a comment in the log"
    if kind in "mM":
        return f"times ({array.dtype}) can't be saved as data; give them as numbers, and name their unit in the units"
    if array.dtype.names:
        fields = ", ".join(array.dtype.names)
        return f"records (of {fields}) can't be saved as one array; save each field as a separate data object"
    if array.dtype.metadata:
        names = ", ".join(map(str, array.dtype.metadata.get("enum", ())))
        return (
            f"numbers with names ({names}) would lose the names; save the plain numbers, np.array(values, "
            f"{array.dtype.name!r}), and the names as an extra attribute of the data"
        )
    return f"an array of {array.dtype} can't be saved as data; give booleans, integers, or real or complex numbers"


def is_exact(values: NDArray[Any]) -> bool:
    """Tell whether float64 holds whole numbers exactly."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return True
    return int(values.min()) >= -_EXACT and int(values.max()) <= _EXACT


def holds(dtype: np.dtype[Any], values: NDArray[Any]) -> bool:
    """Tell whether an array of `dtype` takes values of another number type without changing one.

    >>> holds(np.dtype('float64'), np.array([1, 2])), holds(np.dtype('float64'), np.array([2**53 + 1]))
    (True, False)
    >>> holds(np.dtype('int64'), np.array([0.5])), holds(np.dtype('uint8'), np.array([1], 'uint16'))
    (False, False)
    """
    if dtype.kind in "mMUSb" or values.dtype.kind in "mMUSb":  # numpy calls it safe to store True as 1, 1 as text
        return dtype == values.dtype or (dtype.kind == values.dtype.kind in "US" and dtype > values.dtype)
    if not np.can_cast(values.dtype, dtype, "safe"):
        return False
    # numpy calls it safe to store int64 as float64
    return dtype.kind not in "fc" or dtype.name in ("longdouble", "clongdouble") or is_exact(values)
