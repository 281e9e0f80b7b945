"""What stands in a promotion's way is told all at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.promotion.contract.errors import AccessDenied, ImageNotFound, PreflightFailed
from lambdas.promotion.preflight import findings as readiness
from lambdas.promotion.preflight.findings import Finding

DENIED = Finding(role="promote-dev-copier", action="s3:GetObject", resource="s3://a/b/one", message="AWS says: no.")
MISSING = Finding(
    role="promote-qa-deployer",
    action="ecr:BatchGetImage",
    resource="an/image",
    message="There is none.",
    remedy="Push it.",
    error=ImageNotFound,
)
WHERE = "the promotion of m to qa"


def problems(*findings: Finding) -> str:
    with pytest.raises(PreflightFailed) as raised:
        readiness.require_ready(findings, subject=WHERE)
    return str(raised.value)


def test_no_findings_raise_no_error() -> None:
    readiness.require_ready([], subject=WHERE)


def test_each_finding_is_reported_with_role_action_resource_message_and_remedy() -> None:
    text = problems(DENIED, MISSING)
    assert "2 things are in the way of the promotion of m to qa" in text
    for one in (DENIED, MISSING):
        for words in (one.role, one.action, one.resource, one.message, one.remedy):
            assert words in text


def test_what_is_all_of_one_kind_keeps_its_name() -> None:
    with pytest.raises(ImageNotFound, match="One thing is in the way"):
        readiness.require_ready([MISSING], subject=WHERE)
    with pytest.raises(ImageNotFound, match="2 things are in the way"):
        readiness.require_ready([MISSING, replace(MISSING, resource="another")], subject=WHERE)


def test_the_same_for_many_objects_of_a_folder_is_one_finding() -> None:
    many = [replace(DENIED, resource=f"s3://a/b/{number}") for number in range(1000)]
    elsewhere = replace(DENIED, resource="s3://a/c/1")
    first, other = readiness.grouped([*many, elsewhere])
    assert (first.resource, first.others, other.others) == ("s3://a/b/0", 999, 0)
    assert "s3://a/b/0 and 999 more like it" in problems(first)


def test_different_actions_on_one_resource_are_different_findings() -> None:
    assert len(readiness.grouped([DENIED, replace(DENIED, action="s3:GetObjectVersion")])) == 2


@pytest.mark.parametrize("how_many", [1, 2, 40, 41, 5000])
def test_the_text_stays_within_the_cause_limit_and_states_how_many_there_are(how_many: int) -> None:
    """API: Step Functions, a Fail state's cause has 32,768 characters."""
    text = problems(*(replace(DENIED, resource=f"r{number}", message="x" * 5000) for number in range(how_many)))
    assert len(text) < 32_000
    assert ("r39" in text) is (how_many >= 40)
    assert (f"And {how_many - 40} more" in text) is (how_many > 40)


def test_a_refused_call_is_a_finding_by_its_parts() -> None:
    error = AccessDenied("all of it", role="r", action="s3:PutObject", resource="s3://b/k", message="Access Denied")
    found = readiness.denied(error)
    assert (found.role, found.action, found.resource, found.error) == ("r", "s3:PutObject", "s3://b/k", PreflightFailed)
    assert "Access Denied" in found.message
