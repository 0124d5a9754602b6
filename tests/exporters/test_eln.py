"""eln: the zip is read back: its structure, its hash, and what the description says."""

from __future__ import annotations

import hashlib
import json
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from recording_helpers import recorded_with_notes

from h5saver_widget import Axis, DataLoader, DataRaw, H5SaverBase
from h5saver_widget.errors import ExportError
from h5saver_widget.exporters import export
from h5saver_widget.exporters.pictures import picture_of
from h5saver_widget.exporters.source import Item


@pytest.fixture
def recorded(tmp_path):
    saver = H5SaverBase("detector", "h5py")
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["recording", "template"] = "optics"
    told = {"User": "Ada", "ORCID": "0000-0002-1825-0097", "Affiliation": "Lab", "Sample": "Si", "Power": "3"}
    return recorded_with_notes(saver, told)


@pytest.mark.parametrize("where", ["/", "/RawData/Detector000"])
def test_a_package_is_whole_and_says_who_measured_what(recorded, tmp_path, where):
    target = tmp_path / "run.eln"
    with DataLoader(recorded) as loader:
        export(loader.get_node(where), target)
    with zipfile.ZipFile(target) as package:
        assert package.testzip() is None
        picture = "run/run/Detector000_Data2D_CH00.svg"
        assert package.namelist() == ["run/ro-crate-metadata.json", f"run/run/{recorded.name}", picture]
        drawn = package.read(picture)
        said = json.loads(package.read("run/ro-crate-metadata.json"))
        content = package.read(f"run/run/{recorded.name}")
    assert said["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in said["@graph"]}
    assert len(entities) == len(said["@graph"])
    descriptor = entities["ro-crate-metadata.json"]
    assert descriptor["about"] == {"@id": "./"} and descriptor["conformsTo"]["@id"].endswith("/ro/crate/1.1")

    def references(value):
        if isinstance(value, list):
            return [found for item in value for found in references(item)]
        return [value["@id"]] if isinstance(value, dict) else []

    known = {*entities, "https://w3id.org/ro/crate/1.1"}
    assert {found for entity in entities.values() for value in entity.values() for found in references(value)} <= known
    file = entities[f"./run/{recorded.name}"]
    assert (file["sha256"], file["contentSize"]) == (hashlib.sha256(content).hexdigest(), str(len(content)))
    told = entities["./run/Detector000_Data2D_CH00.svg"]
    assert (told["sha256"], told["contentSize"]) == (hashlib.sha256(drawn).hexdigest(), str(len(drawn)))
    assert "camera" in [*ElementTree.fromstring(drawn).itertext()]
    experiment = entities["./run/"]
    assert experiment["name"] == "Si" and experiment["author"] == {"@id": "https://orcid.org/0000-0002-1825-0097"}
    assert entities["https://orcid.org/0000-0002-1825-0097"]["name"] == "Ada"
    assert entities["#affiliation"]["name"] == "Lab"
    power = entities["#instrument/source/power"]
    assert (power["value"], power["unitText"]) == (3.0, "mW")
    copy = tmp_path / "copy.h5"
    copy.write_bytes(content)
    with DataLoader(copy) as loader:
        assert loader.load_all("/RawData").data[0].data[0].shape == (3, 2, 3)
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == ["copy.h5"], "nothing is left behind"


def drawn(**data):
    elements = ElementTree.fromstring(picture_of(Item(DataRaw("<a> µ", **data))))
    return [element.tag.rpartition("}")[2] for element in elements.iter()], [*elements.itertext()]


def test_pictures_show_curves_points_and_images():
    clock = Axis("time", "s", np.arange(3.0) + 1.79e9, 0)
    tags, texts = drawn(data=[np.array([1.0, np.nan, 2.0]), np.arange(3.0)], axes=[clock], units="V", labels=["b", "c"])
    assert (tags.count("polyline"), tags.count("circle")) == (1, 2)  # a missing value leaves points alone
    assert {"<a> µ", "V", "b", "c", "time since 2026-09-21 14:13:20 UTC (s)"} <= set(texts)
    tags, _ = drawn(data=[np.arange(3.0)], axes=[Axis("x", "m", np.array([2.0, 0, 1]), 0)])
    assert tags.count("circle") == 3  # out of order
    assert len(picture_of(Item(DataRaw("long", data=[np.arange(1e6)])))) < 60_000
    tags, texts = drawn(data=[np.arange(12.0).reshape(3, 4)], axes=[Axis("x", "m", np.arange(4.0), 1)], units="V")
    assert tags.count("image") == 2 and {"x (m)", "V", "0", "11"} <= set(texts)
    for odd in (np.full(3, np.nan), np.zeros(1), np.full((2, 2), 7), np.arange(3) * 1j, np.zeros((2, 2, 3), np.uint8)):
        assert "svg" in drawn(data=[odd])[0]
    assert picture_of(Item(DataRaw("none", data=[np.zeros((0, 3))]))) == ""


def test_data_in_memory_are_refused(tmp_path):
    with pytest.raises(ExportError, match="no file"):
        export(DataRaw("a", data=[np.ones(3)]), tmp_path / "a.eln")
