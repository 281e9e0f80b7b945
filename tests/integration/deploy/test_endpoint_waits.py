"""An event of the endpoint ends the wait for it; without one its timeout does; and neither decides anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from lambdas.promotion.contract.lock_expressions import MOST_WAITS
from lambdas.promotion.contract.resource_names import BUS, ENDPOINTS_TABLE, endpoint_key, function
from lambdas.promotion.contract.settings import Preview, Settings
from lambdas.promotion.contract.steps import Job
from sandbox.aws.faults.faults import Kind
from sandbox.demo.deployment import state_machine_arn
from tests.integration import smoke_tests
from tests.integration.deploy.test_endpoint_states import slow_to_start
from tests.integration.endpoint_waits import ends_of, in_service, slowly
from tests.integration.world import ENDPOINTS, World

WAIT, PREVIEW, ROLLBACK = "Wait for the endpoint", "Wait for the preview endpoint", "Wait for the rollback"
FOR_EVER = 10_000_000  # sandbox seconds: eight hours of a test
RULE = function(Job.END_WAIT)


@contextmanager
def without_timeouts(world: World) -> Iterator[None]:
    """Let nothing but an event end the waits."""
    machine, states = state_machine_arn(world.sandbox), world.client("stepfunctions")
    text = states.describe_state_machine(stateMachineArn=machine)["definition"]
    definition = json.loads(text)
    for title in (WAIT, PREVIEW, ROLLBACK):
        definition["States"][title]["TimeoutSeconds"] = FOR_EVER
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
    try:
        yield
    finally:
        states.update_state_machine(stateMachineArn=machine, definition=text)


@contextmanager
def without_events(world: World) -> Iterator[None]:
    """Lose every event on the hub's bus."""
    events = world.client("events")
    events.disable_rule(Name=RULE, EventBusName=BUS)
    try:
        yield
    finally:
        events.enable_rule(Name=RULE, EventBusName=BUS)


def test_an_event_ends_the_wait_for_the_endpoint(world: World) -> None:
    with without_timeouts(world):
        ended = world.promote_successfully(world.model(container=slow_to_start(world, seconds=2)))

    assert set(ends_of(world, ended.arn, WAIT)) == {"TaskSucceeded"}


def test_an_event_ends_the_wait_for_the_preview(world: World, deployed_settings: Settings) -> None:
    tested = smoke_tests.tested(world, deployed_settings, smoke_tests.TEXT, preview=Preview())
    with tested, without_timeouts(world):
        ended = world.promote_successfully(world.model(container=slow_to_start(world, seconds=2)))

    assert set(ends_of(world, ended.arn, PREVIEW)) == {"TaskSucceeded"}


def test_an_event_ends_the_wait_for_the_rollback(world: World) -> None:
    first = world.promote_successfully(world.model(container=slow_to_start(world, seconds=2)))
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.ROLLBACK_FAILED, reason="No capacity to go back.")
    with without_timeouts(world):
        ended = world.promote(world.model())

    assert f"has its previous configuration {first.config}" in ended.cause
    assert set(ends_of(world, ended.arn, ROLLBACK)) == {"TaskSucceeded"}


def test_without_an_event_the_timeout_ends_the_wait(world: World) -> None:
    with without_events(world):
        ended = world.promote_successfully(world.model(container=slow_to_start(world, seconds=2)))

    assert set(ends_of(world, ended.arn, WAIT)) == {"TaskTimedOut"}


def test_events_of_states_that_pass_and_of_states_that_have_passed_decide_nothing(world: World) -> None:
    """The promotion polls, and waits again."""
    with without_timeouts(world):
        arn = world.start(**slowly(world, seconds=4))
        world.wait_for_state(arn, WAIT)
        event = json.dumps(in_service(world)).encode()
        for _ in range(3):
            world.client("lambda").invoke(FunctionName=RULE, Payload=event)
        inspected = world.states(arn).count("Inspect the endpoint")
        before = world.endpoint("qa")["EndpointStatus"]
        ended = world.wait(arn)

    assert (inspected > 1, before) == (True, "Creating")
    assert (ended.output["outcome"], world.invoke("qa")["model"]) == ("Promoted", "slow")


def test_a_promotion_that_was_woken_too_often_goes_on_by_polls(world: World) -> None:
    """As it does if DynamoDB does not store the token."""
    arn = world.start(**slowly(world))
    world.wait_for_state(arn, WAIT)
    account, region = world.sandbox.accounts["qa"], world.sandbox.locations["qa"].region
    world.client("dynamodb").update_item(
        TableName=ENDPOINTS_TABLE,
        Key={"endpoint": {"S": endpoint_key(account, region, ENDPOINTS["qa"])}},
        UpdateExpression="SET waits = :most",
        ExpressionAttributeValues={":most": {"N": str(MOST_WAITS)}},
    )
    ended = world.wait(arn)

    assert ended.output["outcome"] == "Promoted"
    assert "TaskFailed" in ends_of(world, arn, WAIT)
    assert f"{WAIT} without events" in world.states(arn)


def test_what_is_stored_of_a_wait_is_gone_with_the_lock(world: World) -> None:
    ended = world.promote_successfully(world.model())

    assert WAIT in world.states(ended.arn)
    assert not {"task_token", "awaited_endpoint", "waits"} & set(world.lock_of("qa"))
