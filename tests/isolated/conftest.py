"""Fixtures of these tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from h5saver_widget import H5SaverLowLevel
from h5saver_widget.backends.isolated.client import IsolatedBackend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.errors import (
    FileIncompleteError,
    RowsLostError,
    SavingProcessError,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.h5"


@pytest.fixture
def io(backend: str, path: Path) -> Iterator[IsolatedBackend]:
    io = create_backend(backend, isolated=True)
    assert isinstance(io, IsolatedBackend)
    io.open(path, "x")
    yield io
    with contextlib.suppress(SavingProcessError, FileIncompleteError, RowsLostError):
        io.close()


@pytest.fixture
def saver(backend: str, isolated: bool, path: Path) -> Iterator[H5SaverLowLevel]:
    saver = H5SaverLowLevel("detector", backend, isolated=isolated)
    saver.init_file(path)
    yield saver
    with contextlib.suppress(OSError):
        saver.close_file()
