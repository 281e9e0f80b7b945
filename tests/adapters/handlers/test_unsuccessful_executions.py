"""An execution that its own states have concluded is completed only; any other end is cleaned up after."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY

from lambdas.handlers import clean_up_aborted
from lambdas.promotion.contract.document import Outcome
from lambdas.promotion.contract.steps import FAILED_STATE
from lambdas.promotion.outcome.announcement import announcement
from lambdas.promotion.scaling import restore
from tests.adapters.conftest import Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.adapters.handlers import test_clean_up_aborted as given
from tests.unit.builders import BEGUN, EXECUTION, promotion

deployed = given.deployed
FAILURE = {"error": "NameTaken", "family": "Refused", "cause": "It exists."}
MADE = announcement("Refused", EXECUTION, promotion=promotion()).to_json()


def ended_in(aws: Stubs, state: str, envelope: dict[str, Any], *, error: str) -> None:
    given.described(aws, status="FAILED", error=error, cause="a cause")
    ended, *events = given.history((state, {"promotion": promotion().to_json(), **envelope}))
    failed = {
        "id": ended["id"],
        "timestamp": ended["timestamp"],
        "type": "ExecutionFailed",
        "executionFailedEventDetails": {"error": error, "cause": "a cause"},
    }
    aws.of("stepfunctions").add_response("get_execution_history", {"events": [failed, *events]})


def recorded_before(aws: Stubs) -> None:
    aws.of("dynamodb").add_client_error("put_item", "ConditionalCheckFailedException")


def unlocked_before(aws: Stubs) -> None:
    aws.of("dynamodb").add_client_error("update_item", "ConditionalCheckFailedException")


def published(aws: Stubs, subject: str) -> None:
    expected = {"TopicArn": ANY, "Subject": subject, "Message": ANY, "MessageAttributes": ANY}
    aws.of("sns").add_response("publish", {"MessageId": "1"}, expected)


def test_a_failure_that_was_recorded_and_announced_is_left_as_it_is(aws: Stubs, fake_s3: FakeS3) -> None:
    ended_in(aws, FAILED_STATE, {"failure": FAILURE, "announcement": MADE}, error="NameTaken")
    recorded_before(aws)
    unlocked_before(aws)
    done = clean_up_aborted.handler(given.event(), None)
    assert done == {"recorded": False, "announced": False, "unlocked": False}
    assert len(fake_s3.uploads) == 1
    assert given.marks(fake_s3) == {"cleaned-up"}


def test_a_failure_whose_record_could_not_be_written_is_recorded_and_announced_with_its_own_name(
    aws: Stubs, capsys: pytest.CaptureFixture[str]
) -> None:
    ended_in(aws, FAILED_STATE, {"failure": FAILURE}, error="NameTaken")
    given.accepted(aws, "records", "lock")
    published(aws, "Refused: reviews to qa (NameTaken)")
    done = clean_up_aborted.handler(given.event(), None)
    assert done == {"recorded": True, "announced": True, "unlocked": True}
    (counted,) = [line for line in capsys.readouterr().out.splitlines() if '"PromotionOutcome"' in line]
    assert '"outcome":"Refused"' in counted and '"error":"NameTaken"' in counted


def test_an_announcement_that_the_workflow_could_not_make_is_made(aws: Stubs) -> None:
    envelope = {"failure": FAILURE, "announcement": MADE, "not_announced": {"Error": "SNS.X", "Cause": "throttled"}}
    ended_in(aws, FAILED_STATE, envelope, error="NameTaken")
    recorded_before(aws)
    published(aws, MADE["subject"])
    unlocked_before(aws)
    assert clean_up_aborted.handler(given.event(), None)["announced"] is True


def test_a_failure_that_was_recorded_twice_but_not_announced_is_announced(aws: Stubs) -> None:
    """The last known good could not be recorded, and then the step that records failed too."""
    failure = {"error": "RecordNotWritten", "family": "Errored", "cause": "The promotion ended Promoted, and …"}
    promoted = promotion().with_outcome(Outcome.PROMOTED, at=BEGUN).to_json()
    envelope = {"failure": failure, "announcement": None, "promotion": promoted}
    ended_in(aws, FAILED_STATE, envelope, error="RecordNotWritten")
    recorded_before(aws)
    published(aws, "Errored: reviews to qa (RecordNotWritten)")
    unlocked_before(aws)
    assert clean_up_aborted.handler(given.event(), None)["announced"] is True


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("Is another change in progress?", "States.QueryEvaluationError"),
        ("Wait for the endpoint", "States.QueryEvaluationError"),
        ("Deploy the endpoint", "States.Runtime"),
        ("Lock the endpoint", "States.DataLimitExceeded"),
        ("Promoted", "States.QueryEvaluationError"),
        (FAILED_STATE, "States.QueryEvaluationError"),
    ],
)
def test_an_end_by_step_functions_is_cleaned_up_after(aws: Stubs, fake_s3: FakeS3, state: str, error: str) -> None:
    ended_in(aws, state, {"failure": FAILURE} if state == FAILED_STATE else {}, error=error)
    given.accepted(aws, "records", "lock")
    published(aws, f"Errored: reviews to qa ({error})")
    aws.allow_assume_role()
    assert clean_up_aborted.handler(given.event(), None) == given.DONE
    assert fake_s3.uploads == {}


def test_the_stages_own_scaling_is_registered_after_a_promotion_that_serves(
    aws: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def resume(document: Any, *, succeeded: bool, **_: Any) -> int:
        asked.append(succeeded)
        return 0

    monkeypatch.setattr(restore, "resume", resume)
    for document in (promotion(), promotion().with_outcome(Outcome.PROMOTED, at=BEGUN)):
        given.stopped_in(aws, "Resume scaling", document.to_json())
        given.accepted(aws, "records", "lock")
        if not asked:
            given.accepted(aws, "sns")
        aws.allow_assume_role()
        clean_up_aborted.handler(given.event(), None)
    assert asked == [False, True]
