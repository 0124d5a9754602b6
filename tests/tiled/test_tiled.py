"""A folder of recordings served by Tiled, the real server, in a virtual environment of its own (see the Makefile)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from socket import create_server
from typing import Any

import h5py
import numpy as np
import pytest

from h5saver_widget import DataRaw, DataToExport, DataToExportTimedSaver, H5SaverLowLevel

COMMAND = Path(sys.prefix) / "tiled" / ("Scripts" if os.name == "nt" else "bin") / "tiled"


class Tiled:
    """Asks a server, as its client does."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = f"{endpoint}/api/v1"

    def get(self, path: str, form: str = "application/json") -> bytes:
        request = urllib.request.Request(f"{self.endpoint}/{path}", headers={"Accept": form})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def described(self, path: str) -> dict[str, Any]:
        return dict(json.loads(self.get(f"metadata/{path}"))["data"]["attributes"])

    def names(self) -> set[str]:
        try:
            return {entry["id"] for entry in json.loads(self.get("search/"))["data"]}
        except (OSError, ValueError):
            return set()

    def values(self, path: str) -> np.ndarray:
        about = self.described(path)["structure"]
        kind = about["data_type"]
        content = self.get(f"array/full/{path}", "application/octet-stream")
        return np.frombuffer(content, f"<{kind['kind']}{kind['itemsize']}").reshape(about["shape"])

    def default_plot(self, path: str) -> str:
        """Return the array that a reader of NeXus plots at once.

        Tiled 0.2 shows the attributes of the file in place of those of the same name of groups in it: from the default
        of the file on, it is the first group with a signal.
        """
        path = f"{path}/{self.described(path)['metadata']['default']}"
        while "signal" not in (about := self.described(path)["metadata"]):
            inside = json.loads(self.get(f"search/{path}"))["data"]
            found = [item["id"] for item in inside if "signal" in item["attributes"]["metadata"]]
            path = f"{path}/{(found or [inside[0]['id']])[0]}"
        return f"{path}/{about['signal']}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Tiled]:
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [COMMAND, "serve", "directory", tmp_path / "data", "--public", "--port", str(port)]
    # without this it can't look into a file that is being written
    environment = {**os.environ, "HDF5_USE_FILE_LOCKING": "FALSE"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield Tiled(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def record(saver: H5SaverLowLevel, first: int, count: int) -> None:
    timed, group = DataToExportTimedSaver(saver), saver.get_set_group("/RawData", "Detector000", "detector")
    for number in range(first, first + count):
        spectrum = DataRaw("spectrum", data=[np.arange(50.0) + number], units="V")
        timed.add_data(group, DataToExport("grab", data=[spectrum]))


def test_finished_and_growing_files_read_equal(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "data").mkdir()
    with H5SaverLowLevel("detector", backend="h5py") as finished:
        finished.init_file(tmp_path / "data" / "finished.h5")
        record(finished, 0, 5)
    with H5SaverLowLevel("detector", backend="h5py", isolated=True) as growing:
        growing.init_file(tmp_path / "data" / "growing.h5")
        record(growing, 0, 3)
        growing.flush()
        server: Tiled = request.getfixturevalue("server")
        deadline = time.monotonic() + 90
        while server.names() != {"finished", "growing"}:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-2000:]
            time.sleep(0.1)
        plotted = server.default_plot("finished")
        with h5py.File(tmp_path / "data" / "finished.h5") as file:
            np.testing.assert_array_equal(server.values(plotted), file[plotted.removeprefix("finished/")][()])
            assert server.described("finished")["metadata"]["recording_id"] == file.attrs["recording_id"]
        plotted = server.default_plot("growing")
        assert server.values(plotted)[:, 0].tolist() == [0.0, 1.0, 2.0]
        record(growing, 3, 4)
        growing.flush()
        assert server.values(plotted)[:, 0].tolist() == [float(number) for number in range(7)]
