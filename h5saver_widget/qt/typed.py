"""What type checkers are told of Qt: through pyqtgraph, which stands for any binding, they see nothing of it.

A base that they don't know would let every attribute pass, and an untyped decorator hides a signature: a host would
have its mistakes found by running.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from pyqtgraph.Qt import QtCore

__all__ = ["Parameters", "QObject", "SignalOf", "slot"]

_P = ParamSpec("_P")
_M = TypeVar("_M", bound=Callable[..., Any])


class SignalOf(Protocol[_P]):
    """A signal, by what it carries: ``SignalOf[[str]]``."""

    @overload
    def connect(self, slot: Callable[_P, object], type: Any = ...) -> Any: ...
    @overload
    def connect(self, slot: Callable[[], object], type: Any = ...) -> Any: ...

    def disconnect(self, slot: Any = ...) -> Any:
        """Undo a connection, or all of them."""

    def emit(self, *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Send it."""


class Parameters(Protocol):
    """A tree of settings, as far as hosts use pyqtgraph's ``Parameter``."""

    sigValueChanged: SignalOf[...]
    sigTreeStateChanged: SignalOf[...]
    sigActivated: SignalOf[...]
    opts: dict[str, Any]

    def __getitem__(self, path: str | tuple[str, ...]) -> Any: ...
    def __setitem__(self, path: str | tuple[str, ...], value: Any) -> None: ...

    name: Callable[[], str]
    title: Callable[[], str]
    value: Callable[[], Any]
    setValue: Callable[[Any], Any]
    children: Callable[[], list[Parameters]]
    setLimits: Callable[[Any], None]
    activate: Callable[[], None]
    hide: Callable[[], None]
    saveState: Callable[..., Any]
    restoreState: Callable[[Any], None]

    def child(self, *names: str) -> Parameters:
        """Return a parameter below this one."""

    def setOpts(self, **options: Any) -> None:
        """Change how it is shown."""

    def show(self, show: bool = ...) -> None:
        """Show its row."""


if TYPE_CHECKING:

    class QObject:
        """The part of ``QObject`` that hosts use."""

        destroyed: SignalOf[...]
        objectName: Callable[[], str]
        setObjectName: Callable[[str], None]
        thread: Callable[[], Any]
        parent: Callable[[], Any]
        setParent: Callable[[Any], None]
        metaObject: Callable[[], Any]
        deleteLater: Callable[[], None]
        blockSignals: Callable[[bool], bool]
        installEventFilter: Callable[[Any], None]

else:
    QObject = QtCore.QObject


def slot(*types: Any, **options: Any) -> Callable[[_M], _M]:
    """Make a method a slot, and leave its signature to be seen."""
    made: Callable[[_M], _M] = QtCore.Slot(*types, **options)
    return made
