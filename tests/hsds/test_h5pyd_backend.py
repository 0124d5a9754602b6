"""The contract of every backend, kept by the one on a server; where a test needs a local file, the server is asked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hsds_server import HsdsServer

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Compression
from h5saver_widget.errors import FileOpenError
from h5saver_widget.testing import Hdf5Contract
from h5saver_widget.testing.making import make_array, make_group, make_growing
from h5saver_widget.testing.tree import DTYPES, ROW_SHAPES

SHAPES = ((), (1,), (5,), (0,), (0, 3), (3, 0, 2))


def _strip(answer: Any) -> Any:
    for name in ("hrefs", "lastModified"):
        answer.pop(name, None)
    return answer


class TestH5pydBackend(Hdf5Contract):
    """The contract on a server."""

    isolated = False
    hsds: HsdsServer

    @pytest.fixture(autouse=True)
    def on_server(self, hsds: HsdsServer) -> None:
        self.hsds = hsds

    def digest(self, path: Path) -> str:
        domain = path.as_posix()
        root = self.hsds.request("GET", "/", domain)[1]["root"]
        found, waiting = [], [root]
        while waiting:
            name = waiting.pop()
            collection = "groups" if name.startswith("g-") else "datasets"
            node = self.hsds.request("GET", f"/{collection}/{name}", domain, include_attrs="1", include_links="1")[1]
            found.append(_strip(node))
            waiting += [link["id"] for link in node.get("links", {}).values()]
            if collection == "datasets" and node["shape"].get("dims"):
                found.append(self.hsds.request("GET", f"/datasets/{name}/value", domain)[1]["value"])
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()

    def linked_file(self, path: Path) -> Path:
        backend = create_backend("h5pyd")
        backend.open(path, "x")
        group = make_group(backend, "/", "Group")
        numbers = make_array(backend, group, "Numbers", data=np.arange(3))
        ids = {"group": backend.identity(group), "numbers": backend.identity(numbers)}
        root = backend.identity(backend.root())
        backend.close()
        for parent, name, link in (
            (ids["group"], "Itself", {"id": ids["group"]}),
            (ids["group"], "Again", {"id": ids["group"]}),
            (root, "Same", {"id": ids["numbers"]}),
            (root, "Soft", {"h5path": "/Group"}),
            (root, "Broken", {"h5path": "/nowhere"}),
            (root, "Outside", {"h5path": "/", "h5domain": "/home/elsewhere.h5"}),
        ):
            status, _ = self.hsds.request("PUT", f"/groups/{parent}/links/{name}", path.as_posix(), link)
            assert status == 201
        return path

    def make_backend(self) -> Backend:
        return create_backend("h5pyd", isolated=self.isolated)

    @pytest.fixture
    def path(self, domain: Path) -> Path:
        return domain

    @pytest.fixture
    def tmp_path(self, folder: Path) -> Path:
        return folder

    def test_refuses_what_is_no_hdf5_file(self, folder: Path) -> None:  # type: ignore[override]
        for mode in ("r", "r+"):
            with pytest.raises(FileNotFoundError, match="is not a file on http"):
                self.make_backend().open(folder, mode)
        with pytest.raises(FileOpenError, match="is not the path of a remote file"):
            self.make_backend().open(Path("here.h5"), "r")

    def test_host_closes_the_raw_file(self, backend: Backend) -> None:  # type: ignore[override]
        """There is none: h5pyd's own object would lose rows."""
        assert backend.raw_file is None and backend.raw_node(backend.root()) is None

    # every number type and every shape, but not each with each: a server takes 100 ms for what a disk does in 2
    @pytest.mark.parametrize(("dtype", "row_shape"), [(t, (2, 3)) for t in DTYPES] + [("int32", s) for s in ROW_SHAPES])
    def test_growing(self, backend: Backend, dtype: str, row_shape: tuple[int, ...]) -> None:
        super().test_growing(backend, dtype, row_shape)

    @pytest.mark.parametrize(("dtype", "shape"), [(t, (2, 3, 4)) for t in DTYPES] + [("int32", s) for s in SHAPES])
    def test_fixed_from_data(self, backend: Backend, dtype: str, shape: tuple[int, ...]) -> None:
        super().test_fixed_from_data(backend, dtype, shape)

    def test_flush_and_refresh_change_nothing(self, backend: Backend, path: Path) -> None:
        array = make_growing(backend, "/", "E", dtype="i8")
        backend.append(array, np.arange(3))
        backend.flush()
        backend.refresh(array)
        backend.append(array, np.arange(2))
        assert backend.read(array).tolist() == [0, 1, 2, 0, 1] and backend.location.exists(path)

    def test_attributes_are_read_back_as_they_were_written(self, backend: Backend) -> None:
        """By the handle that wrote them: what is known of an object is not asked for again."""
        values = {"numbers": np.arange(6.0).reshape(2, 3), "texts": np.array([b"a", b"bc"]), "one": 3, "raw": b"\0x"}
        group = make_group(backend, "/", "Group", values)
        backend.set_attributes(group, {"more": np.arange(3, dtype="u1")})
        found = backend.get_attributes(group)
        assert found["numbers"].tolist() == [[0, 1, 2], [3, 4, 5]] and found["texts"].tolist() == ["a", "bc"]
        assert found["more"].tolist() == [0, 1, 2] and (found["one"], found["raw"]) == (3, b"\0x")

    @pytest.mark.parametrize("library", ["zlib", "gzip", "lz4"])
    def test_zlib_is_gzip_with_shuffle(  # type: ignore[override]
        self, backend: Backend, path: Path, hsds: HsdsServer, library: str
    ) -> None:
        array = make_growing(backend, "/", "E", row_shape=(64, 64), dtype="u2", compression=Compression(library, 5))
        backend.append(array, np.ones((3, 64, 64), "u2"))
        backend.flush()
        described = hsds.request("GET", f"/datasets/{backend.identity(array)}", path.as_posix())[1]
        names = [entry["name"] for entry in described["creationProperties"]["filters"]]
        assert names == ["shuffle", "gzip" if library != "lz4" else "lz4"]
        self.reopen(backend, "r")
        assert backend.read(backend.node("/E")).sum() == 3 * 64 * 64


class TestIsolatedH5pydBackend(TestH5pydBackend):
    """The same in a worker process, which later tests use again.

    Every test with one of its values (conftest.py): all of them reach a server above, and go through a process to the
    disk in tests/isolated.
    """

    isolated = True
    one_value_of_each = True
    made: ClassVar[list[Backend]] = []

    def make_backend(self) -> Backend:
        for backend in self.made:
            if not backend.is_open:
                return backend
        self.made.append(super().make_backend())
        return self.made[-1]

    def test_host_closes_the_raw_file(self, backend: Backend, path: Path) -> None:  # type: ignore[override]
        Hdf5Contract.test_host_closes_the_raw_file(self, backend, path)
