"""Where the seconds go: each counts once, and what follows InService is told from what SageMaker takes."""

from __future__ import annotations

import pytest

from benchmarks.promotion.runs import known_at
from benchmarks.promotion.timeline import Part, Timeline, Visit


def test_every_second_counts_once_and_all_of_them_count() -> None:
    timeline = Timeline()
    timeline.add(Part.COLD_STARTS, 1, 4)
    timeline.add(Part.CALLS, 3, 6)
    timeline.add(Part.CALLS, 5, 7)
    timeline.add(Part.COMPUTING, 5, 8)
    parts = timeline.parts(0, 10)
    assert {part: seconds for part, seconds in parts.items() if seconds} == {
        Part.COLD_STARTS: 2,
        Part.CALLS: 4,
        Part.COMPUTING: 1,
        Part.STATES: 3,
    }


def test_a_call_while_sagemaker_works_on_the_endpoint_is_not_ours() -> None:
    timeline = Timeline()
    timeline.add(Part.CALLS, 2, 3)
    timeline.add(Part.ENDPOINT, 1, 5)
    assert timeline.parts(0, 6)[Part.CALLS] == 0
    assert timeline.parts(0, 6)[Part.ENDPOINT] == 4


def test_the_workflow_knows_it_when_the_state_ends_that_noticed_it() -> None:
    timeline = Timeline(visits=[Visit("Wait", 0, 30), Visit("Inspect", 30, 31.5), Visit("Ask", 31.5, 32)])
    assert known_at(timeline, 31.0) == 31.5


def test_a_state_that_is_entered_twice_has_the_seconds_of_both() -> None:
    timeline = Timeline(visits=[Visit("Inspect", 0, 2), Visit("Wait", 2, 5), Visit("Inspect", 5, 6)])
    timeline.add(Part.CALLS, 1, 6)
    assert timeline.by_state()["Inspect"][Part.CALLS] == pytest.approx(2)
    assert timeline.by_state()["Inspect"][Part.STATES] == pytest.approx(1)
