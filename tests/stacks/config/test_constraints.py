"""What a stage's endpoint is made of and how it is updated: what AWS excludes is refused with its path."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from recordings import store
from stacks.config.constraints import has_local_storage
from tests.stacks.config.test_endpoint import (
    ASYNC,
    CROSS_REGION,
    DATA_CAPTURE,
    EXPLAINER,
    INSTANCES,
    KEY,
    POOLS,
    REAL_TIME,
    SERVERLESS,
    deployed,
)
from tests.stacks.config.test_schema import STAGES, mistakes, parse, stage

OTHER = {**INSTANCES, "name": "B"}
QA = f"{STAGES}.qa"
VPC = {"security_group_ids": ["sg-0a1b2c3d"], "subnets": ["subnet-0a1b2c3d"]}
CANARY = {"canary": "10%", "wait": "5m"}
# The count is that of the file, in each update.
COUNTED = {"retain_all_variant_properties": False}
INF1 = {"instance_type": "ml.inf1.2xlarge", "priority": 1}
LOCAL = {"instance_type": "ml.m5d.large", "priority": 3}


def problems(**fields: Any) -> list[str]:
    return mistakes((QA, stage(**fields)))


def one_of(part: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a stage's fields with one variant, which is changed."""
    return {"variants": [{**part, **changes}]}


# What the Lambdas get


def test_a_whole_endpoint_is_rendered_in_the_apis_own_words() -> None:
    config = deployed(**REAL_TIME).endpoint_config
    assert config["KmsKeyId"] == KEY
    assert config["DataCaptureConfig"] == {
        "EnableCapture": True,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": "s3://captured/qa",
        "KmsKeyId": KEY,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }
    (shadow,) = config["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["ModelDataDownloadTimeoutInSeconds"]) == ("B", 1200)


def test_an_asynchronous_endpoint_is_rendered_in_the_apis_own_words() -> None:
    config = deployed(async_inference=ASYNC).endpoint_config
    assert config["AsyncInferenceConfig"]["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 4}
    assert "S3InputPath" not in str(config)


def test_an_unset_option_is_not_sent() -> None:
    qa = deployed()
    assert list(qa.endpoint_config) == ["ProductionVariants"]
    assert (qa.deployment_config, qa.retain_variant_properties, qa.exclude_retained) == (None, True, ())


@pytest.mark.parametrize(
    ("rollout", "routing"),
    [
        ({}, {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}),
        (
            {"canary": "10%", "wait": "5m"},
            {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 300,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
            },
        ),
        (
            {"linear": 2, "wait": "90s"},
            {
                "Type": "LINEAR",
                "WaitIntervalInSeconds": 90,
                "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 2},
            },
        ),
    ],
)
def test_a_blue_green_rollout_is_rendered_in_the_apis_own_words(
    rollout: dict[str, Any], routing: dict[str, Any]
) -> None:
    rollout = {**rollout, "alarms": ["errors"], "termination_wait": "1m"}
    assert deployed(rollout=rollout, **one_of(INSTANCES, initial_instance_count=4)).deployment_config == {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 60},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
    }


def test_a_rolling_rollout_is_rendered_in_the_apis_own_words() -> None:
    rollout = {"rolling": "20%", "wait": "2m", "rollback_batch": 1, "maximum_execution_time": "50m"}
    assert deployed(rollout=rollout).deployment_config == {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 20},
            "WaitIntervalInSeconds": 120,
            "RollbackMaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
            "MaximumExecutionTimeoutInSeconds": 3000,
        }
    }


# What is refused


