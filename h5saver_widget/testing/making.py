"""Nodes for tests, made by one call each, without the spec of :meth:`~h5saver_widget.backends.base.Backend.create`.

The parent is a group's handle, or its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import Handle, NodeKind, NodeSpec

__all__ = ["make_array", "make_group", "make_growing", "make_text"]


_Attributes = Mapping[str, Any] | None


def make_group(backend: Backend, parent: Handle | str, name: str, attributes: _Attributes = None) -> Handle:
    """Make a group."""
    return backend.create(_group(backend, parent), name, NodeSpec(NodeKind.GROUP, attributes=attributes or {}))


def make_array(backend: Backend, parent: Handle | str, name: str, **spec: Any) -> Handle:
    """Make an array of fixed shape; the other arguments are those of its spec."""
    return backend.create(_group(backend, parent), name, NodeSpec(NodeKind.FIXED, **spec))


def make_growing(
    backend: Backend, parent: Handle | str, name: str, row_shape: tuple[int, ...] = (), **spec: Any
) -> Handle:
    """Make an array that grows along its first axis; the other arguments are those of its spec."""
    return backend.create(_group(backend, parent), name, NodeSpec(NodeKind.GROWING, row_shape, **spec))


def make_text(backend: Backend, parent: Handle | str, name: str, attributes: _Attributes = None) -> Handle:
    """Make a growing list of byte rows."""
    return backend.create(_group(backend, parent), name, NodeSpec(NodeKind.TEXT, attributes=attributes or {}))


def _group(backend: Backend, parent: Handle | str) -> Handle:
    return backend.node(parent) if isinstance(parent, str) else parent
