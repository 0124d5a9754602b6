"""PyMoDAQ's modules on this package: DAQ_Viewer, DAQ_Move, DAQ_Scan, DAQ_Logger, H5Browser and Navigator save with it.

Call :func:`install` once, before or after PyMoDAQ was imported; or set the environment variable ``H5SAVER_PYMODAQ``; or
start a program of PyMoDAQ by ``python -m h5saver_widget.integrations.pymodaq daq_viewer``. Nothing of PyMoDAQ is
changed on disk, and :func:`uninstall` takes everything back. Importing this package imports neither PyMoDAQ nor Qt.
"""

from __future__ import annotations

from h5saver_widget.integrations.pymodaq.replacing import (
    VARIABLE,
    Scope,
    install,
    install_from_environment,
    installed,
    uninstall,
)

__all__ = ["VARIABLE", "Scope", "install", "install_from_environment", "installed", "uninstall"]
