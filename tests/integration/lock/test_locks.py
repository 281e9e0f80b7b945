"""One promotion at a time for an endpoint, and no older model over a newer one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.settings import Settings
from sandbox.aws.faults.faults import Kind
from sandbox.demo.deployment import state_machine_arn
from tests.integration.world import APPLICATION, CreatedModel, World, require_failed

HELD_STATES = ("Check the lock", "Wait for the lock")


@contextmanager
def when_locked(world: World, deployed: Settings, policy: str) -> Iterator[None]:
    def change(settings: dict[str, Any]) -> None:
        settings["applications"][APPLICATION]["stages"]["qa"]["when_locked"] = policy

    with world.configured(change, deployed):
        yield


def start(world: World, made: CreatedModel, **more: Any) -> str:
    return world.start(application=APPLICATION, stage="qa", model_name=made.name, **more)


def start_slowly(world: World, made: CreatedModel, *, seconds: float = 4.0) -> str:
    """Start a promotion that holds the lock for some seconds, and return when it does."""
    world.sagemaker_faults.inject("CreateModel", Kind.HANG, account="333333333333", seconds=seconds)
    arn = start(world, made)
    world.wait_for_state(arn, "Compare the endpoint")
    return arn


def hold(world: World, owner: str, *, lease_until: str = "2999-01-01T00:00:00.000Z") -> None:
    """Let an execution hold qa's lock, however it came by it."""
    pair = world.sandbox.locations["qa"]
    item = {
        "endpoint": resource_names.endpoint_key(pair.account, pair.region, "text-classifier-qa"),
        "owner": owner,
        "locked_at": "2026-01-01T00:00:00.000Z",
        "lease_until": lease_until,
    }
    world.client("dynamodb").put_item(
        TableName=resource_names.ENDPOINTS_TABLE,
        Item={**{name: {"S": value} for name, value in item.items()}, "fence": {"N": "41"}},
    )


def held(world: World, arn: str) -> tuple[float, float]:
    """When an execution got the lock and when it gave it back."""
    pages = world.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    left = {
        event["stateExitedEventDetails"]["name"]: event["timestamp"].timestamp()
        for event in events
        if "stateExitedEventDetails" in event
    }
    back = [
        event["timestamp"].timestamp()
        for event in events
        if event.get("stateEnteredEventDetails", {}).get("name", "").lower().endswith("unlock the endpoint")
    ]
    return left["Lock the endpoint"], back[0]


def test_a_second_promotion_waits_until_the_first_has_ended(world: World) -> None:
    first, second = world.model(), world.model()
    holder = start_slowly(world, first)
    waiting = start(world, second)
    ended = [world.wait(arn) for arn in (holder, waiting)]

    assert [end.status for end in ended] == ["SUCCEEDED", "SUCCEEDED"], [end.cause for end in ended]
    assert set(HELD_STATES) <= set(world.states(waiting))
    assert held(world, holder)[1] <= held(world, waiting)[0]
    assert world.invoke("qa")["model"] == second.name
    # The other saw what the first had done.
    assert ended[1].output["previous_endpoint_config"] == ended[0].output["endpoint_config"]


def test_a_stage_may_refuse_a_second_promotion(world: World, deployed_settings: Settings) -> None:
    first, second = world.model(), world.model()
    with when_locked(world, deployed_settings, "refuse"):
        holder = start_slowly(world, first)
        ended = world.promote(second)

    require_failed(ended, "EndpointLocked", holder, "Nothing was changed")
    assert world.wait(holder).status == "SUCCEEDED"
    assert world.invoke("qa")["model"] == first.name


def test_of_those_that_wait_the_newest_wins(world: World, deployed_settings: Settings) -> None:
    first, second, third = (world.model() for _ in range(3))
    with when_locked(world, deployed_settings, "newest_wins"):
        holder = start_slowly(world, first)
        older = start(world, second)
        world.wait_for_state(older, "Wait for the lock")
        newest = start(world, third)
        ended = {arn: world.wait(arn) for arn in (holder, older, newest)}

    assert (ended[holder].status, ended[newest].status) == ("SUCCEEDED", "SUCCEEDED")
    require_failed(ended[older], "Superseded", newest, "newest_wins")
    assert world.invoke("qa")["model"] == third.name


def test_an_owner_that_was_stopped_does_not_hold_the_lock(world: World) -> None:
    """Nor if what tidies up after it never ran."""
    arn = start_slowly(world, world.model())
    world.client("stepfunctions").stop_execution(executionArn=arn)
    deadline = time.monotonic() + 20
    while "owner" in world.lock_of("qa"):
        assert time.monotonic() < deadline
    hold(world, arn)
    ended = world.promote_successfully(world.model())

    assert "Check the lock" in world.states(ended.arn)
    assert world.lock_of("qa")["fence"] == "42"


