"""Where two JSON documents differ."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.smoke_test.json_differences import differences


@pytest.mark.parametrize(
    ("expected", "received", "reported"),
    [
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, []),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1.0}, []),
        (True, 1, ["$ is 1, not true"]),
        (0, False, ["$ is false, not 0"]),
        (None, {}, ["$ is {}, not null"]),
        ("1", 1, ['$ is 1, not "1"']),
        ({"a": 1}, {"b": 1}, ["$.a is missing", "$.b is unexpected"]),
        ([1, 2], [1], ["$ has 1 items, not 2"]),
        ([1, 2], [3], ["$ has 1 items, not 2", "$[0] is 3, not 1"]),
        ([], {}, ["$ is {}, not []"]),
        (1, [1], ["$ is [1], not 1"]),
        (1, 1.5, ["$ is 1.5, not 1"]),
        ("a", "b", ['$ is "b", not "a"']),
        (["a", True, None], ["a", True, None], []),
        (True, False, ["$ is false, not true"]),
        ([1, {"x": [2]}], [3, {"x": [4]}], ["$[0] is 3, not 1", "$[1].x[0] is 4, not 2"]),
        (1.5, float("nan"), ["$ is NaN, not 1.5"]),
        (0.5, 10**400, [f"$ is 1{'0' * 58}…, not 0.5"]),
    ],
)
def test_each_difference_is_reported_with_its_path(expected: Any, received: Any, reported: list[str]) -> None:
    assert list(differences(expected, received)) == reported


def test_a_number_may_differ_by_whichever_tolerance_is_more() -> None:
    assert not list(differences([100.0, 0.0], [101.0, 0.5], absolute=0.5, relative=0.01))
    assert len(list(differences([100.0, 0.0], [101.1, 0.6], absolute=0.5, relative=0.01))) == 2
    assert not list(differences(-200, -202, relative=0.01))


def test_the_tolerances_hold_at_every_depth() -> None:
    assert not list(differences({"a": [{"b": 100.0}]}, {"a": [{"b": 101.0}]}, absolute=1.0))
    assert not list(differences({"a": [{"b": 100.0}]}, {"a": [{"b": 101.0}]}, relative=0.01))
