"""Endpoints of every kind, and how an update takes over: what a stage configures, and what that excludes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from typing import Any

import pytest

from lambdas.promotion.contract.settings import Settings
from sandbox.aws.faults.faults import Kind
from tests.integration.role_policies import with_permissions
from tests.integration.world import APPLICATION, World, require_failed

ENDPOINT = "text-classifier-qa"
EIGHT_HOURS, POLL_SECONDS = 8 * 3600, 30
HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}
TWO = {"VariantName": "AllTraffic", "InstanceType": "ml.t2.medium", "InitialInstanceCount": 2}
SERVERLESS = {"VariantName": "AllTraffic", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
Configured = Callable[..., Any]


@pytest.fixture
def stage(world: World, deployed_settings: Settings) -> Configured:
    """Run with other members of the stage qa; `variants` are the endpoint configuration's production variants."""

    def with_fields(variants: list[Mapping[str, Any]] | None = None, *, shadow: Any = None, **fields: Any) -> Any:
        def change(settings: dict[str, Any]) -> None:
            qa = settings["applications"][APPLICATION]["stages"]["qa"]
            qa |= fields
            if variants:
                qa["endpoint_config"] = {"ProductionVariants": variants}
            if shadow:
                qa["endpoint_config"]["ShadowProductionVariants"] = [shadow]

        return world.configured(change, deployed_settings)

    return with_fields


def blue_green(kind: str, *, wait: int = 0, **more: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **more}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}


def seeing_alarms(world: World) -> AbstractContextManager[None]:
    """Give the deployer the permission that it has where a stage has alarms."""
    return with_permissions(world, "qa", "promote-qa-deployer", "cloudwatch:DescribeAlarms")


@contextmanager
def alarm(world: World) -> Iterator[str]:
    """An alarm in qa, and the permission to see it."""
    name, cloudwatch = "errors", world.client("cloudwatch", "qa")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        MetricName="Invocation5XXErrors",
        Namespace="AWS/SageMaker",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="nothing failed yet")
    try:
        with seeing_alarms(world):
            yield name
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])


