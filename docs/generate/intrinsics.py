"""CloudFormation's intrinsic functions as text: what a value of a template names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAMES = (
    "RoleName",
    "FunctionName",
    "TableName",
    "BucketName",
    "TopicName",
    "QueueName",
    "LogGroupName",
    "StateMachineName",
    "Name",
)


def without_hash(logical_id: str) -> str:
    """Return a logical id without the hash that CDK appends."""
    return re.sub("[0-9A-F]{8}$", "", logical_id)


def text_of(value: Any, template: Mapping[str, Any]) -> str:
    """Return a value as text. A resource of the template is written as its type and its name."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        separator, parts = argument
        text = str(separator).join(text_of(part, template) for part in parts)
        # An ARN that is joined of its parts says the type itself.
        return re.sub(r"(:::|[:/])(Bucket|Table|StateMachine) (?=\S)", r"\1", text)
    if function == "Fn::Select":
        # A part of an ARN: the name of the resource is all that the part can tell.
        return text_of(argument[1]["Fn::Split"][1], template).rpartition(" ")[2]
    logical_id = argument if function == "Ref" else argument[0]
    if logical_id.startswith("AWS::"):
        return "aws" if logical_id == "AWS::Partition" else f"<{logical_id.removeprefix('AWS::')}>"
    resource = template["Resources"].get(logical_id, {"Type": "AWS::CloudFormation::Value"})
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::Lambda::Version":
        return f"{text_of(properties['FunctionName'], template)}:*"
    given = next((properties[name] for name in _NAMES if name in properties), None)
    name = text_of(given, template) if given else without_hash(logical_id)
    return f"{resource['Type'].rpartition('::')[2]} {name}"


def texts_of(value: Any, template: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one value or a list of them as texts."""
    values = value if isinstance(value, list) else [value]
    return tuple(text_of(item, template) for item in values)


def conditions_of(statement: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[str]:
    """Yield the conditions of a statement, each as the operator, the key and the values."""
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            yield f"{operator} {key}: {', '.join(texts_of(values, template))}"


def principals_of(statement: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[str]:
    """Yield who a statement is about: services, accounts, roles."""
    principal = statement.get("Principal", {})
    for values in principal.values() if isinstance(principal, dict) else [principal]:
        yield from texts_of(values, template)