@pytest.mark.parametrize(
    ("fields", "path", "sentence"),
    [
        (one_of({"name": "A"}), "variants.0", "must have one of instance_type, instance_pools and serverless"),
        (one_of(POOLS, instance_type="ml.m5.large"), "variants.0", "it has instance_type and instance_pools"),
        (one_of(INSTANCES, initial_instance_count=None), "variants.0.initial_instance_count", "is missing"),
        (one_of(SERVERLESS, volume_size_in_gb=8), "variants.0", "it cannot have volume_size_in_gb"),
        (
            one_of(SERVERLESS, serverless={"memory_size_in_mb": 1500, "max_concurrency": 1}),
            "variants.0.serverless.memory_size_in_mb",
            "must be a multiple of 1024, not 1500",
        ),
        (
            one_of(
                SERVERLESS,
                serverless={"memory_size_in_mb": 1024, "max_concurrency": 1, "provisioned_concurrency": 2},
            ),
            "variants.0.serverless.provisioned_concurrency",
            "2 is more than max_concurrency 1",
        ),
        (
            one_of(INSTANCES, managed_instance_scaling={"min_instance_count": 1, "max_instance_count": 2}),
            "variants.0.managed_instance_scaling",
            "only endpoints of inference components have it",
        ),
        (
            {"shadow_variants": [{**OTHER, "managed_instance_scaling": None}]},
            "shadow_variants.0.managed_instance_scaling",
            "scale the variant with the stage's autoscaling",
        ),
        (
            one_of(INSTANCES, accelerator_partition_layouts=[{"accelerator_partition_types": ["mig-3g.40gb"]}]),
            "variants.0.accelerator_partition_layouts",
            "each partition is for one inference component",
        ),
        *(
            (
                one_of(INSTANCES, routing={"routing_strategy": strategy, "prefix_length": 1024}),
                "variants.0.routing",
                "for PREFIX_AWARE only",
            )
            for strategy in ("RANDOM", "KV_AWARE")
        ),
        (
            one_of(INSTANCES, routing={"routing_strategy": "PREFIX_AWARE", "prefix_length": 1024}),
            "variants.0.routing",
            "PREFIX_AWARE requires concurrency_threshold",
        ),
        (
            one_of(INSTANCES, instance_type="ml.g5.xlarge", volume_size_in_gb=64),
            "variants.0",
            "ml.g5.xlarge has local storage, and SageMaker attaches no volume to it; leave volume_size_in_gb out",
        ),
        (
            one_of(POOLS, instance_pools=[*POOLS["instance_pools"], LOCAL], volume_size_in_gb=64),
            "variants.0",
            "ml.m5d.large has local storage",
        ),
        (
            one_of(POOLS, instance_pools=[POOLS["instance_pools"][0]] * 2),
            "variants.0.instance_pools",
            "is listed twice",
        ),
        (one_of(INSTANCES, model_data_download_timeout="2h"), "variants.0.model_data_download_timeout", "60s to 3600s"),
        (one_of(INSTANCES, instance_provision_timeout="1m"), "variants.0.instance_provision_timeout", "300s to 3600s"),
        ({"variants": [INSTANCES, INSTANCES]}, "variants.1.name", "another variant is called 'A' too"),
        ({"shadow_variants": [stage()["variants"][0]]}, "shadow_variants.0.name", "is called 'All' too"),
        (
            {"variants": [INSTANCES, OTHER], "shadow_variants": [{**INSTANCES, "name": "C"}]},
            "shadow_variants",
            "exactly one production variant, and there are 2",
        ),
        (
            {"async_inference": ASYNC, "shadow_variants": [OTHER]},
            "shadow_variants",
            "a shadow variant cannot mirror an asynchronous endpoint",
        ),
        (
            {**one_of(INSTANCES, instance_type="ml.inf1.xlarge"), "shadow_variants": [OTHER]},
            "shadow_variants",
            "a shadow variant cannot mirror ml.inf1.xlarge",
        ),
        (
            {"shadow_variants": [{**OTHER, "instance_type": "ml.inf1.xlarge"}]},
            "shadow_variants",
            "a shadow variant cannot run on ml.inf1.xlarge",
        ),
        (
            {"shadow_variants": [{**POOLS, "name": "B", "instance_pools": [INF1]}]},
            "shadow_variants",
            "a shadow variant cannot run on ml.inf1.2xlarge",
        ),
        ({"variants": [SERVERLESS, {**SERVERLESS, "name": "B"}]}, "variants", "a serverless endpoint cannot have it"),
        ({"variants": [SERVERLESS], "data_capture": DATA_CAPTURE}, "data_capture", "a serverless endpoint cannot"),
        ({"variants": [SERVERLESS], "async_inference": ASYNC}, "async_inference", "a serverless endpoint cannot"),
        (
            {"variants": [SERVERLESS], "cross_region_traffic": CROSS_REGION},
            "cross_region_traffic",
            "a serverless endpoint cannot have it (API: CreateEndpointConfig)",
        ),
        (
            {"async_inference": ASYNC, "cross_region_traffic": CROSS_REGION},
            "cross_region_traffic",
            "an asynchronous endpoint cannot have it (API: CreateEndpointConfig)",
        ),
        ({"variants": [SERVERLESS], "rollout": CANARY}, "rollout", "a serverless endpoint cannot"),
        ({"variants": [SERVERLESS], "vpc": VPC}, "vpc", "a serverless endpoint cannot"),
        ({"variants": [SERVERLESS], "network_isolation": True}, "network_isolation", "a serverless endpoint cannot"),
        ({"variants": [SERVERLESS], "shadow_variants": [OTHER]}, "shadow_variants", "a serverless endpoint cannot"),
        (
            {**one_of(INSTANCES, instance_type="ml.g5.xlarge"), "volume_key": KEY},
            "variants.0",
            "ml.g5.xlarge has local storage",
        ),
        ({"volume_key": KEY.replace("us-east-1", "eu-west-1")}, "volume_key", "in eu-west-1, the stage in us-east-1"),
        (
            {"async_inference": {**ASYNC, "success_topic": None}},
            "async_inference.include_inference_response_in",
            "there is no success_topic",
        ),
        (
            {"async_inference": {**ASYNC, "s3_output_path": "s3://answers/*"}},
            "async_inference.s3_output_path",
            "must be an S3 URI",
        ),
        ({"explainer": {"shap": {}}}, "explainer.shap", "must have one of shap_baseline and shap_baseline_uri"),
        (
            {"explainer": {"shap": {**EXPLAINER["shap"], "granularity": None}}},
            "explainer.shap",
            "language and granularity belong together",
        ),
        ({"rollout": {"canary": "10%", "linear": "10%"}}, "rollout", "not canary and linear"),
        (
            {"explainer": {"shap": {**EXPLAINER["shap"], "language": "qq"}}},
            "explainer.shap.language",
            "must be a language that SageMaker Clarify supports, such as en, not 'qq'",
        ),
        (
            {"explainer": {"shap": {**EXPLAINER["shap"], "mime_type": "application/json"}}},
            "explainer.shap.mime_type",
            "'text/csv' or 'application/jsonlines'",
        ),
        (
            {"explainer": {**EXPLAINER, "inference": {"feature_types": ["numerical"]}}},
            "explainer.inference.feature_types",
            "must have at least one text",
        ),
        (
            {"data_capture": {**DATA_CAPTURE, "csv_content_types": ["text/csv+gzip"]}},
            "data_capture.csv_content_types.0",
            "must be a type such as text/csv",
        ),
        ({"rollout": {"rolling": 1}, **COUNTED}, "rollout.rolling", "1 is more than 50% of the 1 instances"),
        ({"rollout": {"canary": 2}, **COUNTED}, "rollout.canary", "2 is more than 50% of the 1 instances"),
        (
            {**one_of(INSTANCES, initial_instance_count=30), "rollout": {"linear": 2}, **COUNTED},
            "rollout.linear",
            "2 is less than 10% of the 30 instances",
        ),
        (
            {"rollout": {"rolling": 1}, "exclude_retained_variant_properties": ["DesiredInstanceCount"]},
            "rollout.rolling",
            "1 is more than 50% of the 1 instances",
        ),
        ({"rollout": {"canary": "60%"}}, "rollout.canary", "must be from 1% to 50%, not 60%"),
        ({"rollout": {"linear": "5%"}}, "rollout.linear", "must be from 10% to 50%, not 5%"),
        ({"rollout": {"rolling": "4%"}}, "rollout.rolling", "must be from 5% to 50%, not 4%"),
        ({"rollout": {"canary": "half"}}, "rollout.canary", "must be a share of the fleet such as 10%"),
        ({"rollout": {"canary": 0}}, "rollout.canary", "must be a share of the fleet such as 10%"),
        ({"rollout": {"canary": True}}, "rollout.canary", "must be a share of the fleet such as 10%"),
        ({"rollout": {**CANARY, "wait": "2h"}}, "rollout.wait", "must be from 0s to 3600s"),
        ({"rollout": {**CANARY, "rollback_batch": 1}}, "rollout.rollback_batch", "for a rolling deployment only"),
        ({"rollout": {"rolling": "50%", "termination_wait": "1m"}}, "rollout.termination_wait", "keeps no old fleet"),
        ({"rollout": {**CANARY, "alarms": ["a", "a"]}}, "rollout.alarms", "is listed twice"),
        ({"rollout": {**CANARY, "alarms": [" "]}}, "rollout.alarms.0", "must be an alarm's name"),
        (
            {"variants": [INSTANCES, OTHER], "rollout": {"rolling": "50%"}},
            "rollout.rolling",
            "a rolling deployment takes one variant",
        ),
        (
            {**one_of(INSTANCES, instance_type="ml.inf1.xlarge"), "rollout": CANARY},
            "rollout",
            "SageMaker ignores it for ml.inf1 types",
        ),
        (
            {"rollout": {"linear": "10%", "wait": "5m", "maximum_execution_time": "45m"}},
            "rollout.maximum_execution_time",
            "45m is not more than the 2700s that the rollout itself waits",
        ),
        (
            {"rollout": {"linear": "10%", "wait": "10m", "termination_wait": "10m"}},
            "rollout",
            "it waits for at least 6000s, and the stage's deadline is 1h (3600s)",
        ),
        (
            {"retain_all_variant_properties": False, "exclude_retained_variant_properties": ["DesiredWeight"]},
            "exclude_retained_variant_properties",
            "nothing is retained",
        ),
        ({"capacity_retries": {"max_attempts": 6, "wait": "10m"}}, "capacity_retries", "6 times 10m is not less than"),
    ],
)
def test_what_sagemaker_excludes_is_refused_with_its_path(fields: dict[str, Any], path: str, sentence: str) -> None:
    (mistake,) = problems(**fields)
    assert mistake.startswith(f"{QA}.{path}: ")
    assert sentence in mistake


