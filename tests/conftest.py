"""Set up before any test: no window is ever shown."""

from __future__ import annotations

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"
