"""The cleanup after an execution: every action is done though another fails, and can be done again.

Which executions their own states have concluded: test_unsuccessful_executions.py.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import ANY

from lambdas.handlers import clean_up_aborted
from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract import resource_names, settings
from lambdas.promotion.contract.errors import AccessDenied, CallRefused, NotYetVisible, ServiceUnavailable, Throttled
from lambdas.promotion.outcome import cleanup_marks
from lambdas.promotion.outcome.cleanup_marks import Mark
from recordings import store
from tests.adapters.conftest import Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import BEGUN, EXECUTION, HUB, QA, SETTINGS, inventory_of, promotion

STOPPED = BEGUN + timedelta(minutes=5)
INPUT = {"application": "reviews", "stage": "qa", "model_name": "reviews-v7"}
DONE = {"recorded": True, "announced": True, "unlocked": True, "uploads": 1, "scaling_resumed": 0, "preview": False}
DENIED = ("AccessDeniedException", "no", 400)


def event(**changes: Any) -> dict[str, Any]:
    """What EventBridge delivers."""
    detail = store.event("events/ExecutionStatusChange/aborted-in-the-guide")["detail"]
    return {"detail": {**detail, "executionArn": EXECUTION.arn, **changes}}


def described(aws: Stubs, **changes: Any) -> None:
    """What Step Functions says of the execution."""
    response = store.response("stepfunctions/DescribeExecution/aborted-with-error-and-cause")
    response |= {"startDate": BEGUN, "stopDate": STOPPED, "stateMachineArn": EXECUTION.arn}
    response |= {"executionArn": EXECUTION.arn, "input": json.dumps(INPUT), **changes}
    aws.of("stepfunctions").add_response("describe_execution", response, {"executionArn": EXECUTION.arn})


def history(*states: tuple[str, Any]) -> list[dict[str, Any]]:
    """The events of an execution that was stopped after it entered these states, the latest first."""
    sequence = store.recording("stepfunctions/StopExecution/stop-a-running-wait").requests
    started, _, ended = sequence[1]["response"]["events"]
    entered = [
        {
            "id": 2,
            "timestamp": BEGUN,
            "type": "TaskStateEntered",
            "stateEnteredEventDetails": {"name": name, "input": json.dumps(document)},
        }
        for name, document in states
    ]
    return [ended, *reversed(entered), started]


def stopped_in(aws: Stubs, state: str = "Copy the artifacts", document: Any = None, **changes: Any) -> None:
    described(aws, **changes)
    events = history((state, promotion().to_json() if document is None else document))
    aws.of("stepfunctions").add_response("get_execution_history", {"events": events})


def denied(aws: Stubs, service: str, operation: str) -> None:
    code, message, status = DENIED
    aws.of(service).add_client_error(operation, code, message, http_status_code=status)


def accepted(aws: Stubs, *services: str) -> None:
    for service in services:
        operation = {"records": "put_item", "lock": "update_item", "sns": "publish"}[service]
        response = {"MessageId": "1"} if service == "sns" else {}
        aws.of("sns" if service == "sns" else "dynamodb").add_response(operation, response)


def marks(fake_s3: FakeS3) -> set[str]:
    prefix = resource_names.work_lists_prefix(EXECUTION.promotion_id)
    return {key.removeprefix(prefix) for key in fake_s3.keys(HUB.bucket, prefix)} - {work_lists.INVENTORY, Mark.STARTED}


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch, fake_s3: FakeS3) -> None:
    monkeypatch.setattr(settings, "deployed", lambda: SETTINGS)
    artifacts = inventory_of().artifacts
    work_lists.write(work_lists.INVENTORY, artifacts, promotion(), s3=fake_s3.client)
    fake_s3.client.create_multipart_upload(
        Bucket=QA.artifact_bucket, Key=artifacts[0].key, ChecksumAlgorithm="CRC64NVME"
    )


def test_every_action_is_done_and_reported(aws: Stubs, fake_s3: FakeS3) -> None:
    stopped_in(aws)
    accepted(aws, "records", "sns", "lock")
    aws.allow_assume_role()
    assert clean_up_aborted.handler(event(), None) == DONE
    assert fake_s3.uploads == {}
    assert marks(fake_s3) == {"announcing", "announced", "cleaned-up"}
    assert cleanup_marks.is_set(Mark.STARTED, EXECUTION.promotion_id, HUB, s3=fake_s3.client)


@pytest.mark.parametrize("refused", ["records", "sns", "lock", "uploads"])
def test_an_action_that_is_refused_prevents_no_other(aws: Stubs, fake_s3: FakeS3, refused: str) -> None:
    stopped_in(aws)
    for service, operation in {"records": "put_item", "sns": "publish", "lock": "update_item"}.items():
        if service == refused:
            denied(aws, "sns" if service == "sns" else "dynamodb", operation)
        else:
            accepted(aws, service)
    aws.allow_assume_role()
    if refused == "uploads":
        fake_s3.refuse("AbortMultipartUpload", "AccessDenied", 403)
    with pytest.raises(AccessDenied):
        clean_up_aborted.handler(event(), None)
    assert len(fake_s3.uploads) == (1 if refused == "uploads" else 0)
    assert marks(fake_s3) == ({"announcing"} if refused == "sns" else {"announcing", "announced"})


def test_several_failures_are_raised_as_one_that_names_each(aws: Stubs) -> None:
    stopped_in(aws)
    denied(aws, "dynamodb", "put_item")
    denied(aws, "sns", "publish")
    denied(aws, "dynamodb", "update_item")
    aws.sts.add_client_error("assume_role", "AccessDenied", "no", 403)
    with pytest.raises(AccessDenied) as raised:
        clean_up_aborted.handler(event(), None)
    for words in ("dynamodb:PutItem on promote-records", "sns:Publish", "dynamodb:UpdateItem", "sts:AssumeRole"):
        assert words in str(raised.value)


def test_a_failure_that_a_retry_does_not_fix_names_the_error(aws: Stubs) -> None:
    stopped_in(aws)
    aws.of("dynamodb").add_client_error("put_item", "ThrottlingException", "slow", 400)
    accepted(aws, "sns")
    aws.of("dynamodb").add_client_error("update_item", "ValidationException", "odd", 400)
    aws.allow_assume_role()
    with pytest.raises(CallRefused, match=r"(?s)throttled.*odd"):
        clean_up_aborted.handler(event(), None)


def test_a_repetition_does_what_is_left_and_announces_once(aws: Stubs, fake_s3: FakeS3) -> None:
    for refused in (True, False):
        stopped_in(aws)
        if refused:
            denied(aws, "dynamodb", "put_item")
            accepted(aws, "sns", "lock")
        else:
            accepted(aws, "records")
            aws.of("dynamodb").add_client_error("update_item", "ConditionalCheckFailedException")
        aws.allow_assume_role()
    with pytest.raises(AccessDenied):
        clean_up_aborted.handler(event(), None)
    again = clean_up_aborted.handler(event(), None)
    assert again == {**DONE, "announced": False, "unlocked": False, "uploads": 0}
    assert marks(fake_s3) == {"announcing", "announced", "cleaned-up"}


def test_an_announcement_that_failed_is_made_by_the_next_run_though_the_record_exists(
    aws: Stubs, fake_s3: FakeS3, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_in(aws)
    accepted(aws, "records")
    error = store.recording("sns/Publish/key-throttled").error
    aws.of("sns").add_client_error("publish", error["code"], error["message"], http_status_code=error["status"])
    accepted(aws, "lock")
    aws.allow_assume_role()
    with pytest.raises(Throttled, match="sns:Publish"):
        clean_up_aborted.handler(event(), None)
    stopped_in(aws)
    aws.of("dynamodb").add_client_error("put_item", "ConditionalCheckFailedException")
    aws.of("sns").add_response(
        "publish",
        {"MessageId": "1"},
        {
            "TopicArn": resource_names.topic_arn(HUB.account, HUB.region),
            "Subject": "Aborted: reviews to qa (Aborted)",
            "Message": ANY,
            "MessageAttributes": ANY,
        },
    )
    aws.of("dynamodb").add_client_error("update_item", "ConditionalCheckFailedException")
    aws.allow_assume_role()
    assert clean_up_aborted.handler(event(), None)["announced"] is True
    counted = [line for line in capsys.readouterr().out.splitlines() if '"PromotionOutcome"' in line]
    assert len(counted) == 1


def test_what_cannot_be_noted_is_not_announced_again_and_again(aws: Stubs, fake_s3: FakeS3) -> None:
    """The cleanup is repeated for a day: without a note of it, each run would announce."""
    stopped_in(aws)
    accepted(aws, "records", "lock")
    aws.allow_assume_role()
    fake_s3.refuse("PutObject", "AccessDenied", 403, times=2)
    with pytest.raises(AccessDenied, match="s3:PutObject"):
        clean_up_aborted.handler(event(), None)
    assert fake_s3.uploads == {}
    assert marks(fake_s3) == set()


def test_without_its_history_an_execution_is_unlocked_and_nothing_else_is_guessed(aws: Stubs, fake_s3: FakeS3) -> None:
    described(aws)
    denied(aws, "stepfunctions", "get_execution_history")
    accepted(aws, "lock")
    with pytest.raises(AccessDenied, match="states:GetExecutionHistory"):
        clean_up_aborted.handler(event(), None)
    assert marks(fake_s3) == set()


def test_the_arn_is_enough(aws: Stubs) -> None:
    stopped_in(aws)
    accepted(aws, "records", "sns", "lock")
    aws.allow_assume_role()
    assert clean_up_aborted.handler({"detail": {"executionArn": EXECUTION.arn}}, None) == DONE


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_an_event_of_an_execution_that_runs_changes_nothing_and_is_looked_at_again(
    aws: Stubs, fake_s3: FakeS3, status: str
) -> None:
    """It is late, and the execution was redriven; or of somebody else's making; or what is described is stale."""
    described(aws, status=status)
    with pytest.raises(NotYetVisible, match=f"is ABORTED, and Step Functions that it is {status}"):
        clean_up_aborted.handler(event(), None)
    assert marks(fake_s3) == set()
    assert len(fake_s3.uploads) == 1


