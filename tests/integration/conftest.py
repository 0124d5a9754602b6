"""PyMoDAQ's windows take half a minute to do everything: their processes are begun before they are needed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from peer_hosts import MORE_RUNS, MORE_STEPS, RUNS, STEPS, run_hosts


@pytest.fixture(scope="session")
def pool():
    """Two processes at a time."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(scope="session")
def host_runs(pool, tmp_path_factory):
    """Begin the runs of viewer, scan, and logger; a future of each report, by name."""
    return {name: pool.submit(run_hosts, tmp_path_factory.mktemp(name), *run, STEPS) for name, run in RUNS.items()}


@pytest.fixture(scope="session")
def more_runs(pool, tmp_path_factory):
    """Begin the runs of the other extensions."""
    return {
        name: pool.submit(run_hosts, tmp_path_factory.mktemp(name), *run, MORE_STEPS) for name, run in MORE_RUNS.items()
    }


@pytest.fixture(scope="session", autouse=True)
def begin_early(request):
    """Begin runs before the first test if one of them will ask for a report."""
    asked_for = {name for item in request.session.items for name in item.fixturenames}
    for name, runs in (("hosts", "host_runs"), ("extensions", "more_runs")):
        if name in asked_for:
            request.getfixturevalue(runs)


@pytest.fixture(scope="session", params=RUNS)
def hosts(request, host_runs):
    """Return scope, backend, and the report of what PyMoDAQ's windows did."""
    scope, backend, _ = RUNS[request.param]
    return scope, backend, host_runs[request.param].result()


@pytest.fixture(scope="session", params=MORE_RUNS)
def extensions(request, more_runs):
    """Return scope, and the report of what the other extensions did."""
    scope, _, _ = MORE_RUNS[request.param]
    return scope, more_runs[request.param].result()
