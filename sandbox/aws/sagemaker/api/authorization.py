"""Which permissions a call needs, on which resources, and whether the caller has them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id

from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import arns, roles
from sandbox.aws.sagemaker.api.errors import Invalid, Refusal
from sandbox.aws.sagemaker.models import registry
from sandbox.aws.sagemaker.state import Record


@dataclass(frozen=True)
class RequiredPermission:
    """One permission. The caller has it when it has it on any one of the resources.

    `message` is the refusal of the service itself, where the service does not leave it to IAM.
    """

    action: str
    resources: tuple[str, ...]
    context: dict[str, Any] = field(default_factory=dict)
    message: str | None = None


class Unauthenticated(Exception):
    """The request's credentials are not what MiniStack issued; carries the finished answer."""

    def __init__(self, response: tuple[int, dict[str, str], bytes]) -> None:
        super().__init__(response[0])
        self.response = response


def required_permissions(operation: str, parameters: Record) -> Iterator[RequiredPermission]:
    """The permissions that an operation needs, in the order in which they are asked for."""
    resources = list(_resources(operation, parameters))
    tags = parameters.get("Tags")
    tag_context: dict[str, Any] = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in _well_formed(tags)}
    if tag_context:
        tag_context["aws:TagKeys"] = [tag["Key"] for tag in _well_formed(tags)]
    targets = {
        f"sagemaker:{field_name}": parameters[field_name] for field_name in _TARGETS if parameters.get(field_name)
    }
    for alternatives in resources or [("*",)]:
        yield RequiredPermission(f"sagemaker:{operation}", alternatives, {**tag_context, **targets})
    if tags and operation.startswith("Create") and resources:
        yield RequiredPermission("sagemaker:AddTags", resources[0], tag_context)
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        yield from _of_deployment(parameters)
    if operation == "DeleteEndpoint":
        yield from _deregistrations(str(parameters.get("EndpointName")))
    role = parameters.get("ExecutionRoleArn")
    if operation in ("CreateModel", "CreateEndpointConfig") and isinstance(role, str):
        yield RequiredPermission("iam:PassRole", (role,), {"iam:PassedToService": roles.SERVICE_PRINCIPAL})


def _of_deployment(parameters: Record) -> Iterator[RequiredPermission]:
    """What SageMaker does as its caller: see the alarms, and give itself the grant to use the volumes' key."""
    policy = parameters.get("DeploymentConfig")
    if isinstance(policy, dict) and policy.get("AutoRollbackConfiguration"):
        yield RequiredPermission("cloudwatch:DescribeAlarms", ("*",))
    key = state.endpoint_configs.get(str(parameters.get("EndpointConfigName")), {}).get("KmsKeyId")
    if key:
        yield RequiredPermission("kms:CreateGrant", (key,), {"kms:GrantIsForAWSResource": "true"})


def require(required: Iterator[RequiredPermission], headers: dict[str, str], query: dict[str, Any]) -> None:
    """Raise the denial of the first permission that the caller lacks."""
    for demand in required:
        _require(demand, headers, query)


def require_own_role(parameters: Record) -> None:
    """A role of another account cannot be passed, whatever policies say."""
    role = parameters.get("ExecutionRoleArn")
    if role is not None and roles.account_of(role) != get_account_id():
        raise Invalid("RoleArn: Cross-account pass role is not allowed.")


def _require(demand: RequiredPermission, headers: dict[str, str], query: dict[str, Any]) -> None:
    if not app.AUTH:
        return
    access_key = extract_access_key_id(headers, query)
    denied = None
    for resource in demand.resources:
        denied = iam_evaluator.enforce(
            access_key, demand.action, "sagemaker", get_region(), resource, _context(resource, demand)
        )
        if denied is None:
            return
        if isinstance(denied, iam_evaluator.AuthError):
            raise Unauthenticated(app._credential_failure("sagemaker", demand.action, "", denied, headers))
        if denied.decision == "Deny":
            break
    assert denied is not None  # noqa: S101 - a demand names at least one resource
    message = str(
        iam_actions.identity_denial_message(
            demand.action, denied.principal_arn, demand.resources[0], denied.decision == "Deny"
        )
    )
    if denied.decision != "Deny" and _limits_deny(access_key, demand):
        message = message.replace("identity-based policy", "session policy")
    raise Refusal("AccessDeniedException", demand.message or message)


