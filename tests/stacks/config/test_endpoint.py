"""Every field of CreateEndpointConfig and UpdateEndpoint can be configured, or is left out with a reason.

The fields come from botocore, at any depth, so these tests fail on the day that AWS adds one that is neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.resolve import identity
from stacks.config import s3_constraints
from tests.stacks.config.test_schema import STAGES, mistakes, parse, stage
from tests.unit.builders import api

OPERATIONS = ("CreateEndpointConfig", "UpdateEndpoint")
KEY = "arn:aws:kms:us-east-1:333333333333:key/0d1c2b3a-1111-2222-3333-444455556666"
TOPIC = "arn:aws:sns:us-east-1:333333333333:answers"
INSTANCES = {"name": "A", "instance_type": "ml.m5.large", "initial_instance_count": 2}
VARIANT = {
    **INSTANCES,
    "initial_variant_weight": 0.5,
    "instance_provision_timeout": "10m",
    "routing": {"routing_strategy": "PREFIX_AWARE", "prefix_length": 2048, "concurrency_threshold": 8},
    "volume_size_in_gb": 64,
    "model_data_download_timeout": "20m",
    "container_startup_health_check_timeout": "15m",
    "inference_ami_version": "al2-ami-sagemaker-inference-gpu-2",
    "capacity_reservation": {"ml_reservation_arn": "arn:aws:sagemaker:us-east-1:333333333333:training-plan/plan"},
    "core_dump": {"destination_s3_uri": "s3://dumps/qa", "kms_key_id": KEY},
    "enable_ssm_access": True,
}
SERVERLESS = {
    "name": "A",
    "serverless": {"memory_size_in_mb": 2048, "max_concurrency": 5, "provisioned_concurrency": 2},
}
POOLS: dict[str, Any] = {
    "name": "A",
    "instance_pools": [
        {"instance_type": "ml.m5.large", "priority": 1},
        {"instance_type": "ml.m4.xlarge", "priority": 2},
    ],
    "initial_instance_count": 2,
}
DATA_CAPTURE = {
    "destination_s3_uri": "s3://captured/qa",
    "initial_sampling_percentage": 20,
    "capture_options": ["Input", "Output"],
    "kms_key_id": KEY,
    "csv_content_types": ["text/csv"],
    "json_content_types": ["application/json"],
}
ASYNC = {
    "s3_output_path": "s3://answers/qa/out",
    "s3_failure_path": "s3://answers/qa/failed",
    "s3_input_path": "s3://questions/qa",
    "kms_key_id": KEY,
    "success_topic": TOPIC,
    "error_topic": TOPIC,
    "include_inference_response_in": ["SUCCESS_NOTIFICATION_TOPIC"],
    "max_concurrent_invocations_per_instance": 4,
}
EXPLAINER: dict[str, Any] = {
    "enable_explanations": "`true`",
    "inference": {
        "features_attribute": "features",
        "content_template": "$record",
        "max_record_count": 10,
        "max_payload_in_mb": 6,
        "probability_index": 0,
        "label_index": 1,
        "probability_attribute": "score",
        "label_attribute": "label",
        "label_headers": ["good"],
        "feature_headers": ["text"],
        "feature_types": ["text"],
    },
    "shap": {
        "shap_baseline": "a film",
        "mime_type": "text/csv",
        "number_of_samples": 50,
        "use_logit": True,
        "seed": 7,
        "language": "en",
        "granularity": "sentence",
    },
}
METRICS = {
    "enable_enhanced_metrics": True,
    "enable_detailed_observability": False,
    "metric_publish_frequency_in_seconds": 30,
}
CROSS_REGION = {"max_invocations_per_second_per_instance": 50, "max_cross_region_percent_per_endpoint": 20}
# Options that exclude each other are in stages of their own.
REAL_TIME = {
    "variants": [VARIANT],
    "shadow_variants": [{**VARIANT, "name": "B"}],
    "data_capture": DATA_CAPTURE,
    "explainer": EXPLAINER,
    "metrics": METRICS,
    "cross_region_traffic": CROSS_REGION,
    "volume_key": KEY,
}
BY_URI = {**EXPLAINER, "shap": {"shap_baseline_uri": "s3://models/baseline.csv"}}
TIMES = {"wait": "1m", "termination_wait": "2m", "maximum_execution_time": "30m", "alarms": ["errors"]}
EXAMPLES: list[dict[str, Any]] = [
    {**REAL_TIME, "rollout": {"canary": "10%", **TIMES}},
    {"variants": [SERVERLESS], "explainer": BY_URI},
    {"async_inference": ASYNC},
    {"variants": [POOLS], "shadow_variants": [{**POOLS, "name": "B"}], "rollout": {"linear": 1, **TIMES}},
    {"rollout": {"rolling": "50%", "wait": "1m", "rollback_batch": "100%", "maximum_execution_time": "30m"}},
    {"exclude_retained_variant_properties": ["DesiredInstanceCount"]},
]
# Not set by the stage: names, the model, and tags, which name its origin.
OURS = {"EndpointConfigName", "EndpointName", "Tags.Key", "Tags.Value"}
LEFT_OUT = {
    # Every variant has a model, which says what it runs as, where, and how isolated: they are for endpoints of
    # inference components (API: CreateEndpointConfig).
    "ExecutionRoleArn",
    "VpcConfig.SecurityGroupIds",
    "VpcConfig.Subnets",
    "EnableNetworkIsolation",
    # Each pool serves the model that is promoted.
    "InstancePools.ModelNameOverride",
    # Elastic Inference is no longer available (API: ProductionVariant).
    "AcceleratorType",
    # For endpoints of inference components (recordings/sagemaker/CreateEndpointConfig.yaml; API: ProductionVariant).
    "ManagedInstanceScaling.Status",
    "ManagedInstanceScaling.MinInstanceCount",
    "ManagedInstanceScaling.MaxInstanceCount",
    "ManagedInstanceScaling.ScaleInPolicy.Strategy",
    "ManagedInstanceScaling.ScaleInPolicy.MaximumStepSize",
    "ManagedInstanceScaling.ScaleInPolicy.CooldownInMinutes",
    "AcceleratorPartitionLayouts.AcceleratorPartitionTypes",
    # Serverless variants cannot be shadows.
    "ShadowProductionVariants.ServerlessConfig.MemorySizeInMB",
    "ShadowProductionVariants.ServerlessConfig.MaxConcurrency",
    "ShadowProductionVariants.ServerlessConfig.ProvisionedConcurrency",
    # Each promotion has its own DeploymentConfig: that of the last one is in no file.
    "RetainDeploymentConfig",
}


def deployed(**field_names: Any) -> Stage:
    return parse((f"{STAGES}.qa", stage(**field_names))).deployed().applications["reviews"].stages["qa"]


def leaves(shape: Shape, path: str = "") -> Iterator[str]:
    """Yield the path of each field that holds a value; lists count as what they hold."""
    if isinstance(shape, ListShape):
        yield from leaves(shape.member, path)
    elif isinstance(shape, StructureShape):
        for name, field in shape.members.items():
            yield from leaves(field, f"{path}.{name}".lstrip("."))
    else:
        yield path


def written_as_fields(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from written_as_fields(item, path)
    elif isinstance(value, dict):
        for name, field in value.items():
            yield from written_as_fields(field, f"{path}.{name}".lstrip("."))
    else:
        yield path


def is_left_out(path: str) -> bool:
    inside = path.removeprefix("ProductionVariants.").removeprefix("ShadowProductionVariants.")
    return path in OURS or path in LEFT_OUT or inside in LEFT_OUT


def requests(operation: str) -> list[dict[str, Any]]:
    stages = [deployed(**example) for example in EXAMPLES]
    if operation == "CreateEndpointConfig":
        return [
            {"EndpointConfigName": "c", **identity.config_request(configured, model_name="m")} for configured in stages
        ]
    return [dict(endpoint_client.update_request(configured, "c")) for configured in stages]


def input_of(operation: str) -> Shape:
    shape = api("sagemaker").operation_model(operation).input_shape
    assert shape is not None
    return shape


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_field_of_the_api_can_be_configured_or_is_left_out_with_a_reason(operation: str) -> None:
    configured = {path for request in requests(operation) for path in written_as_fields(request)} - OURS
    assert configured == {path for path in leaves(input_of(operation)) if not is_left_out(path)}


def test_nothing_is_left_out_that_the_api_does_not_have() -> None:
    paths = {path for operation in OPERATIONS for path in leaves(input_of(operation))}
    assert paths | {path.partition(".")[2] for path in paths} >= LEFT_OUT


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_request_has_the_types_and_the_required_fields_of_the_api(operation: str) -> None:
    for request in requests(operation):
        assert not ParamValidator().validate(request, input_of(operation)).generate_report()


# Where S3 is written to and read


def values_of(written: Any) -> Iterator[Any]:
    if isinstance(written, dict | list):
        for value in written.values() if isinstance(written, dict) else written:
            yield from values_of(value)
    else:
        yield written


@pytest.mark.parametrize("example", EXAMPLES, ids="-".join)
def test_every_s3_uri_of_a_request_is_checked(example: dict[str, Any]) -> None:
    configured = parse((f"{STAGES}.qa", stage(**example))).applications["reviews"].stages["qa"]
    sent = {value for value in values_of(deployed(**example).endpoint_config) if str(value).startswith("s3://")}
    checked = {uri for _, uri in s3_constraints.s3_uris(configured)}
    assert checked - sent <= {ASYNC["s3_input_path"]}
    assert sent <= checked


# Each field that names a location in S3, with what the stage needs around it.
LOCATIONS: dict[str, Callable[[str], dict[str, Any]]] = {
    "data_capture.destination_s3_uri": lambda uri: {"data_capture": {**DATA_CAPTURE, "destination_s3_uri": uri}},
    "variants.0.core_dump.destination_s3_uri": lambda uri: {
        "variants": [{**INSTANCES, "core_dump": {"destination_s3_uri": uri}}]
    },
    "shadow_variants.0.core_dump.destination_s3_uri": lambda uri: {
        "shadow_variants": [{**INSTANCES, "name": "B", "core_dump": {"destination_s3_uri": uri}}]
    },
    "async_inference.s3_output_path": lambda uri: {"async_inference": {**ASYNC, "s3_output_path": uri}},
    "async_inference.s3_failure_path": lambda uri: {"async_inference": {**ASYNC, "s3_failure_path": uri}},
    "async_inference.s3_input_path": lambda uri: {"async_inference": {**ASYNC, "s3_input_path": uri}},
    "explainer.shap.shap_baseline_uri": lambda uri: {"explainer": {**EXPLAINER, "shap": {"shap_baseline_uri": uri}}},
}
READ = {"async_inference.s3_input_path", "explainer.shap.shap_baseline_uri"}
OWN = "promote-qa-333333333333-us-east-1"


@pytest.mark.parametrize("field", LOCATIONS)
@pytest.mark.parametrize(
    "uri",
    [
        f"s3://{OWN}/artifacts/reviews/qa/captured",
        f"s3://{OWN}/incoming/dev/reviews/qa",
        f"s3://{OWN}/captured",
        f"s3://{OWN}/",
        f"s3://{OWN}//artifacts",
        f"s3://{OWN}",
        "s3://promote-production-444444444444-eu-west-1/artifacts",  # of another environment
        "s3://promote-removed-555555555555-eu-central-1/captured",  # of none that is configured
        "s3://promote-hub-111111111111-us-east-1/promotions",
    ],
)
def test_no_container_may_write_or_read_where_promote_stores_models(field: str, uri: str) -> None:
    (mistake,) = mistakes((f"{STAGES}.qa", stage(**LOCATIONS[field](uri))))
    assert mistake.startswith(f"{STAGES}.qa.{field}: {uri.split('/')[2]} has the name of a bucket of Promote's own")


@pytest.mark.parametrize("field", LOCATIONS)
@pytest.mark.parametrize("suffix", ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"])
def test_an_alias_that_hides_the_bucket_is_refused(field: str, suffix: str) -> None:
    uri = f"s3://captured-abcdefghijklmnopq{suffix}/qa"
    (mistake,) = mistakes((f"{STAGES}.qa", stage(**LOCATIONS[field](uri))))
    assert "Write the bucket's own name" in mistake


@pytest.mark.parametrize("field", LOCATIONS)
@pytest.mark.parametrize(
    "uri",
    [
        f"S3://{OWN}/captured",
        f"s3://{OWN.upper()}/captured",
        f"arn:aws:s3:::{OWN}/captured",
        "s3://arn:aws:s3:us-east-1:333333333333:accesspoint/captured",
        f"https://{OWN}.s3.amazonaws.com/captured",
    ],
)
def test_another_spelling_of_a_bucket_is_no_s3_uri(field: str, uri: str) -> None:
    (mistake,) = mistakes((f"{STAGES}.qa", stage(**LOCATIONS[field](uri))))
    assert "must be an S3 URI" in mistake


@pytest.mark.parametrize("field", LOCATIONS)
@pytest.mark.parametrize("uri", ["s3://models", "s3://models/", "s3://models//"])
def test_a_container_writes_below_a_prefix_of_a_bucket_that_sources_keep_models_in(field: str, uri: str) -> None:
    if field in READ:
        assert deployed(**LOCATIONS[field](uri))
        return
    (mistake,) = mistakes((f"{STAGES}.qa", stage(**LOCATIONS[field](uri))))
    assert mistake.startswith(f"{STAGES}.qa.{field}: models are read from models, which an environment's buckets list")


@pytest.mark.parametrize("field", LOCATIONS)
@pytest.mark.parametrize("uri", ["s3://models/captured", "s3://captured", "s3://promote-captured/qa"])
def test_a_container_may_write_and_read_where_no_models_are(field: str, uri: str) -> None:
    assert deployed(**LOCATIONS[field](uri))
