"""All findings are reported at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.promotion.contract.errors import AccessDenied, ImageNotFound, PreflightFailed, QuotaExceeded
from lambdas.promotion.preflight import findings as preflight_findings
from lambdas.promotion.preflight.findings import GRANT_PERMISSION, Finding

DENIED = Finding(
    role="promote-dev-copier",
    action="s3:GetObject",
    resource="s3://a/b/one",
    message="AWS says: no.",
    remedy=GRANT_PERMISSION,
)
MISSING = Finding(
    role="promote-qa-deployer",
    action="ecr:BatchGetImage",
    resource="an/image",
    message="There is none.",
    remedy="Push it.",
    error=ImageNotFound,
)
SUBJECT = "the promotion of m to qa"


def problems(*findings: Finding) -> str:
    with pytest.raises(PreflightFailed) as raised:
        preflight_findings.require_ready(findings, subject=SUBJECT)
    return str(raised.value)


def test_no_findings_raise_no_error() -> None:
    preflight_findings.require_ready([], subject=SUBJECT)


def test_each_finding_is_reported_with_role_action_resource_message_and_remedy() -> None:
    text = problems(DENIED, MISSING)
    assert "found 2 problems with the promotion of m to qa" in text
    for finding in (DENIED, MISSING):
        for words in (finding.role, finding.action, finding.resource, finding.message, finding.remedy):
            assert words
            assert words in text


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (DENIED, f"promote-dev-copier: s3:GetObject on s3://a/b/one. AWS says: no. {GRANT_PERMISSION}"),
        (replace(MISSING, remedy=None), "promote-qa-deployer: ecr:BatchGetImage on an/image. There is none."),
        (
            replace(MISSING, others=2),
            "promote-qa-deployer: ecr:BatchGetImage on an/image and 2 more like it. There is none. Push it.",
        ),
    ],
)
def test_a_finding_is_a_text(finding: Finding, text: str) -> None:
    assert str(finding) == text


def test_the_findings_are_numbered() -> None:
    assert problems(DENIED, MISSING).endswith(f"Nothing was created there.\n(1) {DENIED}\n(2) {MISSING}")


def test_findings_of_several_kinds_have_the_name_of_the_checks() -> None:
    problems(MISSING, replace(MISSING, error=QuotaExceeded))


def test_a_finding_is_json_in_the_log() -> None:
    assert preflight_findings.to_json(MISSING) == {
        "role": "promote-qa-deployer",
        "action": "ecr:BatchGetImage",
        "resource": "an/image",
        "message": "There is none.",
        "remedy": "Push it.",
        "error": "ImageNotFound",
        "others": 0,
    }


@pytest.mark.parametrize(("longer", "end"), [(0, "x"), (1, "\u2026")])
def test_a_long_finding_is_cut(longer: int, end: str) -> None:
    """All of them together have to fit: what one can have is shared out."""
    empty = replace(MISSING, message="", remedy=None)
    message = "x" * (28_000 - len(f"{empty} ") + longer)
    with pytest.raises(ImageNotFound) as raised:
        preflight_findings.require_ready([replace(empty, message=message)], subject=SUBJECT)
    assert str(raised.value)[-1] == end


def test_only_the_objects_of_s3_have_a_folder() -> None:
    first, other = (replace(MISSING, resource=f"team/{name}") for name in ("reviews", "prices"))
    assert preflight_findings.grouped([first, other]) == [first, other]


def test_what_is_all_of_one_kind_keeps_its_name() -> None:
    with pytest.raises(ImageNotFound, match="found 1 problem with"):
        preflight_findings.require_ready([MISSING], subject=SUBJECT)
    with pytest.raises(ImageNotFound, match="found 2 problems with"):
        preflight_findings.require_ready([MISSING, replace(MISSING, resource="another")], subject=SUBJECT)


def test_the_same_for_many_objects_of_a_folder_is_one_finding() -> None:
    many = [replace(DENIED, resource=f"s3://a/b/{number}") for number in range(1000)]
    elsewhere = replace(DENIED, resource="s3://a/c/1")
    first, other = preflight_findings.grouped([*many, elsewhere])
    assert (first.resource, first.others, other.others) == ("s3://a/b/0", 999, 0)
    assert "s3://a/b/0 and 999 more like it" in problems(first)


def test_different_actions_on_one_resource_are_different_findings() -> None:
    assert len(preflight_findings.grouped([DENIED, replace(DENIED, action="s3:GetObjectVersion")])) == 2


def test_two_reasons_of_one_resource_are_both_told() -> None:
    """An update may be impossible for several reasons at once."""
    variants = replace(MISSING, message="The variants have other names.")
    rolling = replace(MISSING, message="It has two variants, and a rolling deployment supports one.")
    both = preflight_findings.grouped([variants, rolling])
    assert [finding.others for finding in both] == [0, 0]
    with pytest.raises(ImageNotFound) as raised:
        preflight_findings.require_ready(both, subject=SUBJECT)
    assert variants.message in str(raised.value)
    assert rolling.message in str(raised.value)


def test_two_reasons_in_one_folder_are_both_told() -> None:
    key = "AWS says: not authorized to perform kms:Decrypt on arn:aws:kms:us-east-1:222222222222:key/k."
    in_folder = [replace(DENIED, resource=f"s3://a/b/{number}", message=key) for number in range(3)]
    denied = [replace(DENIED, resource=f"s3://a/b/{number}") for number in range(3, 5)]
    grouped = preflight_findings.grouped([in_folder[0], *denied, *in_folder[1:]])
    assert [(finding.message, finding.others) for finding in grouped] == [(key, 2), (DENIED.message, 1)]


@pytest.mark.parametrize(
    "message",
    [
        "s3://a/b/{name} was deleted after the promotion resolved it.",
        'not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::a/b/{name}" because no policy allows it',
        "not authorized to perform: s3:GetObject on resource: arn:aws:s3:::a/b/{name} because no policy allows it",
        's3://a/b/{name} changed (its ETag was "{name}{name}", now it is "c{name}-2").',
    ],
)
def test_a_reason_that_names_its_object_is_the_same_for_each_object(message: str) -> None:
    named = [replace(DENIED, resource=f"s3://a/b/{name}", message=message.replace("{name}", name)) for name in "123"]
    (finding,) = preflight_findings.grouped(named)
    assert (finding.message, finding.others) == (named[0].message, 2)


def test_a_finding_that_two_checks_report_is_one_finding_without_others() -> None:
    assert preflight_findings.grouped([DENIED, MISSING, DENIED]) == [DENIED, MISSING]


@pytest.mark.parametrize("how_many", [1, 2, 40, 41, 5000])
def test_the_text_stays_within_the_cause_limit_and_states_how_many_there_are(how_many: int) -> None:
    """API: Step Functions, a Fail state's cause has 32,768 characters."""
    text = problems(*(replace(DENIED, resource=f"r{number}", message="x" * 5000) for number in range(how_many)))
    assert len(text) < 32_000
    assert ("r39" in text) is (how_many >= 40)
    assert (f"And {how_many - 40} more" in text) is (how_many > 40)


def test_a_refused_call_is_a_finding_by_its_parts() -> None:
    error = AccessDenied("all of it", role="r", action="s3:PutObject", resource="s3://b/k", message="Access Denied")
    finding = preflight_findings.denied(error)
    assert (finding.role, finding.action, finding.resource, finding.error) == (
        "r",
        "s3:PutObject",
        "s3://b/k",
        PreflightFailed,
    )
    assert "Access Denied" in finding.message


def test_a_denial_with_a_remedy_of_its_own_keeps_it() -> None:
    error = AccessDenied("all of it", role="r", action="s3:PutObject", resource="s3://b/k", message="No.", remedy="Do.")
    assert preflight_findings.denied(error, remedy=GRANT_PERMISSION).remedy == "Do."
    assert preflight_findings.denied(replace_remedy(error), remedy=GRANT_PERMISSION).remedy == GRANT_PERMISSION


def replace_remedy(error: AccessDenied) -> AccessDenied:
    return AccessDenied("all of it", role=error.role, action=error.action, resource=error.resource, message="No.")
