"""What excludes each other is refused as SageMaker does, and what is allowed is described."""

from __future__ import annotations

from typing import Any

import pytest

from recordings import store
from tests.sandbox.aws.sagemaker.builders import IMAGE, SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.endpoints.test_deployments import blue_green

SERVERLESS = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
CAPTURE = {
    "InitialSamplingPercentage": 5,
    "DestinationS3Uri": "s3://captured/here",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
ASYNC = {"OutputConfig": {"S3OutputPath": "s3://answers/here"}}
CROSS_REGION = {"MaxInvocationsPerSecondPerInstance": 50, "MaxCrossRegionPercentPerEndpoint": 20}
KEY = "arn:aws:kms:us-east-1:222222222222:key/0d1c2b3a"


def variant(model: str, name: str = "A", **changes: Any) -> dict[str, Any]:
    on = {"InstanceType": "ml.t2.medium", "InitialInstanceCount": 2}
    chosen = {} if {"ServerlessConfig", "InstancePools"} & set(changes) else on
    return {"VariantName": name, "ModelName": model, **chosen, **changes}


def config(builder: SageMakerBuilder, *variants: dict[str, Any], **more: Any) -> str:
    name = unique("config")
    builder.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants), **more)
    return name


@pytest.mark.parametrize(
    "more",
    [{"DataCaptureConfig": CAPTURE}, {"AsyncInferenceConfig": ASYNC}, {"CrossRegionTrafficConfig": CROSS_REGION}],
    ids=lambda fields: next(iter(fields)),
)
def test_a_serverless_configuration_excludes(builder: SageMakerBuilder, more: dict[str, Any]) -> None:
    with refused("ValidationException", f"Serverless endpoints do not support {next(iter(more))}"):
        config(builder, variant(builder.model(), ServerlessConfig=SERVERLESS), **more)


def test_a_serverless_configuration_may_have_a_key(builder: SageMakerBuilder) -> None:
    created = config(builder, variant(builder.model(), ServerlessConfig=SERVERLESS), KmsKeyId=KEY)
    assert builder.sagemaker.describe_endpoint_config(EndpointConfigName=created)["KmsKeyId"] == KEY


def test_variants_that_exclude_each_other_are_refused(builder: SageMakerBuilder) -> None:
    model = builder.model()
    with refused("ValidationException", "do not support multiple variants"):
        config(builder, *(variant(model, name, ServerlessConfig=SERVERLESS) for name in "AB"))
    with refused("ValidationException", "Only one production variant and one shadow"):
        config(builder, variant(model), variant(model, "B"), ShadowProductionVariants=[variant(model, "C")])
    with refused("ValidationException", "must not exceed MaxConcurrency"):
        config(builder, variant(model, ServerlessConfig={**SERVERLESS, "ProvisionedConcurrency": 3}))


def test_an_asynchronous_configuration_excludes_a_cap_of_other_regions(builder: SageMakerBuilder) -> None:
    with refused("ValidationException", "Asynchronous endpoints do not support CrossRegionTrafficConfig"):
        config(builder, variant(builder.model()), AsyncInferenceConfig=ASYNC, CrossRegionTrafficConfig=CROSS_REGION)


def test_what_the_newest_sdk_has_is_described_as_it_was_requested(builder: SageMakerBuilder) -> None:
    routing = {"RoutingStrategy": "KV_AWARE"}
    created = config(builder, variant(builder.model(), RoutingConfig=routing), CrossRegionTrafficConfig=CROSS_REGION)
    described = builder.sagemaker.describe_endpoint_config(EndpointConfigName=created)
    assert described["ProductionVariants"][0]["RoutingConfig"] == routing
    assert described["CrossRegionTrafficConfig"] == CROSS_REGION
    endpoint = builder.sagemaker.describe_endpoint(EndpointName=builder.endpoint(created))
    assert endpoint["CrossRegionTrafficConfig"] == CROSS_REGION


def test_what_excludes_a_shadow_variant_is_refused(builder: SageMakerBuilder) -> None:
    model, two = builder.model(), builder.created(Containers=[{"Image": IMAGE}] * 2)
    shadow = {"ShadowProductionVariants": [variant(model, "B")]}
    with refused("ValidationException", "do not support AsyncInferenceConfig"):
        config(builder, variant(model), **shadow, AsyncInferenceConfig=ASYNC)
    with refused("ValidationException", "do not support Inf1"):
        config(builder, variant(model, InstanceType="ml.inf1.xlarge"), **shadow)
    with refused("ValidationException", "cannot be tested with a shadow"):
        config(builder, variant(two), **shadow)


