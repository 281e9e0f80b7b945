"""The tests of a parallel run that share something stay together: pytest and xdist agree on how a group is written."""

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="the run is not parallel")
def test_the_scheduler_sees_a_tests_group(request: pytest.FixtureRequest) -> None:
    """xdist 3.8 appends the group to an id that pytest 9.2 no longer reads: every worker then makes everything anew."""
    assert request.node.nodeid.endswith("@sandbox/test_groups.py")
