"""What a model consists of: which members of SageMaker's answer are carried, which are replaced, which are refused.

Pure. The lists below name every member that is carried or that says nothing about serving. Any other member that has
a value is refused by name, so a member that AWS adds tomorrow cannot be dropped silently.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lambdas.promotion import images
from lambdas.promotion.errors import UnsupportedModel

# DescribeModel: what the target model gets in another way, or what only describes the source.
_MODEL_CARRIED = {"PrimaryContainer", "Containers", "EnableNetworkIsolation"}
_MODEL_REPLACED = {"ModelName", "ExecutionRoleArn"}
_MODEL_DESCRIPTIVE = {"ModelArn", "CreationTime", "DeploymentRecommendation", "ResponseMetadata"}

_CONTAINER_CARRIED = {
    "ContainerHostname",
    "Image",
    "ImageConfig",
    "Mode",
    "ModelDataUrl",
    "ModelDataSource",
    "Environment",
}
# A container of a model package: what names the artifact's content is checked, the rest helps people to choose.
_PACKAGE_CHECKED = {"ImageDigest", "ModelDataETag"}
_PACKAGE_DESCRIPTIVE = {"Framework", "FrameworkVersion", "NearestModelName", "ModelInput", "IsCheckpoint", "BaseModel"}

_OBJECT = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.*[^/]", re.DOTALL)
# In a variable the address must be the whole value; a list or a sentence that contains one is refused.
_VARIABLE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s,;\"']*[^\s,;\"'/]")
# Any other way to write an address in S3: it would go on pointing into the source account.
_SOME_S3_ADDRESS = re.compile(r"s3[an]?://|arn:aws[a-z-]*:s3:::|[./]s3[.-][a-z0-9.-]*amazonaws\.com", re.IGNORECASE)
# SageMaker's SDK writes the Region of its own session there (sagemaker-python-sdk: model_builder.py).
_OWN_REGION = "SAGEMAKER_REGION"


class AddressKind(enum.StrEnum):
    """What an address stands for. EITHER: only S3 can tell."""

    OBJECT = "Object"
    PREFIX = "Prefix"
    EITHER = "Either"
    MANIFEST = "Manifest"


@dataclass(frozen=True, kw_only=True)
class Address:
    """An S3 address that the model needs, and where it stands in it. `etag` pins an object's content.

    `as_files`: SageMaker lays the objects out as files, so its rules for file names apply.
    """

    uri: str
    kind: AddressKind
    where: str
    etag: str | None = None
    as_files: bool = False


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A model that can be carried: one container, in the shape of CreateModel's ContainerDefinition."""

    container: dict[str, Any]
    network_isolation: bool
    artifact_uris: tuple[str, ...]
    pinned_etags: Mapping[str, str]

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(
            Address(uri=uri, kind=AddressKind.OBJECT, where="", etag=self.pinned_etags.get(uri))
            for uri in self.artifact_uris
        )


def of_model(described: Mapping[str, Any], package: Mapping[str, Any] | None, *, where: str) -> Definition:
    """Return what DescribeModel's answer consists of.

    `package` is DescribeModelPackage's answer if the container names one. `where` names the model in the refusal.
    Raises UnsupportedModel with every member that cannot be carried.
    """
    problems = _unknown(described, _MODEL_CARRIED | _MODEL_REPLACED | _MODEL_DESCRIPTIVE, "")
    containers = described.get("Containers") or [described.get("PrimaryContainer", {})]
    if len(containers) > 1:
        problems.append(f"Containers ({len(containers)}: several containers)")
    if not containers[0]:
        problems.append("PrimaryContainer (it is missing: the model has no container)")
    container = dict(containers[0])
    isolation = bool(described.get("EnableNetworkIsolation", False))
    if package is None:
        problems += _unknown(container, _CONTAINER_CARRIED, "PrimaryContainer.")
        return _checked(container, isolation, {}, problems, where)
    own = {name: value for name, value in container.items() if name not in {"ModelPackageName", "Environment"}}
    problems += _unknown(own, {"ContainerHostname", "Mode"}, "PrimaryContainer.")
    packed, etags = _of_package_containers(package, problems)
    packed |= own
    packed["Environment"] = {**packed.get("Environment", {}), **container.get("Environment", {})}
    return _checked(packed, isolation, etags, problems, where)


def of_package(package: Mapping[str, Any], *, where: str) -> Definition:
    """Return what a model package version consists of (DescribeModelPackage's InferenceSpecification)."""
    problems: list[str] = []
    container, etags = _of_package_containers(package, problems)
    return _checked(container, False, etags, problems, where)


def for_region(definition: Definition, region: str, *, where: str) -> Definition:
    """Return the model as it is said in another Region: its image from there, and told where it runs.

    Raises UnsupportedModel if the image lies in another Region and is not one that AWS offers in each.
    """
    container = {**definition.container, "Image": images.in_target(definition.container["Image"], region, where=where)}
    if _OWN_REGION in container.get("Environment", {}):
        container["Environment"] = {**container["Environment"], _OWN_REGION: region}
    return replace(definition, container=container)


