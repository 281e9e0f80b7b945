"""An event of an endpoint ends the wait of the promotion that waits for it, and does nothing else."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from lambdas.handlers import end_wait
from lambdas.promotion.contract import resource_names, settings
from lambdas.promotion.contract.errors import CallRefused
from lambdas.promotion.contract.settings import Preview, Settings
from lambdas.promotion.lock import endpoint_wait
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import SETTINGS

ENDPOINT = "reviews-qa"
PREVIEW = resource_names.preview_endpoint(ENDPOINT, "0123456789ab")
ACCOUNT, REGION = "333333333333", "us-east-1"
LONG = "e" * 50
KEY = f"{ACCOUNT}/{REGION}/{ENDPOINT}"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the job slept."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(settings, "deployed", lambda: SETTINGS)
    return slept


def event(endpoint: str = ENDPOINT, account: str = ACCOUNT) -> dict[str, Any]:
    recorded = store.event("events/SageMakerEndpointStateChange/in-service")
    detail = {**recorded["detail"], "EndpointName": endpoint}
    return {**recorded, "account": account, "region": REGION, "detail": detail}


def locked(aws: Stubs, **attributes: str) -> None:
    item = {name: {"S": value} for name, value in attributes.items()}
    aws.of("dynamodb").add_response(
        "get_item",
        {"Item": {"endpoint": {"S": KEY}, "waits": {"N": "1"}, **item}},
        {"TableName": "promote-endpoints", "Key": {"endpoint": {"S": KEY}}, "ConsistentRead": True},
    )


def ended(aws: Stubs, token: str) -> None:
    aws.of("stepfunctions").add_response("send_task_success", {}, {"taskToken": token, "output": "{}"})


def waiting(aws: Stubs, token: str, endpoint: str = ENDPOINT) -> None:
    locked(aws, owner="arn", task_token=token, awaited_endpoint=endpoint)


def with_preview(settings_of: Settings) -> Settings:
    application = settings_of.applications["reviews"]
    stages = {name: dataclasses.replace(stage, preview=Preview()) for name, stage in application.stages.items()}
    return dataclasses.replace(settings_of, applications={"reviews": dataclasses.replace(application, stages=stages)})


@pytest.mark.parametrize("spelling", [ENDPOINT, ENDPOINT.upper()])
def test_the_wait_for_the_endpoint_is_ended(aws: Stubs, pauses: list[float], spelling: str) -> None:
    waiting(aws, "t")
    ended(aws, "t")
    assert end_wait.handler(event(spelling), None) == {"waits": {KEY: "ended"}}
    assert pauses == []


def test_an_endpoint_that_no_promotion_changes_is_left_alone(aws: Stubs, pauses: list[float]) -> None:
    locked(aws, task_token="t", awaited_endpoint=ENDPOINT)
    assert end_wait.handler(event(), None) == {"waits": {KEY: "unlocked"}}
    assert pauses == []


@pytest.mark.parametrize(("endpoint", "account"), [("other", ACCOUNT), (ENDPOINT, "222222222222"), (PREVIEW, ACCOUNT)])
def test_an_endpoint_of_no_stage_is_not_looked_up(aws: Stubs, endpoint: str, account: str) -> None:
    """Without a preview, a name like one is another's endpoint."""
    assert end_wait.handler(event(endpoint, account), None) == {"waits": {}}


def test_a_promotion_that_waits_for_its_preview_is_not_woken_by_its_endpoint(aws: Stubs, pauses: list[float]) -> None:
    for _ in range(4):
        waiting(aws, "t", PREVIEW)
    assert end_wait.handler(event(), None) == {"waits": {KEY: "not yet"}}
    assert pauses == [1, 1, 2]


def test_the_wait_for_a_preview_is_ended(aws: Stubs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "deployed", lambda: with_preview(SETTINGS))
    waiting(aws, "t", PREVIEW)
    ended(aws, "t")
    assert end_wait.handler(event(PREVIEW), None) == {"waits": {KEY: "ended"}}


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_promotion_that_polls_at_this_moment_is_told_when_it_waits_again(
    aws: Stubs, pauses: list[float], code: str
) -> None:
    waiting(aws, "used")
    aws.of("stepfunctions").add_client_error("send_task_success", code)
    waiting(aws, "new")
    ended(aws, "new")
    assert end_wait.handler(event(), None) == {"waits": {KEY: "ended"}}
    assert pauses == [1]


def test_a_call_that_step_functions_refuses_is_an_error(aws: Stubs, pauses: list[float]) -> None:
    waiting(aws, "t")
    aws.of("stepfunctions").add_client_error("send_task_success", "InvalidOutput", "no JSON")
    with pytest.raises(CallRefused, match="no JSON"):
        end_wait.handler(event(), None)
    assert pauses == []


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two stages whose previews have names alike."""
    application = with_preview(SETTINGS).applications["reviews"]
    stage, *_ = application.stages.values()
    stages = {name: dataclasses.replace(stage, endpoint=f"{LONG}{name}") for name in ("a", "b")}
    both = dataclasses.replace(SETTINGS, applications={"reviews": dataclasses.replace(application, stages=stages)})
    monkeypatch.setattr(settings, "deployed", lambda: both)
    return both


def test_of_two_stages_whose_previews_have_names_alike_both_are_looked_up(alike: Settings) -> None:
    preview = resource_names.preview_endpoint(f"{LONG}a", "0123456789ab")
    keys = endpoint_wait.keys_of(preview, ACCOUNT, REGION, alike)
    assert keys == [f"{ACCOUNT}/{REGION}/{LONG}{name}" for name in ("a", "b")]


def test_of_two_stages_whose_previews_have_names_alike_the_one_that_waits_is_enough(
    aws: Stubs, pauses: list[float], alike: Settings
) -> None:
    preview = resource_names.preview_endpoint(f"{LONG}a", "0123456789ab")
    for token, awaited in (("other", "another"), ("t", preview)):
        item = {"owner": {"S": "arn"}, "task_token": {"S": token}, "awaited_endpoint": {"S": awaited}}
        aws.of("dynamodb").add_response("get_item", {"Item": item})
    ended(aws, "t")
    assert list(end_wait.handler(event(preview), None)["waits"].values()) == ["not yet", "ended"]
    assert pauses == []
