"""Saving, flushing, refusing, standing still, forking, renaming, in any order: the counts are what is found."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from pathlib import Path

import h5py
import psutil
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from transport_shared import VALUES, camera, frame, rows_in, until

from h5saver_widget import H5SaverLowLevel
from h5saver_widget.errors import ForkedCopyError, H5SaverError, NotAnsweringError, SavingProcessError


class Transport(RuleBasedStateMachine):
    """A recording, and how its worker, its disk and its program are disturbed."""

    backend = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="road-")
        self.path = Path(self.folder.name) / "file.h5"
        self.saver = H5SaverLowLevel("detector", self.backend, isolated=True)
        self.saver.init_file(self.path)
        self.save_frame = camera(self.saver)
        self.save_frame(frame(0, 20_000))
        self.saver.flush()
        self.number = self.received = 1
        self.is_refused = self.is_stopped = False
        self.worker = psutil.Process(self.saver.io.pid)

    @rule()
    def save(self) -> None:
        """Save a frame: it is accepted, or raises and is counted as lost."""
        if self.saver.io.queue.has_room():  # else it would wait
            with contextlib.suppress(H5SaverError):
                self.save_frame(frame(self.number, 20_000))
            self.number += 1
            self.received += 1

    @rule()
    def refuse(self) -> None:
        """Have the disk full."""
        self.worker.rlimit(psutil.RLIMIT_FSIZE, (self.path.stat().st_size, psutil.RLIM_INFINITY))
        self.is_refused = True

    @rule()
    def allow(self) -> None:
        """Make room again."""
        self.worker.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        self.is_refused = False

    @precondition(lambda self: not self.is_stopped)
    @rule()
    def stand_still(self) -> None:
        """Have the disk not answer."""
        os.kill(self.worker.pid, signal.SIGSTOP)
        self.is_stopped = True

    @precondition(lambda self: self.is_stopped)
    @rule()
    def go_on(self) -> None:
        """Have it answer again."""
        os.kill(self.worker.pid, signal.SIGCONT)
        self.is_stopped = False

    @rule()
    def flush(self) -> None:
        """Flush: what is counted as written is in the file, in order, each frame once."""
        try:
            self.saver.flush() if not self.is_stopped else self.saver.io.flush(timeout=0.01)
        except NotAnsweringError:
            assert self.is_stopped
            return
        except OSError:
            return
        written = self.saver.statistics().frames_written
        found = rows_in(self.path, VALUES)
        assert len(found) == written
        assert found == sorted(set(found)) and set(found) <= set(range(self.number))

    @rule()
    def copy_of_the_program(self) -> None:
        """Fork: a copy that saves is refused, one that ends is not noticed."""
        copy = os.fork()
        if copy == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                self.save_frame(frame(1e9, 20_000))
            except (ForkedCopyError, SavingProcessError):  # the second where the program can't save any more either
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) == 0

    @rule()
    def rename(self) -> None:
        """Give the file another name."""
        self.path = self.path.rename(self.path.with_name(f"name{self.number}.h5"))

    @invariant()
    def counts_add_up(self) -> None:
        counted = self.saver.statistics()
        assert counted.frames_received == self.received
        assert counted.frames_received == counted.frames_written + counted.frames_waiting + counted.frames_dropped
        assert min(counted.frames_written, counted.frames_waiting, counted.frames_dropped) >= 0

    def teardown(self) -> None:
        """Close: each frame is in the file, or was counted as dropped."""
        if self.is_stopped:
            self.go_on()
        self.allow()
        with contextlib.suppress(OSError):
            self.saver.close_file()
        counted = self.saver.statistics()
        assert counted.frames_received == counted.frames_written + counted.frames_dropped == self.received
        with h5py.File(self.path, "r") as file:
            assert len(file[VALUES]) >= counted.frames_written
        found = rows_in(self.path, VALUES)
        assert found == sorted(set(found))
        self.saver.io._connection.end()
        until(lambda: not self.worker.is_running() or self.worker.status() == psutil.STATUS_ZOMBIE)
        self.folder.cleanup()


def test_the_counts_are_facts_whatever_happens(backend: str) -> None:
    machine = type("Transport", (Transport,), {"backend": backend})
    run_state_machine_as_test(machine, settings=settings(max_examples=8, stateful_step_count=14, deadline=None))


@pytest.mark.parametrize("order", [("refuse", "save", "flush", "rename", "save", "allow", "flush", "save", "flush")])
def test_an_order_that_has_been_wrong(backend: str, order: tuple[str, ...]) -> None:
    machine = type("Transport", (Transport,), {"backend": backend})()
    try:
        for step in order:
            getattr(machine, step)()
            machine.counts_add_up()
    finally:
        machine.teardown()
