"""A file as other programs write them: everything that is odd, NeXus groups, dimension scales, links."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

ROWS = np.dtype([("time", "f8"), ("name", "S10"), ("place", "f4", (3,)), ("note", h5py.string_dtype())])


def write_foreign(path: Path) -> Path:
    """Write nodes of every kind; the names say what they are."""
    with h5py.File(path, "w") as file:
        table = np.zeros(3, ROWS)
        table["time"], table["name"], table["note"] = [0.5, 1.5, 2.5], [b"a", b"b", b"c"], ["eins", "µ", ""]
        file["table"] = table
        file["packed"] = table[["time", "place"]].astype([("time", "f8"), ("place", "f4", (3,))])
        file["text"] = ["one", "drei ü"]
        file["fixed"] = np.array([b"abc", b"de"])
        file["one text"] = "hello"
        file["empty"] = np.zeros((0, 5))
        file["nothing"] = h5py.Empty("f4")
        file["number"] = 42.5
        file["flag"] = True
        file["one point"] = np.full((1, 1, 1), 3.0)
        file["complex"] = np.exp(1j * np.linspace(0, 6, 50))
        file["half"] = np.linspace(0, 1, 20, dtype=np.float16)
        file["enum"] = np.array([0, 1, 2], dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 2}))
        file["references"] = np.array([file["table"].ref], dtype=h5py.ref_dtype)
        file["opaque"] = np.void(b"\x00\x01\x02")
        ragged = file.create_dataset("ragged", (3,), dtype=h5py.vlen_dtype("i4"))
        ragged[0], ragged[1] = [1], [1, 2]
        file["5 dimensions"] = np.arange(2 * 3 * 4 * 5 * 6.0).reshape(2, 3, 4, 5, 6)
        file["colours"] = np.arange(50 * 80 * 3).reshape(50, 80, 3).astype(np.uint8)
        file["all nan"] = np.full(20, np.nan)
        file["infinite"] = np.array([1, np.inf, 2, -np.inf, 3.0])
        file["constant"] = np.full((20, 30), 7.0)
        file["huge"] = np.array([2**63, 2**64 - 1], dtype=np.uint64)
        file["column"], file["row"] = np.arange(50.0).reshape(50, 1), np.arange(50.0).reshape(1, 50)
        file["scales/x"], file["scales/y"] = np.linspace(0, 1, 30), np.sin(np.linspace(0, 6, 30))
        file["scales/x"].make_scale("position")
        file["scales/x"].attrs["units"] = "mm"
        file["scales/y"].dims[0].attach_scale(file["scales/x"])
        _write_nexus(file)
        file["soft"], file["broken"] = h5py.SoftLink("/table"), h5py.SoftLink("/nowhere")
        file["round"], file["way"] = h5py.SoftLink("round"), h5py.SoftLink("/entry")
        file["outside"] = h5py.ExternalLink("other.h5", "/x")
        file["a/loop"] = file["entry"]
        file["name with <b> & µ"] = np.arange(5)
    return path


def _write_nexus(file: h5py.File) -> None:
    entry = file.create_group("entry")
    entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", "data"
    entry["instrument/energy"] = np.linspace(0, 10, 21)  # edges of a histogram
    entry["instrument/energy"].attrs["units"] = "keV"
    data = entry.create_group("data")
    data.attrs["NX_class"], data.attrs["signal"], data.attrs["axes"] = "NXdata", "counts", ["energy"]
    data.attrs["auxiliary_signals"] = ["dark"]
    data["counts"], data["dark"] = np.arange(20), np.arange(20) / 2
    data["counts"].attrs["units"] = "1/s"
    data["energy"] = h5py.SoftLink("../instrument/energy")
    linked = entry.create_group("linked")
    linked.attrs["NX_class"], linked.attrs["signal"] = "NXdata", "image"
    linked["image"] = h5py.SoftLink("/5 dimensions")
    with_errors = entry.create_group("errors")
    with_errors.attrs["NX_class"], with_errors.attrs["signal"] = "NXdata", "rate"
    with_errors["rate"], with_errors["rate_errors"] = np.arange(5.0), np.full(5, 0.5)
    older = entry.create_group("older")
    older.attrs["NX_class"] = "NXdata"
    older["values"], older["t"] = np.arange(6.0), np.arange(6.0) * 10
    older["values"].attrs["signal"], older["values"].attrs["axes"] = 1, "t"
