"""Run one of our functions in a worker process, because a damaged or hostile file may crash or hang a library.

The function is a generator; its values travel back as lines of JSON, so nothing that comes from the child can run code
here. The child is ended when it is silent for too long. It is started with the interpreter itself, not with
`multiprocessing`, which would import the main module of the host again.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import Any, Final, NoReturn

from h5saver_widget.backends.own_process import ENVIRONMENT, start_command
from h5saver_widget.backends.watchdog import Watchdog

__all__ = ["ChildEnd", "ChildResult", "run_in_child"]

#: Seconds without a word after which a child counts as hung.
SILENCE: Final = 30.0
#: Seconds that an interpreter may take to start on a busy computer, which says nothing about a file.
_START: Final = 30.0
#: Bytes of memory (address space) that a child may take, where the system can limit it.
MEMORY: Final = 4 << 30
_NO_MORE: Final = object()
_PACKAGE: Final = (__package__ or "").partition(".")[0]


class ChildEnd(Enum):
    """How a child ended."""

    DONE = "done"
    FAILED = "failed"
    DIED = "died"
    HUNG = "hung"


@dataclass
class ChildResult:
    """The messages of a child, and how it ended."""

    #: The values that its function yielded.
    messages: list[Any] = field(default_factory=list)
    #: DONE; FAILED with an error of Python; DIED by a signal, as when a library crashes; HUNG and ended by us.
    ending: ChildEnd = ChildEnd.DONE
    #: The error's text, or the signal's number.
    words: str = ""


def run_in_child(
    function: Callable[..., Iterator[Any]],
    *arguments: Any,
    silence: float | None = None,
    heard: Callable[[Any], None] | None = None,
) -> ChildResult:
    """Run a function of this package in a child process, and return its messages; a crash is an answer, too.

    `function` is a generator function on the first level of one of our modules. It yields plain data, and its arguments
    are plain data (text, numbers, lists, dicts). The child is ended after so many seconds of `silence`, `SILENCE` by
    default, and if `heard` raises, which is called with every message as it comes.
    """
    silence = SILENCE if silence is None else silence
    # -P: no module is taken from the current folder, which may be the one that a hostile file came in
    command = start_command("child", function.__module__, function.__qualname__, str(silence))
    environment = {**ENVIRONMENT, **os.environ, "PYTHONIOENCODING": "utf-8"}
    answer = ChildResult()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as child:
        reader = threading.Thread(target=_read_lines, args=(child, json.dumps(arguments).encode(), lines), daemon=True)
        reader.start()
        try:
            patience = max(silence, _START)
            while line := lines.get(timeout=patience):
                patience, count = silence, len(answer.messages)
                _take(line, answer)
                if heard is not None and len(answer.messages) > count:
                    heard(answer.messages[-1])
        except queue.Empty:
            child.kill()
            answer.ending, answer.words = ChildEnd.HUNG, f"nothing was heard of it for {silence:g} s"
        except BaseException:
            child.kill()
            raise
        code = child.wait()
        reader.join()
    if answer.ending is ChildEnd.DONE and code != 0:
        answer.ending, answer.words = ChildEnd.DIED, f"exit code {code}"
    return answer


def _read_lines(child: subprocess.Popen[bytes], arguments: bytes, lines: queue.SimpleQueue[bytes]) -> None:
    """Pass on the child's messages line by line; an empty line is the end."""
    assert child.stdin is not None and child.stdout is not None
    try:
        child.stdin.write(arguments)
        child.stdin.close()
    except OSError:  # it ended before it listened; its exit code tells
        pass
    for line in child.stdout:
        lines.put(line)
    lines.put(b"")


def _take(line: bytes, answer: ChildResult) -> None:
    """Add a line to the answer. A last line may be torn when the child died in the middle of it."""
    try:
        said = json.loads(line)
    except ValueError:
        return
    if isinstance(said, list) and len(said) == 2 and said[0] == "yield":
        answer.messages.append(said[1])
    elif isinstance(said, list) and len(said) == 2 and said[0] == "error":
        answer.ending, answer.words = ChildEnd.FAILED, str(said[1])


def _limit_memory() -> None:
    """Have absurd shapes end in a MemoryError of the child, not in a computer that swaps."""
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        if hard == resource.RLIM_INFINITY or hard > MEMORY:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def main(module: str, name: str, silence: str) -> NoReturn:
    """Be a child process, and end without the cleaning up of libraries, which may crash on the very file."""
    os._exit(_run(module, name, silence))


def _run(module: str, name: str, silence: str) -> int:
    """Run a function of this package with the arguments that stand in standard input.

    A child that is silent for too long ends by itself, because its parent may be gone.
    """
    if module.split(".")[0] != _PACKAGE:
        return 2
    # prints of a library must not get between the messages
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    arguments = json.loads(sys.stdin.buffer.read())
    _limit_memory()
    try:
        messages = getattr(import_module(module), name)(*arguments)
        while True:
            with Watchdog(2 * float(silence)):
                message = next(messages, _NO_MORE)
            if message is _NO_MORE:
                break
            out.write(json.dumps(["yield", message]).encode() + b"\n")
            out.flush()
    except Exception as error:
        # the border of the process: every error is handed over, as data
        out.write(json.dumps(["error", f"{type(error).__name__}: {error}"]).encode() + b"\n")
        out.flush()
        return 1
    return 0
