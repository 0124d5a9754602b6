"""One call for every format: into a temporary name, renamed when all is written; folders, progress, stopping."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from h5saver_widget.data import DataToExport, DataWithAxes
from h5saver_widget.errors import ExportError, NodeError, taken
from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.registry import create_exporter, format_of
from h5saver_widget.exporters.source import Source, nodes_of, require_items, source_of
from h5saver_widget.format.renaming import rename_exclusive
from h5saver_widget.nodes.typed import Node
from h5saver_widget.progress import Progress
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["Exported", "export"]


@dataclass(frozen=True)
class Exported:
    """The result of an export.

    Attributes
    ----------
    path
        The file, or the folder of files.
    files
        All files.
    notes
        Skipped content, in sentences for the user.
    """

    path: Path
    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def export(
    what: Node | H5Backend | DataWithAxes | DataToExport | Sequence[DataWithAxes],
    target: Path | str,
    format: Exporter | str | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Export a node, a file or data in memory.

    Arrays are read block by block, from any thread, also while the file is being written. A group of several data
    objects becomes a folder in a format that takes one data object a file: ``run_csv`` for ``run.csv``.

    Parameters
    ----------
    what
        An array node (this channel), a group (all data at or below it), an open file (``H5Backend``, a saver, a
        browser: everything), or data objects.
    target
        Path of the file.
    format
        Name of a format, or an exporter; None for the format of the extension.
    overwrite
        Replace an existing file, or a folder of such an export; a folder that holds anything else is never replaced.
    progress
        Told how far the export is, in bytes; asked to stop, it ends the export between two blocks.

    Raises
    ------
    FileExistsError
        If the target is there already.
    ExportError, MissingLibraryError
        If these data can't be written in this format, or a library is missing.
    WorkStoppedError
        If it was asked to stop. In all these cases nothing is left behind.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from h5saver_widget import DataRaw
    >>> folder = Path(tempfile.mkdtemp())
    >>> done = export(DataRaw('trace', data=[np.array([0.1, 0.2])], units='V'), folder / 'trace.csv')
    >>> print(done.path.read_text(encoding='utf-8').splitlines()[-2:])
    ['0,0.1', '1,0.2']
    """
    path = Path(target)
    exporter = create_exporter(format or format_of(path)) if not isinstance(format, Exporter) else format
    job = Job(progress, path.name)
    if exporter.takes is Takes.NODES:
        source = nodes_of(what)
    else:
        source = source_of(what)
        _leave_out_odd(source, exporter)
        require_items(source, _name_of(what))
    for sentence in source.skipped:
        job.note(sentence)
    as_folder = exporter.takes is Takes.DATA and len(source.items) > 1
    if as_folder and path.suffix.lower() in exporter.extensions:
        path = path.with_name(f"{path.stem}_{exporter.name}")
    if os.path.lexists(path):
        _require_replaceable(path, exporter, as_folder, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        if exporter.takes is not Takes.NODES:
            job.begin(sum(item.nbytes for item in source.items))
        if as_folder:
            files = _write_folder(exporter, source, hidden, job)
        else:
            exporter.write(source, hidden, job)
            files = [hidden]
        _publish(hidden, path, overwrite)
    except BaseException:
        _remove(hidden)
        raise
    return Exported(path, [path / file.name for file in files] if as_folder else [path], job.notes)


def _leave_out_odd(source: Source, exporter: Exporter) -> None:
    """Leave out data of kinds that a format does not hold: text and times in one of numbers."""
    for item in [*source.items]:
        arrays = [channel.array for channel in item.channels if channel.role != "text"]
        dtypes = [array.dtype for array in (*arrays, *(axis.get_data() for axis in item.data.axes))]
        odd = next((dtype for dtype in dtypes if dtype.kind not in exporter.kinds), None)
        if odd is not None:
            source.items = [other for other in source.items if other is not item]
            source.skipped.append(
                f"left out: {item.data.name} holds {odd}, and {exporter.name} numbers only; export as npz or h5"
            )


def _name_of(what: object) -> str:
    if isinstance(what, H5Backend):
        return str(what.file_path)
    return what.path if isinstance(what, Node) else "this"


def _write_folder(exporter: Exporter, source: Source, folder: Path, job: Job) -> list[Path]:
    folder.mkdir()
    files = []
    for item, name in zip(source.items, source.names(), strict=True):
        file = folder / f"{name}{exporter.extensions[0]}"
        try:
            exporter.write(Source([item], source.node), file, job)
        except (ExportError, NodeError) as error:  # no images among those that are wanted; or it can't be read
            file.unlink(missing_ok=True)
            job.note(f"skipped: {error}")
        else:
            files.append(file)
    if not files:
        raise ExportError(f"nothing in it can be exported as {exporter.name}: {'; '.join(job.notes[:3])}")
    return files


def _require_replaceable(path: Path, exporter: Exporter, as_folder: bool, overwrite: bool) -> None:
    """Raise FileExistsError unless the target is a file, or a folder of files of this format."""
    if not overwrite:
        raise taken(path)
    if as_folder != (path.is_dir() and not path.is_symlink()):
        raise FileExistsError(f"{path} exists, and is a {'file' if as_folder else 'folder'}: choose another name")
    if as_folder:
        files = list(path.iterdir())
        if not files or any(file.suffix not in exporter.extensions or not file.is_file() for file in files):
            raise FileExistsError(
                f"{path} is no folder of {exporter.name} files alone: it is not replaced, choose another name"
            )


def _publish(hidden: Path, path: Path, overwrite: bool) -> None:
    if hidden.is_dir():
        if overwrite and path.is_dir():  # it is whole until the new one stands in its place
            old = path.with_name(f"{hidden.name}-old")
            path.rename(old)
            try:
                hidden.rename(path)
            except OSError:
                old.rename(path)
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            hidden.rename(path)
    elif overwrite:
        os.replace(hidden, path)
    else:
        rename_exclusive(hidden, path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
