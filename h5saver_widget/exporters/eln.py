"""eln: a file with its description as a zip that electronic lab notebooks import: RO-Crate 1.1, as they agreed on it.

Formats: https://www.researchobject.org/ro-crate/1.1/, https://github.com/TheELNConsortium/TheELNFileFormat
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from h5saver_widget.backends.shown_again import shown_again
from h5saver_widget.errors import ExportError, H5SaverError
from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.h5_subtree import H5Exporter
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.pictures import picture_of
from h5saver_widget.exporters.source import Source, plain, source_of
from h5saver_widget.nodes.typed import GROUP, Array, Node, node_of
from h5saver_widget.saving.entry_nodes import how_telling
from h5saver_widget.saving.links import resolved
from h5saver_widget.version import __version__

__all__ = ["ElnExporter"]

_METADATA = "ro-crate-metadata.json"
_HOME = "https://pypi.org/project/h5saver-widget"
_PROGRAM = "#h5saver_widget"
_MOST_PICTURES = 6


class ElnExporter(Exporter):
    """Puts a copy of the file, pictures, their hashes, and all that is told in its NeXus entry into one zip."""

    name = "eln"
    extensions = (".eln",)
    help = "the file with its description for electronic lab notebooks (RO-Crate in a zip)"
    takes = Takes.NODES

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write the zip; ExportError for data in memory."""
        node = source.node
        if node is None:
            raise ExportError("data in memory have no file that a notebook could keep; export as nexus first")
        copy = path.with_name(f"{path.stem}-copy.h5")
        try:
            H5Exporter().write(source, copy, job)
            self._pack(node, copy, path, Path(job.file_name).stem or "recording", job)
        finally:
            copy.unlink(missing_ok=True)

    def _pack(self, node: Node, copy: Path, path: Path, name: str, job: Job) -> None:
        kept = node.backend.path
        file = f"./{name}/{kept.name if kept is not None else copy.name}"
        entities = [
            {
                "@id": file,
                "@type": "File",
                "name": file.rpartition("/")[2],
                "description": "The measured data",
                "encodingFormat": "application/x-hdf5",
                "contentSize": str(copy.stat().st_size),
                "sha256": _digest(copy),
            }
        ]
        pictures = {f"./{name}/{picture}.svg": drawn for picture, drawn in _pictures(node, job)}
        for place, drawn in pictures.items():
            about = {"name": place.rpartition("/")[2], "description": "A picture of the data"}
            facts = {"contentSize": str(len(drawn)), "sha256": hashlib.sha256(drawn).hexdigest()}
            entities.append({"@id": place, "@type": "File", "encodingFormat": "image/svg+xml", **about, **facts})
        said = json.dumps(crate(node, name, entities), indent=2, ensure_ascii=False).encode()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr(f"{name}/{_METADATA}", said)
            made.write(copy, f"{name}/{file.removeprefix('./')}", zipfile.ZIP_STORED)  # it is packed already
            for place, drawn in pictures.items():
                made.writestr(f"{name}/{place.removeprefix('./')}", drawn)


def _pictures(node: Node, job: Job) -> Iterator[tuple[str, bytes]]:
    """Iterate over names and contents of pictures of the most telling data."""
    try:
        source = source_of(node)
    except (H5SaverError, OSError):  # nothing that could be drawn
        return
    named = sorted(zip(source.names(), source.items, strict=True), key=lambda pair: -how_telling(pair[1].path))
    for name, item in named[:_MOST_PICTURES]:
        try:
            drawn = picture_of(item)
        except (H5SaverError, OSError, ValueError) as error:  # damaged
            job.note(f"{item.path} is packed, but there is no picture of it: {error}")
            continue
        if drawn:
            yield name, drawn.encode()
        job.advance(0)


def crate(node: Node, name: str, files: list[dict[str, str]]) -> dict[str, Any]:
    """Return the description of an export of a node, the experiment of this name, as JSON-LD.

    `files` has the facts about each file in it: its place, type, size, hash. The data, then pictures of them.
    """
    told = dict(_told(node))
    values = [
        {"@id": f"#{path}", "@type": "PropertyValue", "propertyID": path, "name": path.rpartition("/")[2], **value}
        for path, value in told.items()
    ]

    def text(path: str) -> str:
        return str(told.get(path, {}).get("value", ""))

    now = datetime.now().astimezone().isoformat(timespec="seconds")
    person: dict[str, Any] = {"@id": text("user/identifier_orcid") or "#user", "@type": "Person"}
    person["name"] = text("user/name") or "unknown"
    if text("user/affiliation"):
        person["affiliation"] = {"@id": "#affiliation"}
        values.append({"@id": "#affiliation", "@type": "Organization", "name": text("user/affiliation")})
    begun = text("start_time") or now
    experiment: dict[str, Any] = {
        "@id": f"./{name}/",
        "@type": "Dataset",
        "name": text("sample/name") or name,
        "genre": "experiment",
        "author": {"@id": person["@id"]},
        "dateCreated": begun,
        "dateModified": text("end_time") or begun,
        "identifier": text("identifier_experiment") or name,
        "hasPart": [{"@id": file["@id"]} for file in files],
        "variableMeasured": [{"@id": value["@id"]} for value in values if value["@type"] == "PropertyValue"],
    }
    graph: list[dict[str, Any]] = [
        {
            "@id": _METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            "dateCreated": now,
            "sdPublisher": {"@id": _PROGRAM},
            "version": "1.0",
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": name,
            "description": f"A recording made with h5saver_widget {__version__}",
            "datePublished": now,
            "license": "not given by the person who measured",
            "hasPart": [{"@id": f"./{name}/"}],
        },
        {"@id": _PROGRAM, "@type": "Organization", "name": "h5saver_widget", "url": _HOME},
        experiment,
        person,
        *files,
        *values,
    ]
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}


def _told(node: Node) -> Iterator[tuple[str, dict[str, Any]]]:
    """Iterate over single values in the entry of a file: path in the entry, and value with unit."""
    io = node.backend
    waiting = [*shown_again(io)[:1]]
    above = len(waiting[0]) if waiting else 0
    while waiting:
        here = waiting.pop()
        try:
            found = node_of(io, resolved(io, here))
            about = found.attrs.to_dict()
        except (H5SaverError, OSError):
            continue
        if isinstance(found, GROUP) and about.get("NX_class") not in ("NXdata", "NXnote"):
            waiting += [f"{here}/{name}" for name in reversed(found.children_name())]
        elif isinstance(found, Array) and found.shape == ():
            try:
                value = {"value": plain(found.read())}
            except (H5SaverError, OSError):
                continue
            yield here[above:].strip("/"), value | ({"unitText": str(about["units"])} if "units" in about else {})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
