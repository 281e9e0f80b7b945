"""A promotion that waits goes on with the version that started it, whatever is deployed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lambdas.promotion.contract.settings import Settings
from sandbox.aws.faults.faults import Kind
from tests.integration.deploy.test_endpoint_states import slow_to_start
from tests.integration.deploy.test_scaling import HERE, scaled_elsewhere
from tests.integration.scaled_endpoint import scaling_of
from tests.integration.upgrade.next_version import REMOVED_STATE, STATES, Deployments
from tests.integration.world import APPLICATION, ExecutionResult, World

WAITED_FOR = "Wait for the endpoint"


def crowd(number: int) -> str:
    return f"crowd-{number}"


def start(world: World, application: str, *, seconds: int = 0) -> str:
    """Start a promotion of a model that takes its time to load."""
    made = world.model(container=slow_to_start(world, seconds=seconds) if seconds else None)
    return world.start(application=application, stage="qa", model_name=made.name)


def patient(settings: dict[str, Any]) -> None:
    """What is promoted waits for instances, and qa's model is previewed."""
    stages = {name: application["stages"]["qa"] for name, application in settings["applications"].items()}
    stages[crowd(3)]["capacity_retries"] = {"max_attempts": 1, "wait_seconds": 3400}
    stages[APPLICATION]["preview"] = {"serverless": None}


def wait_for_copy(world: World) -> str:
    world.s3_faults.inject("CopyObject", kind=Kind.HANG, seconds=9.0, times=1)
    arn = start(world, crowd(2))
    world.wait_for_state(arn, "Copy the only work unit")
    return arn


def wait_for_rollback(world: World) -> str:
    """The endpoint is made again with its previous model, which takes its time to load."""
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.FAIL, account=HERE)
    arn = start(world, crowd(4))
    world.wait_for_state(arn, "Wait for the rollback without events")
    return arn


def wait_for_instances(world: World) -> str:
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.NO_CAPACITY, account=HERE)
    arn = start(world, crowd(3))
    world.wait_for_state(arn, "Wait for capacity")
    return arn


def wait_for_endpoint_and_lock(world: World, waited_for: str = WAITED_FOR) -> list[str]:
    holder = start(world, crowd(1), seconds=5)
    world.wait_for_state(holder, waited_for)
    waiting = start(world, crowd(1))
    world.wait_for_state(waiting, "Wait for the lock")
    return [holder, waiting]


def wait_for_preview(world: World) -> str:
    arn = start(world, APPLICATION, seconds=4)
    world.wait_for_state(arn, "Wait for the preview endpoint")
    return arn


def no_longer_running(world: World, arns: dict[str, str]) -> list[str]:
    return [state for state, arn in arns.items() if arn not in world.executions(statusFilter="RUNNING")]


def test_what_waits_while_the_next_version_is_deployed_ends_as_it_would_have(
    world: World, deployed_settings: Settings
) -> None:
    # None of them reaches the fault of another: those before have had theirs.
    begin: dict[str, Callable[[World], str]] = {
        "rollback": wait_for_rollback,
        "instances": wait_for_instances,
        "copy": wait_for_copy,
        "preview": wait_for_preview,
    }
    good = [start(world, crowd(4), seconds=7), start(world, crowd(3))]
    scaling = scaled_elsewhere(world)
    assert [world.wait(arn).status for arn in good] == ["SUCCEEDED", "SUCCEEDED"]
    with world.configured(patient, deployed_settings):
        arns = {state: wait(world) for state, wait in begin.items()}
        arns["endpoint"], arns["lock"] = wait_for_endpoint_and_lock(world)
        with Deployments(world).next_version(deployed_settings):
            assert no_longer_running(world, arns) == []
            ended = {state: world.wait(arn) for state, arn in arns.items()}
            require(ended, {**dict.fromkeys(arns, None), "rollback": "EndpointFailed"})
            assert scaling_of(world, "qa") == scaling
            assert REMOVED_STATE in world.states(arns["preview"])
            back = dict(zip(("endpoint", "lock"), wait_for_endpoint_and_lock(world, STATES[WAITED_FOR]), strict=True))
            back["copy"] = wait_for_copy(world)
        assert no_longer_running(world, back) == []
        require({state: world.wait(arn) for state, arn in back.items()}, dict.fromkeys(back))
    world.deploy_settings(deployed_settings)
    world.deploy_small_parts(deployed_settings)


def require(ended: dict[str, ExecutionResult], errors: dict[str, str | None]) -> None:
    assert {state: end.error for state, end in ended.items()} == errors, [end.cause for end in ended.values()]
