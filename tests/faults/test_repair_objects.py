"""Repair keeps everything that h5py can read, object by object; check tells damage from what is odd or elsewhere."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import h5py
import hdf5plugin
import kills
import numpy as np
import objects
import pytest
from h5py import h5d, h5p, h5s, h5t, h5z
from recorded import record

from h5saver_widget import FileOpenError, H5Backend, NodeError, check_file, repair_file
from h5saver_widget.backends import in_child
from h5saver_widget.backends.h5py_rescue import rescue
from h5saver_widget.cli import main
from h5saver_widget.recovery import Condition, repairing, survey

UNKNOWN = 40_123


def filtered(file: h5py.File, name: str, number: int) -> h5d.DatasetID:
    """Make an array whose chunks went through a filter that is not installed."""
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk((100,))
    plist.set_filter(number, h5z.FLAG_OPTIONAL, (1, 2))
    made = h5d.create(file.id, name.encode(), h5t.NATIVE_DOUBLE, h5s.create_simple((300,)), plist)
    for at in (0, 100, 200):
        made.write_direct_chunk((at,), bytes([at]) * 333)
    return made


def everything(path: Path) -> Path:
    """Write a file with one of each kind, and an array `bad` in compressed chunks."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("bad", data=np.arange(1000.0), chunks=(100,), compression="gzip")
        group = file.create_group("entry", track_order=True)
        group.attrs["NX_class"] = "NXentry"
        for number in range(40, 0, -1):  # by number, by name, as they were made: three orders
            group[f"n{number}"] = number
        table = group.create_dataset("table", data=np.zeros(3, [("a", "i4"), ("b", "f8"), ("t", "S5")]))
        table.attrs["texts"] = np.array(["one", "zwei", "λ"], object)
        table.attrs["reference"] = group.ref
        table.attrs.create("long", np.longdouble(3))
        table.attrs["enum"] = np.array(1, h5py.enum_dtype({"OFF": 0, "ON": 1}))
        table.attrs["empty"] = h5py.Empty("f4")
        file["second name"] = table
        file["soft"], file["dangling"] = h5py.SoftLink("/entry/table"), h5py.SoftLink("/nowhere")
        file["outside"] = h5py.ExternalLink("others.h5", "/a")
        file["type"] = np.dtype([("x", "f4")])
        file.create_dataset("of type", data=np.zeros(2, [("x", "f4")]), dtype=file["type"])
        file["enum"] = np.array([0, 1, 1], h5py.enum_dtype({"OFF": 0, "ON": 1}))
        file["texts"] = np.array([b"abc", b"d"])
        file["variable"] = np.array(["a", "bcd", "λ"], h5py.string_dtype())
        file["rows"] = np.array([np.arange(3), np.arange(5)], h5py.vlen_dtype("i4"))
        file["references"] = np.array([table.ref, file["bad"].ref, h5py.Reference()], h5py.ref_dtype)
        file["regions"] = np.array([file["texts"].regionref[0:1]], h5py.regionref_dtype)
        file["null"], file["complex"], file["half"] = h5py.Empty("f8"), np.ones(3, "c16"), np.ones(3, "f2")
        file["big endian"] = np.arange(5, dtype=">i8")
        file["scale"], file["scaled"] = np.arange(3.0), np.arange(3.0)
        file["scale"].make_scale("x")
        file["scaled"].dims[0].attach_scale(file["scale"])
        file["group"] = file.create_group("entry/self")
        opaque = h5t.create(h5t.OPAQUE, 8)
        opaque.set_tag(b"a tag")
        for name, kind in ((b"opaque", opaque), (b"bits", h5t.STD_B16LE), (b"times", h5t.UNIX_D32LE)):
            h5d.create(file.id, name, kind, h5s.create_simple((3,)))
        filtered(file, "filtered", UNKNOWN)
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(path.name, "scale", (3,))
        file.create_virtual_dataset("virtual", layout)
    with path.open("r+b") as block:
        block.write(b"a user block")
    return path


def damaged(path: Path, name: str = "bad", chunk: int = 3) -> None:
    """Destroy a chunk."""
    with h5py.File(path) as file:
        about = file[name].id.get_chunk_info(chunk)
    with path.open("r+b") as block:
        block.seek(about.byte_offset)
        block.write(b"\xff" * about.size)


