"""What a request may have, and what the model registry reports of its version."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.contract.document import Request, SourceModel
from lambdas.promotion.contract.errors import (
    ApprovedVersionRequired,
    ArtifactChanged,
    InvalidInput,
    ModelPackageNotApproved,
    UnknownApplication,
    UnknownStage,
    UnsupportedModel,
    WrongAlias,
    WrongModelPackageGroup,
    WrongSource,
)
from lambdas.promotion.contract.step_events import ExecutionInput
from lambdas.promotion.model.s3_uris import S3Reference, S3ReferenceKind
from lambdas.promotion.resolve import eligibility, identity
from lambdas.promotion.resolve import request as rules
from tests.unit.builders import (
    APPLICATION,
    DEV,
    HUB,
    MODEL,
    QA,
    REQUEST,
    SETTINGS,
    STAGE,
    VERSION,
    WEIGHTS,
    WEIGHTS_URI,
    api,
)

VALID = {"application": "reviews", "stage": "qa", "model_name": "reviews-v7"}
# The longest text that a Fail state may carry (AWS: Step Functions, Fail state, Cause).
LONGEST_CAUSE = 32_768


def require(raw: object) -> Request:
    return rules.require_request(ExecutionInput(value=raw))


def test_names_are_understood() -> None:
    assert require(VALID) == REQUEST


def test_a_version_is_understood_by_its_arn() -> None:
    raw = {"application": "reviews", "stage": "qa", "model_package_arn": VERSION}
    assert require(raw) == Request(application="reviews", stage="qa", model_package_arn=VERSION)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (None, "null"),
        ([], "an array"),
        ([VALID], "an array"),
        ("reviews", "a string"),
        (7, "a number"),
        (7.5, "a number"),
        (True, "a Boolean"),
        ("", "a string"),
    ],
)
def test_an_input_that_is_no_object_is_refused_with_an_example(raw: object, kind: str) -> None:
    with pytest.raises(InvalidInput, match=f'"model_name": "my-model"}}, not {kind}\\.$'):
        require(raw)


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        *((None, "null"), (7, "a number"), (0, "a number"), (True, "a Boolean"), (False, "a Boolean")),
        *(([], "an array"), (["reviews"], "an array"), ({}, "an object"), ({"a": {"b": 1}}, "an object")),
    ],
)
@pytest.mark.parametrize("field", ["application", "stage", "model_name"])
def test_a_field_that_is_no_text_is_refused_by_name(field: str, odd: Any, kind: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field} must be a string, not {kind}"):
        require({**VALID, field: odd})


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
@pytest.mark.parametrize("field", ["application", "stage", "model_name"])
def test_a_blank_field_is_refused_by_name(field: str, blank: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field} is empty"):
        require({**VALID, field: blank})


@pytest.mark.parametrize("field", ["application", "stage"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field} is missing"):
        require({name: value for name, value in VALID.items() if name != field})


@pytest.mark.parametrize("field", ["account", "role_arn", "bucket", "Application", "model_name ", ""])
def test_an_unknown_field_is_refused(field: str) -> None:
    with pytest.raises(InvalidInput, match="is not a field of the input"):
        require({**VALID, field: "x"})


def test_a_model_and_a_version_at_once_are_refused() -> None:
    with pytest.raises(InvalidInput, match="not both"):
        require({**VALID, "model_package_arn": VERSION})


def test_a_stage_can_be_started_without_a_model() -> None:
    assert require({"application": "reviews", "stage": "qa"}) == Request(application="reviews", stage="qa")


@pytest.mark.parametrize(
    "name", ["a_b", "-a", "a-", "a.b", "a/b", "ä", "a" * 64, "a\n", " a", "../a", "a*", "٣", f"a{'-' * 62}a"]
)
def test_a_model_name_that_sagemaker_would_refuse_is_refused(name: str) -> None:
    quoted = re.escape(json.dumps(name, ensure_ascii=False))
    with pytest.raises(InvalidInput, match=f"model_name {quoted} is not a valid SageMaker name .*at most 63\\)\\."):
        require({**VALID, "model_name": name})


@pytest.mark.parametrize("name", ["a", "A1", "a--b", "a" * 63, f"a{'-' * 61}a"])
def test_a_model_name_that_sagemaker_takes_is_understood(name: str) -> None:
    assert require({**VALID, "model_name": name}).model_name == name


@pytest.mark.parametrize(
    "arn",
    [
        "reviews/7",
        "arn:aws:sagemaker:us-east-1:222222222222:model-package/reviews",
        "arn:aws:sagemaker:us-east-1:222222222222:model-package-group/reviews",
        "arn:aws:sagemaker:us-east-1:222:model-package/reviews/7",
        f"{VERSION}/8",
        f"{VERSION}\n",
        f" {VERSION}",
        f"{VERSION}*",
        "arn:aws:sagemaker:us-east-1:222222222222:model-package/a/../b/7",
        "arn:aws:sagemaker:us-east-1:222222222222:model-package/reviews/\u0667",
        "arn:aws-cn:sagemaker:cn-north-1:222222222222:model-package/reviews/7",
        "arn:aws-us-gov:sagemaker:us-gov-west-1:222222222222:model-package/reviews/7",
        "arn:aws:sagemaker:us-east-1:222222222222:model-package/reviews/0",
        "arn:aws:sagemaker:us-east-1:222222222222:model-package/reviews/07",
        "arn:aws:sagemaker:us-east-1:222222222222:model-package/reviews/4294967297",
    ],
)
def test_an_arn_of_anything_but_a_version_is_refused(arn: str) -> None:
    form = "arn:aws:sagemaker:<region>:<account>:model-package/<group>/<version>"
    message = (
        f"model_package_arn {json.dumps(arn, ensure_ascii=False)} is not the ARN of a model package version ({form})."
    )
    with pytest.raises(InvalidInput, match=re.escape(message)):
        require({"application": "reviews", "stage": "qa", "model_package_arn": arn})


@pytest.mark.parametrize("part", ["us-east-1", "reviews", "7"])
def test_no_part_of_an_arn_is_longer_than_sagemaker_has_it(part: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        require({"application": "reviews", "stage": "qa", "model_package_arn": VERSION.replace(part, part * 3_000)})
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("dry", [True, False])
def test_a_dry_run_is_requested_by_true_and_false(dry: bool) -> None:
    assert require({**VALID, "dry_run": dry}).dry_run is dry
    assert not require(VALID).dry_run


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        *(("true", "a string"), ("false", "a string"), (0, "a number"), (1, "a number")),
        *((None, "null"), ([], "an array"), ({}, "an object")),
    ],
)
def test_what_is_neither_true_nor_false_is_no_answer_to_whether_it_is_a_dry_run(odd: object, kind: str) -> None:
    with pytest.raises(InvalidInput, match=f"dry_run must be a Boolean, not {kind}"):
        require({**VALID, "dry_run": odd})


ROLLBACK = {"application": "reviews", "stage": "qa", "roll_back": True}


def test_a_rollback_is_requested_without_a_model() -> None:
    assert require(ROLLBACK) == Request(application="reviews", stage="qa", roll_back=True)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("model_name", "reviews-v7", "must not be set with roll_back"),
        ("model_package_arn", VERSION, "must not be set with roll_back"),
        ("allow_older", False, "has no effect with roll_back"),
    ],
)
def test_a_rollback_takes_its_model_from_the_record(field: str, value: object, problem: str) -> None:
    with pytest.raises(InvalidInput, match=f"colour.*\n- {field} {problem}"):
        require({**ROLLBACK, field: value, "colour": "red"})


def test_a_rollback_can_be_planned_and_name_its_target() -> None:
    named = require({**ROLLBACK, "dry_run": True, "roll_back_to": "release-6", "accept_drift": True})
    assert (named.dry_run, named.roll_back_to, named.accept_drift) == (True, "release-6", True)
    with pytest.raises(InvalidInput, match=r"roll_back_to .* is longer than 80 characters"):
        require({**ROLLBACK, "roll_back_to": "x" * 81})


@pytest.mark.parametrize(("field", "value"), [("roll_back_to", "release-6"), ("accept_drift", True)])
def test_what_says_how_to_roll_back_is_refused_without_a_rollback(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f'{field} has an effect with "roll_back": true only'):
        require({**VALID, field: value})


def test_no_rollback_is_requested_by_false() -> None:
    assert not require({**ROLLBACK, "roll_back": False}).roll_back


@pytest.mark.parametrize(("field", "longest"), [("application", 63), ("stage", 63), ("requested_by", 256)])
def test_a_long_field_is_refused_and_quoted_in_short(field: str, longest: int) -> None:
    assert getattr(require({**VALID, field: "x" * longest}), field) == "x" * longest
    quote = f'"{"x" * (longest + 1)}"'
    short = quote if len(quote) <= 120 else f"{quote[:120]}…"
    with pytest.raises(InvalidInput, match=f"{field} {short} is longer than {longest} characters"):
        require({**VALID, field: "x" * (longest + 1)})


@pytest.mark.parametrize(("length", "ellipsis"), [(118, ""), (119, "…")])
def test_a_quote_has_120_characters(length: int, ellipsis: str) -> None:
    with pytest.raises(UnknownApplication, match=f'The application "{"x" * length}"?{ellipsis} does not exist'):
        rules.find_stage(replace(REQUEST, application="x" * length), SETTINGS)


@pytest.mark.parametrize(("count", "others"), [(10, 0), (11, 1), (12, 2)])
def test_ten_unknown_fields_are_named(count: int, others: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        require({**VALID, **{f"x{number}": 1 for number in range(count)}})
    assert str(refused.value).count("is not a field") == 10
    assert (f"so are {others} others" if others else "others") in str(refused.value) or not others
    assert ("others" in str(refused.value)) is (others > 0)


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        require({"stage": 7, "colour": "red", "model_name": "a_b", "model_package_arn": "arn:b"})
    message = (
        *('"colour" is not a field', "stage must be a string", "application is missing", "at most, not both"),
        *('model_name "a_b" is not a valid', 'model_package_arn "arn:b" is not the ARN'),
    )
    assert [part for part in message if part not in str(refused.value)] == []


@pytest.mark.parametrize("raw", [{**VALID, "stage": ["x" * 200_000]}, {**VALID, "x" * 200_000: "x"}])
def test_the_refusal_of_a_very_long_input_stays_within_the_cause_limit(raw: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        require(raw)
    assert len(str(refused.value)) <= LONGEST_CAUSE


def test_the_refusal_of_a_very_long_application_stays_within_the_cause_limit() -> None:
    with pytest.raises(UnknownApplication) as refused:
        rules.find_stage(replace(REQUEST, application="x" * 200_000), SETTINGS)
    assert len(str(refused.value)) <= LONGEST_CAUSE


# Which application and stage


def test_the_stage_is_found() -> None:
    assert rules.find_stage(REQUEST, SETTINGS) == (APPLICATION, APPLICATION.stages["qa"])


@pytest.mark.parametrize("name", ["Reviews", "reviews ", "review", "__class__"])
def test_an_application_that_is_not_deployed_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(UnknownApplication, match="It has: reviews"):
        rules.find_stage(replace(REQUEST, application=name), SETTINGS)


def test_a_hub_without_applications_has_none() -> None:
    with pytest.raises(UnknownApplication, match=r"It has: none\."):
        rules.find_stage(REQUEST, replace(SETTINGS, applications={}))


def test_a_stage_that_is_not_deployed_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownStage, match=r"no stage \"production\". It has: qa"):
        rules.find_stage(replace(REQUEST, stage="production"), SETTINGS)


# What the registry says


def test_a_version_of_the_applications_own_group_goes_further() -> None:
    eligibility.require_package_of(APPLICATION, VERSION, DEV, DEV)


def test_what_is_no_version_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidInput, match="'reviews/7' is not the ARN of a model package version"):
        eligibility.require_package_of(APPLICATION, "reviews/7", DEV, DEV)


def test_a_model_is_promoted_only_from_a_version_of_a_group() -> None:
    """Only those can be approved (API: UpdateModelPackage, ModelApprovalStatus)."""
    eligibility.require_version(VERSION, subject="it")
    unversioned = "arn:aws:sagemaker:us-east-1:222222222222:model-package/reviews"
    with pytest.raises(UnsupportedModel, match=f"it is created from the model package '{unversioned}', which is not"):
        eligibility.require_version(unversioned, subject="it")


def test_promotes_own_tags_are_trusted_only_where_a_stage_promotes_to() -> None:
    tags = {"promote:application": "reviews", "team": "nlp"}
    assert eligibility.trusted_tags(tags, QA, SETTINGS) == tags
    assert eligibility.trusted_tags(tags, DEV, SETTINGS) == {"team": "nlp"}


def test_a_version_of_another_group_is_refused() -> None:
    with pytest.raises(WrongModelPackageGroup, match="'other'"):
        eligibility.require_package_of(APPLICATION, VERSION.replace("reviews", "other"), DEV, DEV)


def test_the_groups_name_is_compared_without_regard_to_case() -> None:
    eligibility.require_package_of(replace(APPLICATION, model_package_group="Reviews"), VERSION, DEV, DEV)


@pytest.mark.parametrize(("own", "other"), [("222222222222", "333333333333"), ("us-east-1", "eu-west-1")])
def test_a_version_in_another_account_or_region_is_refused(own: str, other: str) -> None:
    with pytest.raises(WrongSource, match="is not in the model registry"):
        eligibility.require_package_of(APPLICATION, VERSION.replace(own, other), DEV, DEV)


def test_a_version_is_refused_by_a_stage_that_takes_from_another_environment() -> None:
    with pytest.raises(WrongSource, match="Promote the version to the stage in 'qa' first"):
        eligibility.require_package_of(APPLICATION, VERSION, DEV, QA)


APPROVALS = [str(value) for value in api("sagemaker").shape_for("ModelApprovalStatus").enum]  # type: ignore[attr-defined]
STATUSES = [str(value) for value in api("sagemaker").shape_for("ModelPackageStatus").enum]  # type: ignore[attr-defined]


@pytest.mark.parametrize("approval", [*APPROVALS, None, "approved", ""])
@pytest.mark.parametrize("status", [*STATUSES, None])
def test_only_an_approved_and_completed_version_goes_further(approval: str | None, status: str | None) -> None:
    version = {"ModelPackageArn": VERSION, "ModelApprovalStatus": approval, "ModelPackageStatus": status}
    if (approval, status) == ("Approved", "Completed"):
        eligibility.require_approved(version)
        return
    with pytest.raises(ModelPackageNotApproved, match=f"reports {approval}.*{status}.*{VERSION}"):
        eligibility.require_approved(version)


@pytest.mark.parametrize("tags", [{}, {"promote:application": "reviews"}, {"application": "other"}])
def test_a_model_without_owner_or_of_the_application_is_accepted(tags: dict[str, str]) -> None:
    eligibility.require_application_of(tags, APPLICATION, subject="it")


@pytest.mark.parametrize("owner", ["other", "", "Reviews"])
def test_a_model_that_was_promoted_for_another_application_is_refused(owner: str) -> None:
    with pytest.raises(WrongModelPackageGroup, match="was promoted for application"):
        eligibility.require_application_of({"promote:application": owner}, APPLICATION, subject="it")


def pinned(etag: str | None) -> S3Reference:
    return S3Reference(uri=WEIGHTS_URI, kind=S3ReferenceKind.OBJECT, location="ModelDataUrl", etag=etag)


@pytest.mark.parametrize("etag", ["aa", '"aa"', None])
def test_an_etag_is_compared_without_its_quotes_if_there_is_one(etag: str | None) -> None:
    artifact_checks.require_pinned(pinned(etag), WEIGHTS)


@pytest.mark.parametrize("etag", ["aA", "aa-2", "a", '"', ""])
def test_an_object_that_is_not_what_was_registered_is_refused(etag: str) -> None:
    with pytest.raises(ArtifactChanged, match=WEIGHTS_URI):
        artifact_checks.require_pinned(pinned(etag), WEIGHTS)


def test_fifty_tags_are_kept() -> None:
    tags = {f"k{number}": "v" for number in range(50)}
    assert identity.require_tags(tags, subject="it") == tags


def test_the_fifty_first_tag_is_refused_not_dropped() -> None:
    with pytest.raises(UnsupportedModel, match="51 tags"):
        identity.require_tags({f"k{number}": "v" for number in range(51)}, subject="it")


@pytest.mark.parametrize("field", ["application", "stage", "model_name", "requested_by", "a\ud83d"])
def test_half_a_character_is_refused_in_a_message_that_can_be_posted(field: str) -> None:
    """JSON can escape it, and no step could answer with it: Lambda posts UTF-8."""
    with pytest.raises(InvalidInput, match=r'"ann ." is not valid Unicode text|is not a field') as raised:
        require({**VALID, field: "ann \ud83d"})
    assert str(raised.value).encode()


# The alias of the state machine


@pytest.mark.parametrize("alias", [None, "qa"])
def test_a_stage_is_started_by_the_alias_of_its_environment_or_by_none(alias: str | None) -> None:
    rules.require_alias(alias, APPLICATION, STAGE, hub=HUB)


def test_the_alias_of_another_stage_is_refused_with_the_arn_that_starts_this_one() -> None:
    with pytest.raises(WrongAlias) as raised:
        rules.require_alias("production", APPLICATION, STAGE, hub=HUB)
    cause = str(raised.value)
    assert "Stage 'qa' of 'reviews' is started by the alias 'qa'" in cause
    assert "was started by 'production'" in cause
    assert "arn:aws:states:us-east-1:111111111111:stateMachine:promote:qa," in cause


@pytest.mark.parametrize("alias", ["qa", "QA", "team-b"])
def test_a_stage_with_a_start_alias_is_started_by_that_only(alias: str) -> None:
    stage = replace(STAGE, start_alias="team-a")
    rules.require_alias("team-a", APPLICATION, stage, hub=HUB)
    with pytest.raises(WrongAlias, match="'team-a'"):
        rules.require_alias(alias, APPLICATION, stage, hub=HUB)


# Stages that take approved versions only


@pytest.mark.parametrize(
    "model",
    [replace(MODEL, arn=VERSION, model_package_arn=VERSION), replace(MODEL, origin_version=VERSION)],
    ids=["itself", "through an earlier stage"],
)
def test_a_version_that_was_promoted_as_such_is_taken(model: SourceModel) -> None:
    version = eligibility.require_version_for(STAGE, APPLICATION, model, promoted_by="release-6", way="")
    assert version == VERSION


@pytest.mark.parametrize(
    ("model", "promoted_by", "reason"),
    [
        (MODEL, None, "none of the last known good promotions of the application brought it there"),
        (MODEL, "release-6", "promotion release-6 brought it as a model by its name"),
        # It may have variables of its own.
        (replace(MODEL, model_package_arn=VERSION), None, "none of the last known good promotions"),
    ],
)
def test_any_other_model_is_refused_with_the_reason_and_the_way(
    model: SourceModel, promoted_by: str | None, reason: str
) -> None:
    with pytest.raises(ApprovedVersionRequired) as raised:
        eligibility.require_version_for(STAGE, APPLICATION, model, promoted_by=promoted_by, way="Do this.")
    cause = str(raised.value)
    assert "Stage 'qa' of 'reviews' takes only approved versions of the model package group 'reviews'" in cause
    assert MODEL.arn in cause
    assert reason in cause
    assert cause.endswith(" Do this.")


def test_the_way_out_is_part_of_the_refusal_of_a_version() -> None:
    package = {"ModelPackageArn": VERSION, "ModelApprovalStatus": "Rejected", "ModelPackageStatus": "Completed"}
    with pytest.raises(ModelPackageNotApproved, match=r"again\. Or: Do this\.$"):
        eligibility.require_approved(package, way="Do this.")
    with pytest.raises(ModelPackageNotApproved, match=r"again\.$"):
        eligibility.require_approved(package)
