"""Each permission that suspends and resumes scaling is removed, alone: the steps name what they lack.

Most is shown by the two steps alone, which takes a second and not a promotion.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.aws import sessions
from lambdas.promotion.contract.resource_names import function, step_role_arn
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Step
from lambdas.promotion.scaling.access import scaler_session
from tests.integration.permissions.test_role_permissions import (
    CONFIG,
    ENDPOINT,
    LISTS,
    PREFLIGHT_FAILED,
    PermissionCase,
    as_in_qa,
    of_lists,
    of_readers,
    title,
)
from tests.integration.role_policies import deployed_permissions
from tests.integration.scaled_endpoint import (
    BUSY,
    rescale,
    rescale_anew,
    resume_nothing,
    scaled,
    scaled_with_another_type,
)
from tests.integration.scaled_endpoint import of as scaled_target
from tests.integration.scenarios import PRODUCTION, QA, AccountPair, Subject, Trigger, clean_up_aborted, promote
from tests.integration.world import ENDPOINTS, ExecutionResult, World, input_of

SCALER = "promote-{target}-scaler"
VARIANT = "endpoint/{endpoint}/variant/AllTraffic"
NOT_SCALED = "ScalingIncomplete"
# What they do for others than the scaler is shown in test_role_permissions.py.
STEPS: dict[Step, Trigger] = {
    Step.SUSPEND_SCALING: rescale,
    Step.RESUME_SCALING: rescale,
    Step.CLEAN_UP_ABORTED: clean_up_aborted,
}


def to_scale(sid: str, action: str, resource: str, *, error: str = "AccessDenied") -> PermissionCase:
    """A permission of the scaler. What registers again names all that it could not, by an error of its own."""
    return PermissionCase(SCALER, sid, action, resource, scaled, error=error, trigger=rescale)


def to_enter(
    step: Step, scenario: Callable[[World, AccountPair], Subject], trigger: Trigger, error: str
) -> PermissionCase:
    role = function(step)
    return PermissionCase(
        role,
        "AssumeEnvironmentRoles",
        "sts:AssumeRole",
        SCALER,
        scenario,
        f"*:role/{SCALER}",
        trigger=trigger,
        error=error,
    )


PERMISSIONS = [
    *(
        to_scale("DescribeScaling", f"application-autoscaling:Describe{what}", VARIANT)
        for what in ("ScalableTargets", "ScalingPolicies", "ScheduledActions")
    ),
    to_scale("DescribeScaling", "cloudwatch:DescribeAlarms", "busy"),
    to_scale("Scale", "application-autoscaling:DeregisterScalableTarget", VARIANT),
    *(
        to_scale("Scale", f"application-autoscaling:{action}", VARIANT, error=NOT_SCALED)
        for action in ("RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction")
    ),
    to_scale("KeepTags", "application-autoscaling:ListTagsForResource", ":scalable-target/"),
    to_scale("KeepTags", "application-autoscaling:TagResource", ":scalable-target/", error=NOT_SCALED),
    to_scale("ScaleVariants", "sagemaker:DescribeEndpoint", "{endpoint}"),
    to_scale("ScaleVariants", "sagemaker:UpdateEndpointWeightsAndCapacities", ENDPOINT, error=NOT_SCALED),
    to_scale("DescribeInstanceTypes", "sagemaker:DescribeEndpointConfig", CONFIG.removeprefix(":endpoint-config/")),
    to_scale("PutAlarms", "cloudwatch:PutMetricAlarm", "busy", error=NOT_SCALED),
    to_scale(
        "TrackByAlarms",
        "cloudwatch:PutMetricAlarm",
        ":alarm:TargetTracking-endpoint/{endpoint}/",
        error=NOT_SCALED,
    ),
    to_scale("TrackByAlarms", "cloudwatch:DeleteAlarms", ":alarm:TargetTracking-endpoint/{endpoint}/"),
    to_enter(Step.PREFLIGHT, scaled_with_another_type, promote, PREFLIGHT_FAILED),
    *(to_enter(step, scaled, trigger, "AccessDenied") for step, trigger in STEPS.items()),
    *(case for step, trigger in STEPS.items() for case in of_readers(step, scenario=scaled, trigger=trigger)),
    *of_lists(
        Step.SUSPEND_SCALING, "WriteLists", "s3:PutObject", "kms:GenerateDataKey", scenario=scaled, trigger=rescale
    ),
]


def clean_up_nothing(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
    """Tidy up after a promotion that has put nothing aside: its list is taken away, as it never was."""
    promotion = input_of(world, subject.execution, "Deploy the endpoint")
    world.client("s3").delete_object(
        Bucket=promotion.hub.bucket, Key=f"{promotion.work_lists_prefix}suspended-scaling.jsonl"
    )
    return clean_up_aborted(world, pair, subject)


LISTING = [
    PermissionCase(
        function(step), "DistinguishMissingFromDenied", "s3:ListBucket", LISTS, scaled, stages=(QA,), trigger=trigger
    )
    for step, trigger in (
        (Step.SUSPEND_SCALING, rescale_anew),
        (Step.RESUME_SCALING, resume_nothing),
        (Step.CLEAN_UP_ABORTED, clean_up_nothing),
    )
]
CASES = [(pair, case) for case in PERMISSIONS for pair in case.stages]


@pytest.fixture(scope="module")
def world(module_world: World) -> World:
    return module_world


@pytest.mark.parametrize(("pair", "case"), CASES, ids=[title(*case) for case in CASES])
def test_without_one_permission_the_step_reports_principal_action_and_resource(
    world: World, pair: AccountPair, case: PermissionCase
) -> None:
    subject = case.scenario(world, pair)
    with case.removed(world, pair):
        ended = case.trigger(world, pair, subject)

    assert (ended.status, ended.error) == ("FAILED", case.error), ended.cause
    for words in (case.role, case.action, case.resource):
        assert pair.fill(words, model=subject.model, uri=subject.uri).rstrip("*") in ended.cause


# What the role may never do, whatever a session's policy says


POLICIES = "arn:aws:autoscaling:{region}:{account}:scalingPolicy:0a1b:resource/sagemaker/endpoint"
OWN = f"{POLICIES}/{{endpoint}}/variant/AllTraffic:policyName/steps"
FOREIGN = {
    "that stops instances": ("busy", [OWN, "arn:aws:automate:{region}:ec2:stop"]),
    "that calls a function": ("busy", [OWN, "arn:aws:lambda:{region}:{account}:function:theirs"]),
    "that scales another endpoint": ("busy", [f"{POLICIES}/theirs/variant/AllTraffic:policyName/steps"]),
    "that only notifies": ("theirs", ["arn:aws:sns:{region}:{account}:on-call"]),
    "that does nothing": ("theirs", []),
    "of target tracking": ("TargetTracking-endpoint/{endpoint}/variant/AllTraffic-AlarmHigh-0a1b", [OWN]),
    "of another's target tracking": ("TargetTracking-table/theirs-AlarmHigh-0a1b", [OWN]),
}
PAIRS = pytest.mark.parametrize("pair", [QA, PRODUCTION], ids=lambda pair: pair.target)


def scaler(world: World, pair: AccountPair, service: str, **options: str) -> Any:
    """A client with the role's credentials, as the step that suspends gets them."""
    own = world.sandbox.assume(step_role_arn(world.sandbox.accounts["hub"], Step.SUSPEND_SCALING))
    role = f"arn:aws:iam::{world.sandbox.accounts[pair.target]}:role/{pair.fill(SCALER)}"
    assume = world.sandbox.client("sts", "hub", own).assume_role
    return world.sandbox.client(
        service, pair.target, assume(RoleArn=role, RoleSessionName="scaler", **options)["Credentials"]
    )


