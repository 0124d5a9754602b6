"""Every test of these floors runs on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from h5saver_widget import H5SaverLowLevel


@pytest.fixture(params=["h5py", "tables"])
def backend(request: pytest.FixtureRequest) -> str:
    """Name of the backend."""
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.h5"


@pytest.fixture
def saver(backend: str, path: Path) -> Iterator[H5SaverLowLevel]:
    """Return a saver with a new file open."""
    with H5SaverLowLevel("detector", backend) as h5saver:
        h5saver.init_file(path)
        yield h5saver
