"""A node of HSDS whose folder keeps objects as object storage does: the new one as a whole, or the old one.

HSDS 1.0.2 writes the files of its folder in place: one that is killed meanwhile leaves an empty description, and the
array is gone for everybody (docs/hsds.md). Tests that kill it count what else may be lost.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from importlib import import_module
from types import SimpleNamespace


def be_template() -> None:
    """Start a node for each line of the input: options, folder and log; say its number. End with the input."""
    _dies_with_parent()
    run = prepare()
    config = import_module("hsds.config")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a node that has ended
    while line := sys.stdin.readline():
        options, folder, log = json.loads(line)
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            _dies_with_parent()
            if os.getppid() != parent:
                os._exit(1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            os.chdir(folder)  # a config.yml in the current folder would be taken for its own
            said, nothing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), os.open(os.devnull, os.O_RDONLY)
            for number, target in ((0, nothing), (1, said), (2, said)):
                os.dup2(target, number)
            sys.argv = [__file__, *options]
            config.cfg.clear()
            run()
            os._exit(0)
        print(child, flush=True)


def _dies_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def prepare() -> Callable[[], None]:
    """Load the libraries of a node, and return what makes this process one."""
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

    def run() -> None:
        # HSDS 1.0.2 asks for one, which Python 3.14 makes no more by itself
        asyncio.set_event_loop(asyncio.new_event_loop())
        node_runner.main()

    return run


if __name__ == "__main__":
    if "--template" in sys.argv:
        be_template()
    else:
        prepare()()
