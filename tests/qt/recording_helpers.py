"""Frames for the tests of recording: numbered, from modules of our own."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np

from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5SaverLowLevel


def frame(number: float, name: str = "grab", size: int = 1) -> DataToExport:
    return DataToExport(name, data=[DataRaw("signal", data=[np.full(size, float(number))])])


def detector(h5saver, title: str = "Camera") -> tuple[DetectorTimeSaver, object]:
    saver = DetectorTimeSaver(types.SimpleNamespace(title=title))
    saver.h5saver = h5saver
    return saver, saver.get_set_node()


def numbers_in(path: Path, group: str = "Detector000") -> list[float]:
    """Return the numbers of all frames of a module in a file; none if it has none."""
    with H5SaverLowLevel(backend="h5py") as h5:
        h5.open_file(path, "r")
        found = [
            node for node in h5.walk_nodes(f"/RawData/{group}") if node.name == "EnlData00" and "CH00" in node.path
        ]
        return found[0].read().reshape(len(found[0]), -1)[:, 0].tolist() if found else []


def attributes_of(path: Path, node: str = "/RawData") -> dict:
    with H5SaverLowLevel(backend="h5py") as h5:
        h5.open_file(path, "r")
        return h5.get_node(node).attrs.to_dict()


def log_of(path: Path) -> list[str]:
    with H5SaverLowLevel(backend="h5py") as h5:
        h5.open_file(path, "r")
        return h5.get_node("/RawData/Logger").read()
