"""What ended unsuccessfully within a day and was not cleaned up is cleaned up, whatever became of its event."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.handlers import reconcile_executions
from lambdas.promotion.contract import resource_names, settings
from lambdas.promotion.contract.errors import AccessDenied
from lambdas.promotion.contract.time_limits import EXECUTION_RESERVE
from lambdas.promotion.outcome import cleanup_marks
from lambdas.promotion.outcome.cleanup_marks import Mark
from recordings import store
from tests.adapters.conftest import Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import BEGUN, HUB, SETTINGS

NOW = BEGUN + timedelta(days=2)
MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:promote"
ASKED = {"stateMachineArn": MACHINE}
STATUSES = ("ABORTED", "TIMED_OUT", "FAILED")
SCHEDULED = {"time": NOW.isoformat().replace("+00:00", "Z")}


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch, fake_s3: FakeS3) -> None:
    monkeypatch.setattr(settings, "deployed", lambda: SETTINGS)


def locked(aws: Stubs, *owners: str) -> None:
    items = [{"owner": {"S": arn(owner)}, "locked_at": {"S": BEGUN.isoformat()}} for owner in owners]
    aws.of("dynamodb").add_response("scan", {"Items": items})


def arn(name: str) -> str:
    return f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"


def execution(name: str, *, ended: timedelta, lasted: timedelta = timedelta(minutes=9)) -> dict[str, Any]:
    """An execution that ended so long ago."""
    stop: datetime = NOW - ended
    times = {"startDate": stop - lasted, "stopDate": stop}
    return {"executionArn": arn(name), "stateMachineArn": MACHINE, "name": name, "status": "FAILED", **times}


def listed(aws: Stubs, *owners: str, **executions: list[dict[str, Any]]) -> None:
    """The answers for these owners of locks, and for these executions by their status."""
    locked(aws, *owners)
    for status in STATUSES:
        aws.of("stepfunctions").add_response(
            "list_executions",
            {"executions": executions.get(status, [])},
            {**ASKED, "statusFilter": status},
        )


def cleaned(aws: Stubs, *names: str) -> None:
    for name in names:
        aws.of("lambda").add_response(
            "invoke",
            {"StatusCode": 202},
            {
                "FunctionName": "promote-clean-up-aborted",
                "InvocationType": "Event",
                "Payload": json.dumps({"detail": {"executionArn": arn(name)}}),
            },
        )


@pytest.mark.parametrize("status", STATUSES)
def test_an_execution_whose_event_was_lost_is_cleaned_up(aws: Stubs, status: str) -> None:
    listed(aws, **{status: [execution("lost", ended=timedelta(minutes=16))]})
    cleaned(aws, "lost")
    assert reconcile_executions.handler(SCHEDULED, None) == {"started": [arn("lost")], "left": 0}


def test_what_was_cleaned_up_is_left_alone(aws: Stubs, fake_s3: FakeS3) -> None:
    for mark, name in ((Mark.COMPLETE, "done"), (Mark.ANNOUNCED, "half")):
        cleanup_marks.put(mark, name, HUB, s3=fake_s3.client)
    listed(aws, FAILED=[execution(name, ended=timedelta(hours=1)) for name in ("done", "half")])
    cleaned(aws, "half")
    assert reconcile_executions.handler(SCHEDULED, None)["started"] == [arn("half")]


@pytest.mark.parametrize(("minutes", "is_started"), [(0, False), (16, False), (17, True), (60, True)])
def test_a_cleanup_that_may_run_still_is_not_started_beside_itself(
    aws: Stubs, fake_s3: FakeS3, minutes: int, is_started: bool
) -> None:
    """Each of its runs may last a quarter of an hour, and Lambda runs it three times."""
    fake_s3.now = NOW - timedelta(minutes=minutes)
    for name in ("lost", "holder"):
        cleanup_marks.put(Mark.STARTED, name, HUB, s3=fake_s3.client)
    listed(aws, "holder", FAILED=[execution("lost", ended=timedelta(hours=2))])
    aws.of("stepfunctions").add_response("describe_execution", execution("holder", ended=timedelta(hours=3)))
    names = ["holder", "lost"] if is_started else []
    cleaned(aws, *names)
    assert reconcile_executions.handler(SCHEDULED, None)["started"] == [arn(name) for name in names]


@pytest.mark.parametrize(
    ("ended", "count"),
    [
        (timedelta(minutes=14), 0),  # the cleanup that its event has started may run still
        (timedelta(minutes=15), 1),
        (timedelta(hours=23, minutes=59), 1),
        (timedelta(hours=24, minutes=1), 0),
    ],
)
def test_only_what_ended_within_a_day_and_has_settled_is_looked_at(aws: Stubs, ended: timedelta, count: int) -> None:
    listed(aws, FAILED=[execution("lost", ended=ended)])
    cleaned(aws, *["lost"] * count)
    assert len(reconcile_executions.handler(SCHEDULED, None)["started"]) == count


def test_the_longest_execution_is_found_in_whichever_order_they_are_listed(aws: Stubs) -> None:
    """The latest first (API: ListExecutions): by its start, or by its end."""
    longest = EXECUTION_RESERVE + timedelta(seconds=3600)
    executions = [
        execution("long", ended=timedelta(hours=23), lasted=longest),
        execution("too-old", ended=timedelta(days=3)),
        execution("never-looked-at", ended=timedelta(hours=1)),
    ]
    locked(aws)
    for status in STATUSES[:2]:
        aws.of("stepfunctions").add_response(
            "list_executions", {"executions": []}, {"stateMachineArn": MACHINE, "statusFilter": status}
        )
    # Its next page is not asked for.
    aws.of("stepfunctions").add_response(
        "list_executions",
        {"executions": executions, "nextToken": "more"},
        {"stateMachineArn": MACHINE, "statusFilter": "FAILED"},
    )
    cleaned(aws, "long")
    assert reconcile_executions.handler(SCHEDULED, None)["started"] == [arn("long")]


def test_one_that_lasted_longer_than_any_may_hides_no_other(aws: Stubs) -> None:
    """It was redriven, or its stage has a shorter deadline by now; the list may be by their ends."""
    redriven = execution("redriven", ended=timedelta(minutes=16), lasted=timedelta(days=9))
    listed(aws, FAILED=[redriven, execution("lost", ended=timedelta(hours=1))])
    cleaned(aws, "lost", "redriven")
    assert reconcile_executions.handler(SCHEDULED, None)["started"] == [arn("lost"), arn("redriven")]


@pytest.mark.parametrize(
    ("description", "ended", "is_started"),
    [
        ("stepfunctions/DescribeExecution/aborted-with-error-and-cause", timedelta(days=30), True),
        ("stepfunctions/DescribeExecution/failed-with-error-and-cause", timedelta(minutes=15), True),
        ("stepfunctions/DescribeExecution/timed-out", timedelta(minutes=14), False),
        ("stepfunctions/DescribeExecution/succeeded", timedelta(days=30), False),
    ],
)
def test_an_execution_that_holds_a_lock_after_its_end_is_cleaned_up_however_long_ago(
    aws: Stubs, description: str, ended: timedelta, is_started: bool
) -> None:
    listed(aws, "holder")
    described = {"stateMachineArn": MACHINE, **store.response(description)}
    described |= {"executionArn": arn("holder"), "startDate": BEGUN, "stopDate": NOW - ended}
    aws.of("stepfunctions").add_response("describe_execution", described, {"executionArn": arn("holder")})
    cleaned(aws, *["holder"] * is_started)
    assert reconcile_executions.handler(SCHEDULED, None)["started"] == [arn("holder")] * is_started


def test_a_running_or_forgotten_holder_of_a_lock_is_left_alone(aws: Stubs) -> None:
    """Step Functions deletes an execution after 90 days; the next promotion releases its lock."""
    described = store.response("stepfunctions/DescribeExecution/succeeded", stopDate=None, status="RUNNING")
    missing = store.recording("stepfunctions/DescribeExecution/no-such-execution").error
    listed(aws, "running", "forgotten", "no arn")
    aws.of("stepfunctions").add_response("describe_execution", described)
    aws.of("stepfunctions").add_client_error("describe_execution", missing["code"], missing["message"])
    aws.of("stepfunctions").add_client_error("describe_execution", "InvalidArn", "Invalid Arn")
    assert reconcile_executions.handler(SCHEDULED, None)["started"] == []


def test_an_execution_with_a_lock_and_without_a_mark_is_cleaned_up_once(aws: Stubs) -> None:
    lost = execution("lost", ended=timedelta(hours=1))
    listed(aws, "lost", FAILED=[lost])
    aws.of("stepfunctions").add_response("describe_execution", lost)
    cleaned(aws, "lost")
    assert reconcile_executions.handler(SCHEDULED, None) == {"started": [arn("lost")], "left": 0}


def test_many_are_cleaned_up_in_turn_those_that_ended_first_at_the_beginning(aws: Stubs) -> None:
    executions = [execution(f"lost-{minutes}", ended=timedelta(minutes=minutes)) for minutes in range(20, 45)]
    listed(aws, FAILED=executions)
    names = [f"lost-{minutes}" for minutes in range(44, 24, -1)]
    cleaned(aws, *names)
    assert reconcile_executions.handler(SCHEDULED, None) == {"started": [arn(name) for name in names], "left": 5}


def test_without_a_time_it_is_now(aws: Stubs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile_executions, "now", lambda: NOW)
    listed(aws, FAILED=[execution("lost", ended=timedelta(minutes=16))])
    cleaned(aws, "lost")
    assert reconcile_executions.handler({}, None)["started"] == [arn("lost")]


def test_a_missing_permission_names_its_resource(aws: Stubs, fake_s3: FakeS3) -> None:
    lost = [execution("lost", ended=timedelta(hours=1))]
    aws.of("stepfunctions").add_client_error("list_executions", "AccessDeniedException", "no")
    with pytest.raises(AccessDenied, match=f"states:ListExecutions on {MACHINE}"):
        reconcile_executions.handler(SCHEDULED, None)
    for status in STATUSES:
        aws.of("stepfunctions").add_response("list_executions", {"executions": []}, {**ASKED, "statusFilter": status})
    aws.of("dynamodb").add_client_error("scan", "AccessDeniedException", "no")
    with pytest.raises(AccessDenied, match="dynamodb:Scan on promote-endpoints"):
        reconcile_executions.handler(SCHEDULED, None)
    listed(aws, "lost")
    aws.of("stepfunctions").add_client_error("describe_execution", "AccessDeniedException", "no")
    with pytest.raises(AccessDenied, match=f"states:DescribeExecution on {arn('lost')}"):
        reconcile_executions.handler(SCHEDULED, None)
    listed(aws, FAILED=lost)
    aws.of("lambda").add_client_error("invoke", "AccessDeniedException", "no", http_status_code=403)
    with pytest.raises(AccessDenied, match=r"lambda:Invoke on promote-clean-up-aborted.*lambda:InvokeFunction"):
        reconcile_executions.handler(SCHEDULED, None)
    aws.of("stepfunctions").add_response("list_executions", {"executions": lost})
    fake_s3.refuse("ListObjectsV2", "AccessDenied", 403)
    with pytest.raises(AccessDenied, match=rf"s3://{HUB.bucket}/{resource_names.WORK_LISTS_PREFIX}/.*s3:ListBucket"):
        reconcile_executions.handler(SCHEDULED, None)