def filled(world: World, pair: AccountPair, text: str) -> str:
    location = world.sandbox.locations.all[pair.target]
    return text.format(region=location.region, account=location.account, endpoint=ENDPOINTS[pair.target])


@PAIRS
@pytest.mark.parametrize("field", ["AlarmActions", "OKActions"])
@pytest.mark.parametrize("what", FOREIGN)
def test_the_scaler_can_never_put_an_alarm(world: World, pair: AccountPair, what: str, field: str) -> None:
    name, actions = FOREIGN[what]
    alarm = {**BUSY, "AlarmName": filled(world, pair, name), field: [filled(world, pair, arn) for arn in actions]}
    with pytest.raises(ClientError, match="AccessDenied"):
        scaler(world, pair, "cloudwatch").put_metric_alarm(**alarm)


@PAIRS
def test_the_scaler_can_put_an_alarm_that_scales_a_stages_endpoint_and_notifies(
    world: World, pair: AccountPair
) -> None:
    actions = [filled(world, pair, arn) for arn in (OWN, "arn:aws:sns:{region}:222222222222:on-call")]
    scaler(world, pair, "cloudwatch").put_metric_alarm(**BUSY, AlarmActions=actions, OKActions=actions[1:])


@PAIRS
def test_the_scaler_deletes_no_alarm_itself(world: World, pair: AccountPair) -> None:
    for name in ("busy", "theirs", "TargetTracking-endpoint/{endpoint}/variant/AllTraffic-AlarmHigh-0a1b"):
        with pytest.raises(ClientError, match="AccessDenied"):
            scaler(world, pair, "cloudwatch").delete_alarms(AlarmNames=[filled(world, pair, name)])


