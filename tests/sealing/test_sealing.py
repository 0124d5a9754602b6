"""Seals: what they hold of a file, what breaks them, and what does not."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from h5saver_widget import H5SaverBase, SealError, seal_file, verify_file
from h5saver_widget.browsing import FileView
from h5saver_widget.cli import main
from h5saver_widget.errors import CodecError, FileOpenError
from h5saver_widget.sealing.records import Entry, Seal, Seals, add_to_ledger, check_ledger, ledger_path, seal_path
from h5saver_widget.sealing.verifying import VerifyCode

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
import seals

WHEN = "2026-11-29T12:00:00+00:00"


@pytest.fixture
def recorder(backend, isolated, tmp_path, in_kept_process):
    saver = H5SaverBase("detector", backend)
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["backend", "isolated"] = isolated
    if isolated:
        in_kept_process(saver)
    saver.settings["recording", "seal"] = True
    yield saver
    saver.close_file()


def record(saver: H5SaverBase, numbers) -> Path:
    for number in numbers:
        saver.record("camera", np.full((16, 16), number, "u2"))
    path = saver.file_path
    assert path is not None
    return path


@pytest.fixture
def foreign(tmp_path) -> Path:
    """Make a file as other programs do."""
    path = tmp_path / "foreign.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(100_000.0)
        file["numbers"].attrs["units"] = "V"
        file["texts"] = np.array(["a", "bb"], object)
        file["records"] = np.zeros(5, [("a", "u1"), ("b", ">f8")])
        file["single"] = 3
        file.create_dataset("nothing", dtype=h5py.Empty("f8").dtype, shape=(0, 4))
        file["soft"] = h5py.SoftLink("/numbers")
        file["refers"] = np.array([file["numbers"].ref], dtype=h5py.ref_dtype)
        file["group/again"] = file["numbers"]
        file.create_dataset("compressed", data=np.arange(3000).reshape(30, 100), chunks=(7, 30), compression="gzip")
    return path


def test_a_file_is_sealed_when_it_is_closed(recorder):
    recorder.start()
    path = record(recorder, range(5))
    recorder.stop()
    assert recorder.status().problem == ""
    said = seals.verified(path)
    assert (said["changes"], said["seals"], said["notes"]) == ([], 1, [])
    with h5py.File(path) as file:
        assert said["root"] in str(file.attrs["seal"])

    # what is appended later is a seal on top; without anything new there is none
    recorder.open_existing(path)
    record(recorder, range(5))
    recorder.close_file()
    assert seals.verified(path)["seals"] == 2
    recorder.open_existing(path)
    recorder.close_file()
    assert seals.verified(path)["seals"] == 2

    # ... and what is not sealed breaks none
    recorder.settings["recording", "seal"] = False
    recorder.open_existing(path)
    record(recorder, range(5))
    recorder.close_file()
    with FileView(path) as view:
        view.set_comment("/RawData", "a remark of somebody who looked at it later")
    assert any("not sealed: /RawData/Detector" in note for note in seals.verified(path)["notes"])
    assert verify_file(path).code is VerifyCode.UNCHANGED


def test_parts_of_a_recording_are_sealed_while_it_goes_on(tmp_path):
    saver = H5SaverBase("detector")
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["recording", "seal"] = True
    saver.settings["recording", "roll_over_frames"] = 3
    saver.start()
    record(saver, range(7))
    saver.stop()
    saver.sealer.wait(60)
    files = sorted(tmp_path.rglob("*.h5"))
    assert [seals.verified(path)["changes"] for path in files] == [[]] * 3


def test_a_file_whose_program_was_killed_is_sealed_by_its_process(tmp_path):
    code = (
        "import sys, os, time\nfrom h5saver_widget import H5SaverBase\nsaver = H5SaverBase('detector')\n"
        "saver.settings['base_path'] = sys.argv[1]\nsaver.settings['recording', 'seal'] = True\nsaver.start()\n"
        "saver.record('value', 1.0)\nprint(saver.file_path, saver.io.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        path, worker = program.stdout.readline().split()
        program.send_signal(signal.SIGKILL)
    while Path(f"/proc/{worker}").exists() and "zombie" not in Path(f"/proc/{worker}/status").read_text():
        os.sched_yield()
    assert verify_file(path).code is VerifyCode.UNCHANGED


@pytest.mark.parametrize("level", [0, 4])
def test_every_flipped_bit_is_found_and_named(backend, level, tmp_path):
    sealed = seals.recorded(tmp_path, backend, level, frames=6)
    seals.with_attributes(sealed)
    found = seals.count_flips(sealed, 20, 1, tmp_path)
    assert found == {"times": 20, "found": 20, "named rightly": 20}


def test_foreign_files_are_left_as_they_are(foreign):
    before = foreign.read_bytes()
    assert seal_file(foreign).number == 1
    assert foreign.read_bytes() == before
    assert verify_file(foreign).code is VerifyCode.UNCHANGED
    with h5py.File(foreign, "r+") as file:
        file["numbers"][70_000] += 1
        file["texts"][1] = "c"
        file["records"][4] = (1, 2.0)
        file["single"][()] = 4
        del file["soft"]
        file["soft"] = h5py.SoftLink("/single")
        file["numbers"].attrs["units"] = "A"
        file["added"] = 1
    verdict = verify_file(foreign)
    assert {(change.path, change.rows, change.attribute) for change in verdict.changes} == {
        ("/numbers", (65_536, 98_304), ""),
        ("/numbers", None, "units"),
        ("/group/again", (65_536, 98_304), ""),
        ("/group/again", None, "units"),
        ("/texts", (0, 2), ""),
        ("/records", (0, 5), ""),
        ("/single", (0, 1), ""),
        ("/soft", None, "target"),
    }
    assert "not sealed: 1 new nodes (/added)" in verdict.notes


def test_other_chunks_filters_and_byte_orders_keep_the_seal(foreign, tmp_path):
    seal_file(foreign)
    again = tmp_path / "again.h5"
    with h5py.File(foreign) as old, h5py.File(again, "w", libver="latest", track_order=True) as new:
        for name in ("compressed", "single", "texts", "records", "nothing"):
            old.copy(name, new)
        packed = {"chunks": (999,), "compression": "lzf", "shuffle": True, "maxshape": (None,)}
        numbers = new.create_dataset("numbers", data=old["numbers"][()].astype(">f8"), dtype=">f8", **packed)
        numbers.attrs.create("units", b"V")
        new["group/again"] = numbers
        new["soft"] = h5py.SoftLink("/numbers")
        new["refers"] = np.array([numbers.ref], dtype=h5py.ref_dtype)
    shutil.copy(seal_path(foreign), seal_path(again))
    assert verify_file(again).changes == ()


def test_the_root_hash_is_what_the_page_says(tmp_path):
    """Compute the seal of a small file with nothing but h5py, hashlib and json, as docs/sealing.md tells to."""
    path = tmp_path / "small.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.array([[1, 2], [3, 4]], ">u2")
        file["a"].attrs["units"] = "mV"
        file["b"] = np.full(5, 7.0)
    root = seal_file(path).root

    def sha(raw: bytes) -> str:
        return hashlib.sha256(raw).hexdigest()

    said = json.loads(seal_path(path).read_text())["seals"][0]
    group = {"kind": "group", "attributes": {}}
    array = {
        **{"kind": "array", "dtype": "<u2", "shape": [2, 2], "rows": [0, 2], "block": 65536},
        "attributes": {"units": sha(b"text()\0" + (2).to_bytes(8, "little") + b"mV")},
        "hashes": [sha(b"\0" + np.array([1, 2, 3, 4], "<u2").tobytes())],
    }
    same = {
        **{"kind": "array", "dtype": "<f8", "shape": [5], "rows": [0, 5], "block": 32768, "attributes": {}},
        "hashes": [sha(b"\1" + (5).to_bytes(8, "little") + np.array(7.0, "<f8").tobytes())],
    }
    content = {"format": "h5saver-seal 1", "number": 1, "previous": "", "left_out": {}}
    content |= {"time": said["time"], "program": said["program"], "nodes": {"/": group, "/a": array, "/b": same}}
    assert root == sha(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def test_without_its_sidecar_a_file_is_verified_by_its_line(tmp_path):
    sealed = seals.recorded(tmp_path, "h5py", 0, frames=2)
    seal_path(sealed).unlink()
    assert verify_file(sealed).code is VerifyCode.UNCHANGED
    seals.flip(sealed, "/RawData/Detector002/Data0D/CH00/EnlData00", "", random.Random(1))
    verdict = verify_file(sealed)
    assert verdict.code is VerifyCode.CHANGED and "is not here" in verdict.in_words()


def test_a_changed_sidecar_is_no_proof(foreign):
    seal_file(foreign)
    place = seal_path(foreign)
    said = json.loads(place.read_text())
    said["seals"][0]["nodes"]["/single"]["hashes"] = ["0" * 64]
    place.write_text(json.dumps(said))
    assert "was changed" in verify_file(foreign).in_words()
    for damaged in ("{", "[]", '{"format": 1}', '{"format": "h5saver-seal 2"}', place.read_text()[:900]):
        place.write_text(damaged)
        assert seals.verified(foreign)["changes"]
        with pytest.raises(CodecError, match=r"seal\.json"):
            Seals.read(foreign)
    with pytest.raises(SealError, match=r"seal\.json"):
        seal_file(foreign)
    bomb = {"kind": "array", "attributes": {}, "dtype": "<u2", "shape": [2], "rows": [0, 2], "block": 1}
    with pytest.raises(ValueError, match="more hashes than rows"):
        Entry.from_json({**bomb, "hashes": [["0" * 64, 1 << 40]]})


def test_a_seal_is_of_one_recording(tmp_path):
    one, other = (seals.recorded(tmp_path / name, "h5py", 0, frames=1) for name in ("one", "other"))
    shutil.copy(seal_path(other), seal_path(one))
    assert "another recording" in str(seals.verified(one)["changes"])
    with pytest.raises(SealError, match="another recording"):
        seal_file(one)


def test_huge_shapes_and_odd_types_cost_nothing(tmp_path):
    path = tmp_path / "huge.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("sparse", shape=(1 << 40, 4), chunks=(1, 4), dtype="u1")[17] = 1
        file.create_dataset("larger", shape=(1 << 60,), chunks=(1024,), dtype="u1")
        file["elsewhere"] = 1
        file.create_dataset("outside", shape=(10,), dtype="i4", external=[("other.bin", 0, 40)])
        file["regions"] = np.array([file["elsewhere"].regionref[()]], dtype=h5py.regionref_dtype)
    sealed = seal_file(path)
    assert set(sealed.left_out) == {"/larger", "/outside", "/regions"}
    assert seal_path(path).stat().st_size < 10_000
    with h5py.File(path, "r+") as file:
        file["sparse"][17, 3] = 2
    (change,) = verify_file(path).changes
    assert change.rows is not None and change.rows[0] <= 17 < change.rows[1]


def test_rows_that_are_gone_or_of_another_kind_are_named(foreign):
    with h5py.File(foreign, "r+") as file:
        file.create_dataset("grown", data=np.arange(100_000), maxshape=(None,), chunks=(1000,))
    seal_file(foreign)
    with h5py.File(foreign, "r+") as file:
        file["grown"].resize(40_000, axis=0)
        for name, values in (("texts", np.arange(2)), ("compressed", np.zeros((30, 10), int))):
            del file[name]
            file[name] = values
        del file["group"]
    words = verify_file(foreign).in_words()
    assert "/grown: rows 40,000 to 99,999 missing" in words
    assert "/texts: its number type is <i8, and was variable" in words
    assert "/compressed: its shape is (30, 10), and was (30, 100)" in words
    assert "/group: is not in the file any more" in words and "/group/again" not in words


def test_damage_is_named_and_never_sealed(foreign):
    seal_file(foreign)
    with h5py.File(foreign) as file:
        chunk = file["compressed"].id.get_chunk_info(3)
    with foreign.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    (change,) = verify_file(foreign).changes
    assert change.path == "/compressed" and "can't be read" in change.what
    seal_path(foreign).unlink()
    with pytest.raises(SealError, match="/compressed can't be read"):
        seal_file(foreign)


def test_files_that_are_written_or_none_are_refused(saver, tmp_path):
    with pytest.raises(FileOpenError, match="being written, or was not closed properly"):
        seal_file(saver.file_path)
    with pytest.raises(FileNotFoundError):
        verify_file(tmp_path / "not there.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(FileOpenError, match=r"text\.h5"):
        verify_file(tmp_path / "text.h5")


def test_a_ledger_is_a_chain(tmp_path):
    ledger, seal = tmp_path / "lines.jsonl", Seal(1, WHEN, "test", "", {})

    def add(number: int) -> None:
        add_to_ledger(ledger, tmp_path / f"file{number}.h5", "", seal)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert [wrong for _, _, wrong in check_ledger(ledger)] == [""] * 40
    with ledger.open("ab") as lines:
        lines.write(b'{"torn": ')
    add(40)
    wrong = {number: wrong for number, _, wrong in check_ledger(ledger) if wrong}
    assert list(wrong) == [41] and "torn" in wrong[41]
    at = next(number for number, said, _ in check_ledger(ledger) if said["file"] == "file7.h5")
    ledger.write_text(ledger.read_text().replace("file7", "file8", 1))
    assert "does not follow" in {number: wrong for number, _, wrong in check_ledger(ledger)}[at + 1]


def test_the_ledger_may_be_shared(foreign, tmp_path, monkeypatch):
    monkeypatch.setenv("H5SAVER_SEAL_LEDGER", str(tmp_path / "all" / "seals.jsonl"))
    root = seal_file(foreign).root
    assert [said["root"] for _, said, _ in check_ledger(tmp_path / "all" / "seals.jsonl")] == [root]
    monkeypatch.delenv("H5SAVER_SEAL_LEDGER")
    assert not ledger_path(foreign).exists()
    assert any("no ledger" in note for note in verify_file(foreign).notes)


def test_seals_are_read_as_they_were_written(tmp_path):
    entry = Entry("array", {"b": "1", "a": "2"}, "<u2", (9, 2), (3, 9), 2, ("x", "y", "y"))
    first = Seal(1, WHEN, "test", "", {"/a": entry, "/": Entry("group", {})}, {"/c": "why"})
    second = Seal(2, WHEN, "test", first.root, {})
    Seals("id", (first, second)).write(tmp_path / "a.h5")
    assert Seals.read(tmp_path / "a.h5") == Seals("id", (first, second))
    assert Seals.read(tmp_path / "b.h5") is None
    Seals("id", (second,)).write(tmp_path / "a.h5")
    with pytest.raises(CodecError, match="seal 1"):
        Seals.read(tmp_path / "a.h5")
    assert datetime.fromisoformat(first.line.split()[-1])


def test_the_commands(foreign, capsys):
    assert main(["verify", str(foreign)]) == 4
    assert main(["seal", str(foreign)]) == 0
    assert main(["seal", str(foreign)]) == 0
    said = capsys.readouterr().out
    assert "is not sealed" in said and "sealed, number 1" in said and "nothing is new since seal 1" in said
    assert main(["verify", str(foreign), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seals"] == 1
    with h5py.File(foreign, "r+") as file:
        file["single"][()] = 9
    assert main(["verify", str(foreign), str(foreign.with_name("none.h5"))]) == 1
    assert "changed: /single: row 0 changed" in capsys.readouterr().out
    foreign.write_bytes(b"x" * 10)
    assert main(["verify", str(foreign)]) == 3 and main(["seal", str(foreign)]) == 3