def test_a_rollout_is_not_held_against_a_count_that_the_live_endpoint_decides() -> None:
    """It can have as many as the file allows; more than that is not deployed by any update."""
    assert parse((QA, stage(rollout={"rolling": 2}, **one_of(INSTANCES, initial_instance_count=4))))
    scaled = stage(rollout={"rolling": 2}, autoscaling={"Main": {"min": 1, "max": 4}}, **one_of(INSTANCES, name="Main"))
    assert parse((QA, scaled))
    scaled["rollout"] = {"canary": 10}
    (mistake,) = mistakes((QA, scaled))
    assert "10 is more than 50% of the 4 instances that the variant has at the most" in mistake


def test_the_gpu_image_of_an_instance_is_not_held_against_its_type() -> None:
    (accepted,) = store.recording("sagemaker/CreateEndpointConfig/gpu-ami-on-cpu-instances").requests
    request = accepted["request"]
    variant = {"instance_type": request["InstanceType"], "inference_ami_version": request["InferenceAmiVersion"]}
    assert parse((QA, stage(**one_of(INSTANCES, **variant))))


def test_a_shadow_variant_is_refused_where_aws_excludes_it() -> None:
    exclusions = store.recording("sagemaker/CreateEndpointConfig/shadow-variant-exclusions").requests
    requests = [exclusion["request"] for exclusion in exclusions if "Model" not in exclusion["request"]]
    for request in requests:
        asynchronous = request.get("AsyncInferenceConfig", {}).get("OutputConfig")
        fields = one_of(INSTANCES, instance_type=request["InstanceType"])
        if asynchronous:
            fields["async_inference"] = {"s3_output_path": asynchronous["S3OutputPath"]}
        (mistake,) = problems(**fields, shadow_variants=[OTHER])
        assert mistake.startswith(f"{QA}.shadow_variants: ")
    assert len(requests) > 1


