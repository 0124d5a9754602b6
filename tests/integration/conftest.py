"""PyMoDAQ's windows take half a minute to do everything: their processes are begun before they are needed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from peer_hosts import RUNS, run_hosts


@pytest.fixture(scope="session")
def host_runs(tmp_path_factory):
    """Begin all runs, two at a time; a future of each report, by name."""
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(run_hosts, tmp_path_factory.mktemp(name), *run) for name, run in RUNS.items()}


@pytest.fixture(scope="session", autouse=True)
def begin_early(request):
    """Begin the runs before the first test if one of them will ask for a report."""
    if any("hosts" in item.fixturenames for item in request.session.items):
        request.getfixturevalue("host_runs")


@pytest.fixture(scope="session", params=RUNS)
def hosts(request, host_runs):
    """Return scope, backend, and the report of what PyMoDAQ's windows did."""
    scope, backend, _ = RUNS[request.param]
    return scope, backend, host_runs[request.param].result()
