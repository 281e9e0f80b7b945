"""Which fields SageMaker fills in: decided for every field of the requests, by what was published of its responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape

from lambdas.promotion.contract.errors import NameTaken
from lambdas.promotion.endpoint import comparison, service_defaults
from recordings import store

LISTS = (
    set(service_defaults.DEFAULTS),
    set(service_defaults.CHOSEN),
    set(service_defaults.FOLLOWS_FROM),
    set(service_defaults.NEVER_FILLED_IN),
)
IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/reviews:7"
NETWORK = {"VpcConfig": {"SecurityGroupIds": ["sg-1", "sg-2"], "Subnets": ["subnet-1", "subnet-2"]}}
VARIANT = {"VariantName": "AllTraffic", "ModelName": "reviews-v7"}


def leaves(shape: Shape, name: str = "") -> Iterator[str]:
    """Yield the names of the fields that hold a value."""
    if isinstance(shape, StructureShape):
        for field, below in shape.members.items():
            yield from leaves(below, field)
    elif isinstance(shape, ListShape) and isinstance(shape.member, StructureShape):
        yield from leaves(shape.member, name)
    else:
        yield name


def fields(operation: str) -> set[str]:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return set(leaves(shape)) - {"Key", "Value"}


def same(kind: str, desired: dict[str, Any], existing: dict[str, Any]) -> bool:
    try:
        comparison.require_same(kind, "reviews-v7", desired, existing)
    except NameTaken:
        return False
    return True


@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig"])
def test_each_field_of_a_request_is_decided_once(operation: str) -> None:
    undecided = {name: sum(name in chosen for chosen in LISTS) for name in fields(operation)}
    assert {name for name, count in undecided.items() if count != 1} == set()


def test_no_list_has_a_field_that_no_request_has() -> None:
    assert set().union(*LISTS) - fields("CreateModel") - fields("CreateEndpointConfig") == {"ModelDataSource"}


@pytest.mark.parametrize(
    ("kind", "described_only"), [("Model", {"DeploymentRecommendation"}), ("EndpointConfig", set())]
)
def test_each_structure_that_no_request_has_is_only_described(kind: str, described_only: set[str]) -> None:
    """Its fields may have the names of a request's."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    described = model.operation_model(f"Describe{kind}").output_shape
    requested = model.operation_model(f"Create{kind}").input_shape
    assert described is not None and requested is not None
    structures = {name for name, shape in described.members.items() if shape.type_name in {"structure", "list"}}
    assert structures - set(requested.members) == described_only
    assert described_only <= service_defaults.DESCRIBED_ONLY


# CreateModel


def test_a_pipeline_is_the_same_after_sagemaker_filled_in_how_it_is_called() -> None:
    filled = store.response("sagemaker/DescribeModel/containers-filled-in")
    containers: list[dict[str, Any]] = [{"Image": IMAGE}, {"Image": IMAGE, "Environment": {"A": "1"}}]
    desired = {
        "ModelName": filled["ModelName"],
        "Containers": containers,
        "ExecutionRoleArn": filled["ExecutionRoleArn"],
        "EnableNetworkIsolation": True,
    }
    existing = {**filled, "Containers": [{**container, "Mode": "SingleModel"} for container in containers]}
    assert same("model", desired, existing)
    assert not same("model", desired, {**existing, "InferenceExecutionConfig": {"Mode": "Direct"}})
    assert not same("model", {**desired, "InferenceExecutionConfig": {"Mode": "Direct"}}, existing)


def test_what_a_request_says_by_default_may_be_missing_in_the_response() -> None:
    desired = {"Containers": [{"Image": IMAGE, "Mode": "SingleModel"}], "InferenceExecutionConfig": {"Mode": "Serial"}}
    assert same("model", desired, {"Containers": [{"Image": IMAGE}]})