def test_instances_are_not_managed_by_sagemaker_where_a_variant_has_a_model(builder: SageMakerBuilder) -> None:
    answer = store.recording("sagemaker/CreateEndpointConfig/managed-instance-scaling-with-a-model").error
    with refused(answer["code"], answer["message"]):
        config(builder, variant(builder.model(), ManagedInstanceScaling={"Status": "ENABLED"}))


def test_a_serverless_endpoint_is_described_as_recorded(builder: SageMakerBuilder) -> None:
    recorded = store.response("sagemaker/DescribeEndpoint/serverless-in-service-own-image")["ProductionVariants"][0]
    endpoint = builder.endpoint(config(builder, variant(builder.model(), ServerlessConfig=SERVERLESS)))
    (variant_description,) = builder.rest(endpoint)["ProductionVariants"]
    assert variant_description["CurrentServerlessConfig"] == SERVERLESS
    assert set(variant_description) == set(recorded)
    assert variant_description["CurrentInstanceCount"] == recorded["CurrentInstanceCount"] == 0
    assert builder.invoke(endpoint, 21)


def test_a_shadow_variant_is_described_and_takes_no_share_of_the_requests(builder: SageMakerBuilder) -> None:
    model, shadow = builder.model(factor=2), builder.model(factor=9)
    created_config = config(
        builder, variant(model), ShadowProductionVariants=[variant(shadow, "B", InitialVariantWeight=0.5)]
    )
    endpoint = builder.endpoint(created_config)
    (variant_description,) = builder.rest(endpoint)["ShadowProductionVariants"]
    assert (
        variant_description["VariantName"],
        variant_description["CurrentInstanceCount"],
        variant_description["CurrentWeight"],
    ) == ("B", 2, 0.5)
    assert {builder.invoke(endpoint, 1)["answer"] for _ in range(10)} == {2}


@pytest.mark.parametrize(
    "policy",
    [
        blue_green("CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 60}),
        blue_green("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 2}),
        blue_green("LINEAR", LinearStepSize={"Type": "CAPACITY_PERCENT", "Value": 5}),
        {
            "RollingUpdatePolicy": {
                "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 4},
                "WaitIntervalInSeconds": 0,
            }
        },
    ],
    ids=["canary", "canary-of-two", "linear", "rolling"],
)
def test_a_size_beyond_its_limits_is_refused(builder: SageMakerBuilder, policy: dict[str, Any]) -> None:
    endpoint = builder.endpoint(config(builder, variant(builder.model())))
    with refused("ValidationException", "of the capacity"):
        builder.update(endpoint, config(builder, variant(builder.model())), DeploymentConfig=policy)


def test_a_rolling_deployment_takes_one_variant(builder: SageMakerBuilder) -> None:
    model = builder.model()
    endpoint = builder.endpoint(config(builder, variant(model), variant(model, "B")))
    batch = {"Type": "CAPACITY_PERCENT", "Value": 50}
    with refused("ValidationException", "not supported for endpoints with multiple variants"):
        builder.update(
            endpoint,
            config(builder, variant(model), variant(model, "B")),
            DeploymentConfig={"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 0}},
        )


def test_a_deployment_requires_permissions_on_alarms_and_a_grant_on_the_volume_key(builder: SageMakerBuilder) -> None:
    created_config = config(builder, variant(builder.model()), KmsKeyId=KEY)
    everything = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}
    grant = {"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": KEY}
    only_for_aws = {"Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}
    with refused("AccessDeniedException", "kms:CreateGrant"):
        builder.caller(everything).create_endpoint(EndpointName=unique("e"), EndpointConfigName=created_config)
    builder.caller(everything, {**grant, **only_for_aws}).create_endpoint(
        EndpointName=unique("e"), EndpointConfigName=created_config
    )
    with refused("AccessDeniedException", "cloudwatch:DescribeAlarms"):
        builder.caller(everything, grant).create_endpoint(
            EndpointName=unique("e"),
            EndpointConfigName=created_config,
            DeploymentConfig={"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}},
        )
