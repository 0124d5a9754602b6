"""The records of seals: the sidecar beside a file, with the hash of every block, and the ledger of a folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from h5saver_widget.errors import CodecError
from h5saver_widget.format.locks import take_lock
from h5saver_widget.format.whole_file import written_whole

__all__ = ["LEDGER", "Entry", "Seal", "Seals", "add_to_ledger", "check_ledger", "ledger_path", "seal_path"]

FORMAT: Final = "h5saver-seal 1"
#: Name of the ledger of a folder; the environment may name a shared one.
LEDGER: Final = "h5saver-seals.jsonl"
_SHARED: Final = "H5SAVER_SEAL_LEDGER"
_LARGEST: Final = 1 << 30
_START: Final = "0" * 64


def seal_path(file: Path) -> Path:
    """Return the path of the sidecar of a file."""
    return file.with_name(f"{file.name}.seal.json")


@dataclass(frozen=True)
class Entry:
    """One node in one seal.

    Attributes
    ----------
    kind
        ``'group'``, ``'array'``, ``'link'``.
    attributes
        Hash of each attribute.
    dtype, shape
        Of an array.
    rows
        First sealed row and the row after the last one; rows before belong to an earlier seal.
    block
        Rows of a block.
    hashes
        Of the blocks, in order.
    """

    kind: str
    attributes: Mapping[str, str]
    dtype: str = ""
    shape: tuple[int, ...] = ()
    rows: tuple[int, int] = (0, 0)
    block: int = 1
    hashes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the entry as plain data; equal neighbours among the hashes are one, with their number."""
        made: dict[str, Any] = {"kind": self.kind, "attributes": dict(sorted(self.attributes.items()))}
        if self.kind == "array":
            runs = [(one, sum(1 for _ in same)) for one, same in groupby(self.hashes)]
            hashes = [one if count == 1 else [one, count] for one, count in runs]
            made |= {"dtype": self.dtype, "shape": self.shape, "rows": self.rows, "block": self.block, "hashes": hashes}
        return made

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Entry:
        """Return the entry that :meth:`as_json` has made; ValueError, TypeError or KeyError for anything else."""
        attributes = {str(name): str(one) for name, one in said["attributes"].items()}
        if said["kind"] != "array":
            return cls(str(said["kind"]), attributes)
        first, stop = map(int, said["rows"])
        block = int(said["block"])
        hashes: list[str] = []
        for run in said["hashes"]:
            one, count = (run, 1) if isinstance(run, str) else (str(run[0]), int(run[1]))
            if block < 1 or not 0 <= first <= stop or len(hashes) + count > (stop - first) // block + 1:
                raise ValueError("there are more hashes than rows")
            hashes += [one] * count
        return cls(
            "array", attributes, str(said["dtype"]), tuple(map(int, said["shape"])), (first, stop), block, tuple(hashes)
        )


