"""The options hold what AWS's API allows, and every request of the complete example is one that AWS takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from botocore.model import ListShape, Shape, StructureShape
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from lambdas.promotion.contract import sagemaker_limits, smoke_test_settings, time_limits
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.images import copy as image_copy
from lambdas.promotion.images import references
from lambdas.promotion.outcome import failure_explanation
from lambdas.promotion.preflight import queries, service_quotas
from lambdas.promotion.preflight.checks import alarms
from lambdas.promotion.resolve import identity
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling import targets
from lambdas.promotion.smoke_test import async_invocation
from stacks.config.fields import api_limits, field_types
from stacks.config.fields.api_case import ApiName, ApiNameInSeconds, ApiShape, _camel
from stacks.config.load import parse
from stacks.config.schema import Vpc
from stacks.config.stage import smoke_test
from stacks.config.stage.rollout import Rollout
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
def test_a_choice_has_the_values_of_the_api(part: str, name: str, schema: dict[str, Any]) -> None:
    chosen = set(schema.get("enum", [schema.get("const")]))
    assert chosen == set(LEAVES[name].metadata.get("enum", chosen))


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


# Texts, lists and durations. A field takes what the API takes, or less for the reason that is stated here.

SAGEMAKER, RUNTIME = api("sagemaker"), api("sagemaker-runtime")
Texts = tuple[str, dict[str, Any], Shape]


def fields_of_parts() -> Iterator[tuple[str, dict[str, Any], Shape, bool]]:
    """Yield each option of an endpoint configuration with the API's shape in its own structure; whether in seconds."""
    for part in sorted(ApiShape.__subclasses__(), key=lambda model: model.__name__):
        structure = re.search(r"API: (\w+)", part.__doc__ or "")
        assert structure, part
        shapes: dict[str, Shape] = {}
        for name, shape in leaves(SAGEMAKER.shape_for(structure[1])):
            shapes.setdefault(name, shape)
        properties = part.model_json_schema(by_alias=True)["properties"]
        for name, field in part.model_fields.items():
            renamed = next((kind for kind in field.metadata if isinstance(kind, ApiName)), None)
            api_name = renamed.name if renamed else _camel(name)
            alternatives = properties[name].get("anyOf", [properties[name]])
            schema = next(kind for kind in alternatives if kind.get("type") != "null")
            if api_name in shapes:
                yield f"{part.__name__}.{name}", schema, shapes[api_name], isinstance(renamed, ApiNameInSeconds)


def input_shape(service: str, operation: str, name: str) -> Shape:
    return input_of(service, operation).members[name]


