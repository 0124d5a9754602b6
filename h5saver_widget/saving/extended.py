"""Arrays of a scan: made in the shape of the whole scan, then written point by point in any order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Handle
from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.layout import PER_ROW, SEGMENT_ARRAY, DataType, channel_name
from h5saver_widget.nodes.typed import CARRAY
from h5saver_widget.saving.assemble import axis_from
from h5saver_widget.saving.channel_arrays import ChannelArrays
from h5saver_widget.saving.group_cache import CachedGroup
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.meaning import AxisMeaning, Frame, Meaning, stored_shape
from h5saver_widget.saving.notices import tell
from h5saver_widget.saving.per_row import ExtraRows
from h5saver_widget.saving.repeated import FramePattern

__all__ = ["ExtendedArrays", "Point", "RepeatedPoint", "ScanStream", "checked_indexes"]

Values = npt.NDArray[Any]


def checked_indexes(indexes: Sequence[int], scan_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the position of a point; DataMismatchError if it is not in a scan of that shape."""
    at = tuple(map(int, indexes if isinstance(indexes, (tuple, list)) else np.atleast_1d(indexes)))
    if len(at) == len(scan_shape):
        for i, n in zip(at, scan_shape, strict=True):
            if not 0 <= i < n:
                break
        else:
            return at
    raise DataMismatchError(
        f"the point {at} is not in a scan of shape {scan_shape}; give one index per scan dimension, from 0"
    )


class Point:
    """The checked writes of a point, of one module or of several."""

    __slots__ = ("_at", "_saver", "appended", "values")

    def __init__(self, saver: H5SaverLowLevel, at: tuple[int, ...]) -> None:
        self._saver, self._at = saver, at
        #: Values at the position, and what is added at the end of arrays of text.
        self.values: list[tuple[Handle, Values]] = []
        self.appended: list[tuple[Handle, Values]] = []

    def __call__(self) -> None:
        """Write it: one call for all arrays."""
        for handle, values in self.appended:
            self._saver.io.append(handle, values)
        if self.values:
            self._saver.io.write_point(self._at, self.values)

    @property
    def size(self) -> int:
        """Bytes of all values."""
        size = 0
        for _, values in self.values:
            size += values.nbytes
        return size

    def add(self, other: Point) -> None:
        """Have the writes of another module written together with these."""
        self.values += other.values
        self.appended += other.appended


class ExtendedArrays(ChannelArrays):
    """The arrays of one data object in a scan: made full of the fill value, then written point by point.

    Shape, number types and meaning come from the first frame. The scan has a number of points along every dimension;
    ``(n,)`` is a spread scan of n points. Integers have no nan: their fill value is 0.
    """

    def __init__(
        self,
        saver: H5SaverLowLevel,
        place: CachedGroup,
        frame: Frame,
        scan_shape: tuple[int, ...],
        distribution: str,
        fill_value: float,
    ) -> None:
        super().__init__(saver, place, len(scan_shape), distribution, fill_value, scan_shape)
        given = frame.shape
        self.row_shape = () if given == (1,) else stored_shape(given)
        if channel_name(DataType.data, 0) in place.names:
            given = self._reopen()
        else:
            frame.as_given()
            self._meaning = Meaning.of(frame.dwa)
            self.handles = [self._create(DataType.data, frame.dwa, i, a) for i, a in enumerate(frame.dtypes)]
            self._error_handles = self._create_errors(frame)
            self._extras = ExtraRows(saver, place, frame.dwa, scan_shape)
        self._complete(given)

    def _reopen(self) -> tuple[int, ...]:
        nodes = self._found(DataType.data)
        self.handles = [node.handle for node in nodes]
        self._error_handles = [node.handle for node in self._found(DataType.error)]
        dims, shape = self._lead, nodes[0].info.shape
        if shape[:dims] != self._scan_shape:
            raise DataMismatchError(
                f"{nodes[0].path} has shape {shape}, this scan has {self._scan_shape} points; start a new scan"
            )
        self.row_shape = tuple(shape[dims:])
        own = [axis_from(self.place.group.get_child(name)) for _, name in self.place.numbered("Axis")]
        return self._take_meaning(nodes, [AxisMeaning(a, a.index - dims) for a in own if a.index >= dims], "")

    def _make_array(
        self, name: str, dtype: np.dtype[Any], fill: Any, title: str, attributes: Mapping[str, Any]
    ) -> CARRAY:
        return self._saver.create_carray(
            self.place.group,
            name,
            title=title,
            shape=(*self._scan_shape, *self.row_shape),
            dtype=dtype,
            fill_value=fill,
            frame_axes=len(self.row_shape),
            attributes=attributes,
        )

    def is_complete_for(self, frame: Frame) -> bool:
        """Tell whether no array has to be made for a frame that belongs here."""
        if frame.errors is not None and not self._error_handles:
            return False
        return self._extras.is_same(frame.dwa) and self._knows_words(frame)

    def add_to(self, point: Point, frame: Frame, at: tuple[int, ...]) -> None:
        """Add the data of a frame that belongs here to the writes of a point."""
        shape, found = self.row_shape, point.values
        data = frame.data if frame.dtypes == self.dtypes and not self._coded else self._as_stored(frame)
        for handle, values in zip(self.handles, data, strict=True):
            found.append((handle, values if values.shape == shape else values.reshape(shape)))
        if frame.errors is not None or self._error_handles:
            if not self._error_handles:
                self._error_handles = self._create_errors(frame)  # they may come later than the data
            found += self._errors_as_stored(frame, shape)
        if not self._extras.is_same(frame.dwa):
            row = int(np.ravel_multi_index(at, self._scan_shape))
            for handle, values in self._extras.checked(frame.dwa, row):
                (found if values.ndim == 0 else point.appended).append((handle, values))


