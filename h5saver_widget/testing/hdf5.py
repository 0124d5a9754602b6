"""The part of the backend contract that is about HDF5: links, chunks, filters, and the library's own objects."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import Compression, NodeKind
from h5saver_widget.errors import FileNotOpenError, NodeError
from h5saver_widget.testing.arrays import BackendContract
from h5saver_widget.testing.making import make_array, make_growing
from h5saver_widget.testing.tree import some_values

__all__ = ["Hdf5Contract"]


class Hdf5Contract(BackendContract):
    """The rules of a backend whose files are HDF5 files that other libraries read."""

    def linked_file(self, path: Path) -> Path:
        """Make a file with links of every kind, and a group that holds itself twice."""
        with h5py.File(path, "x") as file:
            group = file.create_group("Group")
            group["Itself"] = group
            group["Again"] = group
            group["Numbers"] = np.arange(3)
            file["Same"] = group["Numbers"]
            file["Soft"] = h5py.SoftLink("/Group")
            file["Broken"] = h5py.SoftLink("/nowhere")
            file["Outside"] = h5py.ExternalLink("/etc/passwd", "/")
        return path

    def test_host_closes_the_raw_file(self, backend: Backend, path: Path) -> None:
        """Hosts get the library's own object, and may close it."""
        array = make_growing(backend, "/", "A", dtype="i4")
        backend.append(array, np.arange(2, dtype="i4"))
        assert backend.raw_node(array) is not None
        backend.raw_file.close()
        assert not backend.is_open and backend.path is None
        with pytest.raises(FileNotOpenError):
            backend.root()
        backend.close()
        backend.open(path, "r")
        assert backend.read(backend.node("/A")).tolist() == [0, 1]
        with pytest.raises(NodeError):
            backend.read(array)

    # ----------------------------------------------------------------- links
    def test_links_are_shown_and_not_followed(self, path: Path) -> None:
        self.linked_file(path)
        backend = self.make_backend()
        backend.open(path, "r+")
        assert backend.children(backend.root()) == ["Broken", "Group", "Outside", "Same", "Soft"]
        for name in ("Soft", "Broken", "Outside"):
            link = backend.node(f"/{name}")
            assert backend.kind(link) is NodeKind.LINK
            assert backend.attribute_names(link) == [] and backend.get_attributes(link) == {}
            for call in (
                lambda link=link: backend.children(link),
                lambda link=link: backend.read(link),
                lambda link=link: backend.set_attributes(link, {"a": "b"}),
                lambda link=link: backend.delete_attribute(link, "a"),
                lambda link=link: backend.copy(link, backend.root(), "Copy"),
            ):
                with pytest.raises(NodeError, match="link"):
                    call()
        names = backend.children(backend.root())
        targets = {name: backend.inspection.link_target(backend.node(f"/{name}")) for name in names}
        file, target = targets.pop("Outside")
        assert file.startswith(("/etc", "/home")) and target == "/"
        assert targets == {"Soft": ("", "/Group"), "Broken": ("", "/nowhere"), "Group": ("", ""), "Same": ("", "")}
        with pytest.raises(NodeError):
            backend.node("/Soft/Numbers")
        backend.delete(backend.node("/Soft"))
        backend.delete(backend.node("/Outside"))
        assert backend.children(backend.root()) == ["Broken", "Group", "Same"]
        assert backend.get_attributes(backend.root(), ["a"]) == {}
        assert backend.read(backend.node("/Group/Numbers")).tolist() == [0, 1, 2]
        assert backend.children(backend.node("/Group/Itself")) == ["Again", "Itself", "Numbers"]
        backend.close()

    # ---------------------------------------------------------------- storage
    def test_a_frame_is_a_chunk_and_of_small_rows_a_chunk_holds_some(self, backend: Backend) -> None:
        for name, row_shape, dtype, least, most in (
            ("Frames", (1024, 1024), "uint16", 2 << 20, 2 << 20),
            ("Lines", (1024,), "float64", 64 << 10, 1 << 20),
            ("Scalars", (), "float64", 1 << 10, 64 << 10),
            ("Huge", (8192, 8192), "float64", 1, 64 << 20),
        ):
            made = make_growing(backend, "/", name, row_shape=row_shape, dtype=dtype)
            found = backend.info(made).chunks
            assert found is not None
            assert least <= np.prod(found) * np.dtype(dtype).itemsize <= most

    @pytest.mark.parametrize("block", [1500, 3])
    def test_arrays_of_fast_rows_get_larger_chunks(self, backend: Backend, block: int) -> None:
        """Rows that come by the thousand before the first flush: the array is made anew, and nobody notices."""
        attributes = {"label": "voltage", "number": 3, "flag": True, "list": np.arange(3.0), "none": ""}
        fast, slow = (
            make_growing(backend, "/", n, row_shape=(2,), dtype="f8", fill_value=7.0, attributes=attributes)
            for n in ("Fast", "Slow")
        )
        backend.append(slow, np.ones((1, 2)))
        values = np.arange(6000.0).reshape(-1, 2)
        for start in range(0, len(values), block):
            backend.append(fast, values[start : start + block])
            backend.append(slow, np.ones((1, 2)))
            if start < 300:
                backend.flush()
        large, small = backend.info(fast).chunks, backend.info(slow).chunks
        assert large is not None and small is not None
        assert block == 3 or backend.capabilities.remote or large[0] >= 1000 > small[0]
        for number in range(2):
            assert backend.get_attributes(fast).keys() == backend.get_attributes(slow).keys()
            for name, value in backend.get_attributes(slow).items():
                np.testing.assert_array_equal(backend.get_attributes(fast)[name], value, strict=True)
            np.testing.assert_array_equal(backend.read(fast), values)
            backend.extend(fast, 2, 7.0)
            assert backend.read(fast)[-1].tolist() == [7, 7]
            if not number:
                self.reopen(backend)
                fast, slow = backend.node("/Fast"), backend.node("/Slow")
                values = np.concatenate([values, np.full((2, 2), 7.0)])
        assert backend.children(backend.root()) == ["Fast", "Slow"]

    @pytest.mark.parametrize("library", ["zlib", "gzip"])
    @pytest.mark.parametrize("level", [1, 9])
    def test_zlib_is_gzip_with_shuffle(self, backend: Backend, path: Path, library: str, level: int) -> None:
        compression = Compression(library, level)
        growing = make_growing(backend, "/", "E", row_shape=(64, 64), dtype="u2", compression=compression)
        values = some_values((3, 64, 64), "uint16")
        backend.append(growing, values)
        make_array(backend, "/", "C", data=values, compression=compression)
        assert backend.info(growing).compression is not None
        backend.close()
        with h5py.File(path, "r") as file:
            for name in "EC":
                assert (file[name].compression, file[name].compression_opts, file[name].shuffle) == (
                    "gzip",
                    level,
                    True,
                )
                np.testing.assert_array_equal(file[name][...], values)