def test_a_container_is_the_same_with_its_mode_filled_in() -> None:
    filled = store.response("sagemaker/DescribeModel/container-filled-in")
    desired = {"ModelName": "reviews-v7", "PrimaryContainer": {"Image": IMAGE}, "EnableNetworkIsolation": False}
    assert same("model", desired, filled)


def test_a_tarball_in_both_forms_is_the_same() -> None:
    filled = store.response("sagemaker/DescribeModel/recommendation-completed-and-empty-list")
    container = filled["PrimaryContainer"]
    sent = {field: container[field] for field in ("Image", "ModelDataUrl")}
    assert same(
        "model",
        {"ModelName": filled["ModelName"], "PrimaryContainer": sent, "ExecutionRoleArn": filled["ExecutionRoleArn"]},
        filled,
    )
    filled = {"PrimaryContainer": {field: container[field] for field in ("ModelDataUrl", "ModelDataSource")}}
    assert same("model", {"PrimaryContainer": {"ModelDataUrl": container["ModelDataUrl"]}}, filled)
    assert same("model", {"PrimaryContainer": {"ModelDataSource": container["ModelDataSource"]}}, filled)
    assert not same("model", {"PrimaryContainer": {"ModelDataUrl": "s3://models/other.tar.gz"}}, filled)


@pytest.mark.parametrize("form", ["ModelDataUrl", "ModelDataSource"])
def test_a_container_without_data_is_not_the_same_with_data(form: str) -> None:
    data = store.response("sagemaker/DescribeModel/recommendation-completed-and-empty-list")["PrimaryContainer"][form]
    desired = {"PrimaryContainer": {"Image": IMAGE}}
    assert not same("model", desired, {"PrimaryContainer": {"Image": IMAGE, form: data}})


def test_a_network_is_the_same_in_any_order() -> None:
    assert same("model", NETWORK, store.response("sagemaker/DescribeModel/order-of-a-network"))


@pytest.mark.parametrize(
    ("field", "value", "means_nothing"),
    [
        ("MultiModelConfig", {"ModelCacheSetting": "Enabled"}, True),
        ("MultiModelConfig", {"ModelCacheSetting": "Disabled"}, False),
        ("ImageConfig", {"RepositoryAccessMode": "Platform"}, True),
        ("ImageConfig", {"RepositoryAccessMode": "Vpc"}, False),
        ("ContainerHostname", "container-1", True),
        ("Environment", {"LD_PRELOAD": "/x.so"}, False),
        ("AdditionalModelDataSources", [{"ChannelName": "adapter"}], False),
        ("AdditionalModelDataSources", [], True),
        ("ModelPackageName", "arn:aws:sagemaker:eu-west-1:111122223333:model-package/reviews/7", False),
        ("AFieldOfTomorrow", {"Value": 1}, True),
    ],
)
def test_a_field_of_a_container_that_was_not_requested(field: str, value: Any, means_nothing: bool) -> None:
    container = {"Image": IMAGE}
    assert same("model", {"Containers": [container]}, {"Containers": [{**container, field: value}]}) is means_nothing


# CreateEndpointConfig


@pytest.mark.parametrize("dropped", ["VolumeSizeInGB", "InitialVariantWeight"])
def test_a_configuration_is_the_same_after_sagemaker_completed_it(dropped: str) -> None:
    filled = store.response("sagemaker/DescribeEndpointConfig/instances-filled-in")
    desired = store.response(
        "sagemaker/DescribeEndpointConfig/instances-filled-in",
        EndpointConfigArn=None,
        CreationTime=None,
        EnableNetworkIsolation=None,
    )
    del desired["ProductionVariants"][0][dropped]
    assert same("endpoint configuration", desired, filled)
    filled["ProductionVariants"][0]["InstanceType"] = "ml.m5.large"
    assert not same("endpoint configuration", desired, filled)


def test_a_configuration_is_the_same_with_nothing_filled_in() -> None:
    existing = store.response("sagemaker/DescribeEndpointConfig/instance-variant")
    (variant,) = existing["ProductionVariants"]
    sent = {field: variant[field] for field in variant if field != "InitialVariantWeight"}
    desired = {"EndpointConfigName": existing["EndpointConfigName"], "ProductionVariants": [sent]}
    assert same("endpoint configuration", desired, existing)


