"""Look at everything in a file, in a child process that may crash or hang and is then started again past that place."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h5saver_widget.backends.in_child import ChildEnd, run_in_child
from h5saver_widget.backends.registry import READS_ALL, create_backend
from h5saver_widget.backends.shown_again import left_of_it, shown_again
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.nodes.attributes import Attributes
from h5saver_widget.recovery.parts import Box, PartReader

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend
    from h5saver_widget.backends.terms import Handle

__all__ = ["Survey", "look_through", "opened", "survey_file"]

_MOST_STARTS = 60
_MOST_CRASHES_IN_ONE = 6
_MAX_DEPTH = 200
#: Attributes that tell the kind of a node.
_TELLING = ("type", "TITLE", "data_type", "nav_indexes", "completeness", "clock_drift")
#: Attributes of the root that tell who made the file.
_ABOUT = ("h5saver_widget_version", "pymodaq_version", "PYTABLES_FORMAT_VERSION", "creator", "date", "time")


@dataclass
class Survey:
    """The content of a file."""

    #: Name of the backend that looked.
    reader: str
    #: By path: kind, telling attributes, shape, damage (``problem``, ``lost``, ``unread``), missing filters and files
    #: (``needs``), and unusual findings (``odd``).
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Nodes that end or hang the library, each with the symptom.
    skip: dict[str, str] = field(default_factory=dict)
    #: Parts of arrays that do.
    avoid: dict[str, list[Box]] = field(default_factory=dict)
    #: Why the file could not be opened at all, ``''`` if it could.
    refused: str = ""
    #: Attributes of the root that name the program of the file.
    about: dict[str, str] = field(default_factory=dict)


def survey_file(
    path: Path,
    *,
    swmr: bool = False,
    reader: str | None = None,
    only: list[str] | None = None,
    shown: dict[str, Any] | None = None,
) -> Survey:
    """Read everything in a file; a crash or hang of the library ends only a child process.

    With `swmr` it is one that another program streams into; `only` some arrays are looked at, by the backend `reader`;
    `shown` are superblock and size that it is looked at with, see `ReadAttempt.shown`, None for its own.
    """
    found = Survey(reader or READS_ALL)
    crashes: dict[str, int] = {}
    for _ in range(_MOST_STARTS):
        known = [name for name, node in found.nodes.items() if "shape" in node]
        options = {"swmr": swmr, "only": only, "shown": shown, "skip": list(found.skip), "known": known}
        answer = run_in_child(look_through, str(path), found.reader, options, found.avoid)
        where: dict[str, Any] = {}
        for message in answer.messages:
            if "at" in message:
                where = message
            elif "about" in message:
                found.about = message["about"]
            else:
                found.nodes.setdefault(message.pop("node"), message)
        if answer.ending is ChildEnd.DONE:
            break
        what = {ChildEnd.DIED: "ends the HDF5 library", ChildEnd.HUNG: "hangs the HDF5 library"}.get(answer.ending, "")
        if not where or answer.ending is ChildEnd.FAILED:
            found.refused = f"this file {what} ({answer.words})" if what else answer.words
            break
        name, box = where["at"], where.get("box")
        crashes[name] = crashes.get(name, 0) + 1
        if box is not None and crashes[name] <= _MOST_CRASHES_IN_ONE:
            found.avoid.setdefault(name, []).append(_box(box))
        else:
            found.skip[name] = f"reading it {what}"
    else:
        found.refused = f"this file ends the HDF5 library in more than {_MOST_STARTS} places"
    return found


def _box(said: Any) -> Box:
    """Return a box that has travelled as JSON."""
    return tuple((int(start), int(stop)) for start, stop in said)


def opened(path: Path, reader: str, shown: dict[str, Any] | None, swmr: bool = False) -> Backend:
    """Open a file for reading, as it is or with another superblock; runs in the child."""
    if shown is None:
        backend = create_backend(reader)
        backend.open(path, "r", swmr=swmr, locking=False)
        return backend
    from h5saver_widget.backends.h5py_backend import H5pyBackend

    made = H5pyBackend()
    made.open_shown(path, shown["offset"], bytes.fromhex(shown["raw"]), shown["size"])
    return made


def look_through(
    path: str, reader: str, options: dict[str, Any], avoid: dict[str, list[Any]]
) -> Iterator[dict[str, Any]]:
    """Report each node and whether it can be read; runs in the child."""
    backend = opened(Path(path), reader, options["shown"], options["swmr"])
    size, known, skip = Path(path).stat().st_size, set(options["known"]), set(options["skip"])
    waiting: list[tuple[str, int]] = [(where, 0) for where in options["only"] or ["/"]]
    seen: dict[Hashable, str] = {}
    passed_over: tuple[str, ...] = ()
    while waiting:
        where, depth = waiting.pop()
        if where in skip:
            continue
        yield {"at": where}
        if where == "/":
            passed_over = shown_again(backend)
        node: dict[str, Any] = {"node": where, "kind": NodeKind.OTHER.name}
        try:
            handle = backend.node(where)
            kind = backend.kind(handle)
            node["kind"] = kind.name
            identity = backend.identity(handle)
            first = seen.setdefault(identity, where)
            if kind is NodeKind.OTHER and identity == where:
                raise OSError("it can't be opened")
            if first != where:
                kind = NodeKind.LINK
                node["kind"] = kind.name
            if kind is not NodeKind.LINK:
                yield from _attributes(backend, handle, node)
            if needs := backend.inspection.needs(handle):
                node["needs"] = "; ".join(needs)
            if kind is NodeKind.GROUP and depth < _MAX_DEPTH:
                names = backend.children(handle)
                waiting.extend((f"{where.rstrip('/')}/{name}", depth + 1) for name in reversed(names))
                waiting.extend((group, depth + 1) for group in (left_of_it(backend) if where == "/" else ()))
            elif where.startswith(tuple(f"{group}/" for group in passed_over)):
                pass  # a view: its values are read where they are
            elif kind in (NodeKind.FIXED, NodeKind.GROWING, NodeKind.TEXT) and where not in known:
                boxes = [_box(box) for box in avoid.get(where, ())]
                yield from _array(backend, handle, where, boxes, size, node)
        except Exception as error:
            # damaged bytes reach every kind of error; each is reported with its place
            node["problem"] = _short(error)
            node["closed"] = True  # what is in it is out of reach
        yield node
    backend.close()


def _array(
    backend: Backend, handle: Handle, where: str, avoid: list[Box], size: int, node: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Read an array part by part, report the place before each part, and note damage in `node`."""
    try:
        reader = PartReader(backend, handle, avoid)
        info = reader.info
        if any(n < 0 for n in info.shape):
            raise OSError(f"its shape is {info.shape}")
        node.update(shape=list(info.shape), grows=backend.kind(handle) is NodeKind.GROWING)
        if "said_shape" in node and node.pop("said_shape") != list(info.shape):
            node["stale"] = True  # it is written when a file is closed
        # what of it could be read is in `repair`; one that does not fit is a scan that was declared large and ended
        # early, or a lie: both take longer to read than anybody waits
        if "needs" in node or not reader.fits_into(size):
            return
        for box in reader.read():
            yield {"at": where, "box": box}
        if reader.lost and not reader.good and backend.inspection.is_odd(handle):
            node["odd"] = "numbers of a kind that Python has not; they are whole"
        elif reader.lost:
            node["lost"] = reader.lost
    except Exception as error:
        # as above
        if "shape" not in node and backend.inspection.is_odd(handle):
            node["odd"] = "numbers of a kind that Python has not; they are whole"
        else:
            node["problem"] = _short(error)


def _attributes(backend: Backend, handle: Handle, node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Note the attributes of a node, and the unreadable ones; report the program of the file if it is the root."""
    try:
        names = set(backend.attribute_names(handle))
        unread = sorted(names - set(backend.get_attributes(handle)))
        attributes = Attributes(backend, handle).to_dict()
    except Exception as error:
        # as above; what is in the node may still be in reach
        node["problem"] = f"its attributes: {_short(error)}"
        return
    if unread := backend.inspection.damaged_attributes(handle, unread) if unread else []:
        node["unread"] = unread
    shape = attributes.get("shape")
    if isinstance(shape, tuple) and all(type(item) is int for item in shape):
        node["said_shape"] = list(shape)
    if attributes.get("swmr_active") is True:
        node["stale"] = True
    for name in _TELLING:
        value = attributes.get(name)
        if name != "nav_indexes":
            node[name] = value[:200] if isinstance(value, str) else ""
        elif isinstance(value, tuple) and len(value) < 40 and all(type(item) is int for item in value):
            node[name] = list(value)
    if node["node"] == "/":
        yield {"about": {name: str(attributes[name])[:100] for name in _ABOUT if name in attributes}}


def _short(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."
