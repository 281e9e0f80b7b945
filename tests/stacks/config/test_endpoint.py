"""Every field of CreateEndpointConfig and UpdateEndpoint can be configured, or is left out with a reason.

The fields come from botocore, at any depth, so these tests fail on the day that AWS adds one that is neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.resolve import identity
from tests.stacks.config.test_schema import STAGES, parse, stage
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
# Options that exclude each other are in stages of their own.
REAL_TIME = {
    "variants": [VARIANT],
    "shadow_variants": [{**VARIANT, "name": "B"}],
    "data_capture": DATA_CAPTURE,
    "explainer": EXPLAINER,
    "metrics": METRICS,
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
    # For endpoints of inference components (recordings/sagemaker/CreateEndpointConfig.yaml).
    "ManagedInstanceScaling.Status",
    "ManagedInstanceScaling.MinInstanceCount",
    "ManagedInstanceScaling.MaxInstanceCount",
    "ManagedInstanceScaling.ScaleInPolicy.Strategy",
    "ManagedInstanceScaling.ScaleInPolicy.MaximumStepSize",
    "ManagedInstanceScaling.ScaleInPolicy.CooldownInMinutes",
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
