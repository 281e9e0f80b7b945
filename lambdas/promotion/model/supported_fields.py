"""Which fields of SageMaker's responses are promoted, ignored or rejected. Pure: no AWS calls.

The lists name every field that is promoted or that is irrelevant for inference. Any other field with a value is
rejected by name, at any depth, so a field that AWS adds later cannot be dropped silently: neither one that the SDK
knows and these lists do not, nor one that the SDK drops (aws/unknown_fields.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from lambdas.promotion.aws import unknown_fields

# A field is supported with any value (None), or as far as the fields below it are listed.
Fields: TypeAlias = "Mapping[str, Fields | None]"

_DATA_SOURCE: Fields = {
    "S3Uri": None,
    "S3DataType": None,
    "CompressionType": None,
    "ModelAccessConfig": {"AcceptEula": None},
    "HubAccessConfig": {"HubContentArn": None},
    "ManifestS3Uri": None,
    # They pin the content of the source and are checked; a copy has others.
    "ETag": None,
    "ManifestEtag": None,
}
# The content of a container, in CreateModel and in a model package.
_CONTENT: Fields = {
    "ContainerHostname": None,
    "Image": None,
    "ModelDataUrl": None,
    "ModelDataSource": {"S3DataSource": _DATA_SOURCE},
    "AdditionalModelDataSources": {"ChannelName": None, "S3DataSource": _DATA_SOURCE},
    "Environment": None,
}
# API: ContainerDefinition
CONTAINER: Fields = {
    **_CONTENT,
    "ImageConfig": {
        "RepositoryAccessMode": None,
        "RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": None},
    },
    "Mode": None,
    "MultiModelConfig": {"ModelCacheSetting": None},
    "ContainerMetricsConfig": {
        "MetricsEndpoints": {"MetricsEndpointPath": None, "MetricPublishFrequencyInSeconds": None},
    },
}
# A container that names a model package: what is allowed beside the name. The package has the rest.
BESIDE_PACKAGE: Fields = {
    "ModelPackageName": None,
    "InferenceSpecificationName": None,
    "ContainerHostname": None,
    "ContainerMetricsConfig": CONTAINER["ContainerMetricsConfig"],
    "Environment": None,
    "Mode": None,
}
# API: ModelPackageContainerDefinition. The digest becomes part of the image's name and the ETag is checked; the rest
# helps people to choose a version.
PACKAGE_CONTAINER: Fields = {
    **_CONTENT,
    "ImageDigest": None,
    "ModelDataETag": None,
    "Framework": None,
    "FrameworkVersion": None,
    "NearestModelName": None,
    "ModelInput": None,
    "IsCheckpoint": None,
    "BaseModel": None,
}
# API: DescribeModelPackageOutput. Containers have lists of their own; the rest is about the version, not about what
# serves.
PACKAGE: Fields = {
    "InferenceSpecification": None,
    "AdditionalInferenceSpecifications": None,
    **dict.fromkeys(("ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn")),
    **dict.fromkeys(("ModelPackageRegistrationType", "ModelPackageDescription", "ModelPackageStatus")),
    **dict.fromkeys(("ModelPackageStatusDetails", "ModelApprovalStatus", "ApprovalDescription", "ModelLifeCycle")),
    **dict.fromkeys(("CreationTime", "CreatedBy", "LastModifiedTime", "LastModifiedBy", "SourceUri")),
    **dict.fromkeys(("ValidationSpecification", "SkipModelValidation", "CertifyForMarketplace", "SecurityConfig")),
    **dict.fromkeys(("MetadataProperties", "CustomerMetadataProperties", "ModelMetrics", "DriftCheckBaselines")),
    **dict.fromkeys(("Domain", "Task", "SamplePayloadUrl", "ModelCard", "ResponseMetadata")),
    unknown_fields.FIELD: None,
}
# API: DescribeModelOutput. Containers have lists of their own. The model gets another name and role, and the last
# ones only describe the source.
MODEL: Fields = {
    "PrimaryContainer": None,
    "Containers": None,
    "InferenceExecutionConfig": {"Mode": None},
    "VpcConfig": {"SecurityGroupIds": None, "Subnets": None},
    "EnableNetworkIsolation": None,
    "ModelName": None,
    "ExecutionRoleArn": None,
    "ModelArn": None,
    "CreationTime": None,
    "DeploymentRecommendation": None,
    "ResponseMetadata": None,
    unknown_fields.FIELD: None,  # definition.py reports each
}
# Why a field is rejected.
_REASONS = {
    # boto/boto3#4510: "AdditionalS3DataSource is not allowed in InferenceSpecification".
    "AdditionalS3DataSource": "CreateModel has no such field, and AWS does not document where a container finds it; "
    "register the data as AdditionalModelDataSources",
    "ManagedStorageType": "SageMaker keeps the model data itself and lets no one copy it: register a version whose "
    "model data is in a bucket of the source",
    "SourceAlgorithmSpecification": "the algorithm may have the model data, which no container of the version has: "
    "register a version with an image and model data (InferenceSpecification)",
    "ProductId": "a product of AWS Marketplace is subscribed to by each account, not copied",
}


def unsupported_fields(fields: Mapping[str, Any], supported: Fields, path: str) -> Iterator[str]:
    """Yield the path of each field that has a value and is not supported. `path` is the parent's, with a dot."""
    for name in sorted(fields):
        value = fields[name]
        if is_empty(value):
            continue
        if name not in supported:
            reason = _REASONS.get(name)
            yield f"{path}{name} ({reason})" if reason else f"{path}{name}"
            continue
        below = supported[name]
        if below is None:
            continue
        items = {f"{path}{name}[{i}]": item for i, item in enumerate(value)} if isinstance(value, list) else None
        for location, item in (items or {f"{path}{name}": value}).items():
            yield from unsupported_fields(item, below, f"{location}.")


def is_empty(value: Any) -> bool:
    """Whether a field has no value: SageMaker may return fields that no one set."""
    return value in (None, "", {}, [])


def without_empty(value: Any) -> Any:
    """Return a structure without its empty fields. An empty environment variable has a meaning, and is kept."""
    if isinstance(value, Mapping):
        kept = {
            name: dict(field or {}) if name == "Environment" else without_empty(field) for name, field in value.items()
        }
        return {name: field for name, field in kept.items() if not is_empty(field)}
    return [without_empty(item) for item in value] if isinstance(value, list) else value
