"""Each right by which scaling is put aside and registered again is taken away, alone: the steps say what they lack.

Most is shown by the two steps alone, which takes a second and not a promotion.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest

from lambdas.promotion.contract.resource_names import STEPS_OF_DUTY, Duty, Step, function
from tests.integration.permissions.test_role_permissions import (
    AHEAD,
    CONFIG,
    ENDPOINT,
    LISTS,
    Needed,
    of_lists,
    of_readers,
    title,
)
from tests.integration.role_policies import deployed_rights
from tests.integration.scaled_endpoint import rescale, rescale_anew, restore_nothing, scale_elsewhere, scaled
from tests.integration.scenarios import QA, Attempt, Place, Subject, promote, tidy_up
from tests.integration.world import Ended, World, input_of

SCALER = "promote-{target}-scaler"
VARIANT = "endpoint/{endpoint}/variant/AllTraffic"
NOT_SCALED = "ScalingIncomplete"
# What they do for others than the scaler is shown in test_role_permissions.py.
STEPS: dict[Step, Attempt] = {Step.PUT_ASIDE_SCALING: rescale, Step.RESTORE_SCALING: rescale, Step.TIDY_UP: tidy_up}


def to_scale(sid: str, action: str, where: str, *, error: str = "AccessDenied") -> Needed:
    """A right of the scaler. What registers again names all that it could not, by an error of its own."""
    return Needed(SCALER, sid, action, where, scaled, error=error, by=rescale)


def to_enter(step: Step, shown_by: Callable[[World, Place], Subject], by: Attempt, error: str) -> Needed:
    role = function(step)
    return Needed(
        role, "WorkInOtherAccounts", "sts:AssumeRole", SCALER, shown_by, f"*:role/{SCALER}", by=by, error=error
    )


RIGHTS = [
    *(
        to_scale("SeeScaling", f"application-autoscaling:Describe{what}", VARIANT)
        for what in ("ScalableTargets", "ScalingPolicies", "ScheduledActions")
    ),
    to_scale("SeeScaling", "cloudwatch:DescribeAlarms", "busy"),
    to_scale("Scale", "application-autoscaling:DeregisterScalableTarget", VARIANT),
    *(
        to_scale("Scale", f"application-autoscaling:{action}", VARIANT, error=NOT_SCALED)
        for action in ("RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction")
    ),
    to_scale("KeepTags", "application-autoscaling:ListTagsForResource", ":scalable-target/"),
    to_scale("KeepTags", "application-autoscaling:TagResource", ":scalable-target/", error=NOT_SCALED),
    to_scale("ScaleVariants", "sagemaker:DescribeEndpoint", "{endpoint}"),
    to_scale("ScaleVariants", "sagemaker:UpdateEndpointWeightsAndCapacities", ENDPOINT, error=NOT_SCALED),
    to_scale("SeeInstanceTypes", "sagemaker:DescribeEndpointConfig", CONFIG.removeprefix(":endpoint-config/")),
    to_scale("PutAlarms", "cloudwatch:PutMetricAlarm", ":alarm:", error=NOT_SCALED),
    to_scale("DeleteAlarms", "cloudwatch:DeleteAlarms", ":alarm:TargetTracking-endpoint/{endpoint}/"),
    to_enter(Step.CHECK_AHEAD, scale_elsewhere, promote, AHEAD),
    *(to_enter(step, scaled, by, "AccessDenied") for step, by in STEPS.items()),
    *(needed for step, by in STEPS.items() for needed in of_readers(step, shown_by=scaled, by=by)),
    *of_lists(Step.PUT_ASIDE_SCALING, "WriteLists", "s3:PutObject", "kms:GenerateDataKey", shown_by=scaled, by=rescale),
]


def tidy_up_nothing(world: World, place: Place, subject: Subject) -> Ended:
    """Tidy up after a promotion that has put nothing aside: its list is taken away, as it never was."""
    promotion = input_of(world, subject.execution, "Deploy the endpoint")
    world.client("s3").delete_object(Bucket=promotion.hub.bucket, Key=f"{promotion.lists}scaling.jsonl")
    return tidy_up(world, place, subject)


LISTING = [
    Needed(function(step), "TellMissingFromDenied", "s3:ListBucket", LISTS, scaled, stages=(QA,), by=by)
    for step, by in (
        (Step.PUT_ASIDE_SCALING, rescale_anew),
        (Step.RESTORE_SCALING, restore_nothing),
        (Step.TIDY_UP, tidy_up_nothing),
    )
]
CASES = [(place, needed) for needed in RIGHTS for place in needed.stages]


@pytest.fixture(scope="module")
def world(lasting_world: World) -> World:
    return lasting_world


@pytest.mark.parametrize(("place", "needed"), CASES, ids=[title(*case) for case in CASES])
def test_without_one_right_it_is_said_who_may_not_do_what_where(world: World, place: Place, needed: Needed) -> None:
    subject = needed.shown_by(world, place)
    with needed.taken_away(world, place):
        ended = needed.by(world, place, subject)

    assert (ended.status, ended.error) == ("FAILED", needed.error), ended.cause
    for words in (needed.role, needed.action, needed.where):
        assert place.fill(words, model=subject.model, uri=subject.uri).rstrip("*") in ended.cause


@pytest.mark.parametrize("needed", LISTING, ids=[needed.role for needed in LISTING])
def test_only_who_may_list_can_tell_that_nothing_was_put_aside_from_a_missing_right(
    world: World, needed: Needed
) -> None:
    subject = needed.shown_by(world, QA)
    told = needed.by(world, QA, subject)
    with needed.taken_away(world, QA):
        denied = needed.by(world, QA, subject)

    assert (told.status, denied.error) == ("SUCCEEDED", "AccessDenied"), told.cause + denied.cause
    for words in (needed.role, needed.action, needed.where):
        assert words in denied.cause


def test_every_right_of_the_scaler_is_taken_away_alone_by_one_case_or_has_a_reason_why_not(world: World) -> None:
    """AWS makes the role once in an account; tests/sandbox shows that the sandbox asks for the right."""
    roles = {one for one in deployed_rights(world) if fnmatchcase(one.role, "promote-*-scaler")}
    deployed = {one for one in roles if "crowd-" not in one.resource}  # the same for other endpoints
    shown = [one for place, needed in CASES for one in deployed if needed.stands_for(one, place)]

    assert len(shown) == len(set(shown))
    assert {one.action for one in deployed.difference(shown)} == {"iam:CreateServiceLinkedRole"}


def test_every_step_that_enters_the_scaler_has_its_case() -> None:
    assert {needed.role for needed in RIGHTS if needed.action == "sts:AssumeRole"} == {
        function(step) for step in STEPS_OF_DUTY[Duty.SCALER]
    }