def _limits_deny(access_key: str, demand: RequiredPermission) -> bool:
    """Whether the identity policies allow it and a session policy does not: AWS names the one that decided."""
    principal = iam_evaluator.resolve_principal(access_key, get_account_id())
    if not principal.limits:
        return False
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=demand.action,
        resource_arn=demand.resources[0],
        region=get_region(),
        service_context={key.lower(): value for key, value in _context(demand.resources[0], demand).items()},
        principal_keys=principal.keys,
    )
    return bool(iam_evaluator.evaluate(context, principal.policies).decision == "Allow")


def _deregistrations(endpoint: str) -> Iterator[RequiredPermission]:
    """Whoever deletes an endpoint deregisters its variants. awslabs/stable-diffusion-aws-extension#161 has the text."""
    for target in list(state.scalable_targets.values()):
        if target["ResourceId"].startswith(f"endpoint/{endpoint}/variant/"):
            yield RequiredPermission(
                "application-autoscaling:DeregisterScalableTarget",
                (target["ScalableTargetARN"],),
                {
                    "application-autoscaling:service-namespace": target["ServiceNamespace"],
                    "application-autoscaling:scalable-dimension": target["ScalableDimension"],
                },
                message="An Application AutoScaling scalable target exists for a variant being deleted, and the IAM "
                "identity used to invoke DeleteEndpoint does not have application-autoscaling:DeregisterScalableTarget "
                "permission to deregister the scalable target.",
            )


def _context(resource: str, demand: RequiredPermission) -> dict[str, Any]:
    owned = state.tags.get(resource.lower(), {})
    resource_tags = {
        f"{prefix}:ResourceTag/{key}": value for key, value in owned.items() for prefix in ("aws", "sagemaker")
    }
    return {**resource_tags, **demand.context}


def _resources(operation: str, parameters: Record) -> Iterator[tuple[str, ...]]:
    for field_name, spell in _RESOURCE_FIELDS.get(operation, ()):
        value = parameters.get(field_name)
        if isinstance(value, str):
            yield spell(value)


def _well_formed(tags: Any) -> list[dict[str, str]]:
    listed = tags if isinstance(tags, list) else []
    return [tag for tag in listed if isinstance(tag, dict) and {"Key", "Value"} <= tag.keys()]


Spelling = Callable[[str], tuple[str, ...]]


def _one(spell: Callable[[str], str]) -> Spelling:
    return lambda value: (spell(value),)


def _packages_of_group(name: str) -> tuple[str, ...]:
    # AWS's own examples grant the listing on the packages, its reference names the group.
    return arns.package_group(name), f"{arns.package(arns.resource_name(name))}/*"


# What InvokeEndpoint's policies can ask for (AWS: condition keys of SageMaker).
_TARGETS = ("TargetModel", "TargetContainerHostname")

_ENDPOINT = ("EndpointName", _one(arns.endpoint))
_CONFIG = ("EndpointConfigName", _one(arns.endpoint_config))
_MODEL = ("ModelName", _one(arns.model))
_GROUP = ("ModelPackageGroupName", _one(arns.package_group))
_PACKAGE = ("ModelPackageName", _one(arns.package))
_TAGGED = ("ResourceArn", _one(str))

_RESOURCE_FIELDS: dict[str, tuple[tuple[str, Spelling], ...]] = {
    "CreateModel": (_MODEL,),
    "DescribeModel": (_MODEL,),
    "DeleteModel": (_MODEL,),
    "CreateEndpointConfig": (_CONFIG,),
    "DescribeEndpointConfig": (_CONFIG,),
    "DeleteEndpointConfig": (_CONFIG,),
    "CreateEndpoint": (_ENDPOINT, _CONFIG),
    "UpdateEndpoint": (_ENDPOINT, _CONFIG),
    "DescribeEndpoint": (_ENDPOINT,),
    "DeleteEndpoint": (_ENDPOINT,),
    "UpdateEndpointWeightsAndCapacities": (_ENDPOINT,),
    "InvokeEndpoint": (_ENDPOINT,),
    "InvokeEndpointAsync": (_ENDPOINT,),
    "CreateModelPackageGroup": (_GROUP,),
    "DescribeModelPackageGroup": (_GROUP,),
    "DeleteModelPackageGroup": (_GROUP,),
    "CreateModelPackage": (("ModelPackageGroupName", _one(registry.next_package_arn)), _PACKAGE),
    "DescribeModelPackage": (_PACKAGE,),
    "DeleteModelPackage": (_PACKAGE,),
    "ListModelPackages": (("ModelPackageGroupName", _packages_of_group),),
    "UpdateModelPackage": (("ModelPackageArn", _one(arns.package)),),
    "AddTags": (_TAGGED,),
    "ListTags": (_TAGGED,),
    "DeleteTags": (_TAGGED,),
}
