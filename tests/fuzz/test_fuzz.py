"""Any bytes where a file has attributes, log lines, settings and its beginning: a plain value, or an error of ours.

The corpus (``tests/fuzz/corpus``) holds what is interesting: made by hand, and what coverage-guided runs of
``fuzz.py`` have found. Each of its files is tried, and changed a little.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")


def seeds(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


@pytest.mark.parametrize("target", list(TARGETS))
def test_the_corpus(target: str) -> None:
    found = seeds(target)
    assert len(found) >= 10
    for data in found:
        TARGETS[target](data)


@pytest.mark.parametrize("target", list(TARGETS))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.data())
def test_what_is_like_the_corpus(target: str, drawn: st.DataObject) -> None:
    data = bytearray(drawn.draw(st.sampled_from(seeds(target))))
    for _ in range(drawn.draw(st.integers(0, 4))):
        at = drawn.draw(st.integers(0, len(data)))
        gone = drawn.draw(st.integers(0, 8))
        data[at : at + gone] = drawn.draw(st.binary(max_size=8))
    TARGETS[target](bytes(data))
