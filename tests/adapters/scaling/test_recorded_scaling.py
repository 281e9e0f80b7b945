"""What is recorded of an endpoint's automatic scaling is read, and can be registered again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import from_line, to_line
from lambdas.promotion.preflight import queries
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.targets import ScalableTarget
from recordings import store
from recordings.store import Recording
from tests.recorded import answer, stubbed, walked

NOW = datetime(2026, 11, 1, tzinfo=UTC)
INSTANCES = "sagemaker:variant:DesiredInstanceCount"
ACTIVE = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
STEP_ALARM = "stable-diffusion-hasbacklogwithoutcapacity-alarm"
ALARM = store.response("cloudwatch/DescribeAlarms/new-alarm-insufficient-data")["MetricAlarms"][0]


def read(
    targets: Mapping[str, Any],
    policies: Mapping[str, Any] | None = None,
    actions: Mapping[str, Any] | None = None,
    alarms: Mapping[str, Any] | None = None,
) -> list[ScalableTarget]:
    """Read the scalable targets that an answer has, with the other answers of AWS."""
    resources = [target["ResourceId"].split("/") for target in targets["ScalableTargets"]]
    with stubbed("application-autoscaling") as autoscaling, stubbed("cloudwatch") as cloudwatch:
        autoscaling.add_response("describe_scalable_targets", dict(targets))
        for target in targets["ScalableTargets"]:
            autoscaling.add_response("describe_scaling_policies", dict(policies or {"ScalingPolicies": []}))
            autoscaling.add_response("describe_scheduled_actions", dict(actions or {"ScheduledActions": []}))
            if alarms:
                cloudwatch.add_response("describe_alarms", dict(alarms))
            if "ScalableTargetARN" in target:
                autoscaling.add_response("list_tags_for_resource", {"Tags": {"team": "nlp"}})
        account = cast("RoleSession", SimpleNamespace(autoscaling=autoscaling.client, cloudwatch=cloudwatch.client))
        endpoint = resources[0][1] if resources else "reviews-qa"
        read_targets = scaling_client.registered(endpoint, [parts[-1] for parts in resources] or ["All"], account)
    # They are stored until the scaling is resumed.
    return [from_line(to_line(target), ScalableTarget) for target in read_targets]


def registered_again(target: ScalableTarget) -> None:
    """Each request that registers the target is one that the API takes."""
    with stubbed("application-autoscaling") as autoscaling, stubbed("cloudwatch") as cloudwatch:
        arn = store.response("application-autoscaling/RegisterScalableTarget/answer")
        autoscaling.add_response("register_scalable_target", arn)
        if target.tags:
            autoscaling.add_response(
                "tag_resource", {}, {"ResourceARN": arn["ScalableTargetARN"], "Tags": dict(target.tags)}
            )
        for policy in target.policies:
            autoscaling.add_response("put_scaling_policy", {"PolicyARN": f"new:{policy['PolicyName']}"})
        for alarm in target.alarms:
            cloudwatch.add_response("put_metric_alarm", {}, alarm)
        account = cast("RoleSession", SimpleNamespace(autoscaling=autoscaling.client, cloudwatch=cloudwatch.client))
        scaling_client.register(target, account, now=NOW)


def described(recorded: Recording) -> dict[str, Any]:
    """Recorded targets of a SageMaker endpoint; what a recording lacks, or shows of another service, is replaced."""
    page = answer(recorded)
    own = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/reviews-qa/variant/All",
        "ScalableDimension": INSTANCES,
        "RoleARN": "arn:aws:iam::111122223333:role/scaling",
        "CreationTime": NOW,
    }
    for target in page["ScalableTargets"]:
        complete = target.get("ServiceNamespace") == "sagemaker"
        target.update({} if complete else own)
    return page


@walked(
    "application-autoscaling/DescribeScalableTargets",
    {
        # Registered before targets had ARNs, and so tags.
        "variant-registered": ({"MinCapacity": 1, "MaxCapacity": 2, "SuspendedState": ACTIVE}, {}),
        "nothing-registered": None,
        "async-variant-min-zero": ({"MinCapacity": 0, "MaxCapacity": 1, "SuspendedState": ACTIVE}, {}),
        "with-scalable-target-arn": (
            {"MinCapacity": 1, "MaxCapacity": 10, "SuspendedState": ACTIVE},
            {"team": "nlp"},
        ),
    },
)
def test_a_scalable_target_is_read_and_registered_again(
    recorded: Recording, expected: tuple[dict[str, Any], dict[str, str]] | None
) -> None:
    page = described(recorded)
    targets = read(page)
    assert [(target.register, target.tags) for target in targets] == ([expected] if expected else [])
    for target in targets:
        assert target.dimension == INSTANCES
        registered_again(target)
    with stubbed("application-autoscaling") as autoscaling:
        autoscaling.add_response("describe_scalable_targets", page)
        resources = queries.scalable_targets("reviews-qa", ["All"], client=autoscaling.client)
    assert resources == [target["ResourceId"] for target in page["ScalableTargets"]]


@walked(
    "application-autoscaling/DescribeScalingPolicies",
    {
        # The alarms of target tracking come and go with their policy.
        "target-tracking": ["SageMakerEndpointInvocationScalingPolicy"],
        "step-and-customised-metric": ["HasBacklogWithoutCapacity-ScalingPolicy", "CPUUtil-ScalingPolicy"],
    },
)
def test_policies_are_read_whole_with_the_alarms_of_step_scaling(recorded: Recording, expected: list[str]) -> None:
    policies = answer(recorded)
    steps = any(policy["PolicyType"] == "StepScaling" for policy in policies["ScalingPolicies"])
    arn = policies["ScalingPolicies"][0]["PolicyARN"]
    alarm = {**ALARM, "AlarmName": STEP_ALARM, "AlarmActions": [arn]}
    (target,) = read(
        store.response("application-autoscaling/DescribeScalableTargets/variant-registered"),
        policies,
        alarms={"MetricAlarms": [alarm]} if steps else None,
    )
    assert [policy["PolicyName"] for policy in target.policies] == expected
    for put, policy in zip(target.policies, policies["ScalingPolicies"], strict=True):
        assert put.items() <= policy.items()
        assert any(name.endswith("PolicyConfiguration") for name in put)
    assert [kept["AlarmName"] for kept in target.alarms] == [STEP_ALARM] * steps
    renamed = [scaling_targets.with_new_policies(kept, {arn: "new"})["AlarmActions"] for kept in target.alarms]
    assert renamed == [["new"]] * steps


@walked("application-autoscaling/DescribeScheduledActions", {"two-at-actions": [None]})
def test_a_scheduled_action_that_is_over_is_not_registered_again(recorded: Recording, expected: list[None]) -> None:
    (target,) = read(
        store.response("application-autoscaling/DescribeScalableTargets/variant-registered"), actions=answer(recorded)
    )
    (action,) = target.scheduled_actions
    assert action["ScalableTargetAction"] == {"MinCapacity": 15, "MaxCapacity": 20}
    assert [scaling_targets.remaining_action(action, now=NOW)] == expected
    before = datetime(2019, 5, 1, tzinfo=UTC)
    assert scaling_targets.remaining_action(action, now=before) == action


@walked(
    "cloudwatch/DescribeAlarms",
    {
        "metric-alarm-in-alarm": {"TreatMissingData", "Unit", "AlarmDescription"},
        "new-alarm-insufficient-data": set(),
    },
    elsewhere=["composite-alarm-in-alarm"],  # an alarm of step scaling is a metric's
)
def test_an_alarm_of_step_scaling_is_put_again_without_its_state(recorded: Recording, expected: set[str]) -> None:
    page = answer(recorded)
    (target,) = read(
        store.response("application-autoscaling/DescribeScalableTargets/variant-registered"),
        store.response("application-autoscaling/DescribeScalingPolicies/step-and-customised-metric"),
        alarms=page,
    )
    (alarm,) = target.alarms
    assert alarm.items() <= page["MetricAlarms"][0].items()
    assert {"AlarmName", "Threshold", "EvaluationPeriods", "ComparisonOperator", *expected} <= set(alarm)
    assert not [name for name in alarm if name.startswith("State")]
    registered_again(target)
