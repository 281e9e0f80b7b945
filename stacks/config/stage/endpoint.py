"""What an endpoint is made of: everything that CreateEndpointConfig offers where every variant has a model.

Fields have the API's own names in snake_case; where a name is shorter, ApiName has the API's. What the API has and this
has not is listed, with the reason, in tests/stacks/config/test_endpoint.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from stacks.config.fields.api_case import ApiName, ApiShape, move_into
from stacks.config.fields.field_types import (
    BaselineUri,
    ContentType,
    Flag,
    KeyArn,
    S3Uri,
    StrictModel,
    TopicArn,
    integer_between,
    text,
)
from stacks.config.fields.option import NEW_CONFIG, NEW_CONFIG_WITH_PERMISSIONS, option
from stacks.config.stage import explainer_values
from stacks.config.stage.variant import Variant

Label = Annotated[str, Field(min_length=1, max_length=64), text(r"^[^\r\n]*$", "a text of one line")]


class DataCapture(ApiShape, title="A stage's data_capture"):
    """API: DataCaptureConfig. `capture_options` are its modes; the content types are fields of their own."""

    destination_s3_uri: Annotated[
        S3Uri,
        option(
            "DestinationS3Uri. The bucket is yours; the execution role may put objects below the URI.",
            example="s3://ranking-333333333333/captured",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ]
    initial_sampling_percentage: Annotated[
        int,
        integer_between(0, 100),
        option(
            "InitialSamplingPercentage.",
            example=20,
            effect=NEW_CONFIG,
        ),
    ]
    capture_options: Annotated[
        tuple[Literal["Input", "Output", "InputAndOutput"], ...],
        Field(min_length=1, max_length=32),
        option(
            "CaptureOptions.",
            example=["Input", "Output"],
            effect=NEW_CONFIG,
        ),
    ]
    enable_capture: Annotated[
        Flag,
        option(
            "EnableCapture.",
            example=True,
            effect=NEW_CONFIG,
        ),
    ] = True
    kms_key_id: Annotated[
        KeyArn | None,
        option(
            "KmsKeyId. The execution role may encrypt with it.",
            example="arn:aws:kms:us-east-1:333333333333:key/0d1c2b3a-1111-2222-3333-444455556666",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None
    csv_content_types: Annotated[
        tuple[ContentType, ...],
        Field(max_length=10),
        option(
            "CsvContentTypes: kept as text instead of Base64.",
            example=["text/csv"],
            effect=NEW_CONFIG,
        ),
    ] = ()
    json_content_types: Annotated[
        tuple[ContentType, ...],
        Field(max_length=10),
        option(
            "JsonContentTypes: kept as JSON.",
            example=["application/json"],
            effect=NEW_CONFIG,
        ),
    ] = ()

    def to_api(self) -> dict[str, Any]:
        request = super().to_api()
        request["CaptureOptions"] = [{"CaptureMode": mode} for mode in self.capture_options]
        return move_into(request, CaptureContentTypeHeader=("CsvContentTypes", "JsonContentTypes"))


class AsyncInference(ApiShape, title="A stage's async_inference"):
    """API: AsyncInferenceConfig, with all its parts in one mapping."""

    s3_output_path: Annotated[
        S3Uri,
        option(
            "S3OutputPath: where answers are stored.",
            example="s3://ranking-444444444444/answers",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ]
    s3_failure_path: Annotated[
        S3Uri | None,
        option(
            "S3FailurePath: where failures are stored.",
            example="s3://ranking-444444444444/failures",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None
    s3_input_path: Annotated[
        S3Uri | None,
        option(
            "Not in SageMaker's API: where requests are stored. The execution role may read what is below it. "
            "Requests that are sent with the call need none.",
            example="s3://ranking-444444444444/requests",
            effect="Deploy the environment and the hub (permissions change). No new endpoint configuration.",
        ),
    ] = None
    kms_key_id: Annotated[
        KeyArn | None,
        option(
            "KmsKeyId of the answers. The execution role may encrypt with it, and decrypt requests.",
            example="arn:aws:kms:eu-west-1:444444444444:key/0d1c2b3a-1111-2222-3333-444455556666",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None
    success_topic: Annotated[
        TopicArn | None,
        option(
            "SuccessTopic, in the stage's Region. The execution role may publish to it; a topic of another "
            "account must allow it too.",
            example="arn:aws:sns:eu-west-1:444444444444:ranking-answers",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None
    error_topic: Annotated[
        TopicArn | None,
        option(
            "ErrorTopic, in the stage's Region. The execution role may publish to it; a topic of another account "
            "must allow it too.",
            example="arn:aws:sns:eu-west-1:444444444444:ranking-failures",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None
    include_inference_response_in: Annotated[
        tuple[Literal["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"], ...],
        Field(max_length=2),
        option(
            "IncludeInferenceResponseIn. The topic must be set.",
            example=["SUCCESS_NOTIFICATION_TOPIC"],
            effect=NEW_CONFIG,
        ),
    ] = ()
    max_concurrent_invocations_per_instance: Annotated[
        Annotated[int, integer_between(1, 1000)] | None,
        option(
            "MaxConcurrentInvocationsPerInstance. Without it, SageMaker's default.",
            example=4,
            effect=NEW_CONFIG,
        ),
    ] = None

    def to_api(self) -> dict[str, Any]:
        request = super().to_api()
        request.pop("S3InputPath", None)
        request = move_into(request, NotificationConfig=("SuccessTopic", "ErrorTopic", "IncludeInferenceResponseIn"))
        return move_into(
            request,
            ClientConfig=("MaxConcurrentInvocationsPerInstance",),
            OutputConfig=("S3OutputPath", "S3FailurePath", "KmsKeyId", "NotificationConfig"),
        )


class ExplainerInference(ApiShape, title="An explainer's inference"):
    """API: ClarifyInferenceConfig."""

    features_attribute: Annotated[
        Label | None,
        option(
            "FeaturesAttribute.",
            example="features",
            effect=NEW_CONFIG,
        ),
    ] = None
    content_template: Annotated[
        Label | None,
        option(
            "ContentTemplate.",
            example="$record",
            effect=NEW_CONFIG,
        ),
    ] = None
    max_record_count: Annotated[
        Annotated[int, integer_between(1)] | None,
        option(
            "MaxRecordCount.",
            example=10,
            effect=NEW_CONFIG,
        ),
    ] = None
    max_payload_in_mb: Annotated[
        Annotated[int, integer_between(1, 25)] | None,
        option(
            "MaxPayloadInMB.",
            example=6,
            effect=NEW_CONFIG,
        ),
    ] = None
    probability_index: Annotated[
        Annotated[int, integer_between(0)] | None,
        option(
            "ProbabilityIndex.",
            example=0,
            effect=NEW_CONFIG,
        ),
    ] = None
    label_index: Annotated[
        Annotated[int, integer_between(0)] | None,
        option(
            "LabelIndex.",
            example=1,
            effect=NEW_CONFIG,
        ),
    ] = None
    probability_attribute: Annotated[
        Label | None,
        option(
            "ProbabilityAttribute.",
            example="score",
            effect=NEW_CONFIG,
        ),
    ] = None
    label_attribute: Annotated[
        Label | None,
        option(
            "LabelAttribute.",
            example="label",
            effect=NEW_CONFIG,
        ),
    ] = None
    label_headers: Annotated[
        tuple[Label, ...],
        Field(max_length=16),
        option(
            "LabelHeaders.",
            example=["good"],
            effect=NEW_CONFIG,
        ),
    ] = ()
    feature_headers: Annotated[
        tuple[Label, ...],
        Field(max_length=256),
        option(
            "FeatureHeaders.",
            example=["title"],
            effect=NEW_CONFIG,
        ),
    ] = ()
    feature_types: Annotated[
        tuple[Literal["numerical", "categorical", "text"], ...],
        Field(max_length=256),
        AfterValidator(explainer_values.with_text),
        option(
            "FeatureTypes, of which one at least is `text`.",
            example=["text"],
            effect=NEW_CONFIG,
        ),
    ] = ()


class Shap(ApiShape, title="An explainer's shap"):
    """API: ClarifyShapConfig, with the fields of its ShapBaselineConfig and TextConfig."""

    shap_baseline: Annotated[
        Annotated[str, Field(min_length=1, max_length=4096)] | None,
        option(
            "ShapBaseline. One of this and `shap_baseline_uri` is required.",
            example="a title",
            effect=NEW_CONFIG,
        ),
    ] = None
    shap_baseline_uri: Annotated[
        BaselineUri | None,
        option(
            "ShapBaselineUri, of an object that exists: it is not copied with the model. The execution role may "
            "read it.",
            example="s3://explaining-333333333333/baseline.csv",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None
    mime_type: Annotated[
        Literal["text/csv", "application/jsonlines"] | None,
        option(
            "MimeType of the baseline. Without it, `text/csv`.",
            example="text/csv",
            effect=NEW_CONFIG,
        ),
    ] = None
    number_of_samples: Annotated[
        Annotated[int, integer_between(1)] | None,
        option(
            "NumberOfSamples.",
            example=50,
            effect=NEW_CONFIG,
        ),
    ] = None
    use_logit: Annotated[
        Flag | None,
        option(
            "UseLogit.",
            example=True,
            effect=NEW_CONFIG,
        ),
    ] = None
    seed: Annotated[
        Annotated[int, Field(strict=True)] | None,
        option(
            "Seed.",
            example=7,
            effect=NEW_CONFIG,
        ),
    ] = None
    language: Annotated[
        Annotated[str, AfterValidator(explainer_values.language)] | None,
        option(
            "Language, with `granularity`: a code of ISO 639 that SageMaker Clarify supports, or `xx` for several.",
            example="en",
            effect=NEW_CONFIG,
        ),
    ] = None
    granularity: Annotated[
        Literal["token", "sentence", "paragraph"] | None,
        option(
            "Granularity, with `language`.",
            example="sentence",
            effect=NEW_CONFIG,
        ),
    ] = None

    def to_api(self) -> dict[str, Any]:
        request = {"ShapBaselineConfig": {}, **super().to_api()}
        return move_into(
            request,
            ShapBaselineConfig=("MimeType", "ShapBaseline", "ShapBaselineUri"),
            TextConfig=("Language", "Granularity"),
        )


class Explainer(ApiShape, title="A stage's explainer"):
    """API: ClarifyExplainerConfig, the only kind of ExplainerConfig."""

    enable_explanations: Annotated[
        Label | None,
        option(
            "EnableExplanations: a JMESPath expression that selects the records to explain.",
            example="`true`",
            effect=NEW_CONFIG,
        ),
    ] = None
    inference: Annotated[
        ExplainerInference | None,
        ApiName("InferenceConfig"),
        option(
            "InferenceConfig.",
            example={"features_attribute": "features"},
            effect=NEW_CONFIG,
        ),
    ] = None
    shap: Annotated[
        Shap,
        ApiName("ShapConfig"),
        option(
            "ShapConfig.",
            example={"shap_baseline": "a title"},
            effect=NEW_CONFIG,
        ),
    ]

    def to_api(self) -> dict[str, Any]:
        return {"ClarifyExplainerConfig": super().to_api()}


class Metrics(ApiShape, title="A stage's metrics"):
    """API: MetricsConfig."""

    enable_enhanced_metrics: Annotated[
        Flag | None,
        option(
            "EnableEnhancedMetrics.",
            example=True,
            effect=NEW_CONFIG,
        ),
    ] = None
    enable_detailed_observability: Annotated[
        Flag | None,
        option(
            "EnableDetailedObservability.",
            example=False,
            effect=NEW_CONFIG,
        ),
    ] = None
    metric_publish_frequency_in_seconds: Annotated[
        Literal[10, 30, 60, 120, 180, 240, 300] | None,
        option(
            "MetricPublishFrequencyInSeconds.",
            example=30,
            effect=NEW_CONFIG,
        ),
    ] = None


class CrossRegionTraffic(ApiShape, title="A stage's cross_region_traffic"):
    """API: CrossRegionTrafficConfig."""

    max_invocations_per_second_per_instance: Annotated[
        Annotated[int, integer_between(1, 10000)],
        option(
            "MaxInvocationsPerSecondPerInstance: what one instance is expected to serve.",
            example=50,
            effect=NEW_CONFIG,
        ),
    ]
    max_cross_region_percent_per_endpoint: Annotated[
        Annotated[int, integer_between(1, 100)],
        option(
            "MaxCrossRegionPercentPerEndpoint: the share of what all instances serve. What exceeds it is throttled.",
            example=20,
            effect=NEW_CONFIG,
        ),
    ]


class EndpointConfiguration(StrictModel):
    """The fields of a stage that define its endpoint configuration."""

    variants: Annotated[
        list[Variant],
        Field(min_length=1, max_length=10),
        option(
            "The production variants. All of them serve the promoted model; traffic is split by weight. A "
            "serverless endpoint has one.",
            example=[{"name": "AllTraffic", "instance_type": "ml.m5.large", "initial_instance_count": 2}],
            effect=NEW_CONFIG,
        ),
    ]
    shadow_variants: Annotated[
        list[Variant],
        Field(max_length=1),
        option(
            "A variant of the same form that gets a copy of the requests and whose answers are discarded (API: "
            "ShadowProductionVariants). It needs exactly one production variant. It serves the promoted model "
            "too: what differs is what it runs on. AWS excludes it from serverless and asynchronous endpoints and "
            "`ml.inf1` types, and for models of several containers or for several models, which preflight finds.",
            example=[{"name": "Shadow", "instance_type": "ml.m5.large", "initial_instance_count": 1}],
            effect=NEW_CONFIG,
        ),
    ] = Field(default_factory=list)
    data_capture: Annotated[
        DataCapture | None,
        option(
            "Which requests and answers are stored in S3.",
            example={
                "destination_s3_uri": "s3://ranking-333333333333/captured",
                "initial_sampling_percentage": 20,
                "capture_options": ["Input"],
            },
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None
    async_inference: Annotated[
        AsyncInference | None,
        option(
            "Makes the endpoint asynchronous: it answers InvokeEndpointAsync only.",
            example={"s3_output_path": "s3://ranking-444444444444/answers"},
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None
    explainer: Annotated[
        Explainer | None,
        option(
            "Explanations by SageMaker Clarify.",
            example={"shap": {"shap_baseline": "a title"}},
            effect=NEW_CONFIG,
        ),
    ] = None
    metrics: Annotated[
        Metrics | None,
        option(
            "What the endpoint measures. Without it, SageMaker's default.",
            example={"enable_enhanced_metrics": True},
            effect=NEW_CONFIG,
        ),
    ] = None
    cross_region_traffic: Annotated[
        CrossRegionTraffic | None,
        option(
            "How many requests the endpoint accepts from inference routers in other Regions; without it, all. AWS "
            "excludes it from serverless and asynchronous endpoints.",
            example={"max_invocations_per_second_per_instance": 50, "max_cross_region_percent_per_endpoint": 20},
            effect=NEW_CONFIG,
        ),
    ] = None
    volume_key: Annotated[
        KeyArn | None,
        option(
            "KmsKeyId: encrypts the volumes of the instances. In the stage's Region. Not with types that have "
            "local storage (`ml.g5`, `ml.p5`, `ml.m5d` …): their hardware encrypts it. The key's policy must let "
            "the account's IAM decide or name the deployer, who gives SageMaker a grant.",
            example="arn:aws:kms:us-east-1:333333333333:key/0d1c2b3a-1111-2222-3333-444455556666",
            effect=NEW_CONFIG_WITH_PERMISSIONS,
        ),
    ] = None

    @property
    def every_variant(self) -> list[Variant]:
        return [*self.variants, *self.shadow_variants]

    def endpoint_config(self) -> dict[str, Any]:
        """Return CreateEndpointConfig's fields, without the name, the tags and the variants' ModelName."""
        fields: dict[str, Any] = {
            "ProductionVariants": [variant.to_api() for variant in self.variants],
            "ShadowProductionVariants": [variant.to_api() for variant in self.shadow_variants],
            "DataCaptureConfig": self.data_capture and self.data_capture.to_api(),
            "AsyncInferenceConfig": self.async_inference and self.async_inference.to_api(),
            "ExplainerConfig": self.explainer and self.explainer.to_api(),
            "MetricsConfig": self.metrics and self.metrics.to_api(),
            "CrossRegionTrafficConfig": self.cross_region_traffic and self.cross_region_traffic.to_api(),
            "KmsKeyId": self.volume_key,
        }
        return {name: value for name, value in fields.items() if value}