def test_what_is_not_damaged_is_kept_as_it_is(tmp_path: Path) -> None:
    path = everything(tmp_path / "a.h5")
    damaged(path)
    before = objects.read(path)
    assert len(before) > 27 and None in before["/bad"]["rows"]
    assert "-> /entry" in before["/second name"]["attributes"]["reference"]
    state = check_file(path)
    assert state.condition is Condition.DAMAGED and [problem.path for problem in state.problems] == ["/bad"]
    report = repair_file(path)
    assert report.out is not None
    assert objects.missing(before, objects.read(report.out)) == []
    assert report.out.read_bytes()[:12] == b"a user block"
    assert [str(problem) for problem in report.lost] == ["/bad: 100 of 1000 rows (300 to 399)"]
    states = json.loads(json.dumps(report.as_json()))["objects"]
    assert states.pop("/bad") == "part" and set(states.values()) == {"whole"} and "1 part, 0 lost" in report.in_words()
    after = check_file(report.out)
    assert after.condition is Condition.NEEDS_MORE and not after.problems
    with h5py.File(report.out) as file, h5py.File(path) as old:
        assert [*file["entry"]] == [*old["entry"]] and [*file["entry"]][:2] == ["n40", "n39"]
        assert np.isnan(file["bad"][300:400]).all() and file["bad"][400] == 400
        assert file["references"][1] and file[file["references"][1]].name == "/bad"


