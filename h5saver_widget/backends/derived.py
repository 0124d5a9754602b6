"""Attributes that follow from the data: brought up to date once, before a file is closed.

Rewriting them with every row would cost three times as much as the row itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import Handle
from h5saver_widget.errors import NodeError
from h5saver_widget.format import codec

__all__ = ["update_shapes"]


def update_shapes(backend: Backend, arrays: Iterable[Handle]) -> None:
    """Set ``shape`` (and ``size``, where there is one) of arrays that have grown; deleted ones are skipped."""
    for handle in arrays:
        try:
            shape = backend.info(handle).shape
        except NodeError:
            continue
        values = {"shape": codec.encode(shape)}
        if "size" in backend.get_attributes(handle, ["size"]):
            values["size"] = codec.encode(shape[0])
        backend.set_attributes(handle, values)
