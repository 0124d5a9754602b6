"""DataLoader: data objects back from a file, with their navigation axes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from h5saver_widget import naming
from h5saver_widget.data import DataToExport, DataWithAxes
from h5saver_widget.errors import NodeError
from h5saver_widget.nodes import GROUP, Array, Node
from h5saver_widget.saving.assemble import MEASURED, data_from, family, nav_group_of
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.management import DataManagement

__all__ = ["DataLoader"]


class DataLoader(DataManagement):
    """Loads data objects from the open file of a saver, or from a file, which is opened for reading only.

    Parameters
    ----------
    h5saver
        A saver with an open file, or the path of an existing file.
    swmr_mode
        For a path: the file is being written (SWMR) by another program.

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
            saver.open_file(Path(h5saver), "r", swmr_mode=swmr_mode)
            h5saver = saver
        super().__init__(h5saver)

    def walk_nodes(self, where: Where = "/") -> Iterator[Node]:
        """Iterate over a node and everything below it."""
        return self.h5saver.walk_nodes(where)

    def get_node(self, where: Where, name: str | None = None) -> Node:
        """Return a node."""
        return self.h5saver.get_node(where, name)

    def get_nav_group(self, where: Where) -> GROUP | None:
        """Return the group of the navigation axes of a node, None if there is none."""
        return nav_group_of(self.h5saver.get_node(where))

    def load_data(self, where: Where, with_bkg: bool = False, load_all: bool = False) -> DataWithAxes:
        """Return the data stored in an array node, with navigation axes.

        Parameters
        ----------
        where
            Path or node of the array.
        with_bkg
            Subtract the background that was saved under the same number.
        load_all
            Take all channels of the data object, not this array alone.

        Raises
        ------
        NodeError
            If there is no such array.
        """
        with self.h5saver.io.lock:
            return data_from(self.h5saver.get_node(where), with_bkg=with_bkg, load_all=load_all)

    def load_all(self, where: Where = "/", dte: DataToExport | None = None, with_bkg: bool = False) -> DataToExport:
        """Return every data object at or below a group.

        Parameters
        ----------
        where
            Group to start from.
        dte
            Bundle that the data are added to; a new one by default.
        with_bkg
            Subtract backgrounds.
        """
        bundle = DataToExport(name=self.h5saver.filename or "loaded") if dte is None else dte
        with self.h5saver.io.lock:
            for group in self.h5saver.walk_groups(where):
                for node in self._first_channels(group):
                    bundle.append(data_from(node, with_bkg=with_bkg, load_all=True))
        return bundle

    def _first_channels(self, group: GROUP) -> Iterator[Node]:
        """Iterate over the first channel of every data object right below a group."""
        seen: set[tuple[Any, ...]] = set()
        for name in group.children_name():
            if any(naming.number_of(name, data_type.value) is not None for data_type in MEASURED):
                node = group.get_child(name)
                if not isinstance(node, Array):
                    continue
                key = family(node, node.attrs.to_dict())
                if key not in seen:
                    seen.add(key)
                    yield node

    def load_data_from_name_origin(
        self, name: str, origin: str = "", where: Where = "/", with_bkg: bool = False
    ) -> DataWithAxes:
        """Return the first data object of that name (and origin) at or below a group.

        Raises
        ------
        NodeError
            If there is none.
        """
        with self.h5saver.io.lock:
            for group in self.h5saver.walk_groups(where):
                for node in self._first_channels(group):
                    attributes = node.attrs
                    if attributes.get("TITLE") == name and (not origin or attributes.get("origin") == origin):
                        return data_from(node, with_bkg=with_bkg, load_all=True)
        raise NodeError(
            f"{self.h5saver.file_path} holds no data named {name!r}" + (f" of {origin!r}" if origin else "")
        )
