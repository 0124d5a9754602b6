"""The instruments whose state is kept with every scan, also of those that are not scanned."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from typing import Any, Final

from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.settings_xml import all_settings_xml

__all__ = ["STATE_OF", "Instruments"]

#: End of the attributes of a scan that hold the settings of an instrument, after its title: browsers know them by it.
STATE_OF: Final = "_settings"


class Instruments:
    """Registered modules; none that can be referred to weakly is kept alive by this.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from h5saver_widget import H5SaverBase
    >>> laser = SimpleNamespace(title='Laser 1', settings=H5SaverBase('detector').store)
    >>> instruments = Instruments()
    >>> instruments.register(laser)
    >>> list(instruments.state())
    ['Laser_1_settings']
    """

    def __init__(self) -> None:
        self._modules: list[Callable[[], Any]] = []

    def register(self, module: Any) -> None:
        """Keep the settings of a module with every scan that begins from now on.

        Parameters
        ----------
        module
            Has a ``title`` and ``settings`` (a parameter tree), as the modules of a module saver have.

        Raises
        ------
        DataMismatchError
            If it has none.
        """
        for name in ("title", "settings"):
            if getattr(module, name, None) is None:
                raise DataMismatchError(f"got {module!r} without {name}; an instrument has a title and settings")
        if all(known() is not module for known in self._modules):
            try:
                self._modules.append(weakref.ref(module))
            except TypeError:  # of a plain namespace nobody would miss that it is kept
                self._modules.append(lambda: module)

    def state(self) -> dict[str, bytes]:
        """Return the settings of all modules as XML, by name of an attribute."""
        self._modules = [known for known in self._modules if known() is not None]
        modules = [module for known in self._modules if (module := known()) is not None]
        return {
            re.sub(r"\W+", "_", str(module.title)).strip("_") + STATE_OF: all_settings_xml((None, module.settings))
            for module in modules
        }
