"""Opens files in the browser's window and clicks through them: ``python window.py BACKEND FILE...``; a line each.

After every file one line of JSON says what became of it. A reader is ended if it does not answer for some seconds; the
program must survive, and come to an end with every question.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyqtgraph.Qt import QtCore, mkQApp

from h5saver_widget import browsing
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.leaving import deleted_at_the_end

#: How long a reader may take for an answer here: every endless one is waited for.
READING_SECONDS = 5.0
#: The window answers within so many seconds, whatever its reader does: a few questions may end one after the other.
PATIENCE = 120.0
#: So many nodes are looked at.
MOST = 40

#: What the window says of a reader that was ended, and what it is counted as.
SAYS = {"came to no end": "endless", "library crashed": "crashed"}


def problems(browser: H5Browser) -> Iterator[str]:
    """Select node after node; yield what the window says in place of each that it can't show."""

    def answered() -> None:
        if not browser.wait(PATIENCE):
            raise TimeoutError(f"the window still waits at {browser.current_path()}")

    answered()
    file = browser.current_file()
    assert file is not None
    if not file.problem:
        browser.expand_all()
        answered()
    for path in [entry.path for entry in browser.model._entries.values()][:MOST]:
        if file.problem:
            break
        browser.select(path)
        answered()
        yield "" if browser.panel.message.isHidden() else browser.panel.message.text()
    if file.problem:
        yield file.problem


def clicked_through(path: Path, backend: str) -> dict[str, Any]:
    """Open a file, expand it, select its nodes."""
    browser = H5Browser(h5file=path, backend=backend)
    browser.resize(1024, 700)
    browser.show()
    with deleted_at_the_end(browser):
        said = [text for text in problems(browser) if text]
        file = browser.current_file()
        ending = "refused" if file is None or file.problem else "shown in part" if said else "shown"
    ending = next((what for sign, what in SAYS.items() if any(sign in text for text in said)), ending)
    return {"file": str(path), "ending": ending, "said": [s[:300] for s in said[:3]]}


def main(backend: str, *paths: str) -> None:
    """Open all files."""
    browsing.opening._READING_SECONDS = READING_SECONDS
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = mkQApp()
    with tempfile.TemporaryDirectory() as folder:  # recent files of the user are left alone
        ini = QtCore.QSettings
        ini.setPath(ini.Format.IniFormat, ini.Scope.UserScope, folder)
        for path in paths:
            print(json.dumps(clicked_through(Path(path), backend)), flush=True)
    app.processEvents()


if __name__ == "__main__":
    main(*sys.argv[1:])
