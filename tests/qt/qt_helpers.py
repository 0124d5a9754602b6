"""What several tests of the widget do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from recording_helpers import files_in, settle

from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["files_in", "open_elsewhere", "save_frame", "settle"]


def open_elsewhere(path: Path) -> list[str]:
    """Return the paths of all nodes, read by a backend that has never seen the file."""
    with H5Backend("h5py") as h5:
        h5.open_file(path, "r")
        return [node.path for node in h5.walk_nodes("/")]


def save_frame(saver: H5Saver, value: int = 1) -> None:
    """Append a frame to /RawData/Frames."""
    with saver.saving():
        if not saver.is_node_in_group("/RawData", "Frames"):
            saver.create_earray("/RawData", "Frames", np.int32, (4,))
        saver.get_node("/RawData/Frames").append(np.full(4, value, np.int32))
        saver.frame_saved(16)
