"""A file to look at, written and read with every backend, here and in a worker process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing_files import write_file

from h5saver_widget.browsing import FileView


@pytest.fixture(scope="session", params=["h5py", "tables"])
def written(request, tmp_path_factory) -> Path:
    return write_file(tmp_path_factory.mktemp("browsing") / f"{request.param}.h5", request.param)


@pytest.fixture(
    scope="session",
    params=[("h5py", "h5py", False), ("tables", "tables", False), ("h5py", "tables", False), ("tables", "h5py", True)],
    ids=lambda param: f"{param[0]}-read-by-{param[1]}{'-isolated' if param[2] else ''}",
)
def view(request, tmp_path_factory) -> Iterator[FileView]:
    writer, reader, isolated = request.param
    path = write_file(tmp_path_factory.mktemp("viewed") / "file.h5", writer)
    with FileView(path, reader, isolated=isolated) as view:
        yield view
