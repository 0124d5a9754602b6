"""The unsent changes of a file on a server when it was closed: a file on the local disk, sent later.

One line of JSON and the bytes that it speaks of, again and again: plain data, of which nothing is executed.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from h5saver_widget.backends.remote_blocks import Block, plain_of, values_of
from h5saver_widget.backends.remote_options import state_folder
from h5saver_widget.backends.selections import Region
from h5saver_widget.errors import CodecError
from h5saver_widget.format.whole_file import written_whole

__all__ = ["Rest", "keep_folder"]

_FORMAT = "h5saver unsent 1"
_ARRAY = re.compile(r"d-[0-9a-f-]{30,50}")
_PLAIN = re.compile(r"[<|][biufcS][0-9]+")


def keep_folder(named: str = "") -> Path:
    """Return the folder of this user for unsent changes; it need not exist."""
    return Path(named) if named else state_folder() / "unsent"


@dataclass
class Rest:
    """Changes, blocks of values and counts that are not safe on a server."""

    #: Requests: method, path, body, parameters.
    changes: list[tuple[str, str, Any, dict[str, Any]]] = field(default_factory=list)
    #: Of each array its name on the server, whether it grows, path, shape, and blocks in order.
    arrays: list[tuple[str, bool, str, tuple[int, ...], list[Block]]] = field(default_factory=list)
    #: Unpublished counts, by the name of the array.
    counts: dict[str, int] = field(default_factory=dict)
    #: Where they belong: endpoint, username, domain, the server's name of the root group, and the writer's lease.
    head: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write a new file, whole or not at all; return its path."""
        name = Path(self.head["domain"]).stem.encode()[:100].decode(errors="ignore")
        place = folder / f"{name}-{uuid.uuid4().hex[:12]}.unsent"
        with written_whole(place) as written:
            for record, content in self._records():
                written.write(json.dumps({**record, "size": len(content)}).encode() + b"\n" + content)
        return place

    def _records(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        yield {"format": _FORMAT, **self.head}, b""
        for method, path, body, params in self.changes:
            raw = isinstance(body, bytes)
            yield {"change": [method, path, None if raw else body, params]}, body if raw else b""
        for array_id, grows, path, shape, blocks in self.arrays:
            yield {"array": array_id, "grows": grows, "path": path, "shape": shape, "blocks": len(blocks)}, b""
            for block in blocks:
                shape, dtype, content = plain_of(block.values)
                where = {"start": block.region.start, "step": block.region.steps}
                yield {**where, "shape": shape, "dtype": dtype}, content
        yield {"counts": self.counts}, b""

    @staticmethod
    def head_of(path: Path) -> dict[str, str]:
        """Return where a file belongs, without reading all of it; CodecError if it is no such file."""
        with path.open("rb") as file:
            return _head(file, path)

    @classmethod
    def read(cls, path: Path) -> Rest:
        """Read a file; CodecError if it is none, or not whole."""
        try:
            with path.open("rb") as file:
                found = cls(head=_head(file, path))
                while "counts" not in (record := _line(file)):
                    if "change" in record:
                        method, where, body, params = record["change"]
                        if method not in ("PUT", "POST", "DELETE") or not where.startswith("/"):
                            raise ValueError(f"a request {method} {where} can't be")
                        found.changes.append((method, where, _content(file, record) or body, params))
                    else:
                        blocks = [_block(file) for _ in range(record["blocks"])]
                        if not _ARRAY.fullmatch(record["array"]):
                            raise ValueError(f"{record['array']!r} is no name of an array")
                        shape = tuple(record["shape"])
                        found.arrays.append((record["array"], bool(record["grows"]), record["path"], shape, blocks))
                found.counts = {name: int(count) for name, count in record["counts"].items() if _ARRAY.fullmatch(name)}
                return found
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _refusal(path, error) from error

    @staticmethod
    def files(folder: Path) -> list[Path]:
        """Return the files in a folder, oldest first."""
        found = folder.glob("*.unsent") if folder.is_dir() else ()
        return sorted(found, key=lambda path: path.stat().st_mtime)


def _refusal(path: Path, error: Exception) -> CodecError:
    return CodecError(f"{path} is not the unsent rest of a file on a server, or not whole: {error}")


def _head(file: Any, path: Path) -> dict[str, str]:
    try:
        found = {name: str(value) for name, value in _line(file).items()}
        if found.get("format") != _FORMAT:
            raise ValueError("it begins otherwise")
        return found
    except ValueError as error:
        raise _refusal(path, error) from error


def _line(file: Any) -> dict[str, Any]:
    found = json.loads(file.readline())
    if not isinstance(found, dict):
        raise ValueError("a line is no description")
    return found


def _content(file: Any, record: dict[str, Any]) -> bytes:
    found: bytes = file.read(int(record["size"]))
    if len(found) != record["size"]:
        raise ValueError("values are missing")
    return found


def _block(file: Any) -> Block:
    record = _line(file)
    content, kind = _content(file, record), str(record["dtype"])
    if kind and not _PLAIN.fullmatch(kind):
        raise ValueError(f"{kind!r} is no number type")
    shape = tuple(int(n) for n in record["shape"])
    counts = shape if kind else (len(shape),)
    steps = tuple(record["step"]) or (1,) * len(counts)
    return Block(Region(tuple(record["start"]), counts, steps), values_of(content, shape, kind))