@PAIRS
def test_a_promotions_session_deregisters_no_other_endpoints_target(world: World, pair: AccountPair) -> None:
    """The role may deregister any target of SageMaker: AWS has nothing to narrow that by but an ARN that it makes."""
    promotion = input_of(world, scaled(world, pair).execution, "Deploy the endpoint")
    policy = session_policy_of(lambda: scaler_session(promotion, deregistered=["arn:aws:theirs"]))
    client = scaler(world, pair, "application-autoscaling", Policy=policy)
    with pytest.raises(ClientError, match="AccessDenied"):
        client.deregister_scalable_target(**scaled_target(pair.target))
    scaler(world, pair, "application-autoscaling").deregister_scalable_target(**scaled_target(pair.target))


def session_policy_of(assume: Callable[[], object]) -> str:
    with pytest.MonkeyPatch.context() as patch:
        asked: list[dict[str, Any]] = []
        patch.setattr(sessions, "assume", lambda *_, **options: asked.append(options))
        assume()
    return json.dumps(asked[0]["policy"])


@pytest.mark.parametrize("case", LISTING, ids=[case.role for case in LISTING])
def test_only_a_role_with_list_permission_can_distinguish_no_suspended_scaling_from_denied(
    world: World, case: PermissionCase
) -> None:
    subject = case.scenario(world, QA)
    message = case.trigger(world, QA, subject)
    with case.removed(world, QA):
        denied = case.trigger(world, QA, subject)

    assert (message.status, denied.error) == ("SUCCEEDED", "AccessDenied"), message.cause + denied.cause
    for words in (case.role, case.action, case.resource):
        assert words in denied.cause


def test_every_permission_of_the_scaler_is_removed_alone_by_one_case_or_has_a_reason_why_not(world: World) -> None:
    """AWS makes the role once in an account; tests/sandbox shows that the sandbox asks for the permission."""
    roles = {
        permission for permission in deployed_permissions(world) if fnmatchcase(permission.role, "promote-*-scaler")
    }
    deployed = {
        permission for permission in roles if "crowd-" not in permission.resource
    }  # the same for other endpoints
    shown = [permission for pair, case in CASES for permission in deployed if case.covers(permission, pair)]
    in_production = {permission for permission in deployed if as_in_qa(permission) in shown}

    assert len(shown) == len(set(shown))
    not_shown = deployed.difference(shown, in_production)
    assert {permission.action for permission in not_shown} == {"iam:CreateServiceLinkedRole"}


def test_every_step_that_enters_the_scaler_has_its_case() -> None:
    assert {case.role for case in PERMISSIONS if case.action == "sts:AssumeRole"} == {
        function(step) for step in STEPS_BY_ROLE[Role.SCALER]
    }
