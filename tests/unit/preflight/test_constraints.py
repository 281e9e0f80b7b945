"""What stands in the way of a change though every right is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.document import DesiredResource, Promotion
from lambdas.promotion.contract.errors import IncompatibleRollout, QuotaExceeded
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.endpoint import rollout
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.preflight import constraints
from lambdas.promotion.preflight.findings import Finding, Inconclusive
from lambdas.promotion.resolve import identity
from tests.unit.builders import OLD_CONFIG, STAGE, observed, promotion

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 300,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        }
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]},
}
ROLLING = {
    "RollingUpdatePolicy": {
        "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
        "WaitIntervalInSeconds": 60,
    }
}


def variant(name: str = "All", kind: str | None = "ml.t2.medium", count: int = 1) -> dict[str, Any]:
    if kind is None:
        return {"VariantName": name, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    return {"VariantName": name, "InstanceType": kind, "InitialInstanceCount": count}


def wanted(*variants: dict[str, Any]) -> Promotion:
    one = promotion()
    request = identity.config_request(
        replace(STAGE, endpoint_config={"ProductionVariants": [*variants]}), model_name="m"
    )
    return replace(one, desired_config=DesiredResource(name="c", request={"EndpointConfigName": "c", **request}))


def serving(*variants: dict[str, Any], **counts: int) -> CurrentDeployment:
    return CurrentDeployment(
        observed=observed("InService", variants=tuple(one["VariantName"] for one in variants)),
        config=OLD_CONFIG,
        counts=counts,
        request={"ProductionVariants": [*variants]},
    )


# How many instances


def test_a_first_deployment_requires_the_instances_of_the_stage() -> None:
    assert constraints.required_instances(wanted(variant(count=3)), None, {}) == {"ml.t2.medium": 3}


def test_a_blue_green_update_needs_the_live_instances_twice() -> None:
    """API: UpdateEndpoint, RetainAllVariantProperties: the new fleet is as large as the old one is now."""
    assert constraints.required_instances(wanted(variant()), serving(variant(), All=4), {}) == {"ml.t2.medium": 8}


def test_a_rolling_update_needs_them_once() -> None:
    assert constraints.required_instances(wanted(variant()), serving(variant(), All=4), ROLLING) == {"ml.t2.medium": 4}


def test_another_instance_type_does_not_count_the_old_ones() -> None:
    new = wanted(variant(kind="ml.m5.xlarge"))
    assert constraints.required_instances(new, serving(variant(), All=4), {}) == {"ml.m5.xlarge": 4}


def test_serverless_needs_no_instances() -> None:
    assert constraints.required_instances(wanted(variant(kind=None)), serving(variant(), All=1), {}) == {}


def test_a_preview_runs_beside_the_old_fleet_and_is_deleted_before_the_change() -> None:
    new = wanted(variant("A", count=3), variant("B"))
    tried = replace(new, stage=replace(new.stage, preview=Preview()))
    now = serving(variant("A"), variant("B"), A=3, B=1)
    assert constraints.required_instances(tried, now, ROLLING) == {"ml.t2.medium": 6}
    assert constraints.required_instances(tried, now, {}) == {"ml.t2.medium": 8}
    assert constraints.required_instances(tried, None, {}) == {"ml.t2.medium": 4}


@pytest.mark.parametrize(("quota", "blocking_targets"), [(8.0, False), (7.0, True)])
def test_a_quota_below_what_is_required_is_a_violation_with_its_own_name(quota: float, blocking_targets: bool) -> None:
    found = constraints.quotas(wanted(variant()), {"ml.t2.medium": 8}, {"ml.t2.medium for endpoint usage": quota})
    assert [one.error for one in found if isinstance(one, Finding)] == [QuotaExceeded] * blocking_targets
    assert not [one for one in found if isinstance(one, Inconclusive)]


def test_a_quota_that_was_not_found_is_inconclusive() -> None:
    (found,) = constraints.quotas(wanted(variant()), {"ml.t2.medium": 8}, {})
    assert isinstance(found, Inconclusive)
    assert "ml.t2.medium for endpoint usage" in str(found)


# Autoscaling


def test_only_variants_that_are_removed_or_change_their_type_may_not_be_scaled() -> None:
    warm, cold = ({"VariantName": "Warm", "ServerlessConfig": one} for one in ({"ProvisionedConcurrency": 1}, {}))
    new = wanted(variant("Same"), variant("Larger", "ml.m5.xlarge"), variant("New"), cold)
    now = serving(variant("Same", count=9), variant("Larger"), variant("Deleted"), warm)
    assert constraints.variants_blocked_by_scaling(new, now) == ["Larger", "Deleted", "Warm"]
    assert constraints.variants_blocked_by_scaling(new, None) == []


# Alarms


def test_an_alarm_must_exist_and_not_be_in_alarm() -> None:
    states = {"quiet": "OK", "new": "INSUFFICIENT_DATA", "red": "ALARM"}
    found = constraints.alarms(promotion(), ["quiet", "new", "red", "none"], states)
    said = {str(one).split("the alarm ")[1].split(" ")[0]: str(one) for one in found}
    assert set(said) == {"red", "none"}
    assert "state ALARM" in said["red"]
    assert "no such alarm" in said["none"]


# What the live endpoint excludes (test_update_constraints.py has all of it)


def test_what_the_live_endpoint_excludes_is_a_violation_with_its_own_name() -> None:
    stage = replace(STAGE, deployment_config=CANARY, endpoint_config={"ProductionVariants": [variant("B")]})
    new, now = replace(promotion(), stage=stage), serving(variant("A"))
    (found,) = constraints.excluded(new, now)
    assert isinstance(found, Finding)
    assert "Its variants are A and the stage's B" in str(found)
    assert found.error is IncompatibleRollout
    assert constraints.excluded(new, None) == []
    assert constraints.excluded(new, serving(variant("B"))) == []
    assert constraints.excluded(new, replace(now, observed=observed("Updating", variants=("A",)))) == []


# What serverless excludes


def test_a_model_that_serverless_excludes_blocks_a_serverless_stage_and_a_serverless_preview() -> None:
    two = {"Containers": [{"Image": "i"}, {"Image": "i", "Mode": "MultiModel"}], "EnableNetworkIsolation": True}
    plain, several = wanted(variant()), replace(wanted(variant()), desired_model=DesiredResource(name="m", request=two))
    serverless = replace(several, desired_config=wanted(variant(kind=None)).desired_config)
    tried = replace(several, stage=replace(several.stage, preview=Preview(serverless={"MemorySizeInMB": 1024})))
    assert constraints.not_serverless(several) == []
    assert constraints.not_serverless(replace(plain, stage=tried.stage)) == []
    for one in (serverless, tried):
        (found,) = constraints.not_serverless(one)
        assert "several containers, a container for several models (MultiModel), network isolation" in str(found)


# The key


@pytest.mark.parametrize(("state", "blocking_targets"), [("Enabled", 0), ("Disabled", 1), ("PendingDeletion", 1)])
def test_an_unusable_key_is_a_violation(state: str, blocking_targets: int) -> None:
    assert len(constraints.key_state(promotion(), "arn:aws:kms:x:3:key/k", state)) == blocking_targets


# The rollout in words


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "blue/green, all at once"),
        (ROLLING, "rolling, 1 instances at a time"),
        (CANARY, "blue/green, canary of 10 %, rolled back by the alarms errors, latency"),
    ],
)
def test_a_rollout_is_described_in_words(config: dict[str, Any], words: str) -> None:
    assert rollout.as_text(config) == words


def test_a_stage_without_a_rollout_has_no_alarms() -> None:
    assert rollout.alarms_of(rollout.of_stage(STAGE)) == []
    assert rollout.alarms_of(CANARY) == ["errors", "latency"]
