"""An endpoint's scalable targets in Application Auto Scaling: read whole, deregistered, registered again.

Each call is safe to repeat: a registration, a policy, a scheduled action and an alarm are put under their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.targets import ScalableTarget, Specification

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sagemaker import SageMakerClient

# API: RegisterScalableTarget, PutScalingPolicy, PutScheduledAction, PutMetricAlarm, without what names the target.
_REGISTERED = ("MinCapacity", "MaxCapacity", "SuspendedState")
_OF_POLICY = (
    "PolicyName",
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
_OF_ACTION = ("ScheduledActionName", "Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")
_TRACKING = "TargetTrackingScaling"  # makes its alarms itself


@dataclass(frozen=True)
class Live:
    """The configuration that an endpoint serves, and its variants by name as DescribeEndpoint tells them."""

    config: str = ""
    variants: Mapping[str, Specification] = field(default_factory=dict)


def live(endpoint: str, *, sagemaker: SageMakerClient) -> Live:
    """Return what the endpoint serves now: nothing if it is gone, or has not come to serve."""
    found = endpoint_client.described(endpoint, sagemaker=sagemaker)
    if found is None:
        return Live()
    variants = {one["VariantName"]: one for one in found.get("ProductionVariants", [])}
    return Live(found.get("EndpointConfigName", ""), variants)


def configured(config: str, *, sagemaker: SageMakerClient) -> dict[str, Specification]:
    """Return the variants of a configuration by name: only it tells their instance types.

    None of them if somebody has deleted it meanwhile (AWS: DeleteEndpointConfig).
    """
    found = endpoint_client.described_config(config, sagemaker=sagemaker) if config else None
    return {one["VariantName"]: one for one in found["ProductionVariants"]} if found else {}


def registered(endpoint: str, variants: Iterable[str], account: RoleSession) -> list[ScalableTarget]:
    """Return the scalable targets among the variants with all that a deregistration would delete."""
    client = account.autoscaling
    resources = [scaling_targets.resource_id(endpoint, variant) for variant in variants]
    if not resources:
        return []  # the call without any would tell of every endpoint in the account
    pages = client.get_paginator("describe_scalable_targets").paginate(
        ServiceNamespace="sagemaker", ResourceIds=resources
    )
    found = [one for page in pages for one in page["ScalableTargets"] if one["ResourceId"] in resources]
    return [_whole(one, client, account.cloudwatch) for one in found]


def deregister(targets: Iterable[ScalableTarget], *, autoscaling: ApplicationAutoScalingClient) -> None:
    for target in targets:
        try:
            autoscaling.deregister_scalable_target(**_naming(target))
        except ClientError as error:
            if not _is_gone(error):  # by an earlier run of the step
                raise


def register(target: ScalableTarget, account: RoleSession, *, now: datetime) -> None:
    """Register the target, or change what is registered; SuspendedState stays unless the target says one."""
    client = account.autoscaling
    arn = client.register_scalable_target(**_naming(target), **target.register)["ScalableTargetARN"]
    if target.tags:
        client.tag_resource(ResourceARN=arn, Tags=target.tags)
    renamed = {}
    for policy in target.policies:
        fresh = client.put_scaling_policy(**_naming(target), **policy)["PolicyARN"]
        renamed[target.policy_arns.get(policy["PolicyName"], fresh)] = fresh
    for action in target.scheduled_actions:
        if (left := scaling_targets.still_to_come(action, now=now)) is not None:
            client.put_scheduled_action(**_naming(target), **left)
    for alarm in target.alarms:
        account.cloudwatch.put_metric_alarm(**scaling_targets.with_new_policies(alarm, renamed))


def _whole(
    found: Mapping[str, Any], autoscaling: ApplicationAutoScalingClient, cloudwatch: CloudWatchClient
) -> ScalableTarget:
    of_it: dict[str, Any] = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": found["ResourceId"],
        "ScalableDimension": found["ScalableDimension"],
    }
    policies = [
        one
        for page in autoscaling.get_paginator("describe_scaling_policies").paginate(**of_it)
        for one in page["ScalingPolicies"]
    ]
    actions = [
        one
        for page in autoscaling.get_paginator("describe_scheduled_actions").paginate(**of_it)
        for one in page["ScheduledActions"]
    ]
    return ScalableTarget(
        resource=found["ResourceId"],
        dimension=found["ScalableDimension"],
        register=_fields(found, _REGISTERED),
        policies=tuple(_fields(one, _OF_POLICY) for one in policies),
        scheduled_actions=tuple(_fields(one, _OF_ACTION) for one in actions),
        policy_arns={one["PolicyName"]: one["PolicyARN"] for one in policies},
        alarms=tuple(_alarms(policies, cloudwatch)),
        tags=autoscaling.list_tags_for_resource(ResourceARN=found["ScalableTargetARN"]).get("Tags", {}),
    )


def _alarms(policies: Iterable[Any], cloudwatch: CloudWatchClient) -> Iterable[dict[str, Any]]:
    """Yield the alarms that people made for step scaling: with a policy goes the alarm's action, not the alarm.

    API: DeleteScalingPolicy. Those of target tracking come and go with their policy.
    """
    names = [
        alarm["AlarmName"] for one in policies if one["PolicyType"] != _TRACKING for alarm in one.get("Alarms", [])
    ]
    if not names:
        return
    members = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNames=names, AlarmTypes=["MetricAlarm"])
    for page in pages:
        for alarm in page["MetricAlarms"]:
            yield _fields(alarm, members.members if members else ())


def _naming(target: ScalableTarget) -> Any:
    """What names the target in each request; the stubs know the dimensions as literals."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": target.resource,
        "ScalableDimension": target.dimension,
    }


def _fields(found: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the members that are set, with times as texts: they are written down as JSON."""
    return {name: _plain(found[name]) for name in names if found.get(name) is not None}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _is_gone(error: ClientError) -> bool:
    return error_codes.code_of(error) == error_codes.AUTOSCALING_NO_SUCH_OBJECT
