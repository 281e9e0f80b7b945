"""Fields of a response that the SDK's model of the API does not have.

botocore parses the fields of its model and drops all others without a sign (botocore/parsers.py: BaseJSONParser), so a
field that AWS added after this SDK reaches no rule. Where the content of a response is carried or compared, the raw
response is therefore compared with the model first, and the paths of what would be dropped become a field of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import botocore
from botocore.client import BaseClient
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

FIELD = "FieldsUnknownToTheSdk"
# By the service's name in botocore's events: what is promoted, and what is deleted and created again.
_OPERATIONS = {
    "sagemaker": ("DescribeModel", "DescribeModelPackage", "DescribeEndpointConfig"),
    "application-auto-scaling": ("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions"),
    "cloudwatch": ("DescribeAlarms",),
}


def report(client: BaseClient) -> None:
    """Make a client of one of these services add the paths of unknown fields to its descriptions."""
    service = client.meta.service_model.service_id.hyphenize()
    for operation in _OPERATIONS[service]:
        client.meta.events.register(f"before-parse.{service}.{operation}", _add_paths)


def problems(response: Mapping[str, Any]) -> list[str]:
    """Return each unknown field of a response by its path, with what to do. One without a value is none of them."""
    return [
        f"{path} (botocore {botocore.__version__} does not know this field: deploy a version of Promote that does)"
        for path in response.get(FIELD, [])
    ]


def without(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the API's model has."""
    return {name: value for name, value in response.items() if name != FIELD}


def _add_paths(
    operation_model: OperationModel,
    response_dict: Mapping[str, Any],
    customized_response_dict: dict[str, Any],
    **_: Any,
) -> None:
    try:
        content = json.loads(response_dict["body"])
    except ValueError:
        return  # botocore reports it
    if response_dict["status_code"] < 300 and operation_model.output_shape is not None:
        paths = list(_unknown(operation_model.output_shape, content, ""))
        if paths:
            customized_response_dict[FIELD] = paths


def _unknown(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        fields = {field.serialization.get("name", name): field for name, field in shape.members.items()}
        for name, content in value.items():
            below = f"{path}.{name}" if path else name
            if name in fields:
                yield from _unknown(fields[name], content, below)
            elif _has_value(content):
                yield below
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(shape.member, item, f"{path}[{index}]")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for key, item in value.items():
            yield from _unknown(shape.value, item, f"{path}[{key}]")


def _has_value(content: Any) -> bool:
    """Whether anything in the content is set: SageMaker may return fields that no one set, also with structures."""
    if isinstance(content, dict | list):
        return any(map(_has_value, content.values() if isinstance(content, dict) else content))
    return content not in (None, "")
