"""The decorators of a backend's calls: atomic, refused without an open file, damage told as an error of ours."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.ownership import refuse_copy
from h5saver_widget.errors import FileNotOpenError, H5SaverError, NodeError

if TYPE_CHECKING:
    from h5saver_widget.backends.backend_file import BackendFile

__all__ = ["changing", "looking", "require_open"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_W = TypeVar("_W")
_B = TypeVar("_B", bound="BackendFile")


def require_open(backend: BackendFile, call: str) -> None:
    """Raise FileNotOpenError if no file is open, ForkedCopyError in a copy of the program that opened it."""
    if not backend.is_owned:
        refuse_copy()
    if not backend.is_open:
        raise FileNotOpenError(f"{call}: no file is open; open or create one first")


def changing(method: Callable[Concatenate[_B, _P], _R]) -> Callable[Concatenate[_B, _P], _R]:
    """Make a method atomic, and refuse it when no file is open."""

    @functools.wraps(method)
    def changes(self: _B, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.lock:
            if not self.is_owned or not self.is_open:
                require_open(self, method.__name__)
            return method(self, *args, **kwargs)

    return changes


def looking(method: Callable[Concatenate[_B, _W, _P], _R]) -> Callable[Concatenate[_B, _W, _P], _R]:
    """Make reading atomic, refuse it when no file is open, and tell damage as a NodeError of the node.

    A backend that waits for another process does not hold its lock meanwhile (`Backend.locks_reading`).
    """

    @functools.wraps(method)
    def looks(self: _B, where: _W, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        if self.locks_reading:
            with self.lock:
                return look(self, where, *args, **kwargs)
        return look(self, where, *args, **kwargs)

    def look(self: _B, where: _W, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        require_open(self, method.__name__)
        try:
            return method(self, where, *args, **kwargs)
        except self.library_errors as error:
            if isinstance(error, H5SaverError):
                raise
            path = where if isinstance(where, str) else cast(TreeNode, where).path
            raise NodeError(f"{path} can't be read, it may be damaged: {error}") from error

    return looks