def test_no_volume_is_configured_where_sagemaker_attaches_none() -> None:
    (refused,) = store.recording("sagemaker/CreateEndpointConfig/volume-size-on-local-storage").requests
    request = refused["request"]
    (mistake,) = problems(
        **one_of(INSTANCES, instance_type=request["InstanceType"], volume_size_in_gb=request["VolumeSizeInGB"])
    )
    assert "has local storage" in mistake


def test_every_constraint_violation_is_reported_at_once_with_the_malformed_fields() -> None:
    fields = {"variants": [SERVERLESS], "data_capture": DATA_CAPTURE, "vpc": VPC, "deadline": "soon"}
    assert [problem.partition(":")[0].removeprefix(f"{QA}.") for problem in problems(**fields)] == [
        "deadline",
        "data_capture",
        "vpc",
    ]


def test_a_serverless_endpoint_may_have_a_key_as_in_awss_example() -> None:
    (example,) = store.recording("sagemaker/CreateEndpointConfig/serverless-with-a-key").requests
    assert {"KmsKeyId", "ProductionVariants"} < example["request"].keys()
    assert "ServerlessConfig" in example["request"]["ProductionVariants"][0]
    assert deployed(variants=[SERVERLESS], volume_key=KEY).endpoint_config["KmsKeyId"] == KEY


def test_a_malformed_deadline_is_not_held_against_a_rollout() -> None:
    (mistake,) = problems(deadline="soon", rollout={"linear": "10%", "wait": "30m"})
    assert mistake.startswith(f"{QA}.deadline")


@pytest.mark.parametrize("deadline", ["8h", "2h"])
def test_a_long_rollout_needs_a_longer_deadline(deadline: str) -> None:
    """Ten batches of 12 minutes each."""
    rollout = {"rolling": "10%", "wait": "12m"}
    if deadline == "8h":
        assert parse((QA, stage(rollout=rollout, deadline=deadline)))
    else:
        assert "at least 7200s" in problems(rollout=rollout, deadline=deadline)[0]


def test_instances_with_local_storage_are_recognized_by_their_family_and_not_by_a_letter() -> None:
    enum = botocore.session.get_session().get_service_model("sagemaker").shape_for("ProductionVariantInstanceType")
    types: list[str] = enum.metadata["enum"]
    families = {name.split(".")[1] for name in types if not has_local_storage(name)}
    assert families == {
        *("c4", "c5", "c6g", "c6gn", "c6i", "c6in", "c7g", "c7i", "c8g", "inf1", "inf2", "m4", "m5", "m6g", "m6i"),
        *("m7i", "m8g", "p2", "p3", "r5", "r6g", "r6i", "r7i", "r8g", "t2"),
    }
