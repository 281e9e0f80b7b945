"""What of an endpoint's scaling stands in an update's way, and what is registered after it."""

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
    ("now", "wanted"),
    [
        ({"A": SMALL}, {"A": LARGE}),
        ({"A": SMALL}, {}),
        ({"A": PROVISIONED}, {"A": SERVERLESS}),
        ({"A": PROVISIONED}, {"A": SMALL}),
        ({}, {"A": SMALL}),
    ],
    ids=["another type", "removed", "no concurrency", "another kind", "nobody knows what serves"],
)
def test_a_variant_that_changes_blocks_the_update_and_no_other(now: dict[str, Any], wanted: dict[str, Any]) -> None:
    same = {"B": {**SMALL, "VariantName": "B"}}
    found = scaling_targets.blocking_targets([target("A"), target("B")], now={**now, **same}, wanted={**wanted, **same})
    assert [one.variant for one in found] == ["A"]


def test_if_no_variant_is_observed_to_change_all_block_the_update() -> None:
    """SageMaker has said that some are."""
    both = {"A": SMALL, "B": SMALL}
    found = scaling_targets.blocking_targets([target("A"), target("B")], now=both, wanted=both)
    assert [one.variant for one in found] == ["A", "B"]


def test_what_is_written_down_is_never_replaced_by_less() -> None:
    whole = target(policies=(STEPS,), scheduled_actions=(NIGHT,), policy_arns={"steps": "arn:old"})
    assert scaling_targets.merged([whole], []) == [whole]
    assert scaling_targets.merged([whole], [target()]) == [whole]


def test_what_is_found_now_replaces_what_has_its_name() -> None:
    known = target(policies=(STEPS,), policy_arns={"steps": "arn:old"}, tags={"team": "nlp"})
    found = target(
        register={"MinCapacity": 2, "MaxCapacity": 9},
        policies=({**STEPS, "StepScalingPolicyConfiguration": {"Cooldown": 60}},),
        policy_arns={"steps": "arn:new"},
    )
    (merged,) = scaling_targets.merged([known], [found])
    assert (merged.register, merged.policies, merged.policy_arns) == (found.register, found.policies, found.policy_arns)
    assert merged.tags == {"team": "nlp"}


def test_targets_of_other_variants_and_dimensions_stand_side_by_side() -> None:
    others = [target("A"), target("B"), target("A", dimension=CONCURRENCY)]
    assert scaling_targets.merged(others[:1], others[1:]) == others


def test_configured_scaling_replaces_and_unconfigured_scaling_stays() -> None:
    suspended = {"DynamicScalingInSuspended": True}
    aside = target(
        register={"MinCapacity": 1, "MaxCapacity": 4, "SuspendedState": suspended}, policies=(STEPS,), tags={"a": "b"}
    )
    said = Scaling(
        variant="A", dimension=INSTANCES, capacity={"MinCapacity": 2, "MaxCapacity": 8}, scheduled_actions=(NIGHT,)
    )
    (found,) = scaling_targets.to_register([aside], [said], endpoint="reviews-qa")
    assert found.register == {"MinCapacity": 2, "MaxCapacity": 8, "SuspendedState": suspended}
    assert (found.policies, found.scheduled_actions, found.tags) == ((STEPS,), (NIGHT,), {"a": "b"})


@pytest.mark.parametrize(
    ("dimension", "there", "fits"),
    [
        (INSTANCES, {"A": {"CurrentInstanceCount": 1}}, True),
        (INSTANCES, {"B": {"CurrentInstanceCount": 1}}, False),
        (INSTANCES, {"A": {"CurrentServerlessConfig": {"MaxConcurrency": 1}}}, False),
        (CONCURRENCY, {"A": {"CurrentServerlessConfig": {"ProvisionedConcurrency": 1}}}, True),
        (CONCURRENCY, {"A": {"CurrentServerlessConfig": {"MaxConcurrency": 1}}}, False),
        (CONCURRENCY, {"A": {"CurrentInstanceCount": 1}}, False),
    ],
)
def test_a_target_matches_a_variant_that_has_its_dimension(dimension: str, there: dict[str, Any], fits: bool) -> None:
    assert scaling_targets.matches(target(dimension=dimension), there) is fits


@pytest.mark.parametrize(
    ("action", "left"),
    [
        (NIGHT, NIGHT),
        ({**NIGHT, "EndTime": "2026-11-01T11:59:00+00:00"}, None),
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
        "begun",
        "to begin",
        "once, past",
        "once, to come",
        "maybe to come",
        "past everywhere",
    ],
)
def test_a_scheduled_action_is_put_as_far_as_it_is_still_to_come(
    action: dict[str, Any], left: dict[str, Any] | None
) -> None:
    assert scaling_targets.still_to_come(action, now=NOW) == left


def test_an_alarm_calls_the_policy_by_its_new_arn_and_other_actions_as_before() -> None:
    alarm = {"AlarmName": "busy", "AlarmActions": ["arn:sns", "arn:old"], "OKActions": ["arn:old"], "Period": 60}
    assert scaling_targets.with_new_policies(alarm, {"arn:old": "arn:new"}) == {
        "AlarmName": "busy",
        "AlarmActions": ["arn:sns", "arn:new"],
        "OKActions": ["arn:new"],
        "Period": 60,
    }


def test_a_target_comes_back_from_the_list_as_it_was_written() -> None:
    whole = target(
        policies=({**STEPS, "StepScalingPolicyConfiguration": {"Cooldown": 60}},),
        scheduled_actions=(NIGHT,),
        policy_arns={"steps": "arn:old"},
        alarms=({"AlarmName": "busy", "Threshold": 100.0, "ActionsEnabled": True},),
        tags={"team": "nlp"},
    )
    assert from_line(to_line(whole), ScalableTarget) == whole
