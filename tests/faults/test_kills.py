"""Programs that are killed while they record at full speed: the files open everywhere, and nothing safe is missing.

Here a few of each; ``make faults`` kills 200 of each and prints the rows of docs/reliability.md.
"""

from __future__ import annotations

import kills
import pytest

from h5saver_widget.backends.registry import available_backends

TIMES, LONGEST = 2, 0.5

Killed = dict[tuple[str, str], list[kills.Kill]]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Return recordings that were killed, by what was killed and by backend."""
    backends = [name for name in available_backends() if name in ("h5py", "tables")]
    return kills.kill_many("ours", tmp_path_factory.mktemp("kills"), TIMES, LONGEST, backends)


def test_a_killed_program_loses_nothing_that_was_accepted(backend: str, killed: Killed) -> None:
    """The widget as it is: the process with the file takes what was handed over, writes it, and closes the file."""
    for kill in killed["program, widget as it is", backend]:
        assert kill.unreadable() == {}
        assert not kill.was_repaired
        assert kill.missing(kill.said.counts()) == []


@pytest.mark.parametrize("way", ["process with the file", "program, file in it"])
def test_what_was_flushed_survives_the_death_of_the_process_with_the_file(
    backend: str, way: str, killed: Killed
) -> None:
    for kill in killed[way, backend]:
        assert kill.unreadable() == {}
        assert kill.missing(kill.said.flushed()) == []