class ScanStream:
    """The data of one name and origin in a scan: the segments in which they are saved.

    A point goes into the segment with its meaning, or into a new one: points are measured in any order, and an
    instrument may return to earlier settings. `place_after` makes the group of the next segment, for the first group, a
    frame and a number; `make` makes arrays in a group for a frame, or finds them; `places` are the groups of the
    segments that are there.
    """

    def __init__(
        self,
        saver: H5SaverLowLevel,
        place_after: Callable[[CachedGroup, Frame, int], CachedGroup],
        make: Callable[[CachedGroup, Frame], ExtendedArrays],
        places: Sequence[CachedGroup],
        frame: Frame,
        scan_shape: tuple[int, ...],
    ) -> None:
        self._saver, self._place_after, self._make = saver, place_after, make
        self._scan_shape = scan_shape
        self._segments = [make(place, frame) for place in places]
        self._current = len(places) - 1
        first = places[0]
        self._numbers = saver.get_node(first.group, SEGMENT_ARRAY).handle if SEGMENT_ARRAY in first.names else None

    def _number_for(self, frame: Frame) -> int | None:
        if not self.arrays.change(frame):
            return self._current
        return next((i for i, arrays in enumerate(self._segments) if not arrays.change(frame)), None)

    @property
    def arrays(self) -> ExtendedArrays:
        """The arrays of the segment that the last point went into."""
        return self._segments[self._current]

    @property
    def marks(self) -> list[tuple[Handle, Values]]:
        """The number of that segment, which is written with each point; nothing where there is one segment."""
        return [] if self._numbers is None else [(self._numbers, np.asarray(self._current, np.uint16))]

    def is_ready_for(self, frame: Frame) -> bool:
        """Tell whether no array has to be made for a frame."""
        number = self._number_for(frame)
        return number is not None and self._segments[number].is_complete_for(frame)

    def add_to(self, point: Point, frame: Frame, at: tuple[int, ...]) -> None:
        """Add a frame to the writes of a point."""
        changed = self.arrays.change(frame)
        if changed:
            number = self._number_for(frame)
            self._current = self._begin(frame, changed) if number is None else number
        self.arrays.add_to(point, frame, at)
        point.values += self.marks

    def _begin(self, frame: Frame, changed: str) -> int:
        if len(self._segments) > np.iinfo(np.uint16).max:
            raise DataMismatchError(f"{frame.dwa.name}: {changed}, after 65,536 such changes; start a new scan")
        saver, first = self._saver, self._segments[0].place
        if self._numbers is None:
            self._numbers = saver.create_carray(
                first.group,
                SEGMENT_ARRAY,
                title="segment of each point",
                shape=self._scan_shape,
                dtype=np.uint16,
                fill_value=0,
                frame_axes=0,
                attributes={"data_type": PER_ROW},
            ).handle
        place = self._place_after(first, frame, len(self._segments))
        self._segments.append(self._make(place, frame))
        tell(saver, f"{frame.dwa.name}: {changed}; points that are like this are in {place.group.path}")
        return len(self._segments) - 1


class RepeatedPoint(FramePattern):
    """The data of a point, and where later ones of the same meaning are written: a stream for each data object."""

    def __init__(self, dte: DataToExportLike, streams: Sequence[ScanStream]) -> None:
        segments = [stream.arrays for stream in streams]
        super().__init__(dte, segments)
        self._segments = [*zip(streams, segments, strict=True)]
        self._marks = [mark for stream in streams for mark in stream.marks]
        shapes = [arrays.row_shape for arrays in segments for _ in arrays.handles]
        self._reshaped = shapes if () in shapes else None

    @property
    def is_valid(self) -> bool:
        """Whether points of this meaning still go into these arrays alone."""
        return all(stream.arrays is arrays and arrays.is_plain for stream, arrays in self._segments)

    def add_to(self, point: Point, dte: DataToExportLike) -> bool:
        """Add data to the writes of a point; False, and nothing done, if their meaning is not the same."""
        values = self.values_of(dte)
        if values is None:
            return False
        if self._reshaped:
            values = [array.reshape(shape) for array, shape in zip(values, self._reshaped, strict=True)]
        point.values += zip(self.handles, values, strict=True)
        point.values += self._marks
        return True
