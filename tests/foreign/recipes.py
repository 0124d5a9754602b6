"""Files as other programs write them, one per family: NeXus of all generations, netCDF, every type of HDF5, tables."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import tables
from h5py import h5d, h5p, h5s, h5t, h5z

ROWS = np.dtype([("t", "f8"), ("state", "i2"), ("who", "S8"), ("xyz", "f4", (3,)), ("note", h5py.string_dtype())])


def write_nexus(path: Path) -> Path:
    """Write groups of three generations; no `default` anywhere."""
    with h5py.File(path, "w") as file:
        entry = file.create_group("scan_7")
        entry.attrs["NX_class"] = np.array([b"NXentry"])
        entry["sample/name"] = "quartz"
        entry["sample"].attrs["NX_class"] = "NXsample"
        _first_generation(entry.create_group("diode"))
        _second_generation(entry.create_group("middle"))
        _third_generation(entry.create_group("newest"), entry)
    return path


def _first_generation(group: h5py.Group) -> None:
    """Axes say their dimension; every attribute is an array of one byte string, counted from the fastest dimension."""
    group.attrs["NX_class"] = np.array([b"NXdata"])
    counts = group.create_dataset("counts", data=np.arange(12).reshape(3, 4))
    counts.attrs["signal"], counts.attrs["units"] = np.array([b"1"]), np.array([b"cts"])
    for name, size, number, primary in (("x", 4, b"1", b"1"), ("x_set", 4, b"1", b"2"), ("y", 3, b"2", b"1")):
        axis = group.create_dataset(name, data=np.arange(size) + 10.0)
        axis.attrs["axis"], axis.attrs["primary"] = np.array([number]), np.array([primary])
        axis.attrs["units"] = np.array([b"mm"])


def _second_generation(group: h5py.Group) -> None:
    group.attrs["NX_class"] = "NXdata"
    group["i"] = np.arange(6.0).reshape(2, 3)
    group["i"].attrs["signal"], group["i"].attrs["axes"] = 1, "[phi,energy]"
    group["phi"], group["energy"] = np.array([0.0, 90]), np.array([1.0, 2, 4])
    group["errors"] = np.full((2, 3), 0.5)
    group["energy"].attrs["long_name"], group["energy"].attrs["units"] = "photon energy", "keV"


def _third_generation(group: h5py.Group, entry: h5py.Group) -> None:
    """Write a signal that is a link, an axis of edges, scale and offset beside them."""
    entry["detector/frames"] = np.arange(24, dtype="u2").reshape(2, 3, 4)
    entry["detector/frames"].attrs["interpretation"] = "image"
    group.attrs["NX_class"], group.attrs["signal"] = "NXdata", "frames"
    group.attrs["axes"] = np.array([".", "row", "."], h5py.string_dtype())
    group.attrs["temperature_indices"] = 0
    group["frames"] = h5py.SoftLink("../detector/frames")
    group["frames_scaling_factor"], group["frames_offset"] = 0.5, 1.0
    group["row"], group["temperature"] = np.arange(4) * 2.0, np.array([4.2, 77])


def write_netcdf(path: Path) -> Path:
    """Write packed numbers, fill values, unsigned bytes, times of two calendars, a dimension without values."""
    with h5py.File(path, "w") as file:
        hours = file.create_dataset("hours", data=np.array([0, 24, 36], "i4"))
        hours.make_scale("hours")
        hours.attrs["units"] = "hours since 2020-02-28 12:00:00 +01:00"
        band = file.create_dataset("band", data=np.zeros(2, ">f4"))
        band.make_scale("This is a netCDF dimension but not a netCDF variable.         2")
        depth = file.create_dataset("depth", data=np.array([1, 2, 5], "i2"))
        depth.make_scale("depth")
        depth.attrs["scale_factor"], depth.attrs["units"] = np.float32(0.1), np.bytes_("m")
        packed = np.array([[[0, 100, -99], [1, 2, 3]]] * 3, "i2")
        wet = file.create_dataset("wetness", data=packed)
        wet.attrs["scale_factor"], wet.attrs["add_offset"], wet.attrs["missing_value"] = 0.01, -1.0, np.int16([-99])
        seen = file.create_dataset("seen", data=np.array([-1, -2, 5], "i1"))
        seen.attrs["_Unsigned"], seen.attrs["_FillValue"] = "true", np.int8(-1)
        model = file.create_dataset("model_day", data=np.array([0.0, 359.0]))
        model.attrs["units"], model.attrs["calendar"] = "days since 1850-01-01", "360_day"
        for number, scale in enumerate((hours, band, depth)):
            wet.dims[number].attach_scale(scale)
        seen.dims[0].attach_scale(hours)
    return path


def write_kinds(path: Path) -> Path:
    """Write every type that HDF5 has and numpy has not, links, values that stand elsewhere, images in colour."""
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for name, value in {"whole": 3, "half": 0.25}.items():
            file[f"deep/numbers/{name}"] = value
        file["valve"] = np.array([2, 0, 2], dtype=h5py.enum_dtype({"SHUT": 0, "OPEN": 2}, "u1"))
        file["pointers"] = np.array([file["valve"].ref, file["deep"].ref], dtype=h5py.ref_dtype)
        file["regions"] = np.array([file["valve"].regionref[1:]], dtype=h5py.regionref_dtype)
        file["deep"].attrs.create("best", file["valve"].ref, dtype=h5py.ref_dtype)
        file["deep"].attrs.create("part", file["valve"].regionref[:1], dtype=h5py.regionref_dtype)
        file["shape_of_point"] = np.dtype([("x", "f8"), ("y", "f8")])
        file.create_dataset("points", (2,), dtype=file["shape_of_point"])
        file["flags"] = np.zeros(3, "u1")
        _typed(file, "bits", h5t.STD_B8LE, np.array([1, 255], "u1"))
        _typed(file, "quad", h5t.IEEE_F64LE.copy(), np.array([0.5, 2.0]), quad=True)
        blob = h5t.create(h5t.OPAQUE, 3)
        blob.set_tag(b"camera state")
        _typed(file, "blob", blob, np.array([b"\x00\xff\x01"], "V3"))
        file["nothing"], file["no_text"] = h5py.Empty("i4"), h5py.Empty(h5py.string_dtype())
        h5d.create(file.id, b"matrices", h5t.array_create(h5t.NATIVE_FLOAT, (2, 3)), h5s.create_simple((4,)))
        file["units_of_old"] = np.array([b"\xb5A", b"\xc5", b"ok"])
        file["valve"].attrs.create("comment", np.bytes_(b"Schl\xfcssel"))
        file["log"] = np.array([(0.5, 1, b"ada", (1, 2, 3), "ein"), (1.5, 2, b"b,c", (4, 5, 6), 'z"w')], ROWS)
        file["log"].attrs["units"] = np.array([b"s", b"", b"", b"mm", b""])
        _matlab(file)
        _images(file)
        file["near"], file["far"] = h5py.SoftLink("/deep/numbers"), h5py.ExternalLink("gone.h5", "/x")
        file["same"] = file["deep"]
        layout = h5py.VirtualLayout((2, 3), "u1")
        layout[0], layout[1] = h5py.VirtualSource(".", "valve", (3,)), h5py.VirtualSource(".", "flags", (3,))
        file.create_virtual_dataset("own_view", layout)
        _needs_filter(file)
    return path


def _typed(file: h5py.File, name: str, kind: h5t.TypeID, values: np.ndarray, quad: bool = False) -> None:
    if quad:
        kind = h5t.IEEE_F64LE.copy()
        kind.set_size(16)
        kind.set_precision(128)
        kind.set_fields(127, 112, 15, 0, 112)
        kind.set_ebias(16383)
    made = h5d.create(file.id, name.encode(), kind, h5s.create_simple(values.shape))
    memory = h5t.NATIVE_DOUBLE if quad else kind if name == "blob" else h5t.NATIVE_B8
    made.write(h5s.ALL, h5s.ALL, values, memory)


def _matlab(file: h5py.File) -> None:
    cells = file.create_group("#refs#")
    cells["a"], cells["b"] = np.array([[1.0]]), np.array([[2.0, 3.0]])
    file["cell"] = np.array([[cells["a"].ref], [cells["b"].ref]], dtype=h5py.ref_dtype)
    file["cell"].attrs["MATLAB_class"] = np.bytes_("cell")
    file["z"] = np.array([(1.0, -1.0), (2.0, 0.5)], [("real", "f8"), ("imag", "f8")])
    file["word"] = np.array([[ord(c)] for c in "Hall"], "u2")
    file["word"].attrs["MATLAB_class"] = np.bytes_("char")


def _images(file: h5py.File) -> None:
    file["photo"] = np.arange(2 * 3 * 3, dtype="u1").reshape(2, 3, 3)
    for name, text in {
        "CLASS": "IMAGE",
        "IMAGE_SUBCLASS": "IMAGE_TRUECOLOR",
        "INTERLACE_MODE": "INTERLACE_PIXEL",
    }.items():
        file["photo"].attrs[name] = np.bytes_(text)
    file["planes"] = np.arange(12, dtype="u1").reshape(3, 2, 2)
    for name, text in {**file["photo"].attrs, "INTERLACE_MODE": np.bytes_("INTERLACE_PLANE")}.items():
        file["planes"].attrs[name] = text
    file["thermal"] = np.array([[0, 1], [2, 1]], "u1")
    file["palette"] = np.array([[0, 0, 255], [0, 255, 0], [255, 0, 0]], "u1")
    file["thermal"].attrs["CLASS"], file["thermal"].attrs["IMAGE_SUBCLASS"] = (
        np.bytes_("IMAGE"),
        np.bytes_("IMAGE_INDEXED"),
    )
    file["thermal"].attrs.create("PALETTE", file["palette"].ref, dtype=h5py.ref_dtype)
    file["movie"] = np.full((2, 4, 5, 3), 0.5)
    file["movie"].attrs["interpretation"] = "rgb-image"


def _needs_filter(file: h5py.File) -> None:
    """Write an array whose chunk is whole, but packed by a filter that nobody has."""
    stored = h5p.create(h5p.DATASET_CREATE)
    stored.set_chunk((8,))
    stored.set_filter(31999, h5z.FLAG_OPTIONAL, (1,))
    made = h5d.create(file.id, b"sealed", h5t.NATIVE_INT16, h5s.create_simple((8,)), stored)
    made.write_direct_chunk((0,), bytes(range(16)), 0)


def write_tables(path: Path) -> Path:
    """Write tables of PyTables and pandas."""
    with tables.open_file(str(path), "w") as file:
        rows = np.zeros(3, [("speed", "f4"), ("gear", "i1"), ("inner", [("a", "i2"), ("b", "f8")]), ("name", "S4")])
        rows["speed"], rows["name"] = [1, 2, 3], [b"one", b"two", b"x"]
        made = file.create_table("/", "runs", obj=rows)
        made.attrs.speed_units = "km/h"
        file.create_earray("/", "grows", obj=np.arange(4.0))
    frame = pd.DataFrame({"height": [1.0, 2.0], "width": [3.0, 4.0]}, index=["p", "q"])
    frame.to_hdf(path, key="frame", format="table")
    return path


def write_odd(path: Path) -> Path:
    """Write what is legal and rare: rows within rows, single ones, lists, names of all kinds, links in circles."""
    inner = [("pos", [("x", "f8"), ("y", "c16")]), ("ok", "?"), ("vec", "f4", (3,)), ("text", h5py.string_dtype())]
    rows = np.zeros(3, np.dtype(inner))
    rows["text"], rows["pos"]["y"] = ["a", "ü", ""], 1 + 2j
    with h5py.File(path, "w") as file:
        file["rows"], file["row"] = rows, rows[0]
        file.create_dataset("pairs", (3,), np.dtype("(2,2)f4"))
        lists = file.create_dataset("lists", (3,), h5py.vlen_dtype(np.dtype([("a", "i4"), ("b", "f8")])))
        lists[0] = np.zeros(2, [("a", "i4"), ("b", "f8")])
        for name in (
            "naïve",
            "日本",
            "a b",
            ".hidden",
            "x" * 300,
            "日" * 100,
            "tab\tname",
            "%s",
            "<b>bold</b>",
            "CON",
            "é",
        ):
            file[f"names/{name}"] = np.arange(3)
        file["flat"] = np.zeros((1,) * 20 + (2,) * 4)
        file["beyond int64"] = np.arange(4, dtype="u8") + 2**63
        file["group/below"] = file.create_group("circle")
        file["circle/up"] = file["group"]
        file["one"], file["two"] = h5py.SoftLink("/two"), h5py.SoftLink("/one")
        file["self"] = h5py.ExternalLink(path.name, "/rows")
    return path


def write_elsewhere(folder: Path) -> Path:
    """Write a master file whose values stand beside it, one of them outside of its folder."""
    outside = folder.parent / f"{folder.name} outside.h5"
    with h5py.File(outside, "w") as file:
        file["d"] = np.full(4, 9)
    for number in range(2):
        with h5py.File(folder / f"data_{number}.h5", "w") as file:
            file["entry/d"] = np.arange(4) + 10 * number
    (folder / "raw.bin").write_bytes(np.arange(5, dtype="i4").tobytes())
    master = folder / "master.h5"
    with h5py.File(master, "w", libver=("earliest", "v110")) as file:
        frames = h5py.VirtualLayout((2, 4), "i8")
        for number in range(2):
            frames[number] = h5py.VirtualSource(f"data_{number}.h5", "entry/d", (4,))
        file.create_virtual_dataset("frames", frames)
        away = h5py.VirtualLayout((4,), "i8")
        away[:] = h5py.VirtualSource(f"../{outside.name}", "d", (4,))
        file.create_virtual_dataset("away", away)
        file.create_dataset("bytes", (5,), "i4", external=[("raw.bin", 0, 20)])
        # through a file that is allowed, to one that is not
        with h5py.File(folder / "bridge.h5", "w") as other:
            other["x"] = h5py.ExternalLink(f"../{outside.name}", "/d")
            other.create_virtual_dataset("y", away)
        with h5py.File(folder / "data_1.h5", "r+") as other:
            other["by_link"] = h5py.SoftLink("entry/d")
        linked = h5py.VirtualLayout((4,), "i8")
        linked[:] = h5py.VirtualSource("data_1.h5", "by_link", (4,))
        file.create_virtual_dataset("linked", linked)
        for name in ("x", "y"):
            bridge = h5py.VirtualLayout((4,), "i8")
            bridge[:] = h5py.VirtualSource("bridge.h5", name, (4,))
            file.create_virtual_dataset(f"bridge_{name}", bridge)
    return master


RECIPES = {
    "nexus.nxs": write_nexus,
    "cf.nc": write_netcdf,
    "kinds.h5": write_kinds,
    "tables.h5": write_tables,
    "odd.h5": write_odd,
}
