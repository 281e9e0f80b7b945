"""Which permissions a call needs.

IAM knows scalable targets by ARNs that end in an id, the namespace and the dimension by condition keys, and has no
resource for what describes (AWS: Service Authorization Reference, Application Auto Scaling). For the variants and the
alarms the service asks whether the caller has the permission (AWS: SageMaker, auto scaling prerequisites).
"""

from collections.abc import Iterator

from ministack.core.responses import get_account_id, get_region

from sandbox.aws.autoscaling import policies, resources
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import arns
from sandbox.aws.sagemaker.api.authorization import RequiredPermission
from sandbox.aws.sagemaker.state import Record

_PREFIX = "application-autoscaling"
# The service calls CloudWatch with the caller's permissions (AWS: managed policy AmazonSageMakerCanvasFullAccess).
_CALLED = {"aws:CalledViaLast": "application-autoscaling.amazonaws.com"}
_OF_TAGS = ("TagResource", "ListTagsForResource")

# The accounts in which the service-linked role was made: only the first registration needs the permission to create it.
_linked: set[str] = set()


def required_permissions(operation: str, parameters: Record) -> Iterator[RequiredPermission]:
    if operation in _OF_TAGS:
        yield RequiredPermission(f"{_PREFIX}:{operation}", (str(parameters.get("ResourceARN")),))
    elif operation.startswith("Describe") or not {"ResourceId", "ScalableDimension"} <= parameters.keys():
        yield RequiredPermission(f"{_PREFIX}:{operation}", ("*",))
    else:
        yield from _of_target(operation, parameters)


def _of_target(operation: str, parameters: Record) -> Iterator[RequiredPermission]:
    resource, dimension = str(parameters["ResourceId"]), str(parameters["ScalableDimension"])
    target = (resources.arn_of((resource, dimension)),)
    context = {
        f"{_PREFIX}:service-namespace": parameters.get("ServiceNamespace"),
        f"{_PREFIX}:scalable-dimension": dimension,
    }
    yield RequiredPermission(f"{_PREFIX}:{operation}", target, context)
    if operation == "RegisterScalableTarget":
        if parameters.get("Tags"):
            yield RequiredPermission(f"{_PREFIX}:TagResource", target, context)
        yield from _of_variant(resource)
    elif operation == "PutScalingPolicy" and parameters.get("PolicyType") == policies.TRACKING:
        yield RequiredPermission("cloudwatch:DescribeAlarms", ("*",))
        called = {**_CALLED, "cloudwatch:AlarmActions": [policies.policy_arn(parameters)]}
        yield RequiredPermission("cloudwatch:PutMetricAlarm", (_alarms_of(resource),), called)
    elif operation in {"DeleteScalingPolicy", "DeregisterScalableTarget"} and _is_tracked((resource, dimension)):
        yield RequiredPermission("cloudwatch:DeleteAlarms", (_alarms_of(resource),), _CALLED)


def _of_variant(resource: str) -> Iterator[RequiredPermission]:
    if scaled := resources.parse(resource):
        endpoint = state.endpoints.get(scaled.endpoint.lower())
        yield RequiredPermission("sagemaker:DescribeEndpoint", (arns.endpoint(scaled.endpoint),))
        yield RequiredPermission("sagemaker:UpdateEndpointWeightsAndCapacities", (arns.endpoint(scaled.endpoint),))
        if endpoint is not None:
            yield RequiredPermission("sagemaker:DescribeEndpointConfig", (arns.endpoint_config(endpoint.config_name),))
    if get_account_id() not in _linked:
        named = {"iam:AWSServiceName": resources.PRINCIPAL}
        yield RequiredPermission("iam:CreateServiceLinkedRole", (resources.role_arn(),), named)
        _linked.add(get_account_id())


def _is_tracked(key: resources.Key) -> bool:
    return any(target[:2] == key and policy["Alarms"] for target, policy in state.scaling_policies.items())


def _alarms_of(resource: str) -> str:
    return f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{policies.alarm_names(resource)}Alarm"
