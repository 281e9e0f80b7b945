"""Which members of SageMaker's answers are carried, which are left behind, which are refused. Pure.

The lists name every member that is carried or that says nothing about serving. Any other member that has a value is
refused by name, at any depth, so a member that AWS adds tomorrow cannot be dropped silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

# A member is carried whatever it holds (None), or as far as the members below it are known.
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
# What says what a container is, in CreateModel and in a model package alike.
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
# A container that names a model package: what may stand beside the name. The package says the rest.
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
}
# Why a known member is refused.
_REASONS = {
    # boto/boto3#4510: "AdditionalS3DataSource is not allowed in InferenceSpecification".
    "AdditionalS3DataSource": "CreateModel has no such member, and AWS does not say where a container finds it; "
    "register the data as AdditionalModelDataSources",
    "ProductId": "a product of AWS Marketplace is subscribed to by each account, not copied",
}


def unsupported_fields(found: Mapping[str, Any], known: Fields, path: str) -> Iterator[str]:
    """Yield the path of each member that has a value and is not known. `path` is where `found` stands, with a dot."""
    for name in sorted(found):
        value = found[name]
        if is_empty(value):
            continue
        if name not in known:
            reason = _REASONS.get(name)
            yield f"{path}{name} ({reason})" if reason else f"{path}{name}"
            continue
        below = known[name]
        if below is None:
            continue
        inner = {f"{path}{name}[{i}]": one for i, one in enumerate(value)} if isinstance(value, list) else None
        for place, one in (inner or {f"{path}{name}": value}).items():
            yield from unsupported_fields(one, below, f"{place}.")


def is_empty(value: Any) -> bool:
    """Whether a member says nothing: SageMaker may show members that nobody set."""
    return value in (None, "", {}, [])


def without_empty(value: Any) -> Any:
    """Return a structure without its empty members. An empty environment variable says something, and stays."""
    if isinstance(value, Mapping):
        inner = {name: dict(one or {}) if name == "Environment" else without_empty(one) for name, one in value.items()}
        return {name: one for name, one in inner.items() if not is_empty(one)}
    return [without_empty(one) for one in value] if isinstance(value, list) else value
