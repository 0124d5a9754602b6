"""Children that are copies of this process, to look at thousands of files: a new interpreter takes half a second each.

For programs of one thread that have no file open; otherwise like `run_in_child`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

from h5saver_widget.backends.in_child import ChildEnd, ChildResult

SILENCE = 15.0


def run_forked(
    function: Callable[..., Iterator[Any]],
    *arguments: Any,
    silence: float | None = None,
    heard: Callable[[Any], None] | None = None,
) -> ChildResult:
    """Run a generator in a copy of this process, and return what it said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_child(writing, function, json.loads(json.dumps(arguments)))
    os.close(writing)
    answer, rest = ChildResult(), b""
    patience = silence or SILENCE
    last = time.monotonic()
    while True:
        if not select.select([reading], [], [], max(0.0, last + patience - time.monotonic()))[0]:
            os.kill(child, signal.SIGKILL)
            answer.ending, answer.words = ChildEnd.HUNG, "nothing was heard of it"
            break
        piece = os.read(reading, 1 << 16)
        if not piece:
            break
        last = time.monotonic()
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            kind, said = json.loads(line)
            if kind == "error":
                answer.ending, answer.words = ChildEnd.FAILED, said
            else:
                answer.messages.append(said)
                if heard is not None:
                    heard(said)
    os.close(reading)
    code = os.waitpid(child, 0)[1]
    if answer.ending is ChildEnd.DONE and code:
        answer.ending, answer.words = ChildEnd.DIED, f"exit code {code}"
    return answer


def _be_the_child(writing: int, function: Callable[..., Iterator[Any]], arguments: Any) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        try:
            for said in function(*arguments):
                os.write(writing, json.dumps(["yield", said]).encode() + b"\n")
        except Exception as error:
            os.write(writing, json.dumps(["error", f"{type(error).__name__}: {error}"]).encode() + b"\n")
        os._exit(0)
    finally:
        os._exit(1)
