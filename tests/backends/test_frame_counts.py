"""Counts of frames are facts at every instant: for other threads, and for a frame in whose middle the file goes."""

from __future__ import annotations

import sys
import threading

import pytest

from h5saver_widget.backends.frame_queue import LocalQueue
from h5saver_widget.backends.ledger import FrameLedger


@pytest.fixture
def many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_no_frame_is_counted_twice_while_another_thread_writes(many_switches):
    queue, over = LocalQueue(), threading.Event()

    def write() -> None:
        for number in range(2000):
            queue.ledger.rows_added("/A", 1)
            queue.frame_done(8)
            (queue.ledger.flushed, lambda: queue.ledger.rows_lost("/A", 1))[number % 2]()
        queue.ledger.lose_all()
        over.set()

    thread = threading.Thread(target=write)
    thread.start()
    found = set()
    while not over.is_set():
        found.add(queue.counts().frames_waiting >= 0)
    thread.join()
    assert found <= {True} and queue.counts().frames_dropped == queue.counts().frames_received == 2000


@pytest.mark.parametrize("lose", [FrameLedger.lose_all, FrameLedger.lose_rest])
def test_a_frame_in_whose_middle_the_file_goes_is_lost(lose):
    ledger = FrameLedger()
    ledger.rows_added("/A", 1)
    lose(ledger)
    ledger.frame_done()
    assert (ledger.received, ledger.dropped, ledger.waiting) == (1, 1, 0)
    ledger.rows_added("/A", 1)  # no error of the next one
    ledger.frame_done()
    assert (ledger.received, ledger.dropped, ledger.waiting) == (2, 1, 1)
