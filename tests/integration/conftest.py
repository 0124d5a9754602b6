"""What PyMoDAQ's windows report of what they did; each run is made when a test first asks for it."""

from functools import cache

import pytest
from peer_hosts import MORE_RUNS, MORE_STEPS, RUNS, STEPS, run_hosts


@pytest.fixture(scope="session")
def report_of(tmp_path_factory):
    """Return what gives the report of a run, by its name."""

    @cache
    def report(name):
        run, steps = (RUNS[name], STEPS) if name in RUNS else (MORE_RUNS[name], MORE_STEPS)
        return run_hosts(tmp_path_factory.mktemp(name), *run, steps)

    return report


@pytest.fixture(scope="session", params=RUNS)
def hosts(request, report_of):
    """Return scope, backend, and the report of what PyMoDAQ's windows did."""
    scope, backend, _ = RUNS[request.param]
    return scope, backend, report_of(request.param)


@pytest.fixture(scope="session", params=MORE_RUNS)
def extensions(request, report_of):
    """Return scope, and the report of what the other extensions did."""
    scope, _, _ = MORE_RUNS[request.param]
    return scope, report_of(request.param)
