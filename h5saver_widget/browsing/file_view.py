"""One open file of a browser: answers a window's questions as plain data.

Every call may be made in a worker thread. Nothing is written but a comment, when it is asked for.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from h5saver_widget.archiving.missing import missing_in
from h5saver_widget.backends.registry import READS_ALL
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing.describing import COMMENTS, NodeReport, describe
from h5saver_widget.browsing.drawings import Curves, Part
from h5saver_widget.browsing.opening import Readers, open_to_look
from h5saver_widget.browsing.plotting import DataReader
from h5saver_widget.browsing.rows import TreeRow, rows_of
from h5saver_widget.browsing.searching import MOST_FOUND, Child, children_of, groups_below, search
from h5saver_widget.errors import FileNotOpenError, FileOpenError, NodeError
from h5saver_widget.format.text import format_size
from h5saver_widget.nodes.typed import GROUP, LINK, Array
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["MOST_FOUND", "Child", "FileView"]


class FileView:
    """A file to look at: a path, opened here for reading only, or an open file (that of a saver).

    The latter is asked through its own handle. When the saver has closed it, the same file is opened here for reading,
    and stays on screen. A `backend` of None is the default; `isolated`, see
    :func:`~h5saver_widget.browsing.opening.open_to_look`.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / 'look.h5'
    >>> with H5SaverLowLevel('detector') as h5saver:
    ...     _ = h5saver.init_file(path)
    >>> with FileView(path) as view:
    ...     [name for name, kind in view.children('/RawData')], view.describe('/RawData').title
    (['Logger'], 'Data from PyMoDAQ modules')
    """

    def __init__(
        self,
        source: Path | str | H5Backend,
        backend: str | None = None,
        *,
        isolated: bool = False,
        readers: Readers | None = None,
    ) -> None:
        self._backend = backend
        self._take_from = readers or Readers(backend, isolated=isolated)
        #: Kept while the file is opened again: to start a process is most of a look at a file that has grown.
        self._reader: H5Backend | None = None
        self._saver = source if isinstance(source, H5Backend) else None
        self._path = source.file_path if isinstance(source, H5Backend) else Path(source)
        self._h5: H5Backend | None = None
        self._seen: tuple[Hashable, ...] | None = None
        self._readers: dict[tuple[str, bool, bool, Part, bool], DataReader] = {}
        #: Whether numbers of other programs are shown as they are stored in the file: without scale, offset and dates.
        self.as_stored = False
        self._sizes: dict[str, tuple[int, ...]] = {}
        #: A notice about the way the file is open.
        self.note = ""
        #: Show the next file of a saver as soon as it has one; else the one that is shown stays, closed or not.
        self.goes_on = False
        self._allowed: list[Path] = []

    # ------------------------------------------------------------------ file
    @property
    def is_own(self) -> bool:
        """Whether a path was given, and not a saver."""
        return self._saver is None

    @property
    def is_live(self) -> bool:
        """Whether the file is read through a saver, which has it open. Never waits."""
        saver = self._saver
        return saver is not None and saver.isopen() and saver.file_path == (self._path or saver.file_path)

    @property
    def is_remote(self) -> bool:
        """Whether the open file is on a server. Never waits."""
        h5 = self._h5 or self._saver
        return h5 is not None and h5.capabilities.remote

    @property
    def path(self) -> Path | None:
        """Path of the file that is shown, None if a saver has had none yet. Never waits."""
        return self._path or (self._saver.file_path if self._saver is not None else None)

    @property
    def backend(self) -> str:
        """Name of the backend that reads."""
        h5 = self._h5 or self._saver
        return h5.backend if h5 is not None else ""

    @property
    def h5(self) -> H5Backend:
        """The open file; FileNotOpenError if it is closed. A file that a saver has closed is opened here."""
        if self._saver is not None:
            if self.is_live:
                self._path = self._saver.file_path
                if self._h5 is not None:  # the saver has it again
                    self._let_go()
                return self._saver
            if self._h5 is None and self._path is not None:
                self._open()
        if self._h5 is None or not self._h5.isopen():
            raise FileNotOpenError("The file was closed. Press Refresh when it is open again.")
        return self._h5

    def open(self) -> None:
        """Open the file anew, or look that the saver's is open; FileOpenError, FileNotOpenError otherwise."""
        self._let_go()
        saver = self._saver
        if saver is not None:
            if self._is_overtaken:
                self._path, self._reader = saver.file_path, None
            _ = self.h5
            other = saver.file_path if saver.isopen() and not self.is_live else None
            self.note = f"{other.name} is being recorded now: check Follow to see it." if other is not None else ""
            return
        self._seen = self._stamp()
        self._open()

    def _open(self) -> None:
        assert self._path is not None
        self._readers.clear()
        backend = self._backend if self._saver is None else self._saver.backend
        self._h5, self.note = open_to_look(self._path, backend, readers=self._take_from, reader=self._reader)
        self._reader = self._h5
        if self._allowed:
            self._h5.io.allow(self._allowed)

    @property
    def allowed(self) -> tuple[Path, ...]:
        """Folders in which other files may be read."""
        return tuple(self._allowed)

    def allow(self, folder: Path) -> None:
        """Allow to read other files in a folder, that hold the values of arrays; until this is closed."""
        self._allowed.append(folder)
        if self._h5 is not None and self._h5.isopen():
            self._h5.io.allow(self._allowed)

    def close(self) -> None:
        """Close the file that was opened here; its worker process ends."""
        self._let_go()
        self._reader = None

    def _let_go(self) -> None:
        """Close the file, which is opened again soon."""
        self._readers.clear()
        if self._h5 is not None:
            self._h5.close_file()
            self._h5 = None

    def __enter__(self) -> Self:
        """Open the file; it is closed at the end of the block."""
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    def follow(self) -> bool:
        """Return whether the file has changed since the last call, and see it as it is now if it has."""
        current = not self._is_overtaken
        if self.is_remote and current and self.h5.isopen():
            return False  # a server is asked anew every time: the file need not be opened again
        stamp = self._stamp()
        if current and stamp is not None and stamp == self._seen and self.h5.isopen():
            return False
        self.open()
        self._seen = stamp
        return True

    @property
    def _is_overtaken(self) -> bool:
        """Whether the saver has another file by now, and that one is wanted."""
        saver = self._saver
        return self.goes_on and saver is not None and saver.isopen() and saver.file_path != self._path

    def _stamp(self) -> tuple[Hashable, ...] | None:
        """Return values that differ when the file has changed: time and size on disk, or the counters of a saver."""
        if self.is_live:
            saver = self._saver
            if isinstance(saver, H5SaverLowLevel):
                return saver.generation, saver.frames_saved, saver.bytes_saved, saver.isopen()
            return None
        try:
            found = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return None if found is None else (found.st_mtime_ns, found.st_size)

    # ------------------------------------------------------------------ tree
    def children(self, path: str) -> list[Child]:
        """Return the nodes in a group, 2 before 10; NodeError if it is none."""
        return children_of(self.h5, path)

    def rows(self, paths: Sequence[str]) -> dict[str, TreeRow]:
        """Return the lines of some nodes in a tree."""
        return rows_of(self.h5, paths)

    def expand(self, path: str, most: int = 20_000) -> dict[str, list[Child]]:
        """Return the nodes of a group and of all groups below, by path of the group; at most about `most` nodes."""
        found: dict[str, list[Child]] = {}
        count = 0
        for group, children in groups_below(self.h5, path):
            found[group] = children
            count += len(children)
            if count >= most:
                break
        return found

    def search(self, text: str, most: int = MOST_FOUND) -> Iterator[list[tuple[str, NodeKind]]]:
        """Look for nodes whose name or title contains a text, in any case of letters; end when `most` are found.

        Yields paths and kinds found since the last time, in a tenth of a second or among 250 nodes; a list may be
        empty.
        """
        return search(self.h5, text, most)

    # --------------------------------------------------------------- content
    def describe(self, path: str) -> NodeReport:
        """Return everything that is shown of a node."""
        with self.h5.io.lock:
            report = describe(self.h5, path)
        if path != "/":
            return report
        return replace(report, facts=(*self._file_facts(), *report.facts[1:]), for_others=self._for_others())

    def _for_others(self) -> tuple[str, ...]:
        """Return the information that an archive would miss, in paragraphs."""
        if self.h5.backend != READS_ALL:
            what = f"What archives look at can be read with {READS_ALL} alone"
            return (f"{what}: when the file is closed, open it with that library, or ask h5saver validate.",)
        try:
            found = missing_in(self.h5)
        except NodeError as error:
            return (str(error),)
        if not found:
            return ("Nothing is missed by the rules that are known here.",)
        return ("An archive, or whoever gets this file, would miss:", *map(str, found))

    def _file_facts(self) -> list[tuple[str, str]]:
        """Return the facts about the file as a whole."""
        facts = [("Type", "file")]
        if self.path is not None and not self.is_remote:
            about = self.path.stat()
            changed = datetime.fromtimestamp(about.st_mtime).strftime("%Y-%m-%d %H:%M:%S")
            facts += [("Size", format_size(about.st_size)), ("Changed", changed)]
        return [*facts, ("Library", f"read with {self.h5.backend}")]

    def look_again(
        self, groups: Sequence[str], shown: str = "", *, always: bool = False
    ) -> tuple[bool, dict[str, list[Child]]]:
        """See the file as it is now; where nothing seems to have changed, only if `always` says so.

        Returns whether the display of the node that is `shown` may have changed, and the nodes in the groups; missing
        ones are skipped.
        """
        before = self._sizes.get(shown)
        changed = self.follow()
        if always and not changed:
            self.open()
        if not (changed or always) and not self.is_live and not self.is_remote:
            return False, {}
        found = {}
        for group in groups:
            try:
                found[group] = self.children(group)
            except NodeError:
                continue
        try:
            self._sizes = {shown: self.size_of(shown)} if shown else {}
        except NodeError:
            self._sizes = {}
        return always or changed or self._sizes.get(shown) != before, found

    def size_of(self, path: str) -> tuple[int, ...]:
        """Return the shape of an array, the number of nodes in a group: they change while a file grows."""
        node = self.h5.get_node(path)
        if isinstance(node, Array):
            return node.shape
        return (len(node.children_name()),) if isinstance(node, GROUP) else ()

    def data(
        self, path: str, all_channels: bool = False, with_bkg: bool = False, part: Part = Part.MODULUS
    ) -> DataReader:
        """Return the data object of an array, to be read in parts; remembered until the file is seen anew."""
        h5 = self.h5  # first the file: what was read of another is forgotten
        key = (path, all_channels, with_bkg, part, self.as_stored)
        if key not in self._readers:
            if len(self._readers) > 20:
                self._readers.clear()
            self._readers[key] = DataReader.of(h5, path, all_channels, with_bkg, part, self.as_stored)
        return self._readers[key]

    def curve(self, path: str) -> Curves:
        """Return the curves of a node, to be drawn with those of others; NodeError if it has none."""
        with self.h5.io.lock:
            report = describe(self.h5, path)
        if not report.data_path:
            raise NodeError(f"{path} holds nothing that can be drawn")
        return self.data(report.data_path, report.all_channels).only_curve(path)

    # -------------------------------------------------------------- comments
    def may_comment(self, path: str) -> str:
        """Return why a node can't be given a comment now, ``''`` if it can."""
        try:
            node = self.h5.get_node(path)
        except (NodeError, FileNotOpenError) as error:
            return str(error)
        if isinstance(node, LINK):
            return "A link can't hold comments."
        if self.is_live and self.h5.io.writable:
            streaming = "The file is streaming (SWMR): comments can be added when it is closed."
            return streaming if self.h5.io.swmr_active else ""
        if self.is_live or self.is_remote:
            return "The file is open for reading only."
        if self.note:
            return "Another program is using this file: add the comment there, or when it is closed."
        assert self._path is not None
        try:
            with self._path.open("r+b"):
                return ""
        except OSError as error:
            return f"The file can't be written: {error.strerror}."

    def set_comment(self, path: str, text: str) -> None:
        """Write the comment of a node: the one thing that is ever written here.

        A file that is open for reading is closed, opened for this one attribute and opened for reading again.

        Raises
        ------
        FileOpenError
            If the file can't be written.
        """
        if reason := self.may_comment(path):
            raise FileOpenError(f"The comment was not saved. {reason}")
        with self._writable() as h5, h5.io.lock:
            attributes = h5.get_node(path).attrs
            if text:
                attributes[COMMENTS] = text
            elif COMMENTS in attributes:
                del attributes[COMMENTS]
            h5.flush()

    @contextmanager
    def _writable(self) -> Iterator[H5Backend]:
        if self.is_live:
            yield self.h5
            return
        name = self.h5.backend
        assert self._path is not None
        self._let_go()
        try:
            with H5Backend(name) as writer:
                writer.open_file(self._path, "r+")
                yield writer
        finally:
            self.open()