def schema_of(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema()


FIELDS = list(fields_of_parts())
OTHERS = [
    ("SageMakerName as an endpoint", schema_of(field_types.SageMakerName), SAGEMAKER.shape_for("EndpointName")),
    ("SageMakerName as a group", schema_of(field_types.SageMakerName), SAGEMAKER.shape_for("EntityName")),
    ("VariableName", schema_of(field_types.VariableName), SAGEMAKER.shape_for("EnvironmentKey")),
    (
        "Vpc.security_group_ids",
        Vpc.model_json_schema()["properties"]["security_group_ids"],
        SAGEMAKER.shape_for("VpcSecurityGroupIds"),
    ),
    ("Vpc.subnets", Vpc.model_json_schema()["properties"]["subnets"], SAGEMAKER.shape_for("Subnets")),
    ("Rollout.alarms", Rollout.model_json_schema()["properties"]["alarms"], SAGEMAKER.shape_for("AlarmList")),
    ("AlarmName", schema_of(field_types.AlarmName), SAGEMAKER.shape_for("AlarmName")),
    ("Arn of a provider", schema_of(field_types.Arn), SAGEMAKER.shape_for("RepositoryCredentialsProviderArn")),
    ("ExternalId", schema_of(field_types.ExternalId), input_shape("sts", "AssumeRole", "ExternalId")),
    ("content_type", schema_of(smoke_test.Header), RUNTIME.shape_for("Header")),
    ("custom_attributes", schema_of(smoke_test.Header), RUNTIME.shape_for("CustomAttributesHeader")),
    ("target_model", schema_of(smoke_test.TargetModel), RUNTIME.shape_for("TargetModelHeader")),
    ("target_variant", schema_of(field_types.SageMakerName), RUNTIME.shape_for("TargetVariantHeader")),
]
LISTS: list[Texts] = [
    (title, schema, shape)
    for title, schema, shape in [*((title, schema, shape) for title, schema, shape, _ in FIELDS), *OTHERS]
    if isinstance(shape, ListShape)
]
TEXTS: list[Texts] = [
    (title, schema, shape)
    for title, schema, shape in [
        *((title, schema, shape) for title, schema, shape, in_seconds in FIELDS if not in_seconds),
        *OTHERS,
        *((f"{title}[]", schema["items"], shape.member) for title, schema, shape in LISTS),  # type: ignore[attr-defined]
    ]
    if schema.get("type") == shape.type_name == "string" and "enum" not in schema and "const" not in schema
]
# Its values are checked by a list, or by SageMaker, which knows new ones before the SDK.
CHOSEN_ELSEWHERE = {
    "Shap.language",
    "Variant.instance_type",
    "InstancePool.instance_type",
    "Variant.inference_ami_version",
}
# Another limit is checked: that of its bytes, which the API has in its description.
IN_BYTES = {"VariableName"}


def titled(values: list[Texts]) -> dict[str, Any]:
    return {"argvalues": values, "ids": [title for title, _, _ in values]}


@pytest.mark.parametrize(("title", "schema", "shape"), **titled(LISTS))
def test_a_list_has_as_many_items_as_the_api_takes(title: str, schema: dict[str, Any], shape: Shape) -> None:
    assert schema.get("maxItems") == shape.metadata["max"]
    # An optional list that is empty is not sent.
    assert schema.get("minItems") in ({None, 0, 1} if title != "Vpc.subnets" else {1})


@pytest.mark.parametrize(
    ("title", "schema", "shape"), **titled([text for text in TEXTS if text[0] not in CHOSEN_ELSEWHERE | IN_BYTES])
)
def test_a_text_is_as_long_as_the_api_takes(title: str, schema: dict[str, Any], shape: Shape) -> None:
    counted = re.search(r"\{(?:1|0),([0-9]+)\}\$$", schema.get("pattern", ""))
    longest = schema.get("maxLength") or (int(counted[1]) + (title == "target_model") if counted else None)
    assert longest == shape.metadata["max"]


@pytest.mark.parametrize(("title", "schema", "shape"), **titled([text for text in TEXTS if "pattern" in text[1]]))
def test_a_text_that_is_accepted_has_the_form_of_the_api(title: str, schema: dict[str, Any], shape: Shape) -> None:
    pattern, longest = schema["pattern"].removeprefix("^").removesuffix("$"), schema.get("maxLength", 2048)

    @settings(max_examples=25, derandomize=True, database=None, deadline=None)
    @given(st.from_regex(pattern, fullmatch=True).filter(lambda text: 0 < len(text) <= longest))
    def every_text(text: str) -> None:
        if title not in CHOSEN_ELSEWHERE:
            assert list(api_limits._violations(text, shape, title)) == []

    every_text()


@pytest.mark.parametrize(
    ("title", "schema", "shape"),
    **titled([(title, schema, shape) for title, schema, shape, in_seconds in FIELDS if in_seconds]),
)
def test_a_duration_has_the_range_of_the_api(title: str, schema: dict[str, Any], shape: Shape) -> None:
    part, field = title.split(".")
    kind = next(model for model in ApiShape.__subclasses__() if model.__name__ == part)
    adapter: TypeAdapter[Any] = TypeAdapter(kind.model_fields[field].annotation or str)
    least, most = shape.metadata["min"], shape.metadata["max"]
    assert adapter.validate_python(f"{least}s") == f"{least}s"
    assert adapter.validate_python(f"{most}s") == f"{most}s"
    for outside in (least - 1, most + 1):
        with pytest.raises(ValueError, match=f"must be from {least}s to {most}s"):
            adapter.validate_python(f"{outside}s")


# Numbers of the Lambdas that the API has too.
LIMITS = {
    "containers of a model": (sagemaker_limits.MOST_CONTAINERS, SAGEMAKER.shape_for("ContainerDefinitionList")),
    "variables": (sagemaker_limits.MOST_VARIABLES, SAGEMAKER.shape_for("EnvironmentMap")),
    "a variable's name": (sagemaker_limits.MOST_BYTES, SAGEMAKER.shape_for("EnvironmentKey")),
    "a variable's value": (sagemaker_limits.MOST_BYTES, SAGEMAKER.shape_for("EnvironmentValue")),
    "ModelDataUrl": (sagemaker_limits.LONGEST_URL, SAGEMAKER.shape_for("Url")),
    "S3Uri of a data source": (sagemaker_limits.LONGEST_URL, SAGEMAKER.shape_for("S3ModelUri")),
    "an image": (references._LONGEST, SAGEMAKER.shape_for("ContainerImage")),
    "tags": (identity._MOST_TAGS, SAGEMAKER.shape_for("TagList")),
    "a deployment": (
        time_limits.LONGEST_DEPLOYMENT.total_seconds(),
        SAGEMAKER.shape_for("MaximumExecutionTimeoutInSeconds"),
    ),
    "a request": (smoke_test_settings.MOST_BYTES, input_shape("sagemaker-runtime", "InvokeEndpoint", "Body")),
    "an asynchronous request": (
        async_invocation.MOST_BYTES,
        input_shape("sagemaker-runtime", "InvokeEndpointAsync", "Body"),
    ),
    "layers": (image_copy._LAYERS_PER_QUERY, input_shape("ecr", "BatchCheckLayerAvailability", "layerDigests")),
    "alarms": (alarms._ALARMS_PER_QUERY, input_shape("cloudwatch", "DescribeAlarms", "AlarmNames")),
    "alarms of step scaling": (
        scaling_client._ALARMS_PER_QUERY,
        input_shape("cloudwatch", "DescribeAlarms", "AlarmNames"),
    ),
    "scalable targets": (
        queries._TARGETS_PER_QUERY,
        input_shape("application-autoscaling", "DescribeScalableTargets", "ResourceIds"),
    ),
    "quotas": (service_quotas._PAGE, input_shape("service-quotas", "ListServiceQuotas", "MaxResults")),
}


@pytest.mark.parametrize("subject", LIMITS)
def test_a_limit_is_the_apis(subject: str) -> None:
    number, shape = LIMITS[subject]
    assert number == shape.metadata["max"]


def test_a_cause_fits_into_what_a_failed_execution_takes() -> None:
    longest = api("stepfunctions").shape_for("SensitiveCause").metadata["max"]
    assert longest >= failure_explanation._LONGEST_CAUSE
