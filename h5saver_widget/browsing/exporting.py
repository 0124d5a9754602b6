"""A node of a file that is looked at, exported: through a handle of its own, so that looking and following go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.browsing.opening import open_to_look
from h5saver_widget.progress import Progress
from h5saver_widget.saving.h5_backend import H5Backend

if TYPE_CHECKING:
    from h5saver_widget.exporters import Exported, ExporterInfo

__all__ = ["export_formats", "export_node"]


def export_formats() -> list[ExporterInfo]:
    """Return the formats that there are; the exporters are imported only now."""
    from h5saver_widget.exporters import available_exporters

    return available_exporters()


def export_node(
    source: Path | H5Backend,
    node: str,
    target: Path,
    format: str | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Export a node; see :func:`h5saver_widget.exporters.export` for what may be raised.

    Parameters
    ----------
    source
        Path of a file, or an open file.
    node
        Path of the node; of ``'/'`` everything is exported.
    target, format, overwrite, progress
        As there.
    """
    from h5saver_widget.exporters import export

    h5 = source if isinstance(source, H5Backend) else open_to_look(source, isolated=True).h5
    try:
        what = h5 if node == "/" else h5.get_node(node)
        return export(what, target, format, overwrite=overwrite, progress=progress)
    finally:
        if h5 is not source:
            h5.close_file()
