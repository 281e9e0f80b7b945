"""The containers of a model package version. Pure: no AWS calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambdas.promotion.aws import unknown_fields
from lambdas.promotion.contract.text import Missing
from lambdas.promotion.model import supported_fields

# It may name the model data of containers that have none (API: SourceAlgorithm).
_ALGORITHM = "SourceAlgorithmSpecification"
_TAG = re.compile(r":[^/@]*$")


def containers(package: Mapping[str, Any], specification: str | None, problems: list[str]) -> list[dict[str, Any]]:
    """Return the containers of DescribeModelPackage's response as ContainerDefinitions; ModelDataETag is kept.

    `specification` names one of the additional inference specifications; the default is the package's own. What is
    not supported is added to the problems.
    """
    problems += unknown_fields.problems(package)
    inference, path = _specification(package, specification)
    about = package if not _has_model_data(inference) else {**package, _ALGORITHM: None}
    problems += supported_fields.unsupported_fields(about, supported_fields.PACKAGE, "")
    if not inference.get("Containers"):
        problems.append(Missing(f"{path}Containers ({_why_missing(package, specification)})"))
    result = []
    for index, container in enumerate(inference.get("Containers", [])):
        problems += supported_fields.unsupported_fields(
            container, supported_fields.PACKAGE_CONTAINER, f"{path}Containers[{index}]."
        )
        result.append(_definition(container))
    return result


def of_model(
    container: Mapping[str, Any], package: Mapping[str, Any], path: str, listed: int, problems: list[str]
) -> list[dict[str, Any]]:
    """Return the containers of the package that a container names.

    Its own variables take precedence over the package's (aws/sagemaker-python-sdk#3581: the service accepts both).
    """
    packaged: list[dict[str, Any]] = supported_fields.without_empty(
        containers(package, container.get("InferenceSpecificationName"), problems)
    )
    own = {
        name: value for name, value in container.items() if name in supported_fields.CONTAINER and name != "Environment"
    }
    beside = {name: value for name, value in container.items() if len(packaged) != 1 or value != packaged[0].get(name)}
    problems += supported_fields.unsupported_fields(beside, supported_fields.BESIDE_PACKAGE, path)
    if len(packaged) > 1:
        count = f"the package has {len(packaged)} containers"
        if listed > 1:
            problems.append(f"{path}ModelPackageName ({count}, and the model has others beside them)")
        # AWS does not document to which of them it would belong.
        problems += [
            f"{path}{name} ({count})"
            for name in ("Environment", "ContainerHostname", "ContainerMetricsConfig")
            if name in container
        ]
        return packaged
    return [{**base, **own, **_environment(base, container)} for base in packaged]


def _environment(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    variables = {**base.get("Environment", {}), **override.get("Environment", {})}
    return {"Environment": variables} if variables else {}


def _specification(package: Mapping[str, Any], name: str | None) -> tuple[Mapping[str, Any], str]:
    if not name:
        return package.get("InferenceSpecification", {}), "InferenceSpecification."
    for specification in package.get("AdditionalInferenceSpecifications", []):
        if specification.get("Name") == name:
            return specification, f"AdditionalInferenceSpecifications[{name}]."
    return {}, f"AdditionalInferenceSpecifications[{name}]."


def _has_model_data(inference: Mapping[str, Any]) -> bool:
    return any(
        container.get("ModelDataUrl") or container.get("ModelDataSource")
        for container in inference.get("Containers", [])
    )


def _why_missing(package: Mapping[str, Any], specification: str | None) -> str:
    if specification:
        return "the version has no such specification with an image"
    origin = package.get("SourceUri")
    if not origin:
        return "the version names no image"
    # MLflow's models:/... and a notebook's URI are not read: nothing says which image and which data they mean.
    return f"the version names no image, only where it comes from: SourceUri {origin}"


def _definition(container: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in container.items()
        if name in supported_fields.CONTAINER or name == "ModelDataETag"
    }
    image, digest = container.get("Image", ""), container.get("ImageDigest")
    if image and digest and "@" not in image:
        # The tag may move between the approval and now; the digest is what was registered.
        kept["Image"] = f"{_TAG.sub('', image)}@{digest}"
    return kept
