"""How many instances run during a change, compared with the quotas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.document import Change, Progress
from lambdas.promotion.contract.errors import QuotaExceeded
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.preflight import quota_codes
from lambdas.promotion.preflight.checks import quotas
from lambdas.promotion.preflight.findings import Finding, Inconclusive
from recordings import store
from tests.unit.builders import QA
from tests.unit.preflight.builders import ROLLING, current, desiring, variant


def test_a_first_deployment_requires_the_instances_of_the_stage() -> None:
    assert quotas.required_instances(desiring(variant(count=3)), None, {}) == {"ml.t2.medium": 3}


def test_a_blue_green_update_needs_the_live_instances_twice() -> None:
    """API: UpdateEndpoint, RetainAllVariantProperties: the new fleet is as large as the old one is now."""
    assert quotas.required_instances(desiring(variant()), current(variant(), All=4), {}) == {"ml.t2.medium": 8}


@pytest.mark.parametrize(
    ("size", "peak"),
    [
        ({"Type": "INSTANCE_COUNT", "Value": 1}, 11),
        ({"Type": "INSTANCE_COUNT", "Value": 5}, 15),
        ({"Type": "CAPACITY_PERCENT", "Value": 50}, 15),
        ({"Type": "CAPACITY_PERCENT", "Value": 25}, 12),
        ({"Type": "CAPACITY_PERCENT", "Value": 5}, 11),
    ],
)
def test_a_rolling_update_needs_one_batch_beside_the_live_instances(size: dict[str, Any], peak: int) -> None:
    """API: RollingUpdatePolicy, MaximumBatchSize: each step provisions a batch, then terminates as many old ones."""
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 60}}
    assert quotas.required_instances(desiring(variant()), current(variant(), All=10), rolling) == {"ml.t2.medium": peak}


def test_a_rolling_update_never_needs_more_than_both_fleets() -> None:
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 9}}}
    assert quotas.required_instances(desiring(variant()), current(variant(), All=2), rolling) == {"ml.t2.medium": 4}


def test_a_rolling_update_of_inf1_is_done_as_blue_green() -> None:
    """AWS: deployment guardrails, exclusions."""
    inferentia = variant(kind="ml.inf1.xlarge")
    assert quotas.required_instances(desiring(inferentia), current(inferentia, All=4), ROLLING) == {"ml.inf1.xlarge": 8}


NOT_RETAINED = ({"retain_variant_properties": False}, {"exclude_retained": ("DesiredInstanceCount",)})


@pytest.mark.parametrize("stage", NOT_RETAINED)
@pytest.mark.parametrize(("live", "initial", "peak"), [(10, 2, 12), (1, 8, 9)])
def test_counts_that_are_not_retained_are_those_of_the_configuration(
    stage: dict[str, Any], live: int, initial: int, peak: int
) -> None:
    new = desiring(variant(count=initial))
    assert quotas.required_instances(
        replace(new, stage=replace(new.stage, **stage)), current(variant(), All=live), {}
    ) == {"ml.t2.medium": peak}


@pytest.mark.parametrize(("live", "initial", "peak"), [(10, 2, 11), (1, 8, 8), (2, 3, 3)])
def test_a_rolling_update_that_does_not_retain_the_counts_ends_with_the_new_ones(
    live: int, initial: int, peak: int
) -> None:
    new = desiring(variant(count=initial))
    changed = replace(new, stage=replace(new.stage, retain_variant_properties=False))
    assert quotas.required_instances(changed, current(variant(), All=live), ROLLING) == {"ml.t2.medium": peak}


@pytest.mark.parametrize("excluded", ["DesiredWeight", "DataCaptureConfig"])
def test_what_else_is_not_retained_changes_no_count(excluded: str) -> None:
    new = desiring(variant(count=2))
    changed = replace(new, stage=replace(new.stage, exclude_retained=(excluded,)))
    assert quotas.required_instances(changed, current(variant(), All=10), {}) == {"ml.t2.medium": 20}


def test_an_excluded_count_means_nothing_where_nothing_is_retained() -> None:
    """API: UpdateEndpoint, ExcludeRetainedVariantProperties is for RetainAllVariantProperties."""
    new = desiring(variant(count=2))
    changed = replace(
        new, stage=replace(new.stage, retain_variant_properties=False, exclude_retained=("DesiredWeight",))
    )
    assert quotas.required_instances(changed, current(variant(), All=10), {}) == {"ml.t2.medium": 12}


def test_a_renamed_variant_retains_no_count() -> None:
    new = desiring(variant("New", count=3))
    assert quotas.required_instances(new, current(variant("Old"), Old=4), {}) == {"ml.t2.medium": 7}


def test_variants_of_one_type_add_up() -> None:
    new = desiring(variant("A", count=3), variant("B", count=2))
    now = current(variant("A"), variant("B"), A=5, B=1)
    assert quotas.required_instances(new, now, {}) == {"ml.t2.medium": 12}
    swapped = desiring(variant("A", kind="ml.m5.large"), variant("B"))
    assert quotas.required_instances(swapped, now, {}) == {"ml.m5.large": 5, "ml.t2.medium": 7}


def test_a_shadow_variant_runs_beside_the_production_variants() -> None:
    shadowed = desiring(variant(count=2), shadows=(variant("Shadow", count=3),))
    assert quotas.required_instances(shadowed, None, {}) == {"ml.t2.medium": 5}
    now = current(variant(), shadows=(variant("Shadow"),), All=2, Shadow=4)
    assert quotas.required_instances(shadowed, now, {}) == {"ml.t2.medium": 12}
    assert quotas.required_instances(desiring(variant(count=2)), now, {}) == {"ml.t2.medium": 8}
    only_shadow = desiring(variant(kind=None), shadows=(variant("Shadow", count=3),))
    assert quotas.required_instances(only_shadow, None, {}) == {"ml.t2.medium": 3}
    assert quotas.uses_instances(only_shadow)


def test_instance_pools_hold_the_quota_of_each_type_of_the_list() -> None:
    """recordings: CreateEndpoint, quota-held-by-instance-pools."""
    refused = store.error("sagemaker/CreateEndpoint/quota-held-by-instance-pools")
    pooled = {
        "VariantName": "All",
        "InstancePools": [{"InstanceType": kind, "Priority": 1} for kind in ("ml.g6.xlarge", "ml.g6.2xlarge")],
        "InitialInstanceCount": 2,
    }
    required = quotas.required_instances(desiring(pooled), current(pooled, All=3), {})
    assert required == {"ml.g6.2xlarge": 6, "ml.g6.xlarge": 6}
    assert f"'{quota_codes.quota_name('ml.g6.2xlarge')}'" in str(refused)
    assert quotas.uses_instances(desiring(pooled))


def test_a_change_that_is_under_way_has_its_instances() -> None:
    under_way = desiring(variant()).with_change(Change(progress=Progress.IN_PROGRESS, adopted=True))
    assert not quotas.uses_instances(under_way)


def test_live_instances_of_an_unknown_type_are_not_counted_in_silence() -> None:
    unread = replace(current(variant(), All=4), request=None, reason="Somebody else made it.")
    (result,) = quotas.uncounted(unread)
    assert isinstance(result, Inconclusive)
    assert "Somebody else made it." in str(result)
    assert quotas.uncounted(current(variant(), All=4)) == []
    assert quotas.uncounted(None) == []


def test_another_instance_type_does_not_count_the_old_ones() -> None:
    new = desiring(variant(kind="ml.m5.xlarge"))
    assert quotas.required_instances(new, current(variant(), All=4), {}) == {"ml.m5.xlarge": 4}


def test_serverless_needs_no_instances() -> None:
    assert quotas.required_instances(desiring(variant(kind=None)), current(variant(), All=1), {}) == {}


def test_a_preview_runs_beside_the_old_fleet_and_is_deleted_before_the_change() -> None:
    new = desiring(variant("A", count=3), variant("B"))
    previewed = replace(new, stage=replace(new.stage, preview=Preview()))
    now = current(variant("A"), variant("B"), A=3, B=1)
    assert quotas.required_instances(previewed, now, ROLLING) == {"ml.t2.medium": 6}
    excluded = replace(previewed, stage=replace(previewed.stage, retain_variant_properties=False))
    assert quotas.required_instances(excluded, current(variant("A"), variant("B"), A=9, B=1), {}) == {
        "ml.t2.medium": 14
    }
    assert quotas.required_instances(previewed, now, {}) == {"ml.t2.medium": 8}
    assert quotas.required_instances(previewed, None, {}) == {"ml.t2.medium": 4}


@pytest.mark.parametrize(("quota", "violated"), [(8.0, False), (7.0, True)])
def test_a_quota_below_what_is_required_is_a_violation_with_its_own_name(quota: float, violated: bool) -> None:
    results = quotas.exceeded(QA, {"ml.t2.medium": 8}, {"ml.t2.medium": quota})
    assert [result.error for result in results if isinstance(result, Finding)] == [QuotaExceeded] * violated
    assert not [result for result in results if isinstance(result, Inconclusive)]


def test_a_quota_that_was_not_read_is_inconclusive() -> None:
    (result,) = quotas.exceeded(QA, {"ml.t2.medium": 8}, {})
    assert isinstance(result, Inconclusive)
    assert "ml.t2.medium for endpoint usage" in str(result)


def test_only_a_stage_with_instances_is_compared_with_quotas() -> None:
    assert [quotas.uses_instances(desiring(variant(kind=kind))) for kind in ("ml.t2.medium", None)] == [True, False]
