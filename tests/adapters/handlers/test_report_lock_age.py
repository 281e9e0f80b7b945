"""The oldest lock is measured, over all pages, and a lock that cannot be read is not passed over."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.handlers import report_lock_age
from lambdas.promotion.contract.errors import AccessDenied, UnexpectedFault
from tests.adapters.conftest import Stubs

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
QUESTION = {
    "TableName": "promote-endpoints",
    "FilterExpression": "attribute_exists(#owner)",
    "ProjectionExpression": "locked_at, #owner",
    "ExpressionAttributeNames": {"#owner": "owner"},
    "ConsistentRead": True,
}


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_lock_age, "now", lambda: NOW)


def answer(stubs: Stubs, *items: dict[str, Any], more: dict[str, Any] | None = None, **asked: Any) -> None:
    page = {"Items": list(items), **({"LastEvaluatedKey": more} if more else {})}
    stubs.of("dynamodb").add_response("scan", page, {**QUESTION, **asked})


def lock(since: str) -> dict[str, Any]:
    return {"locked_at": {"S": since}}


def test_the_lock_that_is_held_the_longest_is_measured_over_all_pages(
    aws: Stubs, capsys: pytest.CaptureFixture[str]
) -> None:
    last = {"endpoint": {"S": "333333333333/us-east-1/reviews"}}
    answer(aws, lock("2026-11-01T11:59:00Z"), more=last)
    answer(aws, lock("2026-11-01T11:00:00.250Z"), lock("2026-11-01T11:30:00+00:00"), ExclusiveStartKey=last)
    assert report_lock_age.handler({}, None) == {"locks": 3, "seconds": 3599.75}
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines() if "_aws" in text]
    assert line["OldestLockSeconds"] == [3599.75]


def test_no_lock_is_measured_as_none(aws: Stubs) -> None:
    answer(aws)
    assert report_lock_age.handler({}, None) == {"locks": 0, "seconds": 0.0}


def test_a_lock_of_the_future_is_a_clock_that_differs(aws: Stubs) -> None:
    answer(aws, lock("2026-11-01T12:00:01Z"))
    assert report_lock_age.handler({}, None)["seconds"] == 0.0


@pytest.mark.parametrize("item", [{}, lock("yesterday")])
def test_a_lock_without_its_start_time_is_a_fault_and_no_measurement(
    aws: Stubs, capsys: pytest.CaptureFixture[str], item: dict[str, Any]
) -> None:
    """The alarm on the metric goes off when it is missing."""
    answer(aws, lock("2026-11-01T11:59:00Z"), item)
    with pytest.raises(UnexpectedFault):
        report_lock_age.handler({}, None)
    assert "OldestLockSeconds" not in capsys.readouterr().out


def test_a_missing_permission_names_the_table(aws: Stubs) -> None:
    aws.of("dynamodb").add_client_error("scan", "AccessDeniedException", "no", http_status_code=400)
    with pytest.raises(AccessDenied, match="dynamodb:Scan on promote-endpoints"):
        report_lock_age.handler({}, None)
