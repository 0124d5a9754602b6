"""The guide on archives is walked as written, from a template of one's own to a valid file and a package of it."""

import shlex
import tomllib
import zipfile
from pathlib import Path

import pytest
from nexusformat.nexus.validate import validate_application
from recording_helpers import recorded_with_notes

from h5saver_widget import H5SaverBase
from h5saver_widget.cli import main
from h5saver_widget.errors import TemplateError

GUIDE = (Path(__file__).parents[2] / "docs" / "archives.md").read_text("utf-8")
COMMANDS = [line.strip().removeprefix("$ ") for line in GUIDE.splitlines() if line.strip(" $").startswith("h5saver ")]


def test_from_a_template_to_a_validated_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")  # without pynx
    new, check, validate, export = (shlex.split(line)[1:] for line in COMMANDS)
    assert main(new) == 0
    # the field of the guide in place of the one of that name
    head, field, after = Path("lab.toml").read_text("utf-8").partition('[[field]]\nname = "Power"')
    example = GUIDE.partition("```toml\n")[2].partition("```")[0]
    Path("lab.toml").write_text(f"{head}{example}\n[[field]]{after.partition('[[field]]')[2]}", "utf-8")
    assert field and main(check) == 0 and "required: block" in capsys.readouterr().out

    saver = H5SaverBase("detector")
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["recording", "template"] = str(tmp_path / "lab.toml")
    with pytest.raises(TemplateError, match="Sample is empty; Power is empty"):
        saver.start()
    told = {"User": "Ada", "Sample": "Si", "Wavelength": "633"} | {tomllib.loads(example)["field"][0]["name"]: "3"}
    recorded_with_notes(saver, told).rename(tmp_path / validate[1])

    capsys.readouterr()
    assert main(validate) == 0
    said = capsys.readouterr().out.splitlines()
    lines = GUIDE.partition(f"$ {COMMANDS[2]}\n")[2].partition("\n\n")[0].splitlines()
    assert said == [line.strip() for line in lines]
    assert validate_application(tmp_path / validate[1])[1] == 0

    assert main(export) == 0
    (made,) = tmp_path.glob("*.eln")
    with zipfile.ZipFile(made) as package:
        assert any(name.endswith(validate[1]) for name in package.namelist())