def test_a_serverless_endpoint_is_promoted_without_counts(world: World, stage: Configured) -> None:
    with stage([SERVERLESS]):
        made = world.model()
        world.promote_successfully(made)
        assert world.promote_successfully(world.model()).output["outcome"] == "Promoted"
    (variant,) = world.endpoint("qa")["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == SERVERLESS["ServerlessConfig"]
    assert (variant["CurrentInstanceCount"], "DesiredInstanceCount" in variant) == (0, False)


def test_instances_do_not_become_serverless_and_nothing_is_created(world: World, stage: Configured) -> None:
    world.promote_successfully(world.model())
    before = world.resources_in("qa")
    with stage([SERVERLESS]):
        require_failed(world.promote(world.model()), "IncompatibleRollout", "to serverless", "Nothing was created")
    assert world.resources_in("qa") == before


def test_a_canary_whose_alarm_fires_is_rolled_back_and_the_previous_model_serves(
    world: World, stage: Configured
) -> None:
    policy = blue_green("CANARY", wait=3600, CanarySize=HALF)
    guarded = {**policy, "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    with alarm(world) as name, stage([TWO], deployment_config=guarded):
        good = world.model()
        first = world.promote_successfully(good)
        arn = world.start(application=APPLICATION, stage="qa", model_name=world.model().name)
        wait_until_baking(world)
        world.client("cloudwatch", "qa").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="errors")
        ended = world.wait(arn)
    require_failed(ended, "DeploymentRolledBack", first.config, "alarms were in ALARM state: errors")
    assert world.endpoint("qa")["EndpointConfigName"] == first.config
    assert {world.invoke("qa")["model"] for _ in range(5)} == {good.name}


def test_a_missing_alarm_is_reported_before_anything_is_created(world: World, stage: Configured) -> None:
    world.promote_successfully(world.model())
    guarded = {**blue_green("ALL_AT_ONCE"), "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    with seeing_alarms(world), stage(deployment_config=guarded):
        require_failed(world.promote(world.model()), "PreflightFailed", "the alarm errors")


@pytest.mark.parametrize(
    "policy",
    [
        blue_green("LINEAR", wait=300, LinearStepSize=HALF),
        {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 300}},
    ],
    ids=["linear", "rolling"],
)
def test_a_rollout_in_steps_ends_with_all_traffic_on_the_new_model(
    world: World, stage: Configured, policy: dict[str, Any]
) -> None:
    with stage([TWO], deployment_config=policy):
        world.promote_successfully(world.model())
        ended = world.promote_successfully(made := world.model())
    assert world.endpoint("qa")["LastDeploymentConfig"] == policy
    assert {world.invoke("qa")["model"] for _ in range(5)} == {made.name}
    assert events_of_a_promotion_with(EIGHT_HOURS // POLL_SECONDS, world, ended.arn) < 20_000


def test_two_variants_keep_their_counts_unless_the_stage_resets_them(world: World, stage: Configured) -> None:
    variants = [{**TWO, "VariantName": name, "InitialInstanceCount": 1} for name in ("Main", "Other")]
    with stage(variants):
        world.promote_successfully(world.model())
        world.client("sagemaker", "qa").update_endpoint_weights_and_capacities(
            EndpointName=ENDPOINT, DesiredWeightsAndCapacities=[{"VariantName": "Main", "DesiredInstanceCount": 3}]
        )
        world.wait_for_endpoint("qa")
        world.promote_successfully(world.model())
        assert counts(world) == {"Main": 3, "Other": 1}
        with stage(variants, exclude_retained=["DesiredInstanceCount"]):
            world.promote_successfully(world.model())
    assert counts(world) == {"Main": 1, "Other": 1}


def test_a_shadow_variant_serves_the_promoted_model_beside_the_other(world: World, stage: Configured) -> None:
    with stage([TWO], shadow={**TWO, "VariantName": "Shadow", "InitialInstanceCount": 1}):
        ended = world.promote_successfully(made := world.model())
    endpoint = world.endpoint("qa")
    assert [variant["VariantName"] for variant in endpoint["ShadowProductionVariants"]] == ["Shadow"]
    config = world.client("sagemaker", "qa").describe_endpoint_config(EndpointConfigName=ended.config)
    assert config["ShadowProductionVariants"][0]["ModelName"] == ended.model
    assert world.invoke("qa")["model"] == made.name


def test_what_the_newest_sdk_has_reaches_the_endpoint_and_is_compared_with_it(world: World, stage: Configured) -> None:
    routing = {"RoutingStrategy": "KV_AWARE"}
    limit = {"MaxInvocationsPerSecondPerInstance": 50, "MaxCrossRegionPercentPerEndpoint": 20}
    variants = [{**TWO, "RoutingConfig": routing}]
    with stage(endpoint_config={"ProductionVariants": variants, "CrossRegionTrafficConfig": limit}):
        ended = world.promote_successfully(made := world.model())
        assert world.promote_successfully(made).output["outcome"] == "Unchanged"
    config = world.client("sagemaker", "qa").describe_endpoint_config(EndpointConfigName=ended.config)
    assert config["ProductionVariants"][0]["RoutingConfig"] == routing
    assert config["CrossRegionTrafficConfig"] == world.endpoint("qa")["CrossRegionTrafficConfig"] == limit


def test_a_rollout_to_other_variant_names_is_refused_before_anything_is_created(
    world: World, stage: Configured
) -> None:
    world.promote_successfully(world.model())
    before = world.resources_in("qa")
    with stage([{**TWO, "VariantName": "Renamed"}], deployment_config=blue_green("CANARY", CanarySize=HALF)):
        require_failed(
            world.promote(world.model()), "IncompatibleRollout", "AllTraffic and those of the update Renamed"
        )
    assert world.resources_in("qa") == before


def test_insufficient_capacity_is_distinguished_from_a_broken_model(world: World) -> None:
    first = world.promote_successfully(world.model())
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.NO_CAPACITY, account="333333333333")
    require_failed(
        world.promote(world.model()), "NoCapacity", first.config, "InsufficientInstanceCapacity", "Promote again"
    )


def test_capacity_is_retried_until_it_is_available(world: World, stage: Configured) -> None:
    world.promote_successfully(world.model())
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.NO_CAPACITY, account="333333333333", times=2)
    with stage(capacity_retries={"max_attempts": 2, "wait_seconds": 60}):
        ended = world.promote_successfully(made := world.model())
    assert world.states(ended.arn).count("Wait for capacity") == 2
    assert world.invoke("qa")["model"] == made.name


def events_of_a_promotion_with(polls: int, world: World, arn: str) -> int:
    """How long the history of a promotion would have been, had it looked at the endpoint so often.

    Measured in the history of one that looked a few times: the events of one round, and of all the rest. The sandbox
    does not tell that a task has started, AWS does (API: HistoryEventType).
    """
    events = [
        event
        for page in world.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
        for event in page["events"]
    ]
    weights = [2 if event["type"] == "TaskScheduled" else 1 for event in events]
    assert "TaskStarted" not in {event["type"] for event in events}
    entered = [event.get("stateEnteredEventDetails", {}).get("name") for event in events]
    looks = [number for number, name in enumerate(entered) if name == "Inspect the endpoint"]
    assert len(looks) > 2
    a_round = max(sum(weights[before:after]) for before, after in pairwise(looks))
    return sum(weights) + a_round * (polls - len(looks))


def counts(world: World) -> dict[str, int]:
    return {
        variant["VariantName"]: variant["CurrentInstanceCount"]
        for variant in world.endpoint("qa")["ProductionVariants"]
    }


def wait_until_baking(world: World) -> None:
    deadline = time.monotonic() + 20
    while True:
        pending = world.endpoint("qa").get("PendingDeploymentSummary")
        if pending and pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Baking":
            return
        assert time.monotonic() < deadline, world.endpoint("qa")
        time.sleep(0.02)
