"""The step that ends every promotion: its record, its count, and its announcement."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.stub import ANY

from lambdas.handlers import record_promotion
from lambdas.promotion.contract import resource_names, settings
from lambdas.promotion.contract.document import Change, Outcome, Progress, Promotion
from lambdas.promotion.contract.settings import Settings
from tests.adapters.conftest import Stubs
from tests.unit.builders import BEGUN, EXECUTION, HUB, OLD_CONFIG, promotion

INPUT = {"application": "reviews", "stage": "qa", "model_name": "reviews-v7"}
FAILURE = {"error": "AccessDenied", "family": "Errored", "cause": "The deployer may not."}


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Settings(hub=HUB, environments={}, applications={})
    monkeypatch.setattr(settings, "deployed", lambda: empty)


def ended() -> Promotion:
    changed = promotion(change=Change(progress=Progress.IN_SERVICE, previous_config=OLD_CONFIG))
    return changed.with_outcome(Outcome.PROMOTED, at=BEGUN)


def record(aws: Stubs, *, written: bool = True, **more: Any) -> dict[str, Any]:
    if more.get("promotion"):
        aws.s3.add_response("get_object", {"Body": io.BytesIO(b"")})  # the inventory
    if written:
        aws.of("dynamodb").add_response("put_item", {})
    else:
        aws.of("dynamodb").add_client_error("put_item", "ConditionalCheckFailedException")
    execution = {"arn": EXECUTION.arn, "started_at": EXECUTION.started_at.isoformat()}
    event = {"input": INPUT, "execution": execution, "retry_count": 0, "promotion": None, "failure": None, **more}
    return record_promotion.handler(json.loads(json.dumps(event)), None)


def counted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in io.StringIO(capsys.readouterr().out) if '"_aws"' in line]


def test_a_successful_outcome_is_recorded_counted_and_announced(aws: Stubs, capsys: pytest.CaptureFixture[str]) -> None:
    done = record(aws, promotion=ended().to_json())

    assert [good["config"] for good in json.loads(done["last_known_good"])] == [ended().desired_config.name]
    assert done["announcement"]["attributes"]["outcome"] == "Promoted"
    assert {count["outcome"] for count in counted(capsys)} == {"Promoted"}


def test_a_failure_does_not_change_the_last_known_good_entries(aws: Stubs, capsys: pytest.CaptureFixture[str]) -> None:
    done = record(aws, promotion=promotion().to_json(), failure=FAILURE)

    assert done["last_known_good"] is None
    assert "The deployer may not." in done["announcement"]["message"]
    assert [(count["outcome"], count["error"]) for count in counted(capsys)] == [("Errored", "AccessDenied")]


def test_an_unresolved_promotion_is_recorded_and_announced(aws: Stubs) -> None:
    assert record(aws, failure=FAILURE)["announcement"]["attributes"]["application"] == "reviews"


def test_unchanged_is_not_announced_by_default(aws: Stubs) -> None:
    unchanged = (
        promotion().with_change(Change(progress=Progress.NOTHING_TO_DO)).with_outcome(Outcome.UNCHANGED, at=BEGUN)
    )
    assert record(aws, promotion=unchanged.to_json())["announcement"] is None


def test_a_record_of_another_execution_is_not_counted(aws: Stubs, capsys: pytest.CaptureFixture[str]) -> None:
    record(aws, promotion=ended().to_json(), written=False)
    assert counted(capsys) == []


def test_a_record_of_a_killed_invocation_is_counted(aws: Stubs, capsys: pytest.CaptureFixture[str]) -> None:
    record(aws, promotion=ended().to_json(), written=False, retry_count=1)
    assert [count["outcome"] for count in counted(capsys)] == ["Promoted"] * 2


def test_the_record_is_added_and_never_overwritten(aws: Stubs) -> None:
    aws.of("dynamodb").add_response(
        "put_item",
        {},
        {
            "TableName": resource_names.RECORDS_TABLE,
            "Item": ANY,
            "ConditionExpression": "attribute_not_exists(record_key)",
        },
    )
    execution = {"arn": EXECUTION.arn, "started_at": EXECUTION.started_at.isoformat()}
    record_promotion.handler({"input": INPUT, "execution": execution, "retry_count": 0, "failure": FAILURE}, None)


def test_what_could_not_be_noted_after_the_record_is_counted_and_announced_as_an_error(
    aws: Stubs, capsys: pytest.CaptureFixture[str]
) -> None:
    """The workflow runs the step again then: the record stays, and the promotion will fail."""
    cause = "The promotion ended Promoted, and it could not be noted."
    not_written = {"error": "RecordNotWritten", "family": "Errored", "cause": cause}
    done = record(aws, promotion=ended().to_json(), failure=not_written, written=False)

    assert done["last_known_good"] is None
    assert done["announcement"]["attributes"]["outcome"] == "Errored"
    assert done["announcement"]["attributes"]["error"] == "RecordNotWritten"
    assert f"The model {ended().desired_model.name}" in done["announcement"]["message"]
    assert [(count["outcome"], count["error"]) for count in counted(capsys)] == [("Errored", "RecordNotWritten")]
