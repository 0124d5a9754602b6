"""``python -m h5saver_widget`` is the same as ``h5saver``."""

from __future__ import annotations

import sys

from h5saver_widget.cli import main

if __name__ == "__main__":
    sys.exit(main())
