"""What SageMaker's responses have in place of the fields that a request left out. Pure: no AWS calls.

Each field of CreateModel and CreateEndpointConfig is in exactly one of the lists (tests/unit/endpoint/
test_service_defaults.py). Sources: recordings/sagemaker/DescribeModel.yaml and DescribeEndpointConfig.yaml; where no
response was published, the default that the API documents: a field with it means the same as no field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# The values that mean the same as no field.
DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    # InferenceExecutionConfig and a container have a Mode each; the two have no other value in common.
    "Mode": ("SingleModel", "Serial"),
    "ModelCacheSetting": ("Enabled",),
    "RepositoryAccessMode": ("Platform",),
    "EnableNetworkIsolation": (False,),
    "InitialVariantWeight": (1.0,),
    "EnableSSMAccess": (False,),
    "AcceptEula": (False,),
    "RoutingStrategy": ("RANDOM",),
    "Status": ("DISABLED",),
    "MaximumStepSize": (1,),
    "CooldownInMinutes": (20,),
    "EnableCapture": (True,),
    "EnableExplanations": ("`true`",),
    "MaxPayloadInMB": (6,),
    "MimeType": ("text/csv",),
    "UseLogit": (False,),
    "MetricsEndpointPath": ("/metrics",),
    "MetricPublishFrequencyInSeconds": (60,),
    "EnableEnhancedMetrics": (False,),
    "EnableDetailedObservability": (True,),
}
# SageMaker chooses a value where the request has none. The ETags pin the content that the model was created with.
CHOSEN = frozenset(
    {
        *("VolumeSizeInGB", "ContainerHostname", "MaxConcurrentInvocationsPerInstance"),
        *("MaxRecordCount", "NumberOfSamples", "Seed", "ETag", "ManifestEtag"),
    }
)
# SageMaker returns a tarball in both forms: each follows from the other.
FOLLOWS_FROM: Mapping[str, str] = {"ModelDataSource": "ModelDataUrl", "ModelDataUrl": "ModelDataSource"}
# No request has it: SageMaker only describes, here which instances it would choose, with fields that requests have too.
DESCRIBED_ONLY = frozenset({"DeploymentRecommendation"})
# A caller has set it, wherever it is.
NEVER_FILLED_IN = frozenset(
    {
        # CreateModel
        *("ModelName", "ExecutionRoleArn", "SecurityGroupIds", "Subnets", "ModelPackageName", "Image", "Environment"),
        *("InferenceSpecificationName", "RepositoryCredentialsProviderArn", "ChannelName", "S3Uri", "S3DataType"),
        *("CompressionType", "HubContentArn", "ManifestS3Uri"),
        # CreateEndpointConfig
        *("EndpointConfigName", "KmsKeyId", "VariantName", "InitialInstanceCount", "InstanceType", "AcceleratorType"),
        *("ModelNameOverride", "Priority", "VariantInstanceProvisionTimeoutInSeconds", "InferenceAmiVersion"),
        *("ModelDataDownloadTimeoutInSeconds", "ContainerStartupHealthCheckTimeoutInSeconds"),
        *("MemorySizeInMB", "MaxConcurrency", "ProvisionedConcurrency", "MinInstanceCount", "MaxInstanceCount"),
        *("Strategy", "PrefixLength", "ConcurrencyThreshold", "CapacityReservationPreference", "MlReservationArn"),
        *("DestinationS3Uri", "InitialSamplingPercentage", "CaptureMode", "CsvContentTypes", "JsonContentTypes"),
        *("S3OutputPath", "S3FailurePath", "SuccessTopic", "ErrorTopic", "IncludeInferenceResponseIn"),
        *("FeaturesAttribute", "ContentTemplate", "ProbabilityIndex", "LabelIndex", "ProbabilityAttribute"),
        *("LabelAttribute", "LabelHeaders", "FeatureHeaders", "FeatureTypes", "ShapBaseline", "ShapBaselineUri"),
        *("Language", "Granularity", "MaxInvocationsPerSecondPerInstance", "MaxCrossRegionPercentPerEndpoint"),
        "AcceleratorPartitionTypes",
    }
)


def is_default(name: str, value: Any) -> bool:
    """Whether a field means the same as its absence: it has a default, or is a structure of such fields."""
    if value in (None, "", [], {}):
        return True
    if name in DEFAULTS:
        return any(
            value == default and isinstance(value, bool) is isinstance(default, bool) for default in DEFAULTS[name]
        )
    fields = list(_fields(value))
    return bool(fields) and all(is_default(field, below) for field, below in fields)


def is_filled_in(name: str, value: Any, beside: Mapping[str, Any], *, unlisted: bool) -> bool:
    """Whether SageMaker may have added this field to a request that has the fields `beside`.

    `unlisted` is the answer for a field that is in no list: AWS has added it since.
    """
    if name in CHOSEN | DESCRIBED_ONLY or is_default(name, value):
        return True
    if name in FOLLOWS_FROM:
        return bool(beside.get(FOLLOWS_FROM[name]))
    if name in DEFAULTS or name in NEVER_FILLED_IN:
        return False
    fields = list(_fields(value))
    return all(is_filled_in(field, below, {}, unlisted=unlisted) for field, below in fields) if fields else unlisted


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a structure, or of each structure in a list."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _fields(item)
