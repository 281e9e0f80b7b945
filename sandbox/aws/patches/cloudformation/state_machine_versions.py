"""CloudFormation has versions and aliases of state machines; another revision of the machine is another version.

(AWS: CloudFormation, AWS::StepFunctions::StateMachineVersion and StateMachineAlias.) MiniStack has neither type.
"""

import json
from typing import Any

from ministack.services import stepfunctions as sfn
from ministack.services.cloudformation import provisioners

Resource = tuple[str, dict[str, str]]


def apply() -> None:
    provisioners._RESOURCE_HANDLERS |= {
        "AWS::StepFunctions::StateMachineVersion": {
            "create": _publish,
            "update": _publish_another,
            "delete": _delete_version,
        },
        "AWS::StepFunctions::StateMachineAlias": {
            "create": _create_alias,
            "update": _update_alias,
            "delete": _delete_alias,
        },
    }


def _publish(_logical_id: str, properties: dict[str, Any], _stack: str) -> Resource:
    request = {
        "stateMachineArn": properties["StateMachineArn"],
        "revisionId": properties.get("StateMachineRevisionId"),
        "description": properties.get("Description", ""),
    }
    arn = _answer(sfn._publish_state_machine_version(request))["stateMachineVersionArn"]
    return arn, {"Arn": arn}


def _publish_another(arn: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Resource:
    """A replacement: the engine deletes the old version once the aliases have left it."""
    replacing = ("StateMachineArn", "StateMachineRevisionId")
    if any(old.get(name) != new.get(name) for name in replacing):
        return _publish(arn, new, stack)
    return arn, {"Arn": arn}


def _delete_version(arn: str, _properties: dict[str, Any]) -> None:
    _answer(sfn._delete_state_machine_version({"stateMachineVersionArn": arn}))


def _create_alias(_logical_id: str, properties: dict[str, Any], _stack: str) -> Resource:
    request = {
        "name": properties["Name"],
        "description": properties.get("Description", ""),
        "routingConfiguration": _routing(properties),
    }
    arn = _answer(sfn._create_state_machine_alias(request))["stateMachineAliasArn"]
    return arn, {"Arn": arn}


def _update_alias(arn: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Resource:
    if old.get("Name") != new.get("Name"):
        return _create_alias(arn, new, stack)
    request = {"description": new.get("Description", ""), "routingConfiguration": _routing(new)}
    _answer(sfn._update_state_machine_alias({"stateMachineAliasArn": arn, **request}))
    return arn, {"Arn": arn}


def _delete_alias(arn: str, _properties: dict[str, Any]) -> None:
    _answer(sfn._delete_state_machine_alias({"stateMachineAliasArn": arn}))


def _routing(properties: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"stateMachineVersionArn": entry["StateMachineVersionArn"], "weight": int(entry["Weight"])}
        for entry in properties["RoutingConfiguration"]
    ]


def _answer(response: Any) -> dict[str, Any]:
    status, _, body = response
    answer: dict[str, Any] = json.loads(body)
    if status >= 400:
        raise ValueError(f"{answer.get('__type')}: {answer.get('message')}")
    return answer
