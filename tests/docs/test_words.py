"""Docstrings name things by the words of docs/glossary.md, and the glossary names code that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "h5saver_widget"
#: The largest share of docstrings that may use *what* or *who* in place of a noun.
ALLOWED = 0.03

#: "what was written", "whoever asks", "says who it was"; not "the program who", "what?".
_PRONOUN = re.compile(
    r"\b(what|whatever|whoever|whomever)\b(?! kind\b)"
    r"|(?:^|[.:;,(]\s*|\b(?:of|for|by|to|from|with|and|or|that|than|says?|tells?|knows?|asks?|asked)\s+)who\b",
    re.IGNORECASE,
)


def docstrings() -> Iterator[tuple[str, str]]:
    """Iterate over where each docstring of the package begins, and its text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield f"{path.relative_to(ROOT)}:{node.body[0].lineno}", text


@pytest.mark.parametrize(
    ("text", "leans"),
    [
        ("What a backend can do.", True),
        ("Tells whoever asks.", True),
        ("The program, and who wrote it.", True),
        ("Return the names in a group.", False),
        ("A user who saves a scan.", False),
    ],
)
def test_a_pronoun_in_place_of_a_noun_is_found(text: str, leans: bool) -> None:
    assert bool(_PRONOUN.search(text)) is leans


def test_docstrings_use_nouns() -> None:
    found = list(docstrings())
    leaning = [f"{place}: {match.group()}" for place, text in found if (match := _PRONOUN.search(text))]
    assert len(leaning) < ALLOWED * len(found), f"{len(leaning)} of {len(found)}:\n" + "\n".join(leaning)


def glossary() -> dict[str, str]:
    """Return the code that the glossary names, by term."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| `([\w.]+)` \|", (ROOT / "docs/glossary.md").read_text("utf-8"), re.M)
    return dict(rows)


def test_the_glossary_names_code_that_exists() -> None:
    named = glossary()
    assert len(named) > 40
    for term, code in named.items():
        name = f"h5saver_widget.{code}"
        try:
            import_module(name)
        except ModuleNotFoundError:
            module, _, attribute = name.rpartition(".")
            assert attribute in vars(import_module(module)), f"{term}: there is no {name}"
