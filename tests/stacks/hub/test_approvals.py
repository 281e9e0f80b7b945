"""The event pattern of an approval."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.baseline import approvals
from stacks.config.topology import Configuration
from tests.stacks.config.test_schema import parse, stage


def configured() -> Configuration:
    other = {"model_package_group": "prices", "stages": {"qa": stage(endpoint="prices-qa")}}
    return parse(("applications.prices", other))


def detail(pattern: Any) -> dict[str, Any]:
    return dict(pattern.detail)


def test_the_model_registry_is_in_the_source_of_the_first_stage() -> None:
    assert approvals.model_registries(configured()) == ["dev"]


def test_an_environment_forwards_the_approvals_of_every_group_in_it() -> None:
    assert approvals.groups_in("dev", configured()) == ["prices", "reviews"]


def test_an_environment_without_a_group_forwards_nothing() -> None:
    assert approvals.groups_in("qa", configured()) == []


def test_the_hub_matches_the_registrys_account_and_region_only() -> None:
    file = configured()
    pattern = approvals.pattern_for(file.applications["reviews"], file)
    assert (pattern.account, pattern.region, pattern.source) == (["222222222222"], ["us-east-1"], ["aws.sagemaker"])


def test_the_hub_starts_an_application_for_its_own_group_only() -> None:
    file = configured()
    assert detail(approvals.pattern_for(file.applications["reviews"], file))["ModelPackageGroupName"] == ["reviews"]


@pytest.mark.parametrize("part", ["ModelApprovalStatus", "$or"])
def test_an_approval_has_the_same_pattern_on_both_sides_of_the_bus(part: str) -> None:
    file = configured()
    hub, source = approvals.pattern_for(file.applications["reviews"], file), approvals.pattern_in("dev", file)
    assert detail(hub)[part] == detail(source)[part]


def test_an_edit_of_an_approved_version_is_not_an_approval() -> None:
    pattern = detail(approvals.pattern_in("dev", configured()))
    assert pattern["ModelApprovalStatus"] == ["Approved"]
    assert pattern["$or"] == [
        {"UpdatedModelPackageFields": ["ModelApprovalStatus"]},
        {"UpdatedModelPackageFields": [{"exists": False}]},
    ]
