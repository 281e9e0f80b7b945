"""An endpoint's scalable targets in Application Auto Scaling: read completely, deregistered, registered again.

Each call is idempotent: a registration, a policy, a scheduled action and an alarm are put by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes, unknown_fields
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.targets import ScalableTarget, Specification

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import DescribeAlarmsOutputTypeDef
    from mypy_boto3_sagemaker import SageMakerClient

# API: RegisterScalableTarget, PutScalingPolicy, PutScheduledAction, without the fields that identify the target.
_REGISTERED = ("MinCapacity", "MaxCapacity", "SuspendedState")
_OF_POLICY = (
    "PolicyName",
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
_OF_ACTION = ("ScheduledActionName", "Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")
_ALARMS_PER_QUERY = 100  # API: DescribeAlarms, AlarmNames
_TRACKING = "TargetTrackingScaling"  # creates its alarms itself


@dataclass(frozen=True)
class Live:
    """The configuration that an endpoint has in service, and its variants by name as DescribeEndpoint reports them."""

    config: str = ""
    variants: Mapping[str, Specification] = field(default_factory=dict)


def live(endpoint: str, *, sagemaker: SageMakerClient) -> Live:
    """Return the configuration in service: empty if the endpoint does not exist, or was never in service."""
    description = endpoint_client.described(endpoint, sagemaker=sagemaker)
    if description is None:
        return Live()
    variants = {variant["VariantName"]: variant for variant in description.get("ProductionVariants", [])}
    return Live(description.get("EndpointConfigName", ""), variants)


def configured(config: str, *, sagemaker: SageMakerClient) -> dict[str, Specification]:
    """Return the variants of a configuration by name: only the configuration has their instance types.

    Empty if another principal has deleted it (AWS: DeleteEndpointConfig).
    """
    description = endpoint_client.described_config(config, sagemaker=sagemaker) if config else None
    return {variant["VariantName"]: variant for variant in description["ProductionVariants"]} if description else {}


def registered(endpoint: str, variants: Iterable[str], account: RoleSession) -> list[ScalableTarget]:
    """Return the scalable targets among the variants, with everything that a deregistration would delete."""
    client = account.autoscaling
    resources = [scaling_targets.resource_id(endpoint, variant) for variant in variants]
    if not resources:
        return []  # without resource ids the call would return those of every endpoint in the account
    pages = client.get_paginator("describe_scalable_targets").paginate(
        ServiceNamespace="sagemaker", ResourceIds=resources
    )
    return [
        _complete(description, client, account.cloudwatch, unknown=unknown_fields.problems(page))
        for page in pages
        for description in page["ScalableTargets"]
        if description["ResourceId"] in resources
    ]


def deregister(targets: Iterable[ScalableTarget], *, autoscaling: ApplicationAutoScalingClient) -> None:
    for target in targets:
        try:
            autoscaling.deregister_scalable_target(**_identity(target))
        except ClientError as error:
            if not _is_missing(error):  # deregistered by an earlier invocation of the step
                raise


def register(target: ScalableTarget, account: RoleSession, *, now: datetime) -> None:
    """Register the target, or change its registration; SuspendedState stays unless the target has one."""
    client = account.autoscaling
    registered = client.register_scalable_target(**_identity(target), **target.register)
    if target.tags:
        client.tag_resource(ResourceARN=registered["ScalableTargetARN"], Tags=target.tags)
    renamed = {}
    for policy in target.policies:
        new_arn = client.put_scaling_policy(**_identity(target), **policy)["PolicyARN"]
        renamed[target.policy_arns.get(policy["PolicyName"], new_arn)] = new_arn
    for action in target.scheduled_actions:
        if (remaining := scaling_targets.remaining_action(action, now=now)) is not None:
            client.put_scheduled_action(**_identity(target), **remaining)
    for alarm in target.alarms:
        account.cloudwatch.put_metric_alarm(**scaling_targets.with_new_policies(alarm, renamed))


def _complete(
    description: Mapping[str, Any],
    autoscaling: ApplicationAutoScalingClient,
    cloudwatch: CloudWatchClient,
    *,
    unknown: Iterable[str],
) -> ScalableTarget:
    identity: dict[str, Any] = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": description["ResourceId"],
        "ScalableDimension": description["ScalableDimension"],
    }
    of_policies = list(autoscaling.get_paginator("describe_scaling_policies").paginate(**identity))
    of_actions = list(autoscaling.get_paginator("describe_scheduled_actions").paginate(**identity))
    policies = [policy for page in of_policies for policy in page["ScalingPolicies"]]
    actions = [action for page in of_actions for action in page["ScheduledActions"]]
    of_alarms = _described_alarms(policies, cloudwatch)
    alarms = tuple(_alarms(of_alarms, cloudwatch))
    pages: list[Mapping[str, Any]] = [*of_policies, *of_actions, *of_alarms]
    problems = (problem for page in pages for problem in unknown_fields.problems(page))
    # A target from before they had ARNs has no tags (recordings: DescribeScalableTargets, variant-registered).
    arn = description.get("ScalableTargetARN", "")
    policy_arns = {policy["PolicyName"]: policy["PolicyARN"] for policy in policies}
    return ScalableTarget(
        resource=description["ResourceId"],
        dimension=description["ScalableDimension"],
        register=_fields(description, _REGISTERED),
        policies=tuple(_fields(policy, _OF_POLICY) for policy in policies),
        scheduled_actions=tuple(_fields(action, _OF_ACTION) for action in actions),
        policy_arns=policy_arns,
        alarms=alarms,
        tags=autoscaling.list_tags_for_resource(ResourceARN=arn).get("Tags", {}) if arn else {},
        unknown=(*unknown, *problems, *scaling_targets.alarm_problems(alarms, policy_arns.values())),
        arn=arn,
    )


def _described_alarms(policies: Iterable[Any], cloudwatch: CloudWatchClient) -> list[DescribeAlarmsOutputTypeDef]:
    """Return the pages with the alarms of step scaling: a deletion of a policy removes its action, and not the alarm.

    API: DeleteScalingPolicy. The alarms of target tracking are created and deleted with their policy.
    """
    names = [
        alarm["AlarmName"]
        for policy in policies
        if policy["PolicyType"] != _TRACKING
        for alarm in policy.get("Alarms", [])
    ]
    describe = cloudwatch.get_paginator("describe_alarms").paginate
    batches = (names[first : first + _ALARMS_PER_QUERY] for first in range(0, len(names), _ALARMS_PER_QUERY))
    return [page for batch in batches for page in describe(AlarmNames=batch, AlarmTypes=["MetricAlarm"])]


def _alarms(pages: Iterable[DescribeAlarmsOutputTypeDef], cloudwatch: CloudWatchClient) -> Iterable[dict[str, Any]]:
    request = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape
    for page in pages:
        for alarm in page["MetricAlarms"]:
            yield _fields(alarm, request.members if request else ())


def _identity(target: ScalableTarget) -> Any:
    """The fields that identify the target in each request; the type stubs declare the dimensions as literals."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": target.resource,
        "ScalableDimension": target.dimension,
    }


def _fields(description: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the fields that are set, with times as text: they are stored as JSON."""
    return {name: _plain(description[name]) for name in names if description.get(name) is not None}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _is_missing(error: ClientError) -> bool:
    return error_codes.code_of(error) == error_codes.AUTOSCALING_NO_SUCH_OBJECT
