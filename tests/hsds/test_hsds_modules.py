"""Module savers and what they save, loaded again, on a server: the tests of the files on a disk, as they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "modules"))

from test_modules_detector import (  # noqa: F401
    filtering,
    test_a_bundle_of_which_nothing_passes_is_not_saved_and_not_counted,
    test_actuators,
    test_background_goes_beside_the_data,
    test_enlargeable_and_extended,
    test_filters,
    test_groups_are_found_again,
    test_settings_of_module_saver_and_rois,
)
from test_modules_scan import (  # noqa: F401
    test_a_host_s_own_kind_of_group,
    test_a_point_is_written_as_a_whole_or_not_at_all,
    test_a_scan_goes_on_after_its_file_was_closed_and_opened,
    test_a_scan_that_was_stopped_holds_the_fill_value,
    test_every_module_gets_a_group_and_modules_may_come_later,
    test_logger_saves_every_module_at_its_own_pace,
    test_many_scans_and_their_names,
    test_optimizer,
    test_scan_in_any_order_with_the_saver_assigned_again_and_again,
    test_second_scan_in_a_file_that_was_closed_in_between,
    test_spread_scan,
    test_time_module_alone,
)

from h5saver_widget import H5SaverLowLevel


@pytest.fixture
def backend() -> str:
    return "h5pyd"


@pytest.fixture
def saver(domain: Path) -> Iterator[H5SaverLowLevel]:
    with H5SaverLowLevel("detector", backend="h5pyd") as h5saver:
        h5saver.init_file(domain)
        yield h5saver


@pytest.fixture
def reopened(reopened: Callable[..., H5SaverLowLevel]) -> Callable[..., H5SaverLowLevel]:
    """No library of files on a disk opens it again: whichever a test asks for, it is the server's."""
    return lambda _backend, mode="r": reopened("h5pyd", mode)
