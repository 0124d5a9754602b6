"""Exports and copies of a shown file through a separate handle, so that browsing and following continue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.browsing.opening import open_to_look
from h5saver_widget.progress import Progress
from h5saver_widget.saving.h5_backend import H5Backend

if TYPE_CHECKING:
    from h5saver_widget.exporters import Exported, Exporter

__all__ = ["export_node", "reader_of"]


def export_node(
    source: Path | H5Backend,
    node: str,
    target: Path,
    format: Exporter | str | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    allow: Sequence[Path] = (),
) -> Exported:
    """Export a node of a file, or of an open file; of ``'/'`` everything is exported.

    Arguments and errors are those of :func:`h5saver_widget.exporters.export`. In the folders of `allow`, other files
    may be read where values are stored in these.
    """
    from h5saver_widget.exporters import export  # what exports is not needed before

    with reader_of(source) as h5:
        if allow:
            h5.io.allow(allow)
        what = h5 if node == "/" else h5.get_node(node)
        return export(what, target, format, overwrite=overwrite, progress=progress)


@contextmanager
def reader_of(source: Path | H5Backend) -> Iterator[H5Backend]:
    """Give an open file as it is, or a file with its own handle, in a worker process."""
    if isinstance(source, H5Backend):
        yield source
        return
    h5 = open_to_look(source, isolated=True).h5
    try:
        yield h5
    finally:
        h5.close_file()
