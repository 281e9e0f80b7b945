"""CloudFormation creates nothing under a name that exists: the creation fails, and what has the name stays as it is.

(AWS: CloudFormation, "Resource of type '...' with identifier '...' already exists.") MiniStack's puts the new resource
in its place.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, dynamodb, iam, kms, lambda_svc, sns, stepfunctions
from ministack.services.cloudformation import provisioners


def _arn(service: str, kind: str, name: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{kind}{name}"


# Of each type: the property with the name, and whether something has it.
_NAMED: dict[str, tuple[str, Callable[[str], bool]]] = {
    "AWS::DynamoDB::Table": ("TableName", lambda name: name in dynamodb._tables),
    "AWS::IAM::Role": ("RoleName", lambda name: name in iam._roles),
    "AWS::KMS::Alias": ("AliasName", lambda name: kms._alias_arn(name) in kms._aliases),
    "AWS::Lambda::Function": ("FunctionName", lambda name: name in lambda_svc._functions),
    "AWS::Logs::LogGroup": ("LogGroupName", lambda name: name in cloudwatch_logs._log_groups),
    "AWS::SNS::Topic": ("TopicName", lambda name: _arn("sns", "", name) in sns._topics),
    "AWS::StepFunctions::StateMachine": (
        "StateMachineName",
        lambda name: _arn("states", "stateMachine:", name) in stepfunctions._state_machines,
    ),
}


def apply() -> None:
    for kind, (named_by, exists) in _NAMED.items():
        handlers = provisioners._RESOURCE_HANDLERS[kind]
        create = _refusing(kind, named_by, exists, handlers["create"])
        provisioners._RESOURCE_HANDLERS[kind] = {**handlers, "create": create}


def _refusing(
    kind: str, named_by: str, exists: Callable[[str], bool], create: Callable[..., Any]
) -> Callable[..., Any]:
    def create_new(logical_id: str, properties: dict[str, Any], *more: Any) -> Any:
        name = properties.get(named_by)
        if name and exists(name):
            raise ValueError(f"Resource of type '{kind}' with identifier '{name}' already exists.")
        return create(logical_id, properties, *more)

    return create_new
