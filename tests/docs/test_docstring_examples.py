"""The examples in the docstrings of the package give what they say."""

from __future__ import annotations

import doctest
import tempfile
from importlib import import_module
from pathlib import Path

import pytest

import h5saver_widget

PACKAGE = Path(h5saver_widget.__file__).parent
#: Modules with examples; the hooks of PyInstaller are run by it and never imported.
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if "pyinstaller" not in path.parts and ">>> " in path.read_text("utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name, qapp, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = doctest.testmod(import_module(name))
    assert not found.failed, capsys.readouterr().out
    assert found.attempted