def test_a_serverless_configuration_is_the_same_with_a_volume() -> None:
    filled = store.response("sagemaker/DescribeEndpointConfig/serverless-filled-in")
    variant = {**VARIANT, "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    assert same("endpoint configuration", {"ProductionVariants": [variant]}, filled)


@pytest.mark.parametrize(
    ("field", "value", "means_nothing"),
    [
        ("AsyncInferenceConfig.ClientConfig", {"MaxConcurrentInvocationsPerInstance": 4}, True),
        ("AsyncInferenceConfig.OutputConfig", {"S3OutputPath": "s3://models/out", "KmsKeyId": "k"}, False),
        ("KmsKeyId", "arn:aws:kms:us-west-2:111122223333:key/1", False),
        ("ExecutionRoleArn", "arn:aws:iam::111122223333:role/other", False),
        ("EnableNetworkIsolation", True, False),
        ("MetricsConfig", {"EnableDetailedObservability": True, "MetricPublishFrequencyInSeconds": 60}, True),
        ("MetricsConfig", {"EnableEnhancedMetrics": True}, False),
        ("DataCaptureConfig", {"EnableCapture": True, "DestinationS3Uri": "s3://other/"}, False),
        *((name, value, False) for name, value in NETWORK.items()),
    ],
)
def test_a_field_of_a_configuration_that_was_not_requested(field: str, value: Any, means_nothing: bool) -> None:
    desired = store.response("sagemaker/DescribeEndpointConfig/not-filled-in")
    existing = store.response("sagemaker/DescribeEndpointConfig/not-filled-in")
    assert same("endpoint configuration", desired, existing)
    parent, _, name = field.rpartition(".")
    (existing[parent] if parent else existing)[name] = value
    assert same("endpoint configuration", desired, existing) is means_nothing


@pytest.mark.parametrize(
    ("field", "value", "means_nothing"),
    [
        ("EnableSSMAccess", False, True),
        ("EnableSSMAccess", True, False),
        ("RoutingConfig", {"RoutingStrategy": "RANDOM"}, True),
        ("RoutingConfig", {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}, False),
        ("InferenceAmiVersion", "al2-ami-sagemaker-inference-gpu-2", False),
        ("CoreDumpConfig", {"DestinationS3Uri": "s3://other/"}, False),
        ("ServerlessConfig", {"MemorySizeInMB": 2048, "MaxConcurrency": 5}, False),
        ("InitialVariantWeight", 0.5, False),
    ],
)
def test_a_field_of_a_variant_that_was_not_requested(field: str, value: Any, means_nothing: bool) -> None:
    existing = {"ProductionVariants": [{**VARIANT, field: value}]}
    assert same("endpoint configuration", {"ProductionVariants": [VARIANT]}, existing) is means_nothing


def test_variants_are_the_same_in_any_order() -> None:
    first, second = ({**VARIANT, "VariantName": name} for name in ("blue", "green"))
    assert same(
        "endpoint configuration", {"ProductionVariants": [first, second]}, {"ProductionVariants": [second, first]}
    )


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_an_empty_value_means_the_same_as_no_field(value: Any) -> None:
    assert service_defaults.is_default("Environment", value)


@pytest.mark.parametrize("unlisted", [True, False])
def test_of_an_unlisted_field_the_caller_decides_and_of_what_is_in_it_the_lists(unlisted: bool) -> None:
    """AWS has added it since; the data of a container within it was set by a caller."""
    assert service_defaults.is_filled_in("Newer", 7, {}, unlisted=unlisted) is unlisted
    assert service_defaults.is_filled_in("Newer", {"Seed": 7}, {}, unlisted=unlisted)
    assert not service_defaults.is_filled_in("Newer", {"ModelDataUrl": "s3://b/k"}, {}, unlisted=unlisted)
