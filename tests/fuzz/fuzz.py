"""A coverage-guided run: ``fuzz.py TARGET [SECONDS] [CORPUS]``, with atheris (``pip install -e .[fuzz]``).

Inputs that reach new code are added to the corpus; one that breaks a promise ends the run and is kept as ``crash-...``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["h5saver_widget"]):
    import targets


def main() -> None:
    """Run one target."""
    name, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "60"
    corpus = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(__file__).with_name("corpus") / name
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-rss_limit_mb=4096", "-timeout=20"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
