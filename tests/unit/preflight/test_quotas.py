"""How many instances run during a change, compared with the quotas."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.promotion.contract.errors import QuotaExceeded
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.preflight.checks import quotas
from lambdas.promotion.preflight.findings import Finding, Inconclusive
from tests.unit.builders import QA
from tests.unit.preflight.builders import ROLLING, current, desiring, variant


def test_a_first_deployment_requires_the_instances_of_the_stage() -> None:
    assert quotas.required_instances(desiring(variant(count=3)), None, {}) == {"ml.t2.medium": 3}


def test_a_blue_green_update_needs_the_live_instances_twice() -> None:
    """API: UpdateEndpoint, RetainAllVariantProperties: the new fleet is as large as the old one is now."""
    assert quotas.required_instances(desiring(variant()), current(variant(), All=4), {}) == {"ml.t2.medium": 8}


def test_a_rolling_update_needs_them_once() -> None:
    assert quotas.required_instances(desiring(variant()), current(variant(), All=4), ROLLING) == {"ml.t2.medium": 4}


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
    assert quotas.required_instances(previewed, now, {}) == {"ml.t2.medium": 8}
    assert quotas.required_instances(previewed, None, {}) == {"ml.t2.medium": 4}


@pytest.mark.parametrize(("quota", "violated"), [(8.0, False), (7.0, True)])
def test_a_quota_below_what_is_required_is_a_violation_with_its_own_name(quota: float, violated: bool) -> None:
    results = quotas.exceeded(QA, {"ml.t2.medium": 8}, {"ml.t2.medium for endpoint usage": quota})
    assert [result.error for result in results if isinstance(result, Finding)] == [QuotaExceeded] * violated
    assert not [result for result in results if isinstance(result, Inconclusive)]


def test_a_quota_that_was_not_read_is_inconclusive() -> None:
    (result,) = quotas.exceeded(QA, {"ml.t2.medium": 8}, {})
    assert isinstance(result, Inconclusive)
    assert "ml.t2.medium for endpoint usage" in str(result)


def test_only_a_stage_with_instances_is_compared_with_quotas() -> None:
    assert [quotas.uses_instances(desiring(variant(kind=kind))) for kind in ("ml.t2.medium", None)] == [True, False]
