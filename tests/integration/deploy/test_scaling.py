"""An endpoint that is scaled: AWS refuses some updates of it, and all of its scaling is there afterwards."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.contract.smoke_test_settings import Expectation
from lambdas.promotion.contract.steps import Step
from sandbox.aws.faults.faults import Kind
from tests.integration import smoke_tests
from tests.integration.scaled_endpoint import ON_CALL, VARIANT, move_to, of, register, scale, scaling_of
from tests.integration.world import APPLICATION, World, input_of, run

SUSPEND_SCALING = "Suspend scaling"
HERE = "333333333333"


def scaled_elsewhere(world: World) -> dict[str, Any]:
    """An endpoint whose instance type the next promotion changes, and whose variant is scaled; how it is."""
    world.promote_successfully(world.model())
    move_to(world, "qa", "ml.m5.large")
    return scale(world, "qa")


def test_a_changed_instance_type_leaves_the_endpoint_scaled_as_before(world: World) -> None:
    before = scaled_elsewhere(world)
    ended = world.promote_successfully(made := world.model())

    assert SUSPEND_SCALING in world.states(ended.arn)
    assert (before["instances"], len(before["policies"]), len(before["actions"])) == ([3], 2, 1)
    assert (before["alarms"], before["called"]) == (["busy"], [ON_CALL])
    assert scaling_of(world, "qa") == before
    assert world.invoke("qa")["model"] == made.name


def test_a_changed_model_alone_deregisters_nothing(world: World) -> None:
    world.promote_successfully(world.model())
    before = scale(world, "qa")
    arn = target_arn(world)
    ended = world.promote_successfully(world.model())

    assert SUSPEND_SCALING not in world.states(ended.arn)
    assert target_arn(world) == arn
    assert scaling_of(world, "qa") == before


def test_an_update_that_is_rolled_back_leaves_the_endpoint_scaled_as_before_whatever_was_run_again(
    world: World,
) -> None:
    """Each call that changes something has its effect and fails; then the steps are run again, alone."""
    before = scaled_elsewhere(world)
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.SILENT_ROLLBACK, account=HERE)
    world.sagemaker_faults.inject("DeregisterScalableTarget", Kind.ERROR_AFTER, code="ThrottlingException", status=400)
    world.sagemaker_faults.inject("PutScalingPolicy", Kind.ERROR_AFTER, code="ConcurrentUpdateException", status=400)
    world.sagemaker_faults.inject("PutScheduledAction", Kind.ERROR_AFTER)
    ended = world.promote(world.model())
    promotion = input_of(world, ended.arn, "Wait for the scaling deregistration")

    assert ended.error == "DeploymentRolledBack", ended.cause
    assert world.sagemaker_faults.pending() == []
    assert scaling_of(world, "qa") == before
    for _ in range(2):
        assert run(world, Step.SUSPEND_SCALING, promotion) == {}
    assert scaling_of(world, "qa") == {}
    (written,) = world.list_of(promotion, work_lists.SUSPENDED_SCALING)
    assert (len(written["policies"]), len(written["scheduled_actions"])) == (2, 1)
    assert run(world, Step.RESUME_SCALING, promotion) == {}
    assert scaling_of(world, "qa") == before


def test_a_promotion_that_is_stopped_while_it_updates_leaves_the_endpoint_scaled_as_before(world: World) -> None:
    before = scaled_elsewhere(world)
    arn = world.start(application=APPLICATION, stage="qa", model_name=world.model().name)
    world.wait_for_state(arn, "Wait for the scaling deregistration")
    assert scaling_of(world, "qa") == {}
    world.client("stepfunctions").stop_execution(executionArn=arn)

    assert settled(world, before) == before


def test_a_failure_with_scaling_that_cannot_be_resumed_reports_both(world: World) -> None:
    scaled_elsewhere(world)
    refusal = {"code": "ValidationException", "status": 400, "message": "The type cannot be scaled.", "times": None}
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.SILENT_ROLLBACK, account=HERE, reason="The alarm rang.")
    world.sagemaker_faults.inject("RegisterScalableTarget", Kind.ERROR, account=HERE, **refusal)
    ended = world.promote(world.model())

    assert ended.error == "DeploymentRolledBack"
    for words in ("The alarm rang.", "could not be resumed either (ScalingIncomplete)", "/suspended-scaling.jsonl"):
        assert words in ended.cause


def test_a_rollback_to_another_instance_type_is_not_blocked_by_scaling(
    world: World, deployed_settings: Settings
) -> None:
    """The endpoint is scaled again, by another principal, before the smoke test fails."""
    before = scaled_elsewhere(world)
    serving = world.endpoint("qa")["EndpointConfigName"]
    wrong = replace(smoke_tests.TEXT, expect=Expectation(body="never"))
    with smoke_tests.tested(world, deployed_settings, wrong):
        arn = world.start(application=APPLICATION, stage="qa", model_name=world.model().name)
        world.wait_for_state(arn, "Wait for the endpoint")
        register(world, "qa")
        ended = world.wait(arn)

    assert ended.error == "SmokeTestFailed", ended.cause
    assert f"has its previous configuration {serving}" in ended.cause
    assert "Suspend scaling for the rollback" in world.states(arn)
    assert scaling_of(world, "qa") == before


def test_a_broken_endpoint_that_is_made_anew_is_scaled_as_before(world: World) -> None:
    world.promote_successfully(world.model())
    before = scale(world, "qa")
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.FAIL, reason="Broken.")
    ended = world.promote(world.model())

    assert (ended.error, world.record_of(ended.arn)["outcome"]) == ("EndpointFailed", "RolledBack"), ended.cause
    assert {**scaling_of(world, "qa"), "instances": [3]} == before


def test_configured_scaling_is_registered_also_when_nothing_else_changes(
    world: World, deployed_settings: Settings
) -> None:
    made = world.model()
    world.promote_successfully(made)
    world.client("application-autoscaling", "qa").register_scalable_target(
        **of("qa"), MinCapacity=1, MaxCapacity=2, SuspendedState={"DynamicScalingInSuspended": True}
    )
    with world.configured(scaled_by_the_stage, deployed_settings):
        ended = world.promote_successfully(made)
        world.promote_successfully(made)
    scaling = scaling_of(world, "qa")

    assert ended.output["outcome"] == "Unchanged"
    assert (scaling["target"]["MinCapacity"], scaling["target"]["MaxCapacity"]) == (2, 5)
    assert scaling["target"]["SuspendedState"]["DynamicScalingInSuspended"] is True
    assert [policy["PolicyName"] for policy in scaling["policies"]] == ["promote-target-tracking"]
    assert [action["Schedule"] for action in scaling["actions"]] == ["rate(1 day)"]


def scaled_by_the_stage(settings: dict[str, Any]) -> None:
    settings["applications"][APPLICATION]["stages"]["qa"]["autoscaling"] = [
        {
            "variant": VARIANT,
            "dimension": of("qa")["ScalableDimension"],
            "capacity": {"MinCapacity": 2, "MaxCapacity": 5},
            "policies": [
                {
                    "PolicyName": "promote-target-tracking",
                    "PolicyType": "TargetTrackingScaling",
                    "TargetTrackingScalingPolicyConfiguration": {
                        "TargetValue": 10.0,
                        "PredefinedMetricSpecification": {
                            "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                        },
                    },
                }
            ],
            "scheduled_actions": [
                {
                    "ScheduledActionName": "daily",
                    "Schedule": "rate(1 day)",
                    "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 9},
                }
            ],
        }
    ]


def target_arn(world: World) -> str:
    client = world.client("application-autoscaling", "qa")
    (target,) = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[of("qa")["ResourceId"]])[
        "ScalableTargets"
    ]
    arn: str = target["ScalableTargetARN"]
    return arn


def settled(world: World, before: dict[str, Any], *, seconds: float = 10) -> dict[str, Any]:
    """Give the rule's Lambda time to register everything again, one after the other; return how it is scaled then."""
    deadline = time.monotonic() + seconds
    while (now := scaling_of(world, "qa")) != before and time.monotonic() < deadline:
        time.sleep(0.05)
    return now
