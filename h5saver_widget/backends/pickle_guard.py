"""Keeps a library from unpickling the content of a file during our own calls; the host's own calls are left alone."""

from __future__ import annotations

import pickle
import threading
import types
from typing import Any, Self

from h5saver_widget.backends.ownership import register_owned

__all__ = ["GuardedLock", "NoPickles"]


class NoPickles(types.ModuleType):
    """Takes the place of `pickle` inside a library: refuses while our own calls run, is pickle itself otherwise.

    >>> library = types.ModuleType('library')
    >>> lock = GuardedLock(NoPickles.install(library))
    >>> library.pickle.loads(pickle.dumps((1, 2)))
    (1, 2)
    >>> with lock:
    ...     library.pickle.loads(pickle.dumps((1, 2)))
    Traceback (most recent call last):
        ...
    _pickle.UnpicklingError: files are data: their content is never unpickled
    """

    def __init__(self) -> None:
        super().__init__("pickle")
        self.__dict__.update({name: value for name, value in vars(pickle).items() if not name.startswith("__")})
        self._real_loads = pickle.loads
        #: How deep this thread is in calls of ours.
        self.ours = threading.local()
        self.loads = self._loads_unless_ours

    @classmethod
    def install(cls, *modules: types.ModuleType) -> Self:
        """Replace the name ``pickle`` in modules that have imported it."""
        guard = cls()
        for module in modules:
            module.pickle = guard  # type: ignore[attr-defined]
        return guard

    # named as nothing in pickle is: a name of its own would be hidden by the copy that __init__ makes
    def _loads_unless_ours(self, data: Any, **options: Any) -> Any:
        if getattr(self.ours, "depth", 0):
            raise pickle.UnpicklingError("files are data: their content is never unpickled")
        return self._real_loads(data, **options)


class GuardedLock:
    """A reentrant lock; while a thread holds it, the guard refuses its pickles."""

    def __init__(self, guard: NoPickles) -> None:
        self._guard = guard
        self._lock = threading.RLock()
        register_owned(self)

    def disown(self) -> None:
        """Be a lock that nobody holds, in a copy of the process: its threads are not copied."""
        self._lock = threading.RLock()
        self._guard.ours = threading.local()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, as that of `threading`, and refuse pickles from now on."""
        taken = self._lock.acquire(blocking, timeout)
        if taken:
            self._guard.ours.depth = getattr(self._guard.ours, "depth", 0) + 1
        return taken

    def release(self) -> None:
        """Give it back."""
        self._guard.ours.depth -= 1
        self._lock.release()

    def __enter__(self) -> None:
        """Wait for the lock."""
        self._lock.acquire()
        self._guard.ours.depth = getattr(self._guard.ours, "depth", 0) + 1

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self._guard.ours.depth -= 1
        self._lock.release()

    def _is_owned(self) -> bool:
        """Tell whether this thread has the lock; named as Python's own locks name it."""
        return bool(self._lock._is_owned())  # type: ignore[attr-defined]
