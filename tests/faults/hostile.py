"""Files that somebody made to do harm, one function each: ``make(path, outside)``; `outside` is a folder of secrets."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import tables
from h5py import h5a, h5d, h5f, h5p, h5s, h5t

SECRET = b"TOP-SECRET-CONTENT-OF-ANOTHER-FILE" * 8
FLAG = "flag"

Maker = Callable[[Path, Path], None]
MAKERS: dict[str, Maker] = {}


def hostile(maker: Maker) -> Maker:
    MAKERS[maker.__name__] = maker
    return maker


def prepared(outside: Path) -> None:
    """Put the secrets where the hostile files look for them."""
    outside.mkdir(parents=True, exist_ok=True)
    (outside / "secret.bin").write_bytes(SECRET)
    with h5py.File(outside / "secret.h5", "x") as file:
        file["secret"] = np.frombuffer(SECRET, np.uint8)
        file["text"] = SECRET.decode()


def code(outside: Path) -> str:
    """Return Python text that makes the flag when it is evaluated."""
    return f"__import__('pathlib').Path({str(outside / FLAG)!r}).touch()"


class Bomb:
    """Unpickling it makes the flag."""

    def __init__(self, outside: Path) -> None:
        self.outside = outside

    def __reduce__(self) -> tuple[object, ...]:
        return eval, (code(self.outside),)


def laid_out(file: h5py.File) -> h5py.Group:
    """Make what loaders look for, and return the group of a channel."""
    raw = file.create_group("RawData")
    raw.attrs["type"] = "detector"
    channel = raw.create_group("Detector000/Data1D/CH00")
    raw["Detector000"].attrs["type"] = "detector"
    channel.attrs["TITLE"] = "channel"
    return channel


def named(node: h5py.HLObject, **attributes: object) -> None:
    node.attrs.update({"CLASS": "CARRAY", "TITLE": "data", "data_type": "data", "label": "data", **attributes})


@hostile
def code_in_attributes(path: Path, outside: Path) -> None:
    text = code(outside)
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        data = channel.create_dataset("Data00", data=np.arange(6.0))
        for node in (file, file["RawData"], channel, data):
            for kind in ("str", "tuple", "float", "bytes", "datetime", "ndarray", "float64", "list", "bool"):
                for module in ("builtins", "numpy", "os"):
                    node.attrs[f"{kind}_{module}"] = json.dumps({"module": module, "type": kind, "data": text})
            for name in ("shape", "nav_indexes", "label", "units", "timestamp", "TITLE", "settings", "data_dimension"):
                node.attrs[name] = json.dumps({"module": "builtins", "type": "tuple", "data": text})


@hostile
def code_in_the_log(path: Path, outside: Path) -> None:
    with h5py.File(path, "x") as file:
        laid_out(file)
        log = file.create_dataset("RawData/Logger", shape=(7,), maxshape=(None,), dtype=h5py.vlen_dtype(np.uint8))
        log.attrs.update({"CLASS": "VLARRAY", "subdtype": "string"})
        for row, bomb in enumerate((*(pickle.dumps(Bomb(outside), protocol) for protocol in range(6)), b"\x80")):
            log[row] = np.frombuffer(bomb, np.uint8)


@hostile
def pickles_of_pytables(path: Path, outside: Path) -> None:
    with tables.open_file(path, "w") as file:
        raw = file.create_group("/", "RawData")
        log = file.create_vlarray(raw, "Logger", tables.ObjectAtom())
        log.append(Bomb(outside))
        data = file.create_array(raw, "Data00", np.arange(3.0))
        for node in (file.root, raw, log, data):
            for name in ("settings", "label", "shape", "nav_indexes", "anything", "FILTERS", "data_type"):
                node._v_attrs._g_setattr(node, name, np.array(pickle.dumps(Bomb(outside), 0)))


@hostile
def wrong_types(path: Path, outside: Path) -> None:
    odd = (3, 2.5, np.arange(4), b"\xff\xfe", np.bool_(True), h5py.Empty("f4"), np.array(["a", "b"], "S1"), 1j, "")
    names = ("nav_indexes", "shape", "label", "units", "data_dimension", "timestamp", "data_type", "TITLE", "settings")
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        for number, value in enumerate(odd):
            data = channel.create_dataset(f"Data{number:02d}", data=np.arange(6.0).reshape(2, 3))
            axis = channel.create_dataset(f"Axis{number:02d}", data=np.arange(3.0))
            for node in (data, axis, channel, file["RawData"]):
                named(node)
                for name in names:
                    node.attrs[name] = value
            axis.attrs["index"] = value
        channel["Data20"] = np.array([b"text", b"more"])
        channel["Data21"] = np.zeros(3, dtype=[("a", "i4"), ("b", "S3")])
        channel["Data22"] = np.array([channel.ref], dtype=h5py.ref_dtype)
        channel["Data23"] = np.dtype("f8")
        channel.create_group("Data24")
        file["RawData/Logger"] = np.arange(5)


@hostile
def lying_numbers(path: Path, outside: Path) -> None:
    values = ("(-1, -5)", "(10**30,)", "(99, 98)", "(0, 0, 0)", "float('nan')", "(1.5,)", "'x'", "-7", "1e400", "None")
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        for number, value in enumerate(values):
            data = channel.create_dataset(f"Data{number:02d}", data=np.zeros((2, 3)))
            axis = channel.create_dataset(f"Axis{number:02d}", data=np.arange(3.0))
            for node in (data, axis):
                named(node)
                for name in ("nav_indexes", "shape", "index", "spread_order", "size", "timestamp", "offset", "scaling"):
                    node.attrs[name] = json.dumps({"module": "builtins", "type": "tuple", "data": value})


@hostile
def huge_shapes(path: Path, outside: Path) -> None:
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        shapes = {"Data00": (2**62,), "Data01": (2**31, 2**40), "Data02": (40_000, 40_000, 40), "Data03": (3, 2**40)}
        for name, shape in shapes.items():
            chunks = tuple(min(n, 64) for n in shape)
            named(channel.create_dataset(name, shape=shape, dtype="u1", chunks=chunks))
        named(channel.create_dataset("EnlData00", shape=(2**50, 5), maxshape=(None, 5), dtype="f8", chunks=(100, 5)))
        log = file.create_dataset("RawData/Logger", (2**40,), maxshape=(None,), dtype=h5py.vlen_dtype(np.uint8))
        log.attrs.update({"CLASS": "VLARRAY", "subdtype": "string"})


@hostile
def huge_values_in_attributes(path: Path, outside: Path) -> None:
    nines = "9" * 60
    texts = (
        f"np.zeros(({nines},))",
        "np.zeros((10**9, 10**9))",
        "[" * 5000 + "]" * 5000,
        f"9**{nines}",
        "'a' * 10**10",
        f"np.array([0], dtype='S{nines}')",
        "(" * 100_000,
        "{" + "1:" * 50_000,
        "0x" + "f" * 1_000_000,
        "1e" + nines,
    )
    array = {"module": "numpy", "type": "ndarray", "data": "[0]", "dtype": "U9999999", "shape": [9_999_999]}
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        data = channel.create_dataset("Data00", data=np.arange(3.0))
        named(data)
        for number, text in enumerate(texts):
            for node in (channel, data):
                node.attrs[f"a{number}"] = json.dumps({"module": "builtins", "type": "tuple", "data": text})
        channel.attrs["array"] = json.dumps(array)
        channel.attrs["parts"] = '{"module": "h5saver_widget", "type": "parts", "data": "99999999999"}'


@hostile
def megabyte_names(path: Path, outside: Path) -> None:
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        channel["D" * 60_000] = np.arange(3)
        channel.create_group("ünïcode \U0001f600 \u202e name")
        channel.create_group("two\nlines")
        channel.create_group("__class__").create_group("_v_attrs")
        channel.attrs["x" * 30_000] = "long name"
        channel.attrs["TITLE"] = "t" * 3_000_000


def names_that_are_no_text(path: Path, outside: Path) -> None:
    """Make what ends PyTables: links and attributes whose names are not UTF-8."""
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        channel.id.links.create_soft(b"\xff\xfe not utf-8", b"/RawData")
        channel.create_group(b"\xff group")
        channel[b"\xff array"] = np.arange(3)
        h5a.create(channel.id, b"\xff attribute", h5t.NATIVE_INT32, h5s.create(h5s.SCALAR))


@hostile
def hard_link_loops(path: Path, outside: Path) -> None:
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        channel["Data00"] = np.arange(3.0)
        named(channel["Data00"])
        for number in range(10):
            channel[f"Loop{number}"] = file["RawData"]
            channel[f"Self{number}"] = channel
        first = file.create_group("Fan")
        for _ in range(40):  # no loop, and 10 ** 40 ways through it
            second = first.create_group("G0")
            for number in range(1, 10):
                first[f"G{number}"] = second
            first = second


@hostile
def soft_link_loops(path: Path, outside: Path) -> None:
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        for number in range(5):
            channel[f"Data{number:02d}"] = h5py.SoftLink(f"{channel.name}/Data{(number + 1) % 5:02d}")
            channel[f"Up{number}"] = h5py.SoftLink("/")
        file["RawData/Logger"] = h5py.SoftLink("/RawData/Logger")
        channel["Dangling"] = h5py.SoftLink("/nowhere")


@hostile
def external_links(path: Path, outside: Path) -> None:
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        channel["Data00"] = h5py.ExternalLink(str(outside / "secret.h5"), "/secret")
        channel["Data01"] = h5py.ExternalLink("../outside/secret.h5", "/secret")
        channel["Data02"] = h5py.ExternalLink(str(path), "/")
        channel["Data03"] = h5py.ExternalLink("/dev/zero", "/")
        channel["Data04"] = h5py.ExternalLink("file:///etc/passwd", "/")
        file["RawData/Logger"] = h5py.ExternalLink(str(outside / "secret.h5"), "/text")


@hostile
def external_storage(path: Path, outside: Path) -> None:
    """Have the raw data of arrays be stored in other files."""
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        for number, target in enumerate((outside / "secret.bin", "../outside/secret.bin", "/etc/hostname")):
            _external(channel, f"Data{number:02d}", str(target))


@hostile
def external_storage_in_a_newer_format(path: Path, outside: Path) -> None:
    with h5py.File(path, "x", libver=("v110", "v110")) as file:
        channel = laid_out(file)
        _external(channel, "Data00", str(outside / "secret.bin"))
        _external(channel, "EnlData00", str(outside / "secret.bin"), grows=True)
        channel["Data00"].attrs.update({f"many{number}": "attributes" for number in range(30)})


def _external(group: h5py.Group, name: str, target: str, grows: bool = False) -> None:
    size = len(SECRET)
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_external(target.encode(), 0, h5f.UNLIMITED if grows else size)
    space = h5s.create_simple((size,), (h5s.UNLIMITED,) if grows else (size,))
    h5d.create(group.id, name.encode(), h5t.NATIVE_UINT8, space, plist)
    named(group[name], CLASS="EARRAY" if grows else "CARRAY")
    if grows:
        group[name].attrs["EXTDIM"] = np.int32(0)


@hostile
def virtual_data_sets(path: Path, outside: Path) -> None:
    size = len(SECRET)
    with h5py.File(path, "x", libver=("v110", "v110")) as file:
        channel = laid_out(file)
        for number, target in enumerate((outside / "secret.h5", "../outside/secret.h5", path)):
            layout = h5py.VirtualLayout((size,), "u1")
            layout[:] = h5py.VirtualSource(target, "secret", (size,))
            channel.create_virtual_dataset(f"Data{number:02d}", layout)
            named(channel[f"Data{number:02d}"])


@hostile
def xml_bombs(path: Path, outside: Path) -> None:
    laughs = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
    )
    secret = (outside / "secret.bin").as_uri()
    texts = (
        laughs + "]><l>&m;</l>",
        f'<!DOCTYPE x [<!ENTITY s SYSTEM "{secret}">]><x><a type="str">&s;</a></x>',
        f'<!DOCTYPE x SYSTEM "{secret}"><x/>',
        f'<!DOCTYPE x [<!ENTITY % p SYSTEM "{secret}"> %p;]><x/>',
        f'<?xml-stylesheet href="{secret}"?><x/>',
        f'<x xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="{secret}"/></x>',
        "<a>" * 100_000,
        "<a>" + "<b/>" * 600_000 + "</a>",
        "<a " + " ".join(f'x{n}="1"' for n in range(100_000)) + "/>",
        f'<x><a type="list" limits="{code(outside)}">{code(outside)}</a></x>',
        f'<x><a type="color">{code(outside)}</a><b type="itemselect" all_items="{code(outside)}">[]</b></x>',
        '<x><a type="date">99999999999999999999999</a><b type="int">' + "9" * 10_000 + "</b></x>",
    )
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        for number, text in enumerate(texts):
            group = channel.create_group(f"G{number}")
            group.attrs["scan_settings"] = text
            if len(text) < 1_000_000:
                wrapped = {"module": "builtins", "type": "bytes", "data": repr(text.encode())}
                group.attrs["settings"] = json.dumps(wrapped)


@hostile
def deep_nesting(path: Path, outside: Path) -> None:
    with h5py.File(path, "x") as file:
        group = laid_out(file)
        for _ in range(3000):
            group = group.create_group("g")
        group["Data00"] = np.arange(3.0)


@hostile
def filters_that_nobody_has(path: Path, outside: Path) -> None:
    with h5py.File(path, "x") as file:
        channel = laid_out(file)
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_chunk((4,))
        plist.set_filter(h5py.h5z.FILTER_DEFLATE, 0, (9,))
        space = h5s.create_simple((4,))
        array = h5d.create(channel.id, b"Data00", h5t.NATIVE_DOUBLE, space, plist)
        # 4 numbers that unpack to much more, and to what is no deflate stream at all
        array.write_direct_chunk((0,), b"\x78\x9c" + b"\0" * 50)
        named(channel["Data00"])
