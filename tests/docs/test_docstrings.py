"""Every public method has a docstring: its own, or that of the method which it overrides."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "h5saver_widget"


def classes_of(package: Path) -> dict[str, tuple[Path, ast.ClassDef]]:
    """Return the classes of a package by name, those of tests for others excepted: there a name is its sentence."""
    return {
        node.name: (path, node)
        for path in sorted(package.rglob("*.py"))
        if "testing" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }


def documented(name: str, classes: dict[str, tuple[Path, ast.ClassDef]]) -> set[str]:
    """Return the methods of a class that have a docstring of their own, or have inherited one."""
    if name not in classes:
        return set()
    _, node = classes[name]
    own = {one.name for one in node.body if isinstance(one, ast.FunctionDef) and ast.get_docstring(one)}
    bases = {part.id for base in node.bases for part in ast.walk(base) if isinstance(part, ast.Name)}
    return own.union(*(documented(base, classes) for base in bases - {name}))


def undocumented(package: Path) -> Iterator[str]:
    """Iterate over the public methods of public classes without a docstring."""
    classes = classes_of(package)
    for name, (path, node) in classes.items():
        known = documented(name, classes)
        for one in () if name.startswith("_") else node.body:
            if not isinstance(one, ast.FunctionDef) or one.name.startswith("_") or one.name in known:
                continue
            if not any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in one.decorator_list):
                yield f"{path.name}:{one.lineno} {name}.{one.name}"


def test_every_public_method_has_a_docstring() -> None:
    assert list(undocumented(PACKAGE)) == []


def test_one_without_is_found(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(
        'class Base:\n    def told(self):\n        """Told."""\n\n'
        "class Derived(Base):\n    def told(self): ...\n    def untold(self): ...\n    def _own(self): ...\n",
        encoding="utf-8",
    )
    assert list(undocumented(tmp_path)) == ["some.py:7 Derived.untold"]
