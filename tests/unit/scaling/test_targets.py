"""Which scalable targets block an update, and which are registered after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.promotion.contract.document import from_line, to_line
from lambdas.promotion.contract.settings import CONCURRENCY, INSTANCES, Scaling
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.targets import ScalableTarget
from tests.unit.builders import promotion

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SMALL = {"VariantName": "A", "InstanceType": "ml.m5.large"}
LARGE = {**SMALL, "InstanceType": "ml.m5.xlarge"}
SERVERLESS = {"VariantName": "A", "ServerlessConfig": {"MaxConcurrency": 5}}
PROVISIONED = {"VariantName": "A", "ServerlessConfig": {"MaxConcurrency": 5, "ProvisionedConcurrency": 2}}
SIMPLE, CONCURRENT = SERVERLESS["ServerlessConfig"], PROVISIONED["ServerlessConfig"]
STEPS = {"PolicyName": "steps", "PolicyType": "StepScaling"}
NIGHT = {"ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)"}


def target(variant: str = "A", **changes: Any) -> ScalableTarget:
    plain = ScalableTarget(
        resource=scaling_targets.resource_id("reviews-qa", variant),
        dimension=INSTANCES,
        register={"MinCapacity": 1, "MaxCapacity": 4},
    )
    return replace(plain, **changes)


def test_the_variants_are_those_of_the_desired_configuration() -> None:
    (variant,) = scaling_targets.variants_of(promotion()).values()
    assert (variant["VariantName"], variant["InstanceType"]) == ("All", "ml.t2.medium")


@pytest.mark.parametrize(
    ("current", "desired"),
    [
        ({"A": SMALL}, {"A": LARGE}),
        ({"A": SMALL}, {}),
        ({"A": PROVISIONED}, {"A": SERVERLESS}),
        ({"A": PROVISIONED}, {"A": SMALL}),
        ({}, {"A": SMALL}),
    ],
    ids=["another type", "removed", "no concurrency", "another kind", "current deployment unknown"],
)
def test_a_variant_that_changes_blocks_the_update_and_no_other(
    current: dict[str, Any], desired: dict[str, Any]
) -> None:
    same = {"B": {**SMALL, "VariantName": "B"}}
    blocking = scaling_targets.blocking_targets(
        [target("A"), target("B")], current={**current, **same}, desired={**desired, **same}
    )
    assert [target.variant for target in blocking] == ["A"]


def test_if_no_variant_is_observed_to_change_all_block_the_update() -> None:
    """SageMaker has reported that some do."""
    both = {"A": SMALL, "B": SMALL}
    blocking = scaling_targets.blocking_targets([target("A"), target("B")], current=both, desired=both)
    assert [target.variant for target in blocking] == ["A", "B"]


def test_a_recorded_target_is_never_replaced_by_a_part_of_it() -> None:
    whole = target(policies=(STEPS,), scheduled_actions=(NIGHT,), policy_arns={"steps": "arn:old"})
    assert scaling_targets.merged([whole], []) == [whole]
    assert scaling_targets.merged([whole], [target()]) == [whole]


def test_an_observed_part_replaces_the_recorded_one_of_the_same_name() -> None:
    recorded = target(policies=(STEPS,), policy_arns={"steps": "arn:old"}, tags={"team": "nlp"})
    observed = target(
        register={"MinCapacity": 2, "MaxCapacity": 9},
        policies=({**STEPS, "StepScalingPolicyConfiguration": {"Cooldown": 60}},),
        policy_arns={"steps": "arn:new"},
    )
    (merged,) = scaling_targets.merged([recorded], [observed])
    assert (merged.register, merged.policies, merged.policy_arns) == (
        observed.register,
        observed.policies,
        observed.policy_arns,
    )
    assert merged.tags == {"team": "nlp"}


def test_the_alarms_of_both_are_kept_by_their_names() -> None:
    """An alarm of step scaling refers to its policy, and is made again with it."""
    recorded = target(alarms=({"AlarmName": "busy", "Period": 60}, {"AlarmName": "idle"}))
    observed = target(alarms=({"AlarmName": "busy", "Period": 30},))
    (merged,) = scaling_targets.merged([recorded], [observed])
    assert merged.alarms == ({"AlarmName": "busy", "Period": 30}, {"AlarmName": "idle"})


def test_the_configured_policies_are_registered() -> None:
    configured = Scaling(variant="A", dimension=INSTANCES, capacity={}, policies=(STEPS,))
    (registered,) = scaling_targets.to_register([], [configured], endpoint="reviews-qa")
    assert registered == target(register={}, policies=(STEPS,))


def test_targets_of_other_variants_and_dimensions_are_kept() -> None:
    others = [target("A"), target("B"), target("A", dimension=CONCURRENCY)]
    assert scaling_targets.merged(others[:1], others[1:]) == others


def test_configured_scaling_replaces_and_unconfigured_scaling_stays() -> None:
    suspended = {"DynamicScalingInSuspended": True}
    suspended_target = target(
        register={"MinCapacity": 1, "MaxCapacity": 4, "SuspendedState": suspended}, policies=(STEPS,), tags={"a": "b"}
    )
    configured = Scaling(
        variant="A", dimension=INSTANCES, capacity={"MinCapacity": 2, "MaxCapacity": 8}, scheduled_actions=(NIGHT,)
    )
    (registered,) = scaling_targets.to_register([suspended_target], [configured], endpoint="reviews-qa")
    assert registered.register == {"MinCapacity": 2, "MaxCapacity": 8, "SuspendedState": suspended}
    assert (registered.policies, registered.scheduled_actions, registered.tags) == ((STEPS,), (NIGHT,), {"a": "b"})


@pytest.mark.parametrize(
    ("dimension", "variants", "matches"),
    [
        (INSTANCES, {"A": {"CurrentInstanceCount": 1}}, True),
        (INSTANCES, {"B": {"CurrentInstanceCount": 1}}, False),
        (INSTANCES, {"A": {"CurrentServerlessConfig": {"MaxConcurrency": 1}}}, False),
        (CONCURRENCY, {"A": {"CurrentServerlessConfig": {"ProvisionedConcurrency": 1}}}, True),
        (CONCURRENCY, {"A": {"CurrentServerlessConfig": {"MaxConcurrency": 1}}}, False),
        (CONCURRENCY, {"A": {"CurrentInstanceCount": 1}}, False),
        # API: DescribeEndpoint, ProductionVariantSummary: what is desired comes before what is current.
        (CONCURRENCY, {"A": {"DesiredServerlessConfig": {"ProvisionedConcurrency": 1}}}, True),
        (CONCURRENCY, {"A": {"DesiredServerlessConfig": SIMPLE, "CurrentServerlessConfig": CONCURRENT}}, False),
        (INSTANCES, {"A": {"DesiredServerlessConfig": SIMPLE, "CurrentInstanceCount": 1}}, False),
    ],
)
def test_a_target_matches_a_variant_that_has_its_dimension(
    dimension: str, variants: dict[str, Any], matches: bool
) -> None:
    assert scaling_targets.matches(target(dimension=dimension), variants) is matches


@pytest.mark.parametrize(
    ("action", "remaining"),
    [
        (NIGHT, NIGHT),
        ({**NIGHT, "EndTime": "2026-11-01T11:59:00+00:00"}, None),
        ({**NIGHT, "EndTime": NOW.isoformat()}, None),
        ({**NIGHT, "StartTime": NOW.isoformat()}, NIGHT),
        ({**NIGHT, "Schedule": "at(2026-11-01T12:00:00)"}, None),
        ({**NIGHT, "StartTime": "2026-10-01T00:00:00+00:00"}, NIGHT),
        (
            {**NIGHT, "StartTime": "2026-12-01T00:00:00+00:00"},
            {**NIGHT, "StartTime": "2026-12-01T00:00:00+00:00"},
        ),
        ({**NIGHT, "Schedule": "at(2026-11-01T11:00:00)"}, None),
        ({**NIGHT, "Schedule": "at(2026-11-01T13:00:00)"}, {**NIGHT, "Schedule": "at(2026-11-01T13:00:00)"}),
        (
            {**NIGHT, "Schedule": "at(2026-11-01T11:00:00)", "Timezone": "America/Lima"},
            {**NIGHT, "Schedule": "at(2026-11-01T11:00:00)", "Timezone": "America/Lima"},
        ),
        ({**NIGHT, "Schedule": "at(2026-10-31T23:00:00)", "Timezone": "America/Lima"}, None),
    ],
    ids=[
        "every night",
        "ended",
        "ends now",
        "begins now",
        "once, now",
        "begun",
        "to begin",
        "once, past",
        "once, to come",
        "maybe to come",
        "past everywhere",
    ],
)
def test_a_scheduled_action_is_put_with_what_remains_of_it(
    action: dict[str, Any], remaining: dict[str, Any] | None
) -> None:
    assert scaling_targets.remaining_action(action, now=NOW) == remaining


def test_an_alarm_refers_to_the_policy_by_its_new_arn_and_keeps_its_other_actions() -> None:
    alarm = {"AlarmName": "busy", "AlarmActions": ["arn:sns", "arn:old"], "OKActions": ["arn:old"], "Period": 60}
    assert scaling_targets.with_new_policies(alarm, {"arn:old": "arn:new"}) == {
        "AlarmName": "busy",
        "AlarmActions": ["arn:sns", "arn:new"],
        "OKActions": ["arn:new"],
        "Period": 60,
    }


def test_a_target_is_read_from_the_list_as_it_was_written() -> None:
    whole = target(
        policies=({**STEPS, "StepScalingPolicyConfiguration": {"Cooldown": 60}},),
        scheduled_actions=(NIGHT,),
        policy_arns={"steps": "arn:old"},
        alarms=({"AlarmName": "busy", "Threshold": 100.0, "ActionsEnabled": True},),
        tags={"team": "nlp"},
    )
    assert from_line(to_line(whole), ScalableTarget) == whole


@pytest.mark.parametrize("field_name", ["AlarmActions", "OKActions", "InsufficientDataActions"])
@pytest.mark.parametrize(
    ("action", "may_be_put"),
    [
        ("arn:aws:sns:us-east-1:333333333333:on-call", True),
        ("the policy", True),
        ("arn:aws:autoscaling:us-east-1:333333333333:scalingPolicy:0a:resource/sagemaker/endpoint/e/variant/A:x", True),
        ("arn:aws:autoscaling:us-east-1:333333333333:scalingPolicy:0a:autoScalingGroupName/g:policyName/x", False),
        ("arn:aws:automate:us-east-1:ec2:stop", False),
        ("arn:aws:lambda:us-east-1:333333333333:function:f", False),
    ],
)
def test_an_alarm_that_the_scaler_may_not_put_again_is_no_scaling_to_suspend(
    field_name: str, action: str, may_be_put: bool
) -> None:
    problems = scaling_targets.alarm_problems([{"AlarmName": "busy", field_name: [action]}], {"the policy"})
    assert (problems == []) is may_be_put
    assert may_be_put or (action in problems[0] and "busy" in problems[0])
