"""A node of HSDS whose folder keeps objects as object storage does: the new one as a whole, or the old one.

HSDS 1.0.2 writes the files of its folder in place: one that is killed meanwhile leaves an empty description, and the
array is gone for everybody (docs/hsds.md). Tests that kill it count what else may be lost.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from types import SimpleNamespace


def main() -> None:
    """Be a node."""
    sys.modules.update(azure=None, httpx=None)  # not needed for a folder: to import them is nearly half of its start
    from hsds import node_runner
    from hsds.util import fileClient

    in_place = fileClient.aiofiles.open

    @asynccontextmanager
    async def as_a_whole(path, *, loop=None, mode="rb"):
        unfinished = f"{path}.{os.getpid()}" if mode == "wb" else path
        async with in_place(unfinished, loop=loop, mode=mode) as file:
            yield file
        if mode == "wb":
            os.replace(unfinished, path)

    fileClient.aiofiles = SimpleNamespace(open=as_a_whole)
    asyncio.set_event_loop(
        asyncio.new_event_loop()
    )  # HSDS 1.0.2 asks for one, which Python 3.14 makes no more by itself
    node_runner.main()


if __name__ == "__main__":
    main()
