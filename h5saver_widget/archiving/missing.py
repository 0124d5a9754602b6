"""Findings of an archive in a file, in words: our own few structural rules of NeXus, and those of good manners.

Rules: https://manual.nexusformat.org/datarules.html; a full validator is pynxtools.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from h5saver_widget.archiving.units import unit_problem
from h5saver_widget.backends.shown_again import shown_again
from h5saver_widget.errors import H5SaverError
from h5saver_widget.nodes.typed import GROUP, Array
from h5saver_widget.saving.conventions import text_in
from h5saver_widget.saving.foreign import names_in
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.links import resolved

__all__ = ["Missing", "missing_in"]

#: So many groups of an entry are looked at.
_MOST = 200


@dataclass(frozen=True)
class Missing:
    """Something that an archive would miss.

    Attributes
    ----------
    what
        A sentence, which says what to do.
    where
        Path of the node.
    is_error
        Whether validators refuse the file for it; else it is advice.
    """

    what: str
    where: str = "/"
    is_error: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def missing_in(h5: H5Backend) -> list[Missing]:
    r"""Return the information that an archive would miss in an open file, errors first.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from h5saver_widget import DataRaw, DataSaverLoader, H5SaverLowLevel
    >>> with H5SaverLowLevel(backend='h5py') as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'a.h5')
    ...     group = h5saver.add_det_group('/RawData', 'camera')
    ...     DataSaverLoader(h5saver).add_data(group, DataRaw('spectrum', data=[np.arange(4.0)], units='V'))
    ...     print(*missing_in(h5saver), sep='\n')
    /_i_entry: it is not known when the recording ended: it still runs, or its program was killed
    /_i_entry/sample: it is not known what was measured: fill in a sample, under Notes with a template
    /_i_entry/user: the person has no ORCID, by which others find them
    /_i_entry/camera: its first dimension has no axis: neither a time nor a position is known
    """
    # without the lock: who writes the file meanwhile does not wait
    named = shown_again(h5.io)[:1]
    places = [*named, *(f"/{name}" for name in _names(h5, "/"))]
    entries = [place for place in places if _class_of(h5, place) == "NXentry"]
    found = [one for entry in entries for one in _in_entry(h5, entry)]
    if not entries:
        what = "there is no NXentry: switch 'NeXus entry' on for the next files, or export as nexus"
        if named:
            what = "there is no NXentry yet: it comes with the first data, or when the file is opened for saving again"
        found.append(Missing(what, is_error=True))
    return sorted(found, key=lambda one: not one.is_error)


def _in_entry(h5: H5Backend, entry: str) -> Iterator[Missing]:
    definition, start = _value(h5, f"{entry}/definition"), _value(h5, f"{entry}/start_time")
    if not definition:
        yield Missing("it names no application definition, so nobody can check it", entry, True)
    if not start or not _is_time(start):
        yield Missing(f"start_time is {start or 'not there'}; expected a date and time with its zone", entry, True)
    if not _value(h5, f"{entry}/end_time"):
        what = "it is not known when the recording ended: it still runs, or its program was killed"
        yield Missing(what, entry)
    if not _value(h5, f"{entry}/sample/name"):
        what = "it is not known what was measured: fill in a sample, under Notes with a template"
        yield Missing(what, f"{entry}/sample")
    if _value(h5, f"{entry}/user/name") in ("", "unknown"):
        yield Missing("it is not known who measured", f"{entry}/user")
    elif not any("orcid" in name.lower() for name in _names(h5, f"{entry}/user")):
        yield Missing("the person has no ORCID, by which others find them", f"{entry}/user")
    names = [name for name in _names(h5, entry)[:_MOST] if _class_of(h5, f"{entry}/{name}") == "NXdata"]
    default = text_in(_attributes(h5, entry).get("default"))
    if names and default not in names:
        yield Missing(f"its default plot is {default!r}, which is none of its data", entry, True)
    if not names:
        yield Missing("it shows no data: nothing was recorded, or nothing that can be shown", entry)
    for name in names:
        yield from _in_data(h5, f"{entry}/{name}")


def _in_data(h5: H5Backend, path: str) -> Iterator[Missing]:
    about, names = _attributes(h5, path), _names(h5, path)
    signal = text_in(about.get("signal"))
    if signal not in names:
        yield Missing(f"its signal is {signal!r}, which is not there", path, True)
        return
    for name in names:
        target = text_in(_attributes(h5, f"{path}/{name}").get("target"))
        if target.startswith("/") and _node(h5, target) is None:
            gone = f"it shows zeros in place of {target}, which was deleted: delete {path} as well"
            yield Missing(gone, f"{path}/{name}", True)
    axes = [name for name in names_in(about.get("axes")) if name != "."]
    if lost := [name for name in axes if name not in names]:
        yield Missing(f"its axes {', '.join(lost)} are not there", path, True)
    array = _node(h5, f"{path}/{signal}")
    first = names_in(about.get("axes"))[:1]
    if isinstance(array, Array) and array.shape[:1] > (1,) and first in ([], ["."]):
        yield Missing("its first dimension has no axis: neither a time nor a position is known", path)
    units = text_in(_attributes(h5, f"{path}/{signal}").get("units"))
    if problem := unit_problem(units):
        yield Missing(problem, f"{path}/{signal}")
    for name in axes:
        if name in names and "units" not in _attributes(h5, f"{path}/{name}"):
            yield Missing("it has no units", f"{path}/{name}")


def _node(h5: H5Backend, path: str) -> Any:
    parent, _, name = path.rpartition("/")
    if parent and name not in _names(h5, parent):
        return None  # asked before: an error from another process keeps that process, until Python collects it
    try:
        return h5.get_node(resolved(h5.io, path))
    except (H5SaverError, OSError, RuntimeError):
        return None


def _attributes(h5: H5Backend, path: str) -> dict[str, Any]:
    node = _node(h5, path)
    with suppress(H5SaverError, OSError, RuntimeError):  # damaged
        return {} if node is None else node.attrs.to_dict()
    return {}


def _class_of(h5: H5Backend, path: str) -> str:
    return text_in(_attributes(h5, path).get("NX_class"))


def _names(h5: H5Backend, path: str) -> list[str]:
    node = _node(h5, path)
    with suppress(H5SaverError, OSError, RuntimeError):  # damaged
        return node.children_name() if isinstance(node, GROUP) else []
    return []


def _value(h5: H5Backend, path: str) -> str:
    """Return a single text; ``''`` where there is none."""
    node = _node(h5, path)
    if not isinstance(node, Array):
        return ""
    with suppress(H5SaverError, OSError, RuntimeError):
        values = np.asarray(node.read()).ravel()
        return text_in(values[0]) if values.size else ""
    return ""


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