def test_an_owner_without_an_execution_does_not_hold_the_lock(world: World) -> None:
    hold(world, f"{state_machine_arn(world.sandbox).replace(':stateMachine:', ':execution:')}:long-ago")
    assert world.promote_successfully(world.model()).output["outcome"] == "Promoted"


def test_a_lease_that_has_ended_does_not_hold_the_lock(world: World) -> None:
    arn = start_slowly(world, world.model())
    hold(world, arn, lease_until="2026-01-02T00:00:00.000Z")
    ended = world.promote_successfully(world.model())

    assert "Check the lock" not in world.states(ended.arn)
    require_failed(world.wait(arn), "LockLost", "was not changed")


def test_an_execution_that_lost_the_lock_changes_nothing_and_releases_nothing(world: World) -> None:
    first = world.promote_successfully(world.model())
    arn = start_slowly(world, world.model())
    hold(world, "another-execution")
    require_failed(world.wait(arn), "LockLost")

    assert world.endpoint("qa")["EndpointConfigName"] == first.config
    assert world.lock_of("qa")["owner"] == "another-execution"


def test_an_older_holder_of_the_same_name_is_recognized_by_the_fence(world: World) -> None:
    """The lock was lost and got back meanwhile: the number is another one."""
    arn = start_slowly(world, world.model())
    hold(world, arn)
    require_failed(world.wait(arn), "LockLost")


def test_a_holder_that_goes_on_for_too_long_ends_the_patience_of_others(
    world: World, deployed_settings: Settings
) -> None:
    def impatient(settings: dict[str, Any]) -> None:
        settings["applications"][APPLICATION]["stages"]["qa"]["deadline_seconds"] = 1

    holder = start_slowly(world, world.model(), seconds=15.0)
    second = world.model()
    with world.configured(impatient, deployed_settings):
        ended = world.promote(second)

    require_failed(ended, "EndpointBusy", holder, "while this one waited")


def test_the_lock_is_free_after_every_outcome(world: World) -> None:
    good = world.model()
    world.promote_successfully(good)
    assert "owner" not in world.lock_of("qa")
    assert world.promote_successfully(good).output["outcome"] == "Unchanged"
    assert "owner" not in world.lock_of("qa")
    world.sagemaker_faults.inject(
        "CreateEndpointConfig", Kind.ERROR, code="ValidationException", message="No.", status=400
    )
    require_failed(world.promote(world.model()), "CallRefused")
    assert "owner" not in world.lock_of("qa")
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.SILENT_ROLLBACK, account="333333333333")
    require_failed(world.promote(world.model()), "DeploymentRolledBack")
    assert "owner" not in world.lock_of("qa")
    assert world.lock_of("qa")["fence"] == "4"


def test_an_older_model_is_promoted_if_asked_for(world: World) -> None:
    older, newer = world.model(), world.model()
    world.promote_successfully(newer)
    ended = world.wait(start(world, older, allow_older=True))

    assert ended.status == "SUCCEEDED", ended.cause
    assert world.invoke("qa")["model"] == older.name


def test_through_the_stages_a_model_is_as_old_as_when_it_was_trained(world: World) -> None:
    """The older one came to qa later, which does not make it newer."""
    older, newer = world.model(), world.model()
    newer_in_qa = world.promote_successfully(newer)
    older_in_qa = world.wait(start(world, older, allow_older=True))
    to_production = {"application": APPLICATION, "stage": "production"}
    assert world.wait(world.start(**to_production, model_name=newer_in_qa.model)).status == "SUCCEEDED"
    ended = world.wait(world.start(**to_production, model_name=older_in_qa.model))

    require_failed(ended, "OlderModel")


def test_an_approval_that_is_withdrawn_meanwhile_changes_no_endpoint(world: World) -> None:
    first = world.promote_successfully(world.model())
    version = world.version()
    sagemaker = world.client("sagemaker", "dev")
    world.sagemaker_faults.inject("CreateModel", Kind.HANG, account="333333333333", seconds=2.0)
    sagemaker.update_model_package(ModelPackageArn=version, ModelApprovalStatus="Approved")
    deadline = time.monotonic() + 20
    while (arn := world.executions()[0]) == first.arn:
        assert time.monotonic() < deadline
    world.wait_for_state(arn, "Compare the endpoint")
    sagemaker.update_model_package(ModelPackageArn=version, ModelApprovalStatus="Rejected")

    require_failed(world.wait(arn), "ModelPackageNotApproved", "Rejected")
    assert world.endpoint("qa")["EndpointConfigName"] == first.config


@pytest.mark.parametrize("switch", ["allow_older", "roll_back"])
@pytest.mark.parametrize("value", ["true", 1, None])
def test_a_switch_is_true_or_false_and_nothing_else(world: World, switch: str, value: object) -> None:
    asked = {"application": APPLICATION, "stage": "qa", "model_name": "any", switch: value}
    require_failed(world.wait(world.start_with(asked)), "InvalidInput", f"{switch} must be a Boolean")