@dataclass(frozen=True)
class Seal:
    """One seal of a file: the content that was new since the seal before.

    Attributes
    ----------
    number
        1 for the first one.
    time
        When it was made, with a time zone.
    program
        Its program.
    previous
        Root hash of the seal before, ``''`` for the first one.
    nodes
        The nodes by path.
    left_out
        Reasons why parts can't be sealed, by path.
    """

    number: int
    time: str
    program: str
    previous: str
    nodes: Mapping[str, Entry]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """Return the content of the root hash."""
        about = {key: value for key, value in asdict(self).items() if key in ("number", "time", "program", "previous")}
        nodes = {path: entry.as_json() for path, entry in sorted(self.nodes.items())}
        return {"format": FORMAT, **about, "nodes": nodes, "left_out": dict(self.left_out)}

    @property
    def root(self) -> str:
        """The root hash: SHA-256 of :meth:`content` as JSON with sorted keys and no blanks, in ASCII."""
        text = json.dumps(self.content(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    @property
    def line(self) -> str:
        """The seal in one line, as it stands in the file."""
        return f"{FORMAT} number {self.number} sha256 {self.root} {self.time}"


@dataclass(frozen=True)
class Seals:
    """The seals of a file, the first one first.

    Attributes
    ----------
    recording
        Identity of the recording, ``''`` if the file has none.
    seals
        The seals.
    """

    recording: str
    seals: tuple[Seal, ...] = ()

    def write(self, file: Path) -> Path:
        """Write the sidecar of a file, whole or not at all, and return its path."""
        place = seal_path(file)
        said = {
            "name": place.name,
            "description": f"Seal of {file.name}: SHA-256 over its content, see docs/sealing.md of h5saver_widget",
            "encodingFormat": "application/json",
            "about": file.name,
            "format": FORMAT,
            "recording": self.recording,
            "sha256": self.seals[-1].root if self.seals else "",
            "seals": [{**seal.content(), "root": seal.root} for seal in self.seals],
        }
        with written_whole(place) as written:
            written.write(json.dumps(said, sort_keys=True, indent=1).encode("ascii"))
        return place

    @classmethod
    def read(cls, file: Path) -> Seals | None:
        """Return the seals in the sidecar of a file; None without one.

        Raises
        ------
        CodecError
            If it is not a sidecar, was changed, or is torn.
        """
        place = seal_path(file)
        try:
            if place.stat().st_size > _LARGEST:
                raise CodecError(f"{place.name} has more than {_LARGEST >> 30} GB: it is no seal")
            said = json.loads(place.read_bytes())
            if said["format"] != FORMAT:
                raise CodecError(f"{place.name} is {said['format']!r}, expected {FORMAT!r}: use a newer h5saver_widget")
            seals = tuple(_seal(one) for one in said["seals"])
        except FileNotFoundError:
            return None
        except CodecError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
            raise CodecError(f"{place.name} is damaged or no seal: {error}") from error
        before = ""
        for number, (one, seal) in enumerate(zip(said["seals"], seals, strict=True), 1):
            if one.get("root") != seal.root or seal.previous != before or seal.number != number:
                raise CodecError(f"{place.name} was changed: seal {number} does not have the hash that stands in it")
            before = seal.root
        return cls(str(said["recording"]), seals)


def _seal(said: Mapping[str, Any]) -> Seal:
    nodes = {str(path): Entry.from_json(entry) for path, entry in said["nodes"].items()}
    left_out = {str(path): str(why) for path, why in said["left_out"].items()}
    return Seal(int(said["number"]), str(said["time"]), str(said["program"]), str(said["previous"]), nodes, left_out)


# ------------------------------------------------------------------------- ledger
def ledger_path(file: Path) -> Path:
    """Return the ledger for a file: that of its folder, or the one that ``H5SAVER_SEAL_LEDGER`` names."""
    shared = os.environ.get(_SHARED)
    return Path(shared).expanduser() if shared else file.with_name(LEDGER)


def add_to_ledger(ledger: Path, file: Path, recording: str, seal: Seal) -> None:
    """Add a line about a seal at the end of a ledger; each line holds the hash of the line before."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with ledger.open("a+b") as lines:
        take_lock(lines.fileno(), waits=True)
        lines.seek(0, os.SEEK_END)
        end = lines.tell()
        lines.seek(max(0, end - (1 << 16)))
        tail = lines.read()
        last = tail.rstrip(b"\n").rpartition(b"\n")[2]
        line = {
            "time": seal.time,
            "file": file.name,
            "recording": recording,
            "number": seal.number,
            "root": seal.root,
            "before": hashlib.sha256(last).hexdigest() if last else _START,
        }
        torn = b"" if not tail or tail.endswith(b"\n") else b"\n"
        lines.write(torn + json.dumps(line, sort_keys=True).encode("ascii") + b"\n")
        lines.flush()
        os.fsync(lines.fileno())


def check_ledger(ledger: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Iterate over the lines of a ledger: number, content, and its fault, ``''`` for none.

    A change of any line but the last shows in the line after it; keep a copy of the last one elsewhere.
    """
    before = _START
    with ledger.open("rb") as lines:
        for number, raw in enumerate(lines, 1):
            line = raw.rstrip(b"\n")
            wrong, said = "", None
            with contextlib.suppress(ValueError):
                said = json.loads(line)
            if not isinstance(said, dict):
                said, wrong = {}, "is torn: its program was killed, or the disk was full"
            elif said.get("before") != before:
                wrong = f"does not follow line {number - 1}: that one was changed, or lines are missing"
            yield number, said, wrong
            before = hashlib.sha256(line).hexdigest()