def test_an_event_of_an_execution_that_succeeded_changes_nothing(aws: Stubs, fake_s3: FakeS3) -> None:
    described(aws, status="SUCCEEDED")
    assert clean_up_aborted.handler(event(), None) == {}
    assert marks(fake_s3) == set()
    assert len(fake_s3.uploads) == 1


@pytest.mark.parametrize("odd", ["", "{", "[" * 9_000 + "]" * 9_000], ids=["empty", "cut", "deep"])
def test_an_input_that_cannot_be_read_does_not_keep_the_lock_or_lose_the_stage(aws: Stubs, odd: str) -> None:
    stopped_in(aws, input=odd)
    records: list[dict[str, Any]] = []
    aws.of("dynamodb").client.meta.events.register_first(
        "provide-client-params.dynamodb.PutItem", lambda params, **_: records.append(params["Item"])
    )
    accepted(aws, "records", "sns", "lock")
    aws.allow_assume_role()
    assert clean_up_aborted.handler(event(), None) == DONE
    assert records[0]["stage"] == {"S": "reviews/qa"}


def test_the_lock_of_an_endpoint_that_the_settings_no_longer_name_is_released(
    aws: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "deployed", lambda: replace(SETTINGS, applications={}))
    stopped_in(aws)
    accepted(aws, "records", "sns")
    aws.of("dynamodb").add_response(
        "update_item",
        {},
        {
            "TableName": resource_names.ENDPOINTS_TABLE,
            "Key": {"endpoint": {"S": promotion().endpoint_key}},
            "UpdateExpression": ANY,
            "ConditionExpression": ANY,
            "ExpressionAttributeNames": ANY,
            "ExpressionAttributeValues": {":owner": {"S": EXECUTION.arn}},
        },
    )
    aws.allow_assume_role()
    assert clean_up_aborted.handler(event(), None)["unlocked"] is True


def test_an_unreachable_service_prevents_no_other_action(aws: Stubs, fake_s3: FakeS3) -> None:
    stopped_in(aws)
    aws.of("dynamodb").add_client_error("put_item", "InternalServerError", "oops", 500)
    accepted(aws, "sns", "lock")
    aws.allow_assume_role()
    with pytest.raises(ServiceUnavailable):
        clean_up_aborted.handler(event(), None)
    assert fake_s3.uploads == {}
