"""The options hold what AWS's API allows, and every request of the complete example is one that AWS takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from botocore.model import ListShape, Shape, StructureShape

from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.resolve import identity
from lambdas.promotion.scaling import targets
from stacks.config.fields import api_limits
from stacks.config.fields.api_case import ApiName, ApiShape, _camel
from stacks.config.load import parse
from tests.docs.test_configuration import COMPLETE, on_this_python
from tests.unit.builders import api

SETTINGS = parse(on_this_python(yaml.safe_load(COMPLETE.read_text())), file=COMPLETE.name).deployed()
STAGES = [stage for application in SETTINGS.applications.values() for stage in application.stages.values()]


def input_of(service: str, operation: str) -> StructureShape:
    shape = api(service).operation_model(operation).input_shape
    assert shape is not None
    return shape


def requests(stage: Stage) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield what a promotion to the stage sends about its endpoint: the service, the operation and the request."""
    config = identity.config_request(stage, model_name="m")
    yield "sagemaker", "CreateEndpointConfig", {"EndpointConfigName": "c", **config}
    yield "sagemaker", "UpdateEndpoint", endpoint_client.update_request(stage, "c")
    for scaling in stage.autoscaling:
        variant = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": targets.resource_id(stage.endpoint, scaling.variant),
            "ScalableDimension": scaling.dimension,
        }
        yield "application-autoscaling", "RegisterScalableTarget", {**variant, **scaling.capacity}
        for policy in scaling.policies:
            yield "application-autoscaling", "PutScalingPolicy", {**variant, **policy}
        for action in scaling.scheduled_actions:
            yield "application-autoscaling", "PutScheduledAction", {**variant, **action}


def leaves(shape: Shape, name: str = "") -> Iterator[tuple[str, Shape]]:
    if isinstance(shape, ListShape):
        yield name, shape
        yield from leaves(shape.member, name)
    elif isinstance(shape, StructureShape):
        for field_name, field in shape.members.items():
            yield from leaves(field, field_name)
    else:
        yield name, shape


def options() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the options of an endpoint configuration: the part, the API's name and the JSON Schema without null."""
    for part in sorted(ApiShape.__subclasses__(), key=lambda model: model.__name__):
        properties = part.model_json_schema(by_alias=True)["properties"]
        for name, field in part.model_fields.items():
            renamed = next((kind for kind in field.metadata if isinstance(kind, ApiName)), None)
            schema = properties[field.alias or name]
            alternatives = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
            yield part.__name__, renamed.name if renamed else _camel(name), alternatives[0]


LEAVES: dict[str, Shape] = {}
for leaf_name, leaf in leaves(input_of("sagemaker", "CreateEndpointConfig")):
    if not isinstance(leaf, ListShape):
        LEAVES.setdefault(leaf_name, leaf)
NUMBERS = [(part, name, schema) for part, name, schema in options() if schema.get("type") == "integer"]
CHOICES = [(part, name, schema) for part, name, schema in options() if "enum" in schema or "const" in schema]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.endpoint)
def test_aws_takes_every_request_of_the_complete_example(stage: Stage) -> None:
    sent = list(requests(stage))
    assert [
        (operation, list(api_limits.violations(request, input_of(service, operation))))
        for service, operation, request in sent
    ] == [(operation, []) for _, operation, _ in sent]


def test_the_complete_example_scales_and_deploys_in_every_way() -> None:
    operations = {operation for stage in STAGES for _, operation, _ in requests(stage)}
    assert {"RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"} < operations
    policies = {kind for stage in STAGES for kind in stage.deployment_config or {}}
    assert {"BlueGreenUpdatePolicy", "RollingUpdatePolicy"} < policies | {"AutoRollbackConfiguration"}


@pytest.mark.parametrize(("part", "name", "schema"), NUMBERS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_number_has_the_range_of_the_api(part: str, name: str, schema: dict[str, Any]) -> None:
    limits = LEAVES[name].metadata
    assert (schema.get("minimum"), schema.get("maximum")) == (limits.get("min"), limits.get("max"))


@pytest.mark.parametrize(("part", "name", "schema"), CHOICES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_choice_is_one_of_the_apis(part: str, name: str, schema: dict[str, Any]) -> None:
    chosen = set(schema.get("enum", [schema.get("const")]))
    assert chosen <= set(LEAVES[name].metadata.get("enum", chosen))


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"MinCapacity": "1"}, "Invalid type for parameter MinCapacity"),
        ({"ScalableDimension": "sagemaker:variant:Desired"}, "ScalableDimension must be one of"),
        ({"ResourceId": ""}, "Invalid length for parameter ResourceId"),
        ({"ResourceId": "r" * 1601}, "the length of ResourceId must be from 1 to 1600, not 1601"),
        ({"Tags": {"k" * 3: "v" * 257}}, "the length of Tags.kkk must be from 0 to 256, not 257"),
    ],
)
def test_what_the_api_does_not_allow_is_named(change: dict[str, Any], violation: str) -> None:
    request = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        **change,
    }
    assert violation in "\n".join(
        api_limits.violations(request, input_of("application-autoscaling", "RegisterScalableTarget"))
    )
