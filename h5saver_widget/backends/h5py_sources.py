"""Arrays whose values are stored in other files: which files these are, and whether reading all of them was allowed.

HDF5 follows such an array without a question: to a file named by the author of the array, through links in that file,
and on. So every file on the way is checked before a value is read. Where HDF5 looks for a file:
https://support.hdfgroup.org/documentation/hdf5/latest/group___d_a_p_l.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, NamedTuple

import h5py
from h5py import h5d, h5p, h5s

from h5saver_widget.backends.h5py_attributes import as_key, as_text
from h5saver_widget.errors import ValuesElsewhereError

__all__ = ["array_at", "opened_beside", "require_allowed", "shape_of", "sources_of"]

#: So many sources are listed, and so often one file may lead to another.
_MOST: Final = 1000
_DEEPEST: Final = 8
#: In a virtual array this name stands for the file that it is in.
_SAME: Final = "."
_BESIDE: Final = h5p.create(h5p.DATASET_ACCESS)
_BESIDE.set_efile_prefix(b"${ORIGIN}")


class Allowed(NamedTuple):
    """The folders in which files may be read, and how these are opened."""

    folders: tuple[Path, ...]
    locking: bool | None


def sources_of(obj: Any) -> Iterator[tuple[str, str]]:
    """Iterate over file and path of the sources of an array's values; the path of plain bytes is ``''``."""
    stored = obj.id.get_create_plist()
    seen = set()
    if stored.get_layout() == h5d.VIRTUAL:
        for number in range(min(stored.get_virtual_count(), _MOST)):
            source = as_text(stored.get_virtual_filename(number)), as_text(stored.get_virtual_dsetname(number))
            if source not in seen:
                seen.add(source)
                yield source
    for number in range(stored.get_external_count()):
        yield as_text(stored.get_external(number)[0]), ""


def shape_of(obj: Any) -> tuple[int, ...] | None:
    """Return the shape of an array; of a virtual one as it was made: to say more, HDF5 would look into its sources."""
    stored = obj.id.get_create_plist()
    if stored.get_layout() == h5d.VIRTUAL and stored.get_virtual_count():
        space = stored.get_virtual_vspace(0)
        if h5s.UNLIMITED in space.get_simple_extent_dims(True):
            return tuple(space.get_simple_extent_dims())
    return None if obj.shape is None else tuple(obj.shape)


def opened_beside(obj: Any) -> Any:
    """Return an external array opened anew: its files are looked for beside its own, not in the current folder."""
    file, name = obj.file, as_key(obj.name)
    obj.id.close()  # HDF5 lets nobody open it in the other way as long as it is open
    return h5py.Dataset(h5d.open(file.id, name, _BESIDE))


def array_at(file: Any, path: str) -> Any:
    """Return the array at a path, be it open in that other way."""
    try:
        return file[as_key(path)]
    except KeyError:
        return h5py.Dataset(h5d.open(file.id, as_key(path), _BESIDE))


def require_allowed(obj: Any, path: Path, folders: Sequence[Path], locking: bool | None) -> None:
    """Look at every file that reading an array would read.

    ValuesElsewhereError if one of them lies outside of the allowed folders, or is reached through an object that can't
    be checked. `locking` is how the array's own file was opened: HDF5 opens the others in the same way, and no file in
    two ways at a time.
    """
    allowed = Allowed(tuple(folder.resolve() for folder in folders), locking)
    for place in {path.absolute(), path.resolve()}:  # HDF5 looks beside both
        _check(obj, place, allowed, 0)


def _check(obj: Any, file: Path, allowed: Allowed, depth: int) -> None:
    """Look at the sources of an array of an open file."""
    sources = list(sources_of(obj))
    if depth > _DEEPEST or len(sources) >= _MOST:
        raise ValuesElsewhereError(f"{obj.name} in {file} leads on and on to other files: its values were not read")
    for where, path in sources:
        if where == _SAME:
            _check_path(obj.file, file, path, allowed, depth + 1)
        else:
            _check_file(where, path, obj.file, file, allowed, depth + 1)


def _check_file(name: str, path: str, file: Any, where: Path, allowed: Allowed, depth: int) -> None:
    """Look at a path in the file that a name in another one stands for; of plain bytes the path is ``''``."""
    for source in _found(name, where.parent, is_plain=not path):  # none: HDF5 gives the fill value
        found = source.resolve()
        if found != where.resolve() and not any(found.is_relative_to(folder) for folder in allowed.folders):
            raise ValuesElsewhereError(
                f"values are stored in another file ({name}), and reading {found.parent} was not allowed: allow that "
                "folder, if you trust the file"
            )
        if path:
            with (
                nullcontext(file)
                if found == where.resolve()
                else h5py.File(found, "r", locking=allowed.locking) as other
            ):
                _check_path(other, found, path, allowed, depth)


def _check_path(file: Any, where: Path, path: str, allowed: Allowed, depth: int) -> None:
    """Look at a path in a file, link by link: a link may lead on to a third file."""
    if depth > _DEEPEST:
        raise ValuesElsewhereError(f"{path} in {where} leads on and on: its values were not read")
    if "%" in path:  # a pattern, whose numbers HDF5 fills in: what they name lies in the same group
        path = path.partition("%")[0].rpartition("/")[0] or "/"
    here: Any = file["/"]
    parts = [part for part in path.split("/") if part not in ("", ".")]
    for number, part in enumerate(parts):
        link = here.get(as_key(part), getlink=True) if isinstance(here, h5py.Group) else None
        rest = "/".join(parts[number + 1 :])
        if link is None:
            return
        if isinstance(link, h5py.ExternalLink):
            target = f"{as_text(link.path).rstrip('/')}/{rest}".rstrip("/")
            return _check_file(as_text(link.filename), target, file, where, allowed, depth + 1)
        if isinstance(link, h5py.SoftLink):
            base = "" if as_text(link.path).startswith("/") else here.name.rstrip("/")
            return _check_path(file, where, f"{base}/{as_text(link.path)}/{rest}", allowed, depth + 1)
        here = here[as_key(part)]
    members = [here]
    if isinstance(here, h5py.Group):
        members = [here[name] for name in here if isinstance(here.get(name, getlink=True), h5py.HardLink)]
    for member in members:
        if isinstance(member, h5py.Dataset) and (member.is_virtual or member.external):
            _check(member, where, allowed, depth)
    return None


def _found(name: str, folder: Path, *, is_plain: bool) -> list[Path]:
    """Return the file that HDF5 takes for a name, or all that it may take for a pattern of names."""
    given = Path(name)
    folders = [folder] if is_plain or given.is_absolute() else [folder, Path.cwd()]
    tried = [given] if given.is_absolute() else []
    tried += [place / (given.name if given.is_absolute() else given) for place in folders]
    if "%" in name:  # HDF5 fills numbers in
        return [file for path in tried for file in path.parent.glob(path.name.replace("%b", "*"))]
    return next(([path] for path in tried if path.exists()), [])