def create_model_request(
    definition: Definition, addresses: Mapping[str, str], *, name: str, execution_role_arn: str
) -> dict[str, Any]:
    """Return the CreateModel request with every artifact's address replaced by where it was copied to."""
    return {
        "ModelName": name,
        "PrimaryContainer": _readdress(definition.container, addresses),
        "ExecutionRoleArn": execution_role_arn,
        "EnableNetworkIsolation": definition.network_isolation,
    }


def digest(definition: Definition, contents: Mapping[str, str], *, execution_role_arn: str) -> str:
    """Return a hex digest of what the model is: image, environment, isolation, role and the artifacts' content.

    Addresses are replaced by checksums, so the digest does not depend on where the artifacts lie.
    """
    what = [_readdress(definition.container, contents), definition.network_isolation, execution_role_arn]
    return hex_digest(what)


def hex_digest(value: Any) -> str:
    """Return one digest for equal values, whatever the order of their members."""
    return hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: Any) -> bytes:
    """Return one byte string for equal values, for digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _of_package_containers(package: Mapping[str, Any], problems: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        problems.append(f"InferenceSpecification.Containers ({len(containers)}: exactly one is carried)")
    container = dict(containers[0]) if containers else {}
    problems += _unknown(
        container, _CONTAINER_CARRIED | _PACKAGE_CHECKED | _PACKAGE_DESCRIPTIVE, "InferenceSpecification.Containers[0]."
    )
    image, image_digest = container.get("Image", ""), container.get("ImageDigest")
    if image and image_digest and "@" not in image:
        # The tag may move between the approval and now; the digest is what was registered.
        container["Image"] = f"{_without_tag(image)}@{image_digest}"
    etag = container.get("ModelDataETag")
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    etags = {uri: etag} if etag and uri else {}
    carried = {name: value for name, value in container.items() if name in _CONTAINER_CARRIED}
    return carried, etags


def _without_tag(image: str) -> str:
    registry, slash, repository = image.rpartition("/")
    return f"{registry}{slash}{repository.partition(':')[0]}"


def _checked(
    container: dict[str, Any], isolation: bool, etags: Mapping[str, str], problems: list[str], where: str
) -> Definition:
    if container.get("Mode", "SingleModel") != "SingleModel":
        problems.append(f"Mode {container['Mode']}")
    if container.get("ImageConfig", {}).get("RepositoryAccessMode", "Platform") != "Platform":
        problems.append("ImageConfig (a registry in a VPC)")
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    if source.get("S3Uri") and source.get("ETag"):
        etags = {**etags, source["S3Uri"]: source["ETag"]}
    uris = _model_data(container, problems)
    for name, value in container.get("Environment", {}).items():
        if _VARIABLE.fullmatch(value):
            uris.append(value)
        elif _SOME_S3_ADDRESS.search(value):
            problems.append(f"Environment.{name} ({value!r} is not just the s3:// address of one object)")
    if not container.get("Image"):
        problems.append("Image (it is missing)")
    _refuse(problems, where)
    kept = {name: value for name, value in container.items() if value not in (None, "", {}, [])}
    return Definition(
        container=kept,
        network_isolation=isolation,
        artifact_uris=tuple(dict.fromkeys(uris)),
        pinned_etags=etags,
    )


def _model_data(container: dict[str, Any], problems: list[str]) -> list[str]:
    """Collect the model data's address; SageMaker also shows a tarball as a ModelDataSource, which says the same."""
    source = container.pop("ModelDataSource", None)
    if source:
        s3 = source.get("S3DataSource", {})
        plain = {"S3Uri": s3.get("S3Uri"), "S3DataType": "S3Object", "CompressionType": "Gzip"}
        # An ETag there pins the source's content and is checked; a copy has another.
        said = {name: value for name, value in s3.items() if name != "ETag"}
        elsewhere = container.get("ModelDataUrl", s3.get("S3Uri")) != s3.get("S3Uri")
        if set(source) != {"S3DataSource"} or said != plain or elsewhere:
            problems.append(f"ModelDataSource ({json.dumps(source, sort_keys=True, default=str)})")
        else:
            container["ModelDataUrl"] = s3["S3Uri"]
    url = container.get("ModelDataUrl")
    if not url:
        return []
    if not _OBJECT.fullmatch(url):
        problems.append(f"ModelDataUrl ({url!r} is not the address of one object)")
    return [url]


def _readdress(container: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    changed = dict(container)
    if "ModelDataUrl" in changed:
        changed["ModelDataUrl"] = addresses[changed["ModelDataUrl"]]
    if "Environment" in changed:
        changed["Environment"] = {name: addresses.get(value, value) for name, value in changed["Environment"].items()}
    return changed


def _unknown(described: Mapping[str, Any], known: set[str], prefix: str) -> list[str]:
    return [f"{prefix}{name}" for name in sorted(set(described) - known) if described[name] not in (None, "", {}, [])]


def _refuse(problems: list[str], where: str) -> None:
    if problems:
        raise UnsupportedModel(
            f"{where} has parts that Promote cannot carry yet: {'; '.join(problems)}. Nothing was created. "
            "Register the model without them."
        )
