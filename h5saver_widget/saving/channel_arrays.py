"""The common part of the arrays of one data object, whether they grow or have the shape of a scan.

They have one meaning, a number type each, and values that are no numbers are stored as such; see
:mod:`h5saver_widget.saving.value_types`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Handle
from h5saver_widget.data.checks import dim_of
from h5saver_widget.data.plain import holds
from h5saver_widget.data.protocols import AxisLike, DataLike
from h5saver_widget.format.layout import DataType, channel_name
from h5saver_widget.nodes.typed import Array
from h5saver_widget.saving.arrays import AxisSaverLoader
from h5saver_widget.saving.content import storable_fill, store_words
from h5saver_widget.saving.describe import ROW_SHAPE, data_attributes, extras_on
from h5saver_widget.saving.group_cache import CachedGroup
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.meaning import AxisMeaning, Frame, Meaning, errors_change
from h5saver_widget.saving.notices import tell_once
from h5saver_widget.saving.per_row import ExtraRows
from h5saver_widget.saving.value_types import CODED, ValueType

__all__ = ["ChannelArrays"]

Values = npt.NDArray[Any]


class ChannelArrays(ABC):
    """Channels and errors of one data object in a group of the file.

    The arrays have `lead` dimensions before those of a frame. The fill value is that of points that nobody writes.
    """

    _meaning: Meaning
    _extras: ExtraRows
    #: Shape of a row, or of a point, in the file.
    row_shape: tuple[int, ...]

    def __init__(
        self,
        saver: H5SaverLowLevel,
        place: CachedGroup,
        lead: int,
        distribution: str,
        fill_value: float,
        scan_shape: tuple[int, ...] = (),
    ) -> None:
        self._saver, self.place, self._lead = saver, place, lead
        self._distribution, self._fill_value, self._scan_shape = distribution, fill_value, scan_shape
        #: The arrays of the channels.
        self.handles: list[Handle] = []
        self._error_handles: list[Handle] = []
        #: Number types in the file, and what rows hold that nobody writes.
        self._dtypes: dict[Handle, np.dtype[Any]] = {}
        self._fills: dict[Handle, Any] = {}
        self._coded: dict[Handle, ValueType] = {}
        #: Shape of a frame, and the types of its channels as they are given.
        self.frame_shape: tuple[int, ...] = ()
        self.dtypes: list[np.dtype[Any]] = []

    @property
    def is_plain(self) -> bool:
        """Whether a frame is nothing but an array of numbers for each channel."""
        more = self._error_handles or self._coded or self._extras.has_rows
        return not more and 0 not in self.frame_shape

    @property
    def labels(self) -> list[str]:
        """Labels of the channels, in the order of their arrays."""
        return self._meaning.labels

    def axes_change(self, axes: Sequence[AxisLike]) -> str:
        """Return the difference of a frame's signal axes in words, ``''`` if there is none."""
        return self._meaning.axes_change(axes)

    @abstractmethod
    def _make_array(
        self, name: str, dtype: np.dtype[Any], fill: Any, title: str, attributes: Mapping[str, Any]
    ) -> Array:
        """Make an array for frames of this object."""

    def _create(
        self, data_type: DataType, dwa: DataLike, channel: int, dtype: np.dtype[Any], held: Any = None
    ) -> Handle:
        """Make the array of a channel, or of its errors; beside the first one, the signal axes.

        `held` is the value of elements that nobody has written, if that is a value of the channel.
        """
        is_error, is_block = data_type is DataType.error, tuple(dwa.nav_indexes) == (0,) and not self._lead
        more: dict[str, Any] = {"source": "calculated"} if is_error else {}
        if is_block:
            more["data_dimension"] = dim_of(self.row_shape).name
        if 0 in dwa.shape:
            more[ROW_SHAPE] = tuple(dwa.shape[is_block:])
        nav_indexes = (*range(self._lead), *(int(i) + self._lead for i in dwa.nav_indexes))
        described = data_attributes(dwa, channel, data_type, nav_indexes, self._distribution, more)
        if channel == 0 and not is_error and not self._meaning.moving:
            for axis in dwa.axes:
                if axis.index or not is_block:
                    AxisSaverLoader(self._saver).add_to(self.place, axis, axis.index + self._lead)
        fill = np.nan if is_error else self._fill_value
        kind = ValueType(dtype) if dtype.kind in CODED else None
        if kind is None:
            stored, filled, told = dtype, storable_fill(fill, dtype), {}
        else:
            stored, filled, told = kind.stored, kind.fill, kind.attributes
        title = f"{dwa.name}_errors" if is_error else str(dwa.name)
        in_file = filled if held is None or kind is not None else held
        handle = self._make_array(
            channel_name(data_type, channel), stored, in_file, title, {**described, **told}
        ).handle
        self._dtypes[handle], self._fills[handle] = stored, filled
        if kind is not None:
            self._coded[handle] = kind
        return handle

    def _create_errors(self, frame: Frame) -> list[Handle]:
        return [self._create(DataType.error, frame.dwa, i, e.dtype) for i, e in enumerate(frame.errors or ())]

    def _take_meaning(self, nodes: Sequence[Array], axes: Iterable[AxisMeaning], units: str) -> tuple[int, ...]:
        """Take the meaning of arrays that are in the file, and return the shape of a frame.

        `units` are those of arrays that have none written beside them: the peer writes none for arrays that grow.
        """
        described = nodes[0].attrs.to_dict()
        labels = [str(node.attrs.get("label", "")) for node in nodes]
        source = str(described.get("source", "raw"))
        self._meaning = Meaning(str(described.get("units", units)), labels, source, axes)
        self._extras = ExtraRows(self._saver, self.place, extras_on(described), self._scan_shape or None)
        return tuple(described.get(ROW_SHAPE, self.row_shape or (1,)))

    def _found(self, data_type: DataType) -> list[Array]:
        """Return the arrays of a role that are in the file, and remember them."""
        found = []
        for _, name in self.place.numbered(data_type.value):
            node = self.place.group.get_child(name)
            if isinstance(node, Array):
                self._dtypes[node.handle], kind = node.dtype, ValueType.on(node)
                if kind is not None:
                    self._coded[node.handle], self._fills[node.handle] = kind, kind.fill
                found.append(node)
        return found

    def _complete(self, frame_shape: tuple[int, ...]) -> None:
        """Take note that all channels are there, for frames of this shape."""
        self.frame_shape = frame_shape
        self.dtypes = [self._coded[h].dtype if h in self._coded else self._dtypes[h] for h in self.handles]

    def change(self, frame: Frame, shape: tuple[int, ...] | None = None) -> str:
        """Return why a frame does not belong into these arrays, ``''`` if it does.

        `shape` is that of one point of the frame, where the frame has several.
        """
        if (shape or frame.shape) != self.frame_shape:
            return f"shape {shape or frame.shape} instead of {self.frame_shape}"
        if len(frame.data) != len(self.handles):
            return f"{len(frame.data)} channels instead of {len(self.handles)}"
        said = self._meaning.change(frame)
        if self._meaning.notice:
            tell_once(self._saver, f"{frame.dwa.name}: {self._meaning.notice}")
            self._meaning.notice = ""
        if said:
            return said
        if frame.dtypes != self.dtypes:
            for dtype, given, values in zip(self.dtypes, frame.dtypes, frame.data, strict=True):
                if given != dtype and not holds(dtype, values):
                    return f"numbers of type {values.dtype} instead of {dtype}"
        if frame.errors is None and not self._error_handles:
            return ""
        return errors_change([self._dtypes[handle] for handle in self._error_handles], frame.errors or [])

    def _as_stored(self, frame: Frame) -> list[Values]:
        """Return the channels of a frame that belongs here in the number types of the file.

        Of text with words that are new, errors as of :func:`~h5saver_widget.saving.content.store_words`.
        """
        found = []
        for handle, values in zip(self.handles, frame.data, strict=True):
            kind = self._coded.get(handle)
            found.append(
                values.astype(self._dtypes[handle], copy=False)
                if kind is None
                else store_words(self._saver, handle, kind, values)
            )
        return found

    def _errors_as_stored(self, frame: Frame, shape: tuple[int, ...]) -> list[tuple[Handle, Values]]:
        """Return the errors of a frame, for each of its arrays; those of a frame without errors are not known."""
        found = []
        errors: Sequence[Values | None] = frame.errors or [None] * len(self._error_handles)
        for handle, values in zip(self._error_handles, errors, strict=True):
            dtype = self._dtypes[handle]
            known = np.full(shape, self._fill_of(handle), dtype) if values is None else values.astype(dtype, copy=False)
            found.append((handle, known.reshape(shape)))
        return found

    def _fill_of(self, handle: Handle) -> Any:
        """Return the value of rows that nobody writes."""
        if handle not in self._fills:  # found in the file
            fill = np.nan if handle in self._error_handles else self._fill_value
            self._fills[handle] = storable_fill(fill, self._dtypes[handle])
        return self._fills[handle]

    def _knows_words(self, frame: Frame) -> bool:
        """Tell whether a frame that belongs here has no words that are new."""
        kinds = [self._coded.get(handle) for handle in self.handles] if self._coded else []
        return not any(kind is not None and kind.news(values) for kind, values in zip(kinds, frame.data, strict=False))
