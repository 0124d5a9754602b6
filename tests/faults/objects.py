"""What h5py can read of a file, object by object: ``objects.py PATH ...`` prints a line of JSON for each.

A damaged file may end or hang the library: what was printed before counts.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5o, h5s, h5t

#: Seconds for a file.
PATIENCE = 20
ERRORS = (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError, IndexError, UnicodeError)


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return what can be read of a file, by path, in a worker process."""
    try:
        done = subprocess.run(
            [sys.executable, __file__, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE
        )
        said = done.stdout
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
    lines = said.split(b"\n")[:-1]
    return {found["path"]: found for found in map(json.loads, lines)}


def missing(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[str]:
    """Return what could be read before and is not there afterwards, or is something else."""
    wrong = []
    for path, known in before.items():
        found = after.get(path)
        if found is None:
            wrong.append(f"{path} is not there")
            continue
        wrong += [
            f"{path}: {name}" for name in known if name not in ("attributes", "rows") and known[name] != found.get(name)
        ]
        kept = found.get("attributes", {})
        wrong += [f"{path}@{name}" for name, value in known.get("attributes", {}).items() if kept.get(name) != value]
        rows = known.get("rows", [])
        others = found.get("rows", [])
        bad = [n for n, row in enumerate(rows) if row is not None and (n >= len(others) or others[n] != row)]
        wrong += [f"{path}: parts {bad[:5]} of {len(rows)}"] if bad else []
    return wrong


def described(path: str) -> Iterator[dict[str, Any]]:
    """Iterate over the objects of a file; unreadable ones are skipped."""
    file = h5py.File(path, "r", locking=False)
    root = h5o.get_info(file.id)
    seen = {root.addr: "/"}
    yield {"path": "/", "kind": "group", "attributes": _attributes(file, file)}
    waiting: list[tuple[Any, str]] = [(file, "/")]
    while waiting:
        group, where = waiting.pop()
        names: list[bytes] = []
        try:
            group.id.links.iterate(lambda name, names=names: names.append(name))
        except ERRORS:
            pass
        for name in names:
            here = f"{where.rstrip('/')}/{name.decode('utf-8', 'backslashreplace')}"
            try:
                info = group.id.links.get_info(name)
                if info.type != h5l.TYPE_HARD:
                    yield {"path": here, "kind": f"link {info.type}", "value": repr(group.id.links.get_val(name))}
                    continue
                obj = h5o.open(group.id, name)
                try:
                    first = seen.setdefault(h5o.get_info(obj).addr, here)
                except ERRORS:  # it may be read all the same
                    first = here
                if first != here:
                    yield {"path": here, "kind": "second name", "value": first}
                    continue
                yield from _object(file, obj, here, waiting)
            except ERRORS:
                continue


def _object(file: Any, obj: Any, here: str, waiting: list[tuple[Any, str]]) -> Iterator[dict[str, Any]]:
    if isinstance(obj, h5d.DatasetID):
        kind = obj.get_type()
        shape = obj.get_space().get_simple_extent_dims()
        found: dict[str, Any] = {"path": here, "kind": "array", "shape": repr(shape), "type": _type(kind)}
        found["attributes"] = _attributes(file, h5py.Dataset(obj))
        found["rows"] = list(_rows(file, obj, shape, kind))
        yield found
    elif isinstance(obj, h5t.TypeID):
        yield {"path": here, "kind": "type", "type": _type(obj)}
    else:
        yield {"path": here, "kind": "group", "attributes": _attributes(file, h5py.Group(obj))}
        if here.count("/") < 60:
            waiting.append((h5py.Group(obj), here))


def _type(kind: Any) -> str:
    return hashlib.sha256(kind.copy().encode()).hexdigest()[:16]


def _rows(file: Any, obj: Any, shape: Any, kind: Any) -> Iterator[str | None]:
    """Iterate over digests of the parts of an array, along its first axis; None for what can't be read."""
    if shape is None or 0 in shape:
        return
    if not shape:
        yield _digest(file, obj, kind, h5s.ALL, ())
        return
    plist = obj.get_create_plist()
    step = plist.get_chunk()[0] if plist.get_layout() == h5d.CHUNKED else max(1, shape[0] // 50)
    step = max(step, shape[0] // 2000, 1)
    for start in range(0, shape[0], step):
        count = (min(step, shape[0] - start), *shape[1:])
        space = obj.get_space()
        space.select_hyperslab((start, *(0,) * (len(shape) - 1)), count)
        yield _digest(file, obj, kind, space, count)


def _digest(file: Any, obj: Any, kind: Any, space: Any, count: tuple[int, ...]) -> str | None:
    try:
        memory = h5s.create_simple(count) if count else h5s.ALL
        if _plain(kind):
            values = np.empty(count, f"V{kind.get_size()}")
            obj.read(memory, space, values, mtype=kind)
            return hashlib.sha256(values.tobytes()).hexdigest()[:16]
        values = np.empty(count, obj.dtype)
        obj.read(memory, space, values)
        return hashlib.sha256(_text(file, values).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    except ERRORS:
        return None


def _plain(kind: Any) -> bool:
    if isinstance(kind, h5t.TypeCompoundID):
        return all(_plain(kind.get_member_type(n)) for n in range(kind.get_nmembers()))
    if isinstance(kind, h5t.TypeArrayID):
        return _plain(kind.get_super())
    text = isinstance(kind, h5t.TypeStringID) and kind.is_variable_str()
    return not (text or kind.detect_class(h5t.VLEN) or kind.detect_class(h5t.REFERENCE))


def _text(file: Any, value: Any) -> str:
    """Return values with addresses in words: where they point to."""
    if isinstance(value, h5py.RegionReference):
        return f"region of {file[value].name} {file[value][value].tolist()}" if value else "nothing"
    if isinstance(value, h5py.Reference):
        return f"-> {file[value].name}" if value else "nothing"
    if isinstance(value, np.ndarray) or (isinstance(value, np.void) and value.dtype.names):
        items = [value[()]] if isinstance(value, np.ndarray) and not value.ndim else value
        return f"[{', '.join(_text(file, item) for item in items)}]"
    if isinstance(value, tuple):
        return f"({', '.join(_text(file, item) for item in value)})"
    return repr(value)


def _attributes(file: Any, obj: Any) -> dict[str, str]:
    found = {}
    names: list[bytes] = []
    try:
        h5a.iterate(obj.id, lambda name: names.append(name))
    except ERRORS:
        pass
    for name in names:
        try:
            attribute = h5a.open(obj.id, name)
            kind = attribute.get_type()
            space = attribute.get_space()
            text = name.decode("utf-8", "backslashreplace")
            shape = space.get_simple_extent_dims() or ()
            if space.get_simple_extent_type() == h5s.NULL or not space.get_simple_extent_npoints():
                value = "nothing"
            elif _plain(kind):
                values = np.empty(shape, f"V{kind.get_size()}")
                attribute.read(values, mtype=kind)
                value = values.tobytes().hex()
            else:
                value = _text(file, obj.attrs[text])
            found[text] = f"{_type(kind)} {shape} {value}"
        except ERRORS:
            continue
    return found


if __name__ == "__main__":
    for where in sys.argv[1:]:
        for line in described(where):
            print(json.dumps(line), flush=True)
