"""The journal when the disk refuses things, programs are killed, and files are copied, renamed and restored."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from h5saver_widget.backends import journal, paged_file
from h5saver_widget.backends.journal import JournaledFile, finish_journal, journal_path, read_journal
from h5saver_widget.format import journal as journal_format, renaming
from h5saver_widget.format.journal import journal_names

CALLS = ("open", "pwrite", "ftruncate", "fsync", "unlink", "close", "preadv", "replace", "link")


class Killed(BaseException):
    """The program ends here."""


class Disk:
    """The calls of the operating system that the journal makes; they can be refused, or be the last of a program."""

    def __init__(self) -> None:
        self.calls = 0
        self.refuse: Callable[[str, int], bool] = lambda name, number: False
        self.kill_at = -1
        self.half = False
        self.opened: set[int] = set()
        self.os = SimpleNamespace(**{name: getattr(os, name) for name in dir(os) if not name.startswith("__")})
        for name in CALLS:
            setattr(self.os, name, self._watched(name, getattr(os, name)))
        self.read = self._watched("read", open)

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            self.calls += 1
            if self.calls == self.kill_at:
                if name == "pwrite" and self.half:
                    number, data, offset = arguments
                    os.pwrite(number, data[: len(data) // 2], offset)
                raise Killed
            if self.refuse(name, self.calls):
                if name == "close" or (name == "read" and arguments[0] in self.opened and more.get("closefd", True)):
                    self.opened.discard(arguments[0])
                    os.close(arguments[0])
                if name == "pwrite":  # a disk that gets full takes a part
                    number, data, offset = arguments
                    os.pwrite(number, data[: len(data) // 3], offset)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            found = real(*arguments, **more)
            if name == "open":
                self.opened.add(found)
            elif name == "close" or (name == "read" and more.get("closefd", True)):
                self.opened.discard(arguments[0])
            return found

        return call

    def die(self) -> None:
        """Close what a program that was killed had open."""
        for number in self.opened:
            os.close(number)
        self.opened.clear()
        self.kill_at = -1
        self.refuse = lambda name, number: False


def again(work: Callable[[], Any]) -> Any:
    """Do something that may be refused once."""
    try:
        return work()
    except OSError:
        return work()


class JournalMachine(RuleBasedStateMachine):
    """A file that is written, refused, killed, copied, renamed and restored, and what has to be in it."""

    @initialize(power=st.booleans())
    def begin(self, power: bool) -> None:
        self.power, self.disk = power, Disk()
        self.patched = pytest.MonkeyPatch()
        for module in (journal, paged_file, journal_format, renaming):
            self.patched.setattr(module, "os", self.disk.os)
        self.patched.setattr(journal_format, "time", SimpleNamespace(sleep=lambda seconds: None))
        self.patched.setattr(journal_format, "open", self.disk.read, raising=False)
        self.patched.setattr(paged_file, "_LARGE", 6000)
        self.patched.setattr(paged_file, "_COLLECTED", 12000)
        self.folder = Path(tempfile.mkdtemp(prefix="h5saver-test-"))
        self.path = self.folder / "a"
        self.marks = 0
        self.model = bytearray()
        self.states: list[bytes] = [b""]
        self.copies: list[bytes] = []
        self.file: JournaledFile | None = None
        self.open("x")

    def teardown(self) -> None:
        if hasattr(self, "patched"):
            self.disk.die()
            self.patched.undo()
            shutil.rmtree(self.folder)

    def open(self, mode: str) -> None:
        self.file = JournaledFile(self.path, mode, power=self.power)
        self.file.identity = b"one recording..."

    # ------------------------------------------------------------------ writing
    is_open = precondition(lambda self: self.file is not None)
    is_killed = precondition(lambda self: self.file is None)

    def do_write(self, at: int, data: bytes) -> None:
        assert self.file is not None
        self.file.seek(at)
        self.file.write(data)
        self.model.extend(bytes(max(0, at - len(self.model))))
        self.model[at : at + len(data)] = data

    @is_open
    @rule(at=st.integers(0, 30000), size=st.integers(1, 9000), byte=st.integers(1, 255), refused=st.booleans())
    def write(self, at: int, size: int, byte: int, refused: bool) -> None:
        self.disk.refuse = lambda name, number: refused and name != "preadv"
        self.do_write(min(at, len(self.model) + 500), bytes([byte]) * size)
        self.disk.refuse = lambda name, number: False
        self.looks_right()

    @is_open
    @rule(size=st.integers(0, 30000), refused=st.booleans())
    def truncate(self, size: int, refused: bool) -> None:
        assert self.file is not None
        self.disk.refuse = lambda name, number: refused and name != "preadv"
        size = min(size, len(self.model) + 500)
        self.file.truncate(size)
        self.disk.refuse = lambda name, number: False
        del self.model[size:]
        self.model.extend(bytes(size - len(self.model)))
        self.looks_right()

    def looks_right(self) -> None:
        assert self.file is not None
        found = bytearray(len(self.model) + 10)
        self.file.seek(0)
        assert self.file.readinto(found) == len(self.model) == self.file.seek(0, os.SEEK_END)
        assert found[: len(self.model)] == self.model

    def mark(self) -> bytes:
        self.marks += 1
        made = b"%032d" % self.marks
        self.do_write(0, made)
        return made

    @is_open
    @rule(first=st.integers(1, 14), times=st.sampled_from([0, 1, 2, 50]))
    def commit(self, first: int, times: int) -> None:
        """Commit; from the `first` call of the system on, so many are refused."""
        assert self.file is not None
        mark = self.mark()
        start = self.disk.calls
        self.disk.refuse = lambda name, number: first <= number - start < first + times
        try:
            again(lambda: again(lambda: again(lambda: self.file.commit(mark))))  # as a flush does
        except OSError:
            assert times == 50
            self.disk.refuse = lambda name, number: False
            self.looks_right()
            if not self.file.is_changed:  # it can't be given up any more
                self.states.append(bytes(self.model))
            return
        self.disk.refuse = lambda name, number: False
        self.states.append(bytes(self.model))
        assert self.path.read_bytes() == self.states[-1]
        self.looks_right()

    # ------------------------------------------------------------------- faults
    @is_open
    @rule(at=st.integers(1, 14), half=st.booleans())
    def kill(self, at: int, half: bool) -> None:
        """End the program in a commit, before the `at`th call of the system, or in the middle of it."""
        assert self.file is not None
        mark = self.mark()
        self.disk.kill_at, self.disk.half = self.disk.calls + at, half
        self.states.append(bytes(self.model))
        try:
            self.file.commit(mark)
        except Killed:
            pass
        self.disk.die()
        self.file = None

    @is_killed
    @rule(how=st.sampled_from(["here", "renamed", "copied", "copied slowly", "moved aside"]), at=st.integers(1, 30))
    def come_back(self, how: str, at: int) -> None:
        """Open the file again, there or somewhere else, as it is: it is that of one of the last two commits.

        One call of the system is refused on the way, which may be told, and harms nothing.
        """
        path, start = self.path, self.disk.calls
        self.disk.refuse = lambda name, number: number == start + at and name != "preadv"
        if how == "moved aside":
            self.path = again(lambda: renaming.move_aside(path))
        elif how != "here":
            self.path = self.folder / f"b{self.disk.calls}"
            names = zip(journal_names(path), journal_names(self.path), strict=True)
            for source, target in [(path, self.path), *names]:
                if source.exists():
                    (source.rename if how == "renamed" else lambda to, source=source: shutil.copyfile(source, to))(
                        target
                    )
        if how == "copied slowly":
            for name in journal_names(self.path):
                if name.exists():
                    os.utime(name, (0, 0))
        wanted = again(lambda: read_journal(self.path))
        shown = again(lambda: JournaledFile(self.path, "r"))
        content = bytearray(shown.seek(0, os.SEEK_END))
        shown.seek(0)
        shown.readinto(content)
        again(shown.close)
        was_finished = again(lambda: finish_journal(self.path))
        self.disk.refuse = lambda name, number: False
        assert was_finished is (wanted is not None)
        found = self.path.read_bytes()
        known = [state for state in self.states[-3:] if found[: len(state)] == state]
        assert known and content == found
        self.states = [known[-1]]
        self.model = bytearray(known[-1])
        self.open("r+")
        self.file.truncate(len(self.model))  # what was written behind it before the kill
        self.looks_right()

    @is_killed
    @rule(which=st.integers(0, 5))
    def restore(self, which: int) -> None:
        """Put an older version of the file beside a newer journal, and another file: the journal is left alone."""
        left = journal_path(self.path)
        before = left.read_bytes() if left.exists() else None
        there = self.path.read_bytes()
        is_needed = read_journal(self.path)
        for other in (self.states[which % len(self.states)], b"another file" * 900):
            if is_needed is not None and all(
                other[at : at + len(old)] == old for at, (old, _) in is_needed.pages.items()
            ):
                continue  # the very state that it was made for
            self.path.write_bytes(other)
            if read_journal(self.path) is None:
                finish_journal(self.path)
            assert self.path.read_bytes() == other
            if before is not None and not left.exists():
                left.write_bytes(before)
        self.path.write_bytes(there)


def test_every_commit_is_right_whatever_is_refused_killed_copied_or_restored() -> None:
    run_state_machine_as_test(JournalMachine, settings=settings(max_examples=40, stateful_step_count=40))
