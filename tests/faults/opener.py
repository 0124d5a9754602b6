"""Opens files the way a program does, in a worker process: ``python opener.py BACKEND FILE...``; a line each.

After every file one line of JSON says what was seen. The process has 4 GB of memory and must survive.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from h5saver_widget import GROUP, DataLoader, H5Backend, H5BrowserUtil, H5SaverError
from h5saver_widget.format.settings_reading import xml_to_tree
from h5saver_widget.nodes.typed import Array

_SMALL = 1 << 20


def tried(call: Callable[[], Any]) -> str:
    """Return what a call returns, or the error that it raises: one that programs expect."""
    try:
        return repr(call())
    except (H5SaverError, OSError, ValueError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"


def content(h5: H5Backend) -> list[str]:
    """Look at every node, its attributes and settings, and some values."""
    seen = []
    for number, node in enumerate(h5.walk_nodes("/")):
        assert number < 20_000, "this walk does not end"
        attributes = tried(lambda node=node: dict(node.attrs))
        seen += [node.path[:200], attributes[:2000]]
        if not isinstance(node, Array):
            continue
        seen.append(tried(lambda node=node: node.info))
        seen.append(tried(lambda node=node: np.asarray(node[0])))
        seen.append(tried(lambda node=node: np.asarray(node[-2:])))
        if "bytes" in attributes or node.info.dtype.itemsize * np.prod(node.shape, dtype=float) < _SMALL:
            seen.append(tried(node.read))
    return seen


def browsed(path: Path, backend: str) -> list[str]:
    """Look at the file as the browser does."""
    seen = []
    with H5BrowserUtil(backend=backend) as browser:
        browser.open_file(path)
        seen.append(tried(browser.log_lines)[:2000])
        for node in browser.walk_nodes("/"):
            if isinstance(node, GROUP):
                about = browser.get_h5_attributes(node)
                for text in (*about.settings, about.scan_settings or ""):
                    seen.append(tried(lambda text=text: xml_to_tree(text))[:500])
    return seen


def loaded(path: Path, backend: str) -> list[str]:
    """Load what is in the file."""
    with DataLoader(path, backend=backend) as loader:
        found = [tried(lambda: loader.load_all("/RawData", lazy=True))]
        for node in loader.walk_nodes("/"):
            if isinstance(node, Array):
                found.append(tried(lambda node=node: loader.load_data(node, lazy=True)))
                found.append(tried(lambda node=node: loader.load_data(node))[:2000])
    return found


def opened(path: Path, backend: str) -> list[str]:
    """Open a file in every way."""

    def walked() -> list[str]:
        with H5Backend(backend) as h5:
            h5.open_file(path)
            return content(h5)

    return [tried(walked), tried(lambda: browsed(path, backend)), tried(lambda: loaded(path, backend))]


def main(backend: str, *paths: str) -> None:
    """Open all files."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    for path in paths:
        print(json.dumps({"file": path, "seen": opened(Path(path), backend)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
