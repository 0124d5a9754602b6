"""Names of nodes and files: numbered by number, checked before use, and never one that is already taken.

Where to write is a :class:`PathProvider`, a value that knows no Qt and opens nothing: it proposes paths, and
:func:`create_exclusive` takes the first that can be created. So two programs, or two starts in one second, never share
a file. The names are those of PyMoDAQ 5.3.8 (docs/file-format.md, section 10).
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from h5saver_widget.errors import NamingError
from h5saver_widget.format.layout import SaveType

if TYPE_CHECKING:
    from h5saver_widget.format.name_template import NameTemplate

__all__ = [
    "PathProvider",
    "capitalize_first",
    "check_base_name",
    "check_node_name",
    "create_exclusive",
    "free_name",
    "natural_key",
    "next_number",
    "number_of",
    "with_h5_suffix",
]

T = TypeVar("T")

_DIGITS: Final = re.compile(r"([0-9]{1,18})")
_ILLEGAL: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED: Final = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE)
_MAX_BASE: Final = 200
_MAX_TRIES: Final = 100_000


@functools.lru_cache(4096)
def number_of(name: str, prefix: str) -> int | None:
    """Return the number of a name made of this prefix (in any case) and digits, None for any other name.

    >>> number_of('Scan012', 'scan'), number_of('Scan012_old', 'scan')
    (12, None)
    """
    if name[: len(prefix)].lower() != prefix.lower():
        return None
    match = _DIGITS.fullmatch(name, len(prefix))
    return int(match[1]) if match else None


def next_number(names: Iterable[str], prefix: str) -> int:
    """Return one more than the highest number among the names of this prefix; 0 if there is none.

    >>> next_number(['Scan999', 'Scan1000', 'NavAxes'], 'scan')
    1001
    """
    return max([number for name in names if (number := number_of(name, prefix)) is not None], default=-1) + 1


def free_name(name: str, taken: Container[str], form: str = "{}_{}") -> str:
    """Return the name, with the first number from 2 on where it is taken.

    >>> free_name('gain', ['gain', 'gain_2'])
    'gain_3'
    """
    numbered = (form.format(name, number) for number in count(2))
    return name if name not in taken else next(other for other in numbered if other not in taken)


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sorting key that puts ``Scan1000`` after ``Scan999``.

    >>> sorted(['CH10', 'CH9', 'ch1'], key=natural_key)
    ['ch1', 'CH9', 'CH10']
    """
    parts: list[str | int] = list(_DIGITS.split(name.lower()))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return tuple(parts), name


def capitalize_first(name: str) -> str:
    """Return the name with its first letter in upper case and the rest as it was.

    >>> capitalize_first('carr'), capitalize_first('myData')
    ('Carr', 'MyData')
    """
    return name[:1].upper() + name[1:]


def check_node_name(name: str) -> str:
    """Return the name if a node may have it.

    NamingError if it is empty, ``.`` or ``..``, holds ``/`` or NUL, is not valid text, starts as the names that
    PyTables reserves or hides (``_v_``, ``_f_``, ``_g_``, ``_c_``, ``_i_``, ``_p_``), or ends with a full stop, with
    which PyTables makes a node that it then can't find.

    >>> check_node_name('Température 1')
    'Température 1'
    """
    if not isinstance(name, str) or not name:
        raise NamingError(f"a node name is a text of at least one character, got {name!r}: give it a name")
    if name in (".", "..") or "/" in name or "\0" in name:
        raise NamingError(f"{name!r} cannot name a node: '.', '..', '/' and NUL have a meaning in paths; replace them")
    if re.match("_[cfgipv]_", name):
        raise NamingError(f"{name!r} cannot name a node: PyTables keeps names starting with {name[:3]!r}; rename it")
    if name.endswith("."):
        raise NamingError(f"{name!r} cannot name a node: PyTables does not find names ending with '.'; leave it out")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NamingError(f"{name!r} cannot name a node: it is not valid Unicode text ({error.reason})") from error
    return name


