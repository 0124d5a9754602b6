"""The interface of an exporter: a format, the data it accepts, and the writing of one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from h5saver_widget.exporters.job import Job
    from h5saver_widget.exporters.source import Source

__all__ = ["Exporter", "Takes"]


class Takes(Enum):
    """The content of one file of a format."""

    DATA = "one data object"
    BUNDLE = "any number of data objects"
    NODES = "nodes of a file, as they are"


class Exporter(ABC):
    """Writes one format.

    A subclass describes itself in class attributes and implements :meth:`write`; a line in the table of
    :mod:`~h5saver_widget.exporters.registry`, or an entry point of the group ``h5saver_widget.exporters``, makes it
    known. The caller does the rest: a temporary name and the renaming, folders for groups whose format takes one data
    object a file, progress, stopping.

    Attributes
    ----------
    name
        Name of the format for people, ``'csv'``.
    extensions
        Extensions of its files, with the dot; the first one is the usual one.
    help
        One sentence.
    takes
        The content of one file.
    libraries
        Modules that it needs beyond those of this package.
    extra
        The optional extra that installs them.
    kinds
        Kinds of arrays that it holds, as numpy calls them; objects with others are left out, and that is said.

    Examples
    --------
    >>> import pathlib, tempfile, numpy as np
    >>> from h5saver_widget import DataRaw
    >>> from h5saver_widget.exporters import export
    >>> class Sums(Exporter):
    ...     name, extensions, help, takes = 'sums', ('.sum',), 'the sum of every channel', Takes.DATA
    ...     def write(self, source, path, job):
    ...         path.write_text(' '.join(str(sum(block.sum() for _, block in job.blocks(channel.array)))
    ...                                  for channel in source.items[0].channels))
    >>> data = DataRaw('counts', data=[np.arange(4), np.ones(4)])
    >>> export(data, pathlib.Path(tempfile.mkdtemp()) / 'counts.sum', Sums()).path.read_text()
    '6 4.0'
    """

    name: ClassVar[str]
    extensions: ClassVar[tuple[str, ...]]
    help: ClassVar[str]
    takes: ClassVar[Takes]
    libraries: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = "export"
    kinds: ClassVar[str] = "biufc"

    @abstractmethod
    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write one file.

        Parameters
        ----------
        source
            The exported data: ``source.items`` (exactly one for ``Takes.DATA``), or ``source.node`` for
            ``Takes.NODES``.
        path
            Where to; a name that nothing has yet, on the disk of the final one.
        job
            Read arrays with ``job.blocks``: slices that fit into memory, with progress; WorkStoppedError is raised when
            the user stops. ``job.notes`` takes sentences about data that the format can't hold.

        Raises
        ------
        ExportError
            If these data can't be written in this format.
        """
