"""Nodes for tests, each made by one call: what :meth:`~h5saver_widget.backends.base.Backend.create` takes as a spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import Handle, NodeKind, NodeSpec

__all__ = ["make_array", "make_group", "make_growing", "make_text"]


def make_group(backend: Backend, parent: Handle, name: str, attributes: Mapping[str, Any] | None = None) -> Handle:
    """Make a group."""
    return backend.create(parent, name, NodeSpec(NodeKind.GROUP, attributes=attributes or {}))


def make_array(backend: Backend, parent: Handle, name: str, **spec: Any) -> Handle:
    """Make an array of fixed shape; the other arguments are those of its spec."""
    return backend.create(parent, name, NodeSpec(NodeKind.FIXED, **spec))


def make_growing(backend: Backend, parent: Handle, name: str, row_shape: tuple[int, ...] = (), **spec: Any) -> Handle:
    """Make an array that grows along its first axis; the other arguments are those of its spec."""
    return backend.create(parent, name, NodeSpec(NodeKind.GROWING, row_shape, **spec))


def make_text(backend: Backend, parent: Handle, name: str, attributes: Mapping[str, Any] | None = None) -> Handle:
    """Make a growing list of byte rows."""
    return backend.create(parent, name, NodeSpec(NodeKind.TEXT, attributes=attributes or {}))