def check_base_name(name: str) -> str:
    """Return the base name if files on any system may start with it.

    NamingError if it is empty, longer than 200 bytes, or not allowed on Windows (files travel).

    >>> check_base_name('Scan')
    'Scan'
    """
    if not isinstance(name, str) or not name.strip():
        raise NamingError(f"a base name is a text that is not blank, got {name!r}: choose one, such as 'Scan'")
    if found := _ILLEGAL.findall(name):
        letters = " ".join(sorted(map(repr, set(found))))
        raise NamingError(f"the base name {name!r} holds {letters}, not allowed in file names: replace by '_'")
    if name[-1] in " .":
        raise NamingError(f"the base name {name!r} ends in a space or dot, which Windows drops: remove it")
    if _RESERVED.match(name):
        raise NamingError(f"the base name {name!r} is that of a device on Windows: add a letter")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise NamingError(f"the base name {name!r} is not valid Unicode text ({error.reason}): retype it") from error
    if size > _MAX_BASE:
        raise NamingError(f"the base name {name[:20]!r}... takes {size} bytes, at most {_MAX_BASE} fit: shorten it")
    return name


def _is_h5_suffix(suffix: str) -> bool:
    return "h5" in suffix.lower() or suffix.lower() in (".hdf5", ".hdf", ".nxs")


def with_h5_suffix(path: Path) -> Path:
    """Return the path with a suffix by which HDF5 files are known: its own if it is one, else ``.h5``.

    Only a dot and at most five letters or digits, not all digits, is a suffix and is replaced.

    >>> [with_h5_suffix(Path(p)).name for p in ('x.hdf5', 'y.h5data', 'z.txt', 'noext', 'at 1.5')]
    ['x.hdf5', 'y.h5data', 'z.h5', 'noext.h5', 'at 1.5.h5']
    """
    suffix = path.suffix
    if _is_h5_suffix(suffix):
        return path
    if re.fullmatch(r"\.(?![0-9]+\Z)[A-Za-z0-9]{1,5}", suffix):
        return path.with_suffix(".h5")
    return path.with_name(path.name + ".h5")


