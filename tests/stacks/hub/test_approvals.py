"""The event pattern of an approval."""

from __future__ import annotations

from typing import Any

import pytest

from recordings import store
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


def test_what_starts_or_is_announced_is_forwarded() -> None:
    file = configured()
    source = detail(approvals.pattern_in("dev", file))
    approval, rejection = (
        detail(approvals.pattern_for(file.applications["reviews"], file)),
        detail(approvals.rejections()),
    )
    assert approval["$or"] == rejection["$or"] == source["$or"]
    assert approval["ModelApprovalStatus"] + rejection["ModelApprovalStatus"] == source["ModelApprovalStatus"]
    assert rejection["ModelApprovalStatus"] == ["Rejected"]


def test_an_edit_of_an_approved_version_is_not_an_approval() -> None:
    file = configured()
    pattern = detail(approvals.pattern_for(file.applications["reviews"], file))
    assert pattern["ModelApprovalStatus"] == ["Approved"]
    assert pattern["$or"] == [
        {"UpdatedModelPackageFields": ["ModelApprovalStatus"]},
        {"UpdatedModelPackageFields": [{"exists": False}]},
    ]


def is_matched(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether EventBridge matches the detail of an event, by the operators that the pattern has."""
    for name, expected in pattern.items():
        if name == "$or":
            if not any(is_matched(part, event) for part in expected):
                return False
            continue
        values = event.get(name)
        if values is None:
            if {"exists": False} not in expected:
                return False
        elif {"exists": False} in expected or not set(values if isinstance(values, list) else [values]) & set(expected):
            return False
    return True


@pytest.mark.parametrize(
    ("key", "matched"),
    [
        ("events/SageMakerModelPackageStateChange/approval-2021-with-package-name-and-epoch", True),
        ("events/SageMakerModelPackageStateChange/life-cycle-change-keeps-approval", False),
        ("events/SageMakerModelPackageStateChange/metadata-stamp-emits-approved-again", False),
        ("events/SageMakerModelPackageStateChange/registration-emits-event-too", False),
    ],
)
def test_only_an_approval_is_matched_of_the_recorded_events(key: str, matched: bool) -> None:
    event = store.event(key)
    pattern = detail(approvals.pattern_in("dev", configured()))
    pattern["ModelPackageGroupName"] = [event["detail"].get("ModelPackageGroupName")]
    assert is_matched(pattern, event["detail"]) is matched
