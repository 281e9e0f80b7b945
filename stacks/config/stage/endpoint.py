"""What an endpoint is made of: everything that CreateEndpointConfig offers where every variant has a model.

Members have the API's own names in snake_case; what is shorter here is said at the member. What the API has and this
has not is listed, with the reason, in tests/stacks/config/test_endpoint.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from stacks.config.fields.api_case import ApiName, ApiNameInSeconds, ApiShape
from stacks.config.fields.field_types import (
    ContentType,
    Duration,
    InstanceType,
    KeyArn,
    ReservationArn,
    S3Uri,
    SageMakerName,
    StrictModel,
    TopicArn,
    duration_between,
    integer_between,
    text,
)

Label = Annotated[str, Field(min_length=1, max_length=64)]
Flag = Annotated[bool, Field(strict=True)]


class Serverless(ApiShape):
    """API: ProductionVariantServerlessConfig."""

    memory_size_in_mb: Annotated[int, integer_between(1024, 6144)]
    max_concurrency: Annotated[int, integer_between(1, 200)]
    provisioned_concurrency: Annotated[int, integer_between(1, 200)] | None = None


class InstancePool(ApiShape):
    """API: InstancePool, without ModelNameOverride: every pool serves the model that is promoted."""

    instance_type: InstanceType
    priority: Annotated[int, integer_between(1, 5)]


class ManagedInstanceScaling(ApiShape):
    """API: ProductionVariantManagedInstanceScaling."""

    status: Literal["ENABLED", "DISABLED"] = "ENABLED"
    min_instance_count: Annotated[int, integer_between(0)] | None = None
    max_instance_count: Annotated[int, integer_between(1)] | None = None


class Routing(ApiShape):
    """API: ProductionVariantRoutingConfig, with what it says of prefixes beside it."""

    routing_strategy: Literal["LEAST_OUTSTANDING_REQUESTS", "RANDOM", "PREFIX_AWARE"]
    prefix_length: Annotated[int, integer_between(1024, 65536)] | None = None
    concurrency_threshold: Annotated[int, integer_between(1, 1024)] | None = None

    def to_api(self) -> dict[str, Any]:
        return _without_unset(super().to_api(), PrefixAwareRoutingConfig=("PrefixLength", "ConcurrencyThreshold"))


class CoreDump(ApiShape):
    """API: ProductionVariantCoreDumpConfig."""

    destination_s3_uri: S3Uri
    kms_key_id: KeyArn | None = None


class CapacityReservation(ApiShape):
    """API: ProductionVariantCapacityReservationConfig."""

    capacity_reservation_preference: Literal["capacity-reservations-only"] = "capacity-reservations-only"
    ml_reservation_arn: ReservationArn | None = None


class Variant(ApiShape):
    """A production or shadow variant (API: ProductionVariant)."""

    name: Annotated[SageMakerName, ApiName("VariantName")]
    instance_type: InstanceType | None = None
    initial_instance_count: Annotated[int, integer_between(1)] | None = None
    instance_pools: Annotated[tuple[InstancePool, ...], Field(max_length=5)] = ()
    instance_provision_timeout: Annotated[
        Annotated[Duration, duration_between(300, 3600)] | None,
        ApiNameInSeconds("VariantInstanceProvisionTimeoutInSeconds"),
    ] = None
    serverless: Annotated[Serverless | None, ApiName("ServerlessConfig")] = None
    initial_variant_weight: Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)] | None = None
    managed_instance_scaling: ManagedInstanceScaling | None = None
    routing: Annotated[Routing | None, ApiName("RoutingConfig")] = None
    volume_size_in_gb: Annotated[int, integer_between(1, 512)] | None = None
    model_data_download_timeout: Annotated[
        Annotated[Duration, duration_between(60, 3600)] | None, ApiNameInSeconds("ModelDataDownloadTimeoutInSeconds")
    ] = None
    container_startup_health_check_timeout: Annotated[
        Annotated[Duration, duration_between(60, 3600)] | None,
        ApiNameInSeconds("ContainerStartupHealthCheckTimeoutInSeconds"),
    ] = None
    inference_ami_version: Annotated[str, text(r"^[a-z0-9.-]+$", "the name of an AMI version")] | None = None
    capacity_reservation: Annotated[CapacityReservation | None, ApiName("CapacityReservationConfig")] = None
    core_dump: Annotated[CoreDump | None, ApiName("CoreDumpConfig")] = None
    enable_ssm_access: Flag | None = None

    @property
    def instance_types(self) -> list[str]:
        return [self.instance_type] if self.instance_type else [pool.instance_type for pool in self.instance_pools]


class DataCapture(ApiShape):
    """API: DataCaptureConfig. `capture_options` are its modes alone; the content types stand beside them."""

    destination_s3_uri: S3Uri
    initial_sampling_percentage: Annotated[int, integer_between(0, 100)]
    capture_options: Annotated[
        tuple[Literal["Input", "Output", "InputAndOutput"], ...], Field(min_length=1, max_length=32)
    ]
    enable_capture: Flag = True
    kms_key_id: KeyArn | None = None
    csv_content_types: Annotated[tuple[ContentType, ...], Field(max_length=10)] = ()
    json_content_types: Annotated[tuple[ContentType, ...], Field(max_length=10)] = ()

    def to_api(self) -> dict[str, Any]:
        said = super().to_api()
        said["CaptureOptions"] = [{"CaptureMode": mode} for mode in self.capture_options]
        return _without_unset(said, CaptureContentTypeHeader=("CsvContentTypes", "JsonContentTypes"))


class AsyncInference(ApiShape):
    """API: AsyncInferenceConfig, with all its parts in one.

    `s3_input_path` is none of the API: it says where requests may lie, for the execution role's right to read them.
    """

    s3_output_path: S3Uri
    s3_failure_path: S3Uri | None = None
    s3_input_path: S3Uri | None = None
    kms_key_id: KeyArn | None = None
    success_topic: TopicArn | None = None
    error_topic: TopicArn | None = None
    include_inference_response_in: Annotated[
        tuple[Literal["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"], ...], Field(max_length=2)
    ] = ()
    max_concurrent_invocations_per_instance: Annotated[int, integer_between(1, 1000)] | None = None

    def to_api(self) -> dict[str, Any]:
        said = super().to_api()
        said.pop("S3InputPath", None)
        said = _without_unset(said, NotificationConfig=("SuccessTopic", "ErrorTopic", "IncludeInferenceResponseIn"))
        return _without_unset(
            said,
            ClientConfig=("MaxConcurrentInvocationsPerInstance",),
            OutputConfig=("S3OutputPath", "S3FailurePath", "KmsKeyId", "NotificationConfig"),
        )


class ExplainerInference(ApiShape):
    """API: ClarifyInferenceConfig."""

    features_attribute: Label | None = None
    content_template: Label | None = None
    max_record_count: Annotated[int, integer_between(1)] | None = None
    max_payload_in_mb: Annotated[int, integer_between(1, 25)] | None = None
    probability_index: Annotated[int, integer_between(0)] | None = None
    label_index: Annotated[int, integer_between(0)] | None = None
    probability_attribute: Label | None = None
    label_attribute: Label | None = None
    label_headers: Annotated[tuple[Label, ...], Field(max_length=16)] = ()
    feature_headers: Annotated[tuple[Label, ...], Field(max_length=256)] = ()
    feature_types: Annotated[tuple[Literal["numerical", "categorical", "text"], ...], Field(max_length=256)] = ()


class Shap(ApiShape):
    """API: ClarifyShapConfig, with its baseline and its text settings beside the others."""

    shap_baseline: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    shap_baseline_uri: S3Uri | None = None
    mime_type: ContentType | None = None
    number_of_samples: Annotated[int, integer_between(1)] | None = None
    use_logit: Flag | None = None
    seed: Annotated[int, Field(strict=True)] | None = None
    language: Annotated[str, text(r"^[a-z]{2,3}(-[A-Za-z]+)?$", "a language such as en")] | None = None
    granularity: Literal["token", "sentence", "paragraph"] | None = None

    def to_api(self) -> dict[str, Any]:
        said = {"ShapBaselineConfig": {}, **super().to_api()}
        return _without_unset(
            said,
            ShapBaselineConfig=("MimeType", "ShapBaseline", "ShapBaselineUri"),
            TextConfig=("Language", "Granularity"),
        )


class Explainer(ApiShape):
    """API: ClarifyExplainerConfig, the one kind of ExplainerConfig."""

    enable_explanations: Label | None = None
    inference: Annotated[ExplainerInference | None, ApiName("InferenceConfig")] = None
    shap: Annotated[Shap, ApiName("ShapConfig")]

    def to_api(self) -> dict[str, Any]:
        return {"ClarifyExplainerConfig": super().to_api()}


class Metrics(ApiShape):
    """API: MetricsConfig."""

    enable_enhanced_metrics: Flag | None = None
    enable_detailed_observability: Flag | None = None
    metric_publish_frequency_in_seconds: Literal[10, 30, 60, 120, 180, 240, 300] | None = None


class EndpointConfiguration(StrictModel):
    """The members of a stage that say what its endpoint configuration is."""

    variants: Annotated[list[Variant], Field(min_length=1, max_length=10)]
    shadow_variants: Annotated[list[Variant], Field(max_length=1)] = Field(default_factory=list)
    data_capture: DataCapture | None = None
    async_inference: AsyncInference | None = None
    explainer: Explainer | None = None
    metrics: Metrics | None = None
    volume_key: KeyArn | None = None

    @property
    def every_variant(self) -> list[Variant]:
        return [*self.variants, *self.shadow_variants]

    def endpoint_config(self) -> dict[str, Any]:
        """Return CreateEndpointConfig's members, without the name, the tags and the variants' ModelName."""
        members: dict[str, Any] = {
            "ProductionVariants": [variant.to_api() for variant in self.variants],
            "ShadowProductionVariants": [variant.to_api() for variant in self.shadow_variants],
            "DataCaptureConfig": self.data_capture and self.data_capture.to_api(),
            "AsyncInferenceConfig": self.async_inference and self.async_inference.to_api(),
            "ExplainerConfig": self.explainer and self.explainer.to_api(),
            "MetricsConfig": self.metrics and self.metrics.to_api(),
            "KmsKeyId": self.volume_key,
        }
        return {name: said for name, said in members.items() if said}


def _without_unset(said: dict[str, Any], **groups: tuple[str, ...]) -> dict[str, Any]:
    """Return the members with some of them put into structures, which the API has and the file has not."""
    for group, members in groups.items():
        inside = {name: said.pop(name) for name in members if name in said}
        if inside or group in said:
            said[group] = inside
    return said
