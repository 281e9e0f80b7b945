"""An answer is that of a recording if only names, numbers of accounts and times differ."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.comparison import error_differences, normalised, response_differences

RECORDED = {"code": "NoSuchKey", "message": 'No "arn:aws:s3:::example" in 111122223333.', "status": 404}


def test_names_and_accounts_are_not_compared() -> None:
    answered = {"code": "NoSuchKey", "message": 'No "arn:aws-cn:s3:::other" in 444455556666.', "status": 404}
    assert error_differences(RECORDED, answered) == []


@pytest.mark.parametrize("field", ["code", "message", "status"])
def test_another_code_message_or_status_is_a_difference(field: str) -> None:
    (difference,) = error_differences(RECORDED, {**RECORDED, field: "other"})
    assert difference.startswith(f"{field}: ")


def test_what_was_not_recorded_of_an_error_is_not_compared() -> None:
    assert error_differences({"code": "NoSuchKey", "status": None}, RECORDED) == []
    assert error_differences({"code": "", "status": 404}, RECORDED) == []


def test_a_part_of_a_message_is_its_beginning() -> None:
    recorded = {"code": "NoSuchKey", "message": "The key"}
    answered = {"code": "NoSuchKey", "message": "The key is missing"}
    assert error_differences(recorded, answered, partial=True) == []
    assert error_differences(recorded, answered) != []


def test_members_of_an_error_are_compared_but_for_names() -> None:
    recorded = {"members": {"Condition": "If-Match", "Key": "a", "Size": "5"}}
    assert error_differences(recorded, {"members": {"Condition": "If-None-Match", "Key": "b"}}) == [
        "Size: missing",
        "Condition: 'If-Match' expected, 'If-None-Match' answered",
    ]


def test_a_number_in_a_message_is_compared() -> None:
    assert normalised("larger than 5368709120") != normalised("larger than 5368709121")


@pytest.mark.parametrize(
    ("answered", "difference"),
    [
        ({"A": 2, "L": [{"B": "y"}]}, None),
        ({"A": 1}, "L[].B: missing"),
        ({"A": 1, "L": [{"B": "x", "C": 1}]}, "L[].C: not in the recording"),
        ({"A": "1", "L": [{"B": "x"}]}, "A: number expected, text answered"),
        ({"A": True, "L": [{"B": "x"}]}, "A: number expected, truth value answered"),
        ({"A": 1, "L": [{"B": datetime(2026, 1, 1, tzinfo=UTC)}]}, "L[].B: text expected, time answered"),
    ],
)
def test_fields_and_their_kinds_are_compared(answered: dict[str, Any], difference: str | None) -> None:
    recorded = {"A": 1, "L": [{"B": "x"}], "ResponseMetadata": {"RequestId": "1"}}
    assert response_differences(recorded, answered) == ([difference] if difference else [])


def test_the_values_that_are_named_are_compared() -> None:
    assert response_differences({"A": 1, "B": 1}, {"A": 2, "B": 2}, values=["A"]) == ["A: 1 expected, 2 answered"]


def test_a_field_that_is_ignored_is_so_with_all_below_it() -> None:
    assert response_differences({"A": {"B": 1}, "L": [{"B": 1}]}, {"AB": 1}, ignored=["A", "L"], partial=True) == []


def test_more_fields_are_no_difference_of_a_part() -> None:
    assert response_differences({"A": 1}, {"A": 1, "B": 1}, partial=True) == []
