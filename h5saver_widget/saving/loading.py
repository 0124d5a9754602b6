"""DataLoader: data objects back from a file, with their navigation axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from h5saver_widget.data import DataToExport, DataWithAxes
from h5saver_widget.errors import NodeError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import FIRST_ROW, SEGMENT_NUMBER, SEGMENT_OF
from h5saver_widget.nodes.typed import GROUP, Array, ListedGroup, Node
from h5saver_widget.saving.assemble import data_from, data_in, is_data, nav_group_of
from h5saver_widget.saving.foreign import signal_of
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.joining import joined, joined_scan
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.management import DataManagement
from h5saver_widget.saving.own_rows import first_of, numbers_in

__all__ = ["DataLoader"]


class DataLoader(DataManagement):
    """Loads data objects from the open file of a saver, or from a file, which is opened for reading only.

    Parameters
    ----------
    h5saver
        A saver with an open file, or the path of an existing file.
    swmr_mode
        For a path: the file is being written (SWMR) by another program.
    **options
        For a path: ``backend``, and ``allow``, the folders in which other files may be read where the values of arrays
        stand in these.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from h5saver_widget import DataRaw, DataSaverLoader, H5SaverLowLevel
    >>> path = pathlib.Path(tempfile.mkdtemp()) / 'load.h5'
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(path)
    ...     DataSaverLoader(h5saver).add_data('/RawData', DataRaw('spectrum', data=[np.arange(4.0)], units='V'))
    >>> with DataLoader(path) as loader:
    ...     loader.load_data('/RawData/Data00').units
    'V'
    """

    def __init__(self, h5saver: H5SaverLowLevel | Path | str, swmr_mode: bool = False, **options: Any) -> None:
        if isinstance(h5saver, (str, Path)):
            saver = H5SaverLowLevel(backend=options.get("backend"))
            saver.open_file(Path(h5saver), "r", swmr_mode=swmr_mode, allow=options.get("allow", ()))
            h5saver = saver
        super().__init__(h5saver)

    def walk_nodes(self, where: Where = "/", depth: int | None = None, only_groups: bool = False) -> Iterator[Node]:
        """Iterate over a node and the nodes below it; see :meth:`H5Backend.walk_nodes`."""
        return self.h5saver.walk_nodes(where, depth, only_groups)

    def get_node(self, where: Where, name: str | None = None) -> Node:
        """Return a node."""
        return self.h5saver.get_node(where, name)

    def get_nav_group(self, where: Where) -> GROUP | None:
        """Return the group of the navigation axes of a node, None if there is none."""
        return nav_group_of(self.h5saver.get_node(where))

    def load_data(
        self, where: Where, with_bkg: bool = False, load_all: bool = False, *, lazy: bool = False, raw: bool = False
    ) -> DataWithAxes:
        """Return the data stored in an array node, with navigation axes.

        Parameters
        ----------
        where
            Path or node of the array.
        with_bkg
            Subtract the background that was saved under the same number.
        load_all
            Take all channels of the data object, not this array alone.
        lazy
            Leave channels and errors on disk: each is a :class:`~h5saver_widget.data.lazy.LazyArray` of the same shape
            and number type, read slice by slice (``data.inav[3]``, ``data.isig[10:20]``, ``data[0][3]``) as long as the
            file is open; a slice taken later raises FileNotOpenError or NodeError. Axes are read.
        raw
            Of arrays of other programs (NeXus, netCDF...), return the numbers as stored: without scale,
            offset, fill values and dates.

        Raises
        ------
        NodeError
            If there is no such array.
        DataMismatchError
            If the arrays, axes and errors in the file don't fit together.

        Examples
        --------
        >>> import tempfile, pathlib, numpy as np
        >>> from h5saver_widget import DataRaw, DataSaverLoader, H5SaverLowLevel
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'frames.h5'
        >>> with H5SaverLowLevel() as h5saver:
        ...     _ = h5saver.init_file(path)
        ...     frames = DataRaw('frames', data=[np.arange(24).reshape(4, 2, 3)], nav_indexes=(0,))
        ...     DataSaverLoader(h5saver).add_data('/RawData', frames)
        >>> with DataLoader(path) as loader:
        ...     scan = loader.load_data('/RawData/Data00', lazy=True)
        ...     scan.shape, scan.inav[3].data[0].tolist()
        ((4, 2, 3), [[18, 19, 20], [21, 22, 23]])
        """
        with self.h5saver.io.lock:
            return data_from(self.h5saver.get_node(where), with_bkg=with_bkg, load_all=load_all, lazy=lazy, raw=raw)

    def load_all(
        self, where: Where = "/", dte: DataToExport | None = None, with_bkg: bool = False, *, lazy: bool = False
    ) -> DataToExport:
        """Return every data object at or below a group.

        Parameters
        ----------
        where
            Group to start from.
        dte
            Bundle that the data are added to; a new one by default.
        with_bkg
            Subtract backgrounds.
        lazy
            Leave channels and errors on disk, see :meth:`load_data`.
        """
        bundle = DataToExport(name=self.h5saver.filename or "loaded") if dte is None else dte
        with self.h5saver.io.lock:
            groups = list(self._groups_below(where))
            segments = self._segments(groups)
            later = {group.path for found in segments.values() for group in found}
            load = partial(_load, with_bkg=with_bkg, load_all=True, lazy=lazy)
            for group in groups:
                if group.path in later:
                    continue  # where its stream begins
                objects = [data for g in (group, *segments.get(group.path, ())) for data in self._data_objects(g)]
                found = [load(channels) for channels in objects]
                if group.path in segments:
                    numbers = numbers_in(group)
                    whole = partial(_whole, load, objects)
                    found = joined(found) if numbers is None else joined_scan(found, whole, numbers)
                for data in found:
                    bundle.append(data)
        return bundle

    def _segments(self, groups: list[GROUP]) -> dict[str, list[GROUP]]:
        """Return the segments of streams that begin in one of these groups, in their order, by its path."""
        known = {group.path for group in groups}
        found: dict[str, list[tuple[int, Any, GROUP]]] = {}
        for group in groups:
            if naming.number_of(group.name, "CH") is None:
                continue
            told = group.attrs.get(SEGMENT_OF)
            first = None if told is None else first_of(group, told)
            if first is not None and first.path in known:
                number = group.attrs.get(FIRST_ROW, group.attrs.get(SEGMENT_NUMBER, 0))
                found.setdefault(first.path, []).append((number, naming.natural_key(group.name), group))
        for items in found.values():
            items.sort(key=lambda item: item[:2])
        return {path: [group for _, _, group in items] for path, items in found.items()}

    def data_objects_below(self, where: Where) -> Iterator[list[Array]]:
        """Iterate over the data objects at or below a group: all channels of each, segments one by one."""
        for group in self._groups_below(where):
            yield from self._data_objects(group)

    def _groups_below(self, where: Where) -> Iterator[GROUP]:
        top = self.h5saver.get_group(where)
        return self.h5saver.walk_groups(ListedGroup(top.backend, top.handle))

    def _data_objects(self, group: GROUP) -> Iterator[list[Array]]:
        """Iterate over the data objects right below a group: all channels of each."""
        signal = signal_of(group, group.attrs.to_dict(), group.children_name())  # of NeXus
        for channels in data_in(group):
            if channels[0].name == signal or is_data(channels[0]):
                yield channels

    def load_data_from_name_origin(
        self, name: str, origin: str = "", where: Where = "/", with_bkg: bool = False, *, lazy: bool = False
    ) -> DataWithAxes:
        """Return the first data object of that name (and origin) at or below a group; `lazy` as in :meth:`load_data`.

        Raises
        ------
        NodeError
            If there is none.
        """
        with self.h5saver.io.lock:
            for channels in self.data_objects_below(where):
                attributes = channels[0].attrs if isinstance(channels[0], Array) else {}
                if attributes.get("TITLE") == name and (not origin or attributes.get("origin") == origin):
                    return data_from(channels[0], channels=channels, with_bkg=with_bkg, load_all=True, lazy=lazy)
        raise NodeError(
            f"{self.h5saver.file_path} holds no data named {name!r}" + (f" of {origin!r}" if origin else "")
        )


def _load(channels: list[Array], **options: Any) -> DataWithAxes:
    return data_from(channels[0], channels=channels, **options)


def _whole(load: Callable[..., DataWithAxes], objects: list[list[Array]], number: int) -> DataWithAxes:
    return load(objects[number], cut=False)
