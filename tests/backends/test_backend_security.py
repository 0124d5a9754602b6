"""A file is data: whatever it holds, nothing of it is run, and the host's own use of PyTables stays as it was."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import tables
from test_backend_files import BACKENDS, both, opened

from h5saver_widget.errors import NodeError
from h5saver_widget.testing.making import make_group


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.makedirs, (str(self.path), 0o777, True)


def mine(path: Path, flag: Path, maker: str) -> None:
    """Make a file full of pickles that would make the file `flag`."""
    bomb = pickle.dumps(Bomb(flag), 0)
    assert bomb.endswith(b".")
    names = ("CLASS", "TITLE", "FILTERS", "VERSION", "FLAVOR", "EXTDIM", "NROWS", "anything", "FIELD_0_FILL")
    if maker == "h5py":
        with h5py.File(path, "x") as file:
            group = file.create_group("G")
            array = group.create_dataset("A", data=np.zeros(3))
            rows = group.create_dataset("V", shape=(1,), maxshape=(None,), dtype=h5py.vlen_dtype(np.uint8))
            rows[0] = np.frombuffer(bomb, np.uint8)
            rows.attrs.update({"CLASS": np.bytes_("VLARRAY"), "PSEUDOATOM": np.bytes_("object")})
            for node in (group, array):
                for name in names:
                    node.attrs[name] = np.bytes_(bomb)
            for name in names[3:]:
                rows.attrs[name] = np.bytes_(bomb)
            for name in ("anything", "FILTERS", "TITLE"):
                file.attrs[name] = np.bytes_(bomb)
            file.attrs["PYTABLES_FORMAT_VERSION"] = np.bytes_("1.5")
    else:
        with tables.open_file(path, "w") as file:
            group = file.create_group("/", "G")
            array = file.create_array(group, "A", np.zeros(3))
            rows = file.create_vlarray(group, "V", tables.ObjectAtom())
            rows.append(Bomb(flag))
            for node in (file.root, group, array, rows):
                node._v_attrs.anything = Bomb(flag)
                node._v_attrs._g_setattr(node, "TITLE" if node is not rows else "extra", np.array(bomb))
    assert not flag.exists()


@pytest.mark.parametrize("maker", BACKENDS)
@both
def test_nothing_in_a_file_is_ever_run(tmp_path: Path, maker: str, name: str) -> None:
    path, flag = tmp_path / "mined.h5", tmp_path / "flag"
    mine(path, flag, maker)
    try:
        backend = opened(name, path, "r+")
    except OSError as error:
        # a file that can't be opened at all harms nobody
        assert name == "tables" and "could not be opened" in str(error)
        assert not flag.exists() and list(tables.file._open_files.handlers) == []
        return
    stack = ["/"]
    while stack:
        where = stack.pop()
        node = backend.node(where)
        backend.attribute_names(node)
        backend.get_attributes(node)
        if backend.kind(node).value == "group":
            stack += [f"{where.rstrip('/')}/{child}" for child in backend.children(node)]
            continue
        for call in (backend.info, backend.read, lambda n: backend.read(n, 0), lambda n: backend.read(n, slice(0, 1))):
            try:
                call(node)
            except (NodeError, ValueError):
                pass
    if backend.has_child(backend.root(), "G"):
        try:
            backend.copy(backend.node("/G"), backend.root(), "Copy")
        except (NodeError, ValueError):
            pass
    backend.close()
    assert not flag.exists()


def test_mines_are_live(tmp_path: Path) -> None:
    """The pickles of the test above do make a file where somebody unpickles them."""
    mine(tmp_path / "mined.h5", tmp_path / "flag", "tables")
    with tables.open_file(tmp_path / "mined.h5") as file:
        assert file.root.G._v_attrs is not None
    assert (tmp_path / "flag").exists()


def test_a_host_still_unpickles_its_own(tmp_path: Path) -> None:
    ours = opened("tables", tmp_path / "ours.h5", "x")
    with tables.open_file(tmp_path / "theirs.h5", "w") as file:
        file.root._v_attrs.pair = (1, [2, 3])
        file.create_vlarray("/", "objects", tables.ObjectAtom()).append({"a": 1})
    with tables.open_file(tmp_path / "theirs.h5") as file:
        ours.flush()
        assert file.root._v_attrs.pair == (1, [2, 3])
        assert file.root.objects[0] == {"a": 1}
        make_group(ours, "/", "G")
    ours.close()
