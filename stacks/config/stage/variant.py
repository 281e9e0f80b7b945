"""A variant of an endpoint, as promotion.yaml has it: what the model runs on (API: ProductionVariant)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from stacks.config.fields.api_case import ApiName, ApiNameInSeconds, ApiShape, move_into
from stacks.config.fields.field_types import (
    Duration,
    Flag,
    InstanceType,
    KeyArn,
    ReservationArn,
    S3Uri,
    SageMakerName,
    duration_between,
    integer_between,
    text,
)
from stacks.config.fields.option import NEW_CONFIG, NEW_CONFIG_WITH_PERMISSIONS, option


class Serverless(ApiShape, title="A variant's serverless"):
    """API: ProductionVariantServerlessConfig."""

    memory_size_in_mb: Annotated[
        int,
        integer_between(1024, 6144),
        option(
            "MemorySizeInMB: a multiple of 1024.",
            example=4096,
            effect=NEW_CONFIG,
        ),
    ]
    max_concurrency: Annotated[
        int,
        integer_between(1, 200),
        option(
            "MaxConcurrency.",
            example=20,
            effect=NEW_CONFIG,
        ),
    ]
    provisioned_concurrency: Annotated[
        Annotated[int, integer_between(1, 200)] | None,
        option(
            "ProvisionedConcurrency: requests that find a warm container. At most `max_concurrency`.",
            example=2,
            effect=NEW_CONFIG,
        ),
    ] = None


class InstancePool(ApiShape, title="An instance pool"):
    """API: InstancePool, without ModelNameOverride: every pool serves the model that is promoted."""

    instance_type: Annotated[
        InstanceType,
        option(
            "InstanceType. No two pools of a variant have the same.",
            example="ml.m5.large",
            effect=NEW_CONFIG,
        ),
    ]
    priority: Annotated[
        int,
        integer_between(1, 5),
        option(
            "Priority; 1 is tried first.",
            example=1,
            effect=NEW_CONFIG,
        ),
    ]


class Routing(ApiShape, title="A variant's routing"):
    """API: ProductionVariantRoutingConfig, with the fields of its PrefixAwareRoutingConfig."""

    routing_strategy: Annotated[
        Literal["LEAST_OUTSTANDING_REQUESTS", "RANDOM", "PREFIX_AWARE", "KV_AWARE"],
        option(
            "RoutingStrategy. `KV_AWARE` works with supported containers only, such as SageMaker's vLLM container "
            "(API: ProductionVariantRoutingConfig).",
            example="PREFIX_AWARE",
            effect=NEW_CONFIG,
        ),
    ]
    prefix_length: Annotated[
        Annotated[int, integer_between(1024, 65536)] | None,
        option(
            "PrefixAwareRoutingConfig.PrefixLength: with `PREFIX_AWARE`, which requires it.",
            example=2048,
            effect=NEW_CONFIG,
        ),
    ] = None
    concurrency_threshold: Annotated[
        Annotated[int, integer_between(1, 1024)] | None,
        option(
            "PrefixAwareRoutingConfig.ConcurrencyThreshold: with `PREFIX_AWARE`, which requires it.",
            example=16,
            effect=NEW_CONFIG,
        ),
    ] = None

    def to_api(self) -> dict[str, Any]:
        return move_into(super().to_api(), PrefixAwareRoutingConfig=("PrefixLength", "ConcurrencyThreshold"))


class CoreDump(ApiShape, title="A variant's core_dump"):
    """API: ProductionVariantCoreDumpConfig."""

    destination_s3_uri: Annotated[
        S3Uri,
        option(
            "DestinationS3Uri. The bucket is yours; the execution role may put objects below the URI.",
            example="s3://ranking-333333333333/core-dumps",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ]
    kms_key_id: Annotated[
        KeyArn | None,
        option(
            "KmsKeyId. The execution role may encrypt with it.",
            example="arn:aws:kms:us-east-1:333333333333:key/0d1c2b3a-1111-2222-3333-444455556666",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None


class CapacityReservation(ApiShape, title="A variant's capacity_reservation"):
    """API: ProductionVariantCapacityReservationConfig."""

    capacity_reservation_preference: Annotated[
        Literal["capacity-reservations-only"],
        option(
            "CapacityReservationPreference.",
            example="capacity-reservations-only",
            effect=NEW_CONFIG,
        ),
    ] = "capacity-reservations-only"
    ml_reservation_arn: Annotated[
        ReservationArn | None,
        option(
            "MlReservationArn, in the target's account and Region.",
            example="arn:aws:sagemaker:eu-west-1:444444444444:training-plan/ranking",
            effect=NEW_CONFIG,
        ),
    ] = None


class Variant(ApiShape, title="A variant"):
    """A production or shadow variant (API: ProductionVariant).

    A serverless variant has no instances, so it has none of the fields that are about instances. In an endpoint with a
    serverless variant there can be no second variant, no shadow variant, `data_capture`, `async_inference`, `rollout`,
    `vpc` or `network_isolation` (AWS: Serverless Inference, feature exclusions). Its image must be in an
    ECR repository of the target's own account, unless it is AWS's: let the application `copy_images`.
    """

    name: Annotated[
        SageMakerName,
        ApiName("VariantName"),
        option(
            "VariantName. No two variants of a stage have the same, shadow variants included.",
            example="AllTraffic",
            effect=NEW_CONFIG
            + (
                " The variant is replaced and nothing of the old one is kept: the count is "
                "`initial_instance_count`, and the old one's scaling does not hold for the new one. Callers that "
                "name it (TargetVariant) must change."
            ),
        ),
    ]
    instance_type: Annotated[
        InstanceType | None,
        option(
            "InstanceType. Whether the type exists in the Region is checked by SageMaker. A variant has one of "
            "`instance_type`, `instance_pools` and `serverless`.",
            example="ml.m5.large",
            effect=NEW_CONFIG + " The variant's automatic scaling is suspended for the update and registered again.",
        ),
    ] = None
    initial_instance_count: Annotated[
        Annotated[int, integer_between(1)] | None,
        option(
            "InitialInstanceCount, for a **new** endpoint. Required with `instance_type` and `instance_pools`.",
            example=2,
            effect=NEW_CONFIG
            + (
                " But **an existing variant keeps the count it has now** (API: RetainAllVariantProperties): change "
                "the count of a live endpoint with UpdateEndpointWeightsAndCapacities or autoscaling."
            ),
        ),
    ] = None
    instance_pools: Annotated[
        tuple[InstancePool, ...],
        Field(max_length=5),
        option(
            "InstancePools: several instance types, of which the first with available instances is used.",
            example=[{"instance_type": "ml.m5.large", "priority": 1}],
            effect=NEW_CONFIG,
        ),
    ] = ()
    instance_provision_timeout: Annotated[
        Annotated[Duration, duration_between(300, 3600)] | None,
        ApiNameInSeconds("VariantInstanceProvisionTimeoutInSeconds"),
        option(
            "VariantInstanceProvisionTimeoutInSeconds: how long SageMaker looks for instances, from 300s to 3600s.",
            example="10m",
            effect=NEW_CONFIG,
        ),
    ] = None
    serverless: Annotated[
        Serverless | None,
        ApiName("ServerlessConfig"),
        option(
            "ServerlessConfig.",
            example={"memory_size_in_mb": 4096, "max_concurrency": 20},
            effect=NEW_CONFIG
            + (
                " A live endpoint with instances cannot become serverless (`IncompatibleRollout`); the other way works."
            ),
        ),
    ] = None
    initial_variant_weight: Annotated[
        Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)] | None,
        option(
            "InitialVariantWeight: the share of the traffic among the weights of all variants (SageMaker's "
            "default: 1.0); of a shadow variant, the share that is mirrored.",
            example=1.0,
            effect=NEW_CONFIG + " A live variant keeps its weight.",
        ),
    ] = None
    routing: Annotated[
        Routing | None,
        ApiName("RoutingConfig"),
        option(
            "RoutingConfig. Without it, SageMaker's default.",
            example={"routing_strategy": "LEAST_OUTSTANDING_REQUESTS"},
            effect=NEW_CONFIG,
        ),
    ] = None
    volume_size_in_gb: Annotated[
        Annotated[int, integer_between(1, 512)] | None,
        option(
            "VolumeSizeInGB. Without it, SageMaker's default. Not with types that have local storage (`ml.g5`, "
            "`ml.m5d` …).",
            example=64,
            effect=NEW_CONFIG,
        ),
    ] = None
    model_data_download_timeout: Annotated[
        Annotated[Duration, duration_between(60, 3600)] | None,
        ApiNameInSeconds("ModelDataDownloadTimeoutInSeconds"),
        option(
            "ModelDataDownloadTimeoutInSeconds, from 60s to 3600s. Large models need it.",
            example="20m",
            effect=NEW_CONFIG,
        ),
    ] = None
    container_startup_health_check_timeout: Annotated[
        Annotated[Duration, duration_between(60, 3600)] | None,
        ApiNameInSeconds("ContainerStartupHealthCheckTimeoutInSeconds"),
        option(
            "ContainerStartupHealthCheckTimeoutInSeconds: how long the container may take to answer its first "
            "ping, from 60s to 3600s.",
            example="10m",
            effect=NEW_CONFIG,
        ),
    ] = None
    inference_ami_version: Annotated[
        Annotated[str, text(r"^[a-z0-9.-]+$", "the name of an AMI version")] | None,
        option(
            "InferenceAmiVersion. Without it, SageMaker's default.",
            example="al2-ami-sagemaker-inference-gpu-2",
            effect=NEW_CONFIG,
        ),
    ] = None
    capacity_reservation: Annotated[
        CapacityReservation | None,
        ApiName("CapacityReservationConfig"),
        option(
            "CapacityReservationConfig.",
            example={"ml_reservation_arn": "arn:aws:sagemaker:eu-west-1:444444444444:training-plan/ranking"},
            effect=NEW_CONFIG,
        ),
    ] = None
    core_dump: Annotated[
        CoreDump | None,
        ApiName("CoreDumpConfig"),
        option(
            "CoreDumpConfig.",
            example={"destination_s3_uri": "s3://ranking-333333333333/core-dumps"},
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None
    enable_ssm_access: Annotated[
        Flag | None,
        option(
            "EnableSSMAccess: a shell in the container by Systems Manager. AWS must have allowed it for the "
            "account, and advises against it in production (AWS: Access containers through SSM).",
            example=False,
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None

    @property
    def instance_types(self) -> list[str]:
        return [self.instance_type] if self.instance_type else [pool.instance_type for pool in self.instance_pools]
