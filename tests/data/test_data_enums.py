"""Enums: members are found by name, value, and foreign members."""

from __future__ import annotations

from enum import Enum

import pytest

from h5saver_widget.data import DataDim, DataDistribution, DataSource


@pytest.mark.parametrize("kind", [DataDim, DataSource, DataDistribution])
def test_members_are_found(kind: type[Enum]) -> None:
    foreign = Enum("foreign", [member.name for member in kind])  # type: ignore[misc]
    for member in kind:
        assert kind[member.name] is kind(member.name) is kind(foreign[member.name]) is kind(member) is member


@pytest.mark.parametrize("wrong", ["Data3D", 0, None, DataSource.raw])
def test_messages_list_what_there_is(wrong: object) -> None:
    with pytest.raises(ValueError, match="is not a DataDim; expected one of: Data0D, Data1D, Data2D, DataND"):
        DataDim.of(wrong)
