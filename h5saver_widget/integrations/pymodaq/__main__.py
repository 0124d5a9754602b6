"""Starts a program of PyMoDAQ on this package: ``python -m h5saver_widget.integrations.pymodaq daq_viewer``."""

from __future__ import annotations

import sys

from h5saver_widget.integrations.pymodaq.launching import main

if __name__ == "__main__":
    sys.exit(main())
