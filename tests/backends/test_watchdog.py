"""A watchdog on a call stops when the call is over, even if the call has changed its time."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from h5saver_widget.backends.watchdog import Watchdog, was_stuck

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="a timer of POSIX; Windows has another")


@pytest.mark.parametrize("then", [None, 2000.0])
def test_nothing_is_left_of_it_when_the_call_is_over(then: float | None) -> None:
    watchdog = Watchdog(1000.0)
    with watchdog:
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        watchdog.seconds = then  # a call that opens the next file, which has a limit of its own or none
        with watchdog:
            pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_call_that_takes_longer_ends_the_process() -> None:
    imports = "import threading; from h5saver_widget.backends.watchdog import Watchdog"
    code = f"{imports}\nwith Watchdog(0.2): threading.Event().wait()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert was_stuck(done.returncode, done.stderr)
