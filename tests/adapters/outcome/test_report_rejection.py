"""A version that was rejected and is live is announced with the stages that serve it; nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import ANY

from lambdas.handlers import report_rejection
from lambdas.promotion.contract import settings
from lambdas.promotion.outcome import records
from tests.adapters.conftest import Stubs
from tests.unit.builders import APPLICATION, SETTINGS, STAGE, VERSION, good

PRODUCTION = replace(STAGE, name="production", endpoint="reviews")
TOPIC = "arn:aws:sns:us-east-1:111111111111:promote-outcomes"


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    application = replace(APPLICATION, stages={"qa": STAGE, "production": PRODUCTION})
    configured = replace(SETTINGS, applications={"reviews": application})
    monkeypatch.setattr(settings, "deployed", lambda: configured)


def event(**changes: Any) -> dict[str, Any]:
    detail = {"ModelPackageArn": VERSION, "ModelPackageGroupName": "reviews", "ModelApprovalStatus": "Rejected"}
    return {"account": "222222222222", "region": "us-east-1", "detail": detail, **changes}


def stage_has(aws: Stubs, version: str | None) -> None:
    """The stage's last known good promotion brought this version; None: it has no promotion."""
    tables = aws.of("dynamodb")
    if version is None:
        tables.add_response("get_item", {})
        return
    tables.add_response("get_item", {"Item": {"last_known_good": {"S": records.known_good_text([good()])}}})
    record = {"promotion_id": {"S": "release-6"}, "source_model_package": {"S": version}}
    tables.add_response("get_item", {"Item": record})


def test_a_live_version_is_announced_with_its_stages(aws: Stubs) -> None:
    stage_has(aws, VERSION)
    stage_has(aws, VERSION)
    attributes = {"outcome": "Rejected", "application": "reviews", "stage": "unknown", "error": "none"}
    published = {
        "TopicArn": TOPIC,
        "Subject": "Rejected: a live version of reviews",
        "Message": f"{VERSION} was rejected in the model registry, and is live in\n"
        "- stage qa: endpoint reviews-qa in qa (333333333333), promotion release-6\n"
        "- stage production: endpoint reviews in qa (333333333333), promotion release-6\n"
        'Nothing was changed. To return a stage to its previous promotion, start it with "roll_back": true.',
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
    aws.of("sns").add_response("publish", {"MessageId": "m"}, published)
    assert len(report_rejection.handler(event(), None)["live"]["reviews"]) == 2


def test_only_the_stages_that_serve_it_are_named(aws: Stubs) -> None:
    stage_has(aws, VERSION.replace("/7", "/6"))
    stage_has(aws, VERSION)
    aws.of("sns").add_response("publish", {"MessageId": "m"}, dict.fromkeys(PUBLISHED, ANY))
    (live,) = report_rejection.handler(event(), None)["live"]["reviews"]
    assert live.startswith("stage production: ")


PUBLISHED = ("TopicArn", "Subject", "Message", "MessageAttributes")


def test_a_version_that_is_live_nowhere_is_not_announced(aws: Stubs) -> None:
    stage_has(aws, None)
    stage_has(aws, VERSION.replace("/7", "/6"))
    assert report_rejection.handler(event(), None) == {"live": {}}


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "333333333333"},
        {"region": "eu-west-1"},
        {"detail": {"ModelPackageArn": VERSION, "ModelPackageGroupName": "prices"}},
    ],
    ids=["account", "Region", "group"],
)
def test_a_version_of_no_application_is_not_looked_for(aws: Stubs, changes: dict[str, Any]) -> None:
    assert report_rejection.handler(event(**changes), None) == {"live": {}}
