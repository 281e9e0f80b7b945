"""The operations that the sandbox has, by the API's names."""

from collections.abc import Callable

from sandbox.aws.autoscaling import policies, targets
from sandbox.aws.sagemaker.state import Record

OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "RegisterScalableTarget": targets.register,
    "DescribeScalableTargets": targets.describe,
    "DeregisterScalableTarget": targets.deregister,
    "TagResource": targets.tag,
    "ListTagsForResource": targets.list_tags,
    "PutScalingPolicy": policies.put_policy,
    "DescribeScalingPolicies": policies.describe_policies,
    "DeleteScalingPolicy": policies.delete_policy,
    "PutScheduledAction": policies.put_action,
    "DescribeScheduledActions": policies.describe_actions,
    "DeleteScheduledAction": policies.delete_action,
}


def subject(parameters: Record) -> str:
    """The resource id that a request is about, or what it tags."""
    resource = parameters.get("ResourceId") or parameters.get("ResourceARN") or ""
    return resource if isinstance(resource, str) else ""