def test_the_structure_is_kept_of_what_ends_the_library_when_it_is_read(tmp_path: Path) -> None:
    path = everything(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file["bad"].attrs["units"] = "V"
        file["bad"].attrs.create("odd", b"\xffm", dtype=h5py.string_dtype())
    with h5py.File(path) as source:
        hollow = {"/bad": "reading it ends the library", "/entry": "reading it ends the library"}
        size = path.stat().st_size
        said = list(rescue(source, str(tmp_path / "b.h5"), size, hollow, set(hollow), set(hollow)))
    found = {message["object"]: message for message in said if "object" in message and message["object"] in hollow}
    assert found["/bad"] == {"object": "/bad", "state": "part", "boxes": [[(0, 1000)]], "shape": [1000]}
    assert "reading it ends the library" in found["/entry"]["what"]
    with h5py.File(path) as source, h5py.File(tmp_path / "b.h5") as made:
        assert made["bad"].dtype == source["bad"].dtype and made["bad"].attrs["units"] == "V"
        assert made["bad"].attrs["odd"] == source["bad"].attrs["odd"] == "\udcffm"
        assert len(made["entry"]) == 0 and made["entry"].attrs["NX_class"] == "NXentry"
        assert made["texts"][0] == b"abc" and made[made["references"][1]] == made["bad"]


def test_chunks_behind_a_damaged_entry_of_their_list_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    values = np.arange(3000.0).reshape(300, 10)
    with h5py.File(path, "w", libver="earliest") as file:
        file.create_dataset("values", data=values, chunks=(1, 10))
    content = bytearray(path.read_bytes())
    leaves = [at for at in range(len(content)) if content[at : at + 6] == b"TREE\x01\x00"]
    # HDF5's format, III.A.1: 24 bytes of a node, keys of 8 bytes with three offsets of 8, each with an address
    content[leaves[len(leaves) // 2] + 24 + 5 * (8 + 24 + 8) + 8 + 8] ^= 1
    path.write_bytes(content)
    readable = [row is not None for row in objects.read(path)["/values"]["rows"]]
    report = repair_file(path)
    assert report.out is not None and report.before.condition is Condition.DAMAGED
    with h5py.File(report.out) as file:
        kept = file["values"][:]
    parts = np.array_split(np.arange(300), len(readable))
    assert 0 < sum(readable) < len(readable)
    for part, is_readable in zip(parts, readable, strict=True):
        assert np.array_equal(kept[part], values[part]) or not is_readable
    assert [problem.path for problem in report.lost] == ["/values"]


def test_a_list_of_chunks_that_contradicts_itself(tmp_path: Path) -> None:
    """The library's readers look chunks up and find zeros of the list to be none; its copy follows the list."""
    path = tmp_path / "a.h5"
    values = np.arange(1.0, 401.0).reshape(40, 10)
    with h5py.File(path, "w", libver="earliest") as file:
        file.create_dataset("values", data=values, chunks=(8, 10))
    content = bytearray(path.read_bytes())
    entry = content.index(b"TREE\x01\x00") + 24 + 3 * 40 + 32  # the address of the fourth chunk, and all that follows
    content[entry : entry + 88] = bytes(88)
    path.write_bytes(content)
    known = objects.read(path)
    assert check_file(path).condition is Condition.DAMAGED
    report = repair_file(path)
    assert report.out is not None and not objects.missing(known, objects.read(report.out))
    assert report.exit_code == 1 and "list of chunks is damaged" in report.lost[0].what
    assert report.after is not None and report.after.condition is Condition.GOOD


def test_a_text_whose_letters_are_lost_keeps_its_attributes(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("text", data="some words")
        file["text"].attrs["told"] = 3
        file["rows"] = np.arange(5)
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap : heap + 64] = bytes(64)
    path.write_bytes(content)
    report = repair_file(path)
    assert report.out is not None and [problem.path for problem in report.lost] == ["/text"], report.in_words()
    assert "its value" in report.lost[0].what
    with h5py.File(report.out) as file:
        assert file["text"].attrs["told"] == 3 and file["text"].shape == () and not file["text"][()]
        assert list(file["rows"][:]) == [0, 1, 2, 3, 4]


def test_a_filter_that_is_not_installed_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        filtered(file, "own", UNKNOWN)
        filtered(file, "lzo", 305)
        file.create_dataset("zfp", data=np.arange(1000.0), **hdf5plugin.Zfp())
        file["good"] = np.arange(3)
    state = check_file(tmp_path / "a.h5")
    assert state.condition is Condition.NEEDS_MORE and not state.must_repair and state.problems == ()
    words = {need.path: need.what for need in state.needs}
    assert set(words) == {"/own", "/lzo"}  # what hdf5plugin has is here
    assert f"{UNKNOWN}" in words["/own"] and "LZO" in words["/lzo"] and "tables" in words["/lzo"]
    assert main(["check", str(tmp_path / "a.h5")]) == 4 and "LZO" in capsys.readouterr().out
    report = repair_file(tmp_path / "a.h5")
    assert report.out is None and report.exit_code == 4 and len(list(tmp_path.iterdir())) == 1


def test_few_processes_look_at_a_file_whose_filter_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = everything(tmp_path / "a.h5")
    damaged(path)
    started: list[str] = []

    def counted(function, *arguments, **more):
        started.append(function.__name__)
        return in_child.run_in_child(function, *arguments, **more)

    for module in (survey, repairing):
        monkeypatch.setattr(module, "run_in_child", counted)
    assert repair_file(path).out is not None
    assert started == ["look_through", "rescue_file", "look_through"]


def test_a_part_of_a_file_needs_the_others(tmp_path: Path) -> None:
    for name, options in (("f%d.h5", {"driver": "family", "memb_size": 3000}), ("s", {"driver": "split"})):
        with h5py.File(tmp_path / name, "w", **options) as file:
            file["x"] = np.arange(1000.0)
    for name in ("f0.h5", "s-m.h5"):
        state = check_file(tmp_path / name)
        assert state.condition is Condition.NEEDS_MORE and "several files" in state.needs[0].what
    for name, first in (("f1.h5", "f0.h5"), ("s-r.h5", "s-m.h5")):
        assert first in check_file(tmp_path / name).needs[0].what
    with h5py.File(tmp_path / "l.h5", "w") as file:
        file["outside"] = h5py.ExternalLink("gone.h5", "/x")
        file.create_dataset("raw", shape=(3,), dtype="f8", external=[("gone.raw", 0, h5py.h5f.UNLIMITED)])
    state = check_file(tmp_path / "l.h5")
    assert [need.what for need in state.needs] == [
        f"needs the file gone{end}, which is not there" for end in (".h5", ".raw")
    ]


def test_odd_and_legal(tmp_path: Path) -> None:
    path = everything(tmp_path / "a.h5")
    state = check_file(path)
    assert state.problems == () and state.condition is Condition.NEEDS_MORE
    assert {note.path for note in state.notes} == {"/opaque", "/times"}
    with h5py.File(tmp_path / "old.h5", "w", libver="earliest") as file:
        file["x"] = np.arange(1000.0)
    content = bytearray((tmp_path / "old.h5").read_bytes())
    content[20] = 3  # as HDF5 1.4 and 1.6 have it
    (tmp_path / "old.h5").write_bytes(content)
    assert check_file(tmp_path / "old.h5").condition is Condition.GOOD


@pytest.mark.parametrize("kind", ["chunks", "contiguous"])
def test_what_has_no_place_in_the_file_is_not_read(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 GB of them; so much memory does a child not have."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset(
            "x", (1 << 31,), "f8", chunks=(1 << 17,) if kind == "chunks" else None, fillvalue=None
        )
        made[1 << 30] = 3.0
        file["good"] = np.arange(3)
    monkeypatch.setattr("h5saver_widget.backends.in_child.SILENCE", 20.0)
    assert check_file(tmp_path / "a.h5").condition is Condition.GOOD


# ----------------------------------------------------------------------------------- the beginning of a file
@pytest.mark.parametrize(("bit", "swmr"), [(36, False), (62, True)])
def test_a_wrong_bit_in_the_end_of_file_address(bit: int, swmr: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    record(path, "h5py", swmr=swmr)
    truth, content = objects.read(path), bytearray(path.read_bytes())
    content[(28 if swmr else 40) + bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    report = repair_file(path)
    assert report.out is not None and report.lost == () and report.exit_code == 0, report.in_words()
    assert os.stat(report.out).st_blocks * 512 < 2 * len(content) + (1 << 16)
    assert not objects.missing(truth, objects.read(report.out))


GUARDS = Path(__file__).with_name("guards.py")


@pytest.mark.parametrize(("what", "first", "count"), [("bits", 0, 14), ("damaged", 10, 8)])
def test_a_sample_of_thousands(what: str, first: int, count: int) -> None:
    """``make faults NAMES="superblock-bits damaged-objects"``: 4,096 and 1,000 files.

    Number 9 of the damaged ones hangs HDF5 ten times, each time until it is given up.
    """
    said = subprocess.run([sys.executable, str(GUARDS), what, str(first), str(count)], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert not [line for line in found if line.startswith("WRONG")], found
    assert sum(number for line, number in found.items() if "objects" not in line) == count


# --------------------------------------------------------------------------------------------- room, and kills
def test_a_disk_without_room_is_asked_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = everything(tmp_path / "a.h5")
    damaged(path)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(repairing.shutil, "disk_usage", lambda folder: usage._replace(free=1000))
    with pytest.raises(FileOpenError, match=r"needs 1\.1 MB, and .* has 1\.0 kB: choose another place"):
        repair_file(path)
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5"]


def test_a_repair_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    path = everything(tmp_path / "a.h5")
    damaged(path)
    before = path.read_bytes()
    code = (
        "import os, signal, sys; from h5saver_widget import repair_file; from h5saver_widget.progress import Progress\n"
        "class Ends(Progress):\n"
        "    def report(self, *a, **k):\n"
        "        super().report(*a, **k); self.n = getattr(self, 'n', 0) + 1\n"
        "        if self.n == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "repair_file(sys.argv[1], progress=Ends())"
    )
    for number in (2, 25):
        program = subprocess.run([sys.executable, "-c", code, str(path), str(number)], check=False)
        assert program.returncode < 0
        kills.until(lambda: len(list(tmp_path.iterdir())) == 1, f"{list(tmp_path.iterdir())} stay")
    assert path.read_bytes() == before


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("kind", [h5py.vlen_dtype(np.uint8), h5py.string_dtype()])
def test_rows_that_claim_more_than_the_file_take_no_memory(tmp_path: Path, kind: np.dtype, compression: str) -> None:
    """HDF5 would clear 4 GB for each before it looks for them; all others are read, and copied."""
    path = tmp_path / "a.h5"
    rows = ["one", "two", "three", "four"] if kind.metadata.get("vlen") is str else [np.arange(n) for n in range(4)]
    with h5py.File(path, "w") as file:
        made = file.create_dataset("rows", (4,), kind, chunks=(2,), compression=compression)
        made[:] = np.array([*rows, None], object)[:-1]
        mask, raw = made.id.read_direct_chunk((2,))
        content = np.frombuffer(raw if compression is None else zlib.decompress(raw), np.uint8).copy()
        content[16:20] = 255
        packed = content.tobytes() if compression is None else zlib.compress(content.tobytes())
        made.id.write_direct_chunk((2,), packed, mask)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with H5Backend("h5py", isolated=False) as h5:
        h5.open_file(path, "r")
        with pytest.raises(NodeError, match="row 3 claims to have 4,294,967,295 elements, more than the file can hold"):
            h5.get_node("/rows").read()
        assert [str(row) for row in h5.get_node("/rows")[:3]] == [str(row) for row in rows[:3]]
    report = repair_file(path)
    assert report.out is not None and [str(problem) for problem in report.lost] == ["/rows: 1 of 4 rows (3)"]
    with h5py.File(report.out) as file:
        found = file["rows"].asstr()[:3] if isinstance(rows[0], str) else file["rows"][:3]
        assert [str(row) for row in found] == [str(row) for row in rows[:3]]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < max(peak, 1 << 20), "kB"


def test_a_text_attribute_that_claims_more_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.arange(3)
        file["values"].attrs["note"], file["values"].attrs["units"] = "twenty-one characters", "V"
    content = bytearray(path.read_bytes())
    at = content.index(b"\x15\0\0\0")
    claimed = b"\xff\xff\xff\x0f"  # 256 MB, which HDF5 clears; 4 GB take 2 s each time
    path.write_bytes(content[:at] + claimed + content[at + 4 :])
    with H5Backend("h5py", isolated=False) as h5:
        h5.open_file(path, "r")
        attributes = h5.get_node("/values").attrs
        with pytest.raises(NodeError, match="the attribute 'note' of /values can't be read"):
            attributes["note"]
        assert attributes.to_dict() == {"units": "V"}
    report = repair_file(path)
    assert [str(problem) for problem in report.lost] == ["/values: attributes note"]