@dataclass(frozen=True)
class PathProvider:
    """Where to write: proposes folders and file names, opens and creates nothing.

    Attributes
    ----------
    base_path
        Folder below which everything is written.
    base_name
        Start of the names of files that are not scans.
    save_type
        Scans are numbered within the day, everything else carries the time.
    dated
        Whether files go to ``base_path/2026/20261121`` (or straight into `base_path`).
    template
        The template of file names; None for the names of PyMoDAQ.
    list_folder
        Returns the names in a folder that is not on the local disk; None if it is.

    Examples
    --------
    >>> provider = PathProvider(Path('data'), 'Scan', SaveType.detector)
    >>> next(provider.candidates(datetime(2026, 11, 21, 16, 58, 48))).as_posix()
    'data/2026/20261121/Scan_20261121_16_58_48.h5'
    """

    base_path: Path
    base_name: str = "Scan"
    save_type: SaveType = SaveType.scan
    dated: bool = True
    template: NameTemplate | None = None
    list_folder: Callable[[Path], list[str]] | None = None

    def __post_init__(self) -> None:
        """Check and convert the fields.

        Raises
        ------
        NamingError
            If no file may have this base name.
        """
        check_base_name(self.base_name)
        object.__setattr__(self, "base_path", Path(self.base_path))
        object.__setattr__(self, "save_type", SaveType(self.save_type))

    def folder(self, now: datetime) -> Path:
        """Return the folder of this day; a base path that already ends in a day or in this year is not nested again."""
        if not self.dated:
            return self.base_path
        year, day = f"{now:%Y}", f"{now:%Y%m%d}"
        base = self.base_path
        if re.fullmatch(r"[0-9]{8}", base.name) and base.name[:4] == base.parent.name:  # also yesterday's, at midnight
            base = base.parent.parent
        elif base.name == year:
            base = base.parent
        return base / year / day

    def _folder_and_pattern(self, now: datetime) -> tuple[Path, re.Pattern[str]]:
        """Return the folder of the next file, and a pattern for the names (less suffix) of the files before it."""
        if self.template is None:
            return self.folder(now), re.compile(f"Dataset_{now:%Y%m%d}_([0-9]{{1,18}})", re.IGNORECASE)
        names = (now, self.base_name, self.save_type.name)
        return (self.folder(now) / self.template.path(*names)).parent, self.template.pattern(*names)

    def _taken(self, now: datetime) -> dict[tuple[int, str], Path]:
        """Return the files that the next one follows, by number and name."""
        folder, pattern = self._folder_and_pattern(now)
        try:
            found = sorted(
                folder.iterdir() if self.list_folder is None else map(folder.joinpath, self.list_folder(folder))
            )
        except OSError:  # no folder yet; creating the file will tell what else is wrong with it
            return {}
        matched = ((pattern.fullmatch(path.stem), path) for path in found if _is_h5_suffix(path.suffix))
        return {(int(match[1] or 0), path.stem): path for match, path in matched if match}

    @property
    def looks(self) -> bool:
        """Whether the next name depends on the names in the folder."""
        return self.save_type is SaveType.scan if self.template is None else self.template.has_counter

    def candidates(self, now: datetime) -> Iterator[Path]:
        """Yield without end the paths to be tried in turn, each with exclusive creation.

        Scans: ``Dataset_20261121_007.h5`` from the highest number in the folder + 1 on; everything else:
        ``Base_20261121_16_58_48.h5``, then ``..._001.h5``, ``..._002.h5``. With a template, its names.

        Raises
        ------
        NamingError
            If the template gives a name that no file may have.
        """
        folder = self.folder(now)
        template = self.template
        start = max((number for number, _ in self._taken(now)), default=-1) + 1 if self.looks else 0
        if template is None and self.looks:
            yield from (folder / f"Dataset_{now:%Y%m%d}_{number:03d}.h5" for number in count(start))
        elif template is not None and self.looks:
            names = (template.path(now, self.base_name, self.save_type.name, number) for number in count(start))
            yield from (folder / f"{name}.h5" for name in names)
        else:
            stem = f"{self.base_name}_{now:%Y%m%d_%H_%M_%S}"
            name = stem if template is None else template.path(now, self.base_name, self.save_type.name)
            yield folder / f"{name}.h5"
            yield from (folder / f"{name}_{number:03d}.h5" for number in count(1))

    def last_dataset(self, now: datetime) -> Path | None:
        """Return the scan file of this day that has the highest number, None if there is none."""
        if self.template is None or self.looks:
            taken = self._taken(now)
            return taken[max(taken)] if taken else None
        return max(self._taken(now).values(), key=lambda path: natural_key(path.stem), default=None)

    def next_path(self, now: datetime) -> Path:
        """Return the path that a file created now would get."""
        if self.list_folder is not None:  # the first is free, or was a second ago: nobody asks a server every second
            return next(self.candidates(now))
        return next(path for path in self.candidates(now) if not os.path.lexists(path))

    def preview(self, now: datetime) -> str:
        """Return the name that a file created now would get, with the folders that a template puts it into."""
        return self.next_path(now).relative_to(self.folder(now)).as_posix()


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def create_exclusive(
    where: Path | Iterable[Path], make: Callable[[Path], T], make_folder: Callable[[Path], None] = _make_folder
) -> T:
    """Return the result of `make` for the first path that is not taken; creates the folder if need be.

    There is one path, or there are several to be tried in turn (:meth:`PathProvider.candidates`). `make` creates the
    file at a path, and raises FileExistsError if there is one (mode ``x``). `make_folder` makes a folder that may be
    there already; on the local disk by default.

    FileExistsError if the only path, or every one of them, is taken; NamingError if the folder cannot be made because a
    file is in its place, or there is no path at all.

    >>> taken = {'a.h5'}
    >>> def make(path):
    ...     if path.name in taken:
    ...         raise FileExistsError(path)
    ...     return path.name
    >>> create_exclusive([Path('a.h5'), Path('b.h5')], make)
    'b.h5'
    """
    last: FileExistsError | None = None
    for tried, path in enumerate([where] if isinstance(where, Path) else where):
        try:
            make_folder(path.parent)
        except (FileExistsError, NotADirectoryError) as error:
            raise NamingError(
                f"{error.filename!r} is a file where a folder is needed: choose another folder"
            ) from error
        try:
            return make(path)
        except FileExistsError as error:
            last = error
        if tried >= _MAX_TRIES:
            break
    if last is None:
        raise NamingError("no path was given, at least one is expected: pass a path or PathProvider.candidates()")
    raise last
