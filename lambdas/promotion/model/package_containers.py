"""The containers that a version in the model registry consists of. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambdas.promotion.model import supported_fields

_TAG = re.compile(r":[^/@]*$")


def containers(package: Mapping[str, Any], specification: str | None, problems: list[str]) -> list[dict[str, Any]]:
    """Return the containers of DescribeModelPackage's answer as ContainerDefinitions; ModelDataETag stays in them.

    `specification` names one of the additional inference specifications; without it it is the package's own. What
    cannot be carried is added to the problems.
    """
    found, path = _specification(package, specification)
    if not found.get("Containers"):
        problems.append(f"{path}Containers (there is none)")
    result = []
    for index, container in enumerate(found.get("Containers", [])):
        problems += supported_fields.unsupported_fields(
            container, supported_fields.PACKAGE_CONTAINER, f"{path}Containers[{index}]."
        )
        result.append(_definition(container))
    return result


def of_model(
    container: Mapping[str, Any], package: Mapping[str, Any], path: str, listed: int, problems: list[str]
) -> list[dict[str, Any]]:
    """Return the containers of the package that a container names.

    Variables of its own go before those of the package (aws/sagemaker-python-sdk#3581: the service takes both).
    """
    found: list[dict[str, Any]] = supported_fields.without_empty(
        containers(package, container.get("InferenceSpecificationName"), problems)
    )
    own = {
        name: value for name, value in container.items() if name in supported_fields.CONTAINER and name != "Environment"
    }
    beside = {name: value for name, value in container.items() if len(found) != 1 or value != found[0].get(name)}
    problems += supported_fields.unsupported_fields(beside, supported_fields.BESIDE_PACKAGE, path)
    if len(found) > 1:
        several = f"the package has {len(found)} containers"
        if listed > 1:
            problems.append(f"{path}ModelPackageName ({several}, and the model has others beside them)")
        # AWS does not say to which of them it would belong.
        problems += [
            f"{path}{name} ({several})"
            for name in ("Environment", "ContainerHostname", "ContainerMetricsConfig")
            if name in container
        ]
        return found
    return [{**one, **own, **_environment(one, container)} for one in found]


def _environment(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {**one.get("Environment", {}), **other.get("Environment", {})}
    return {"Environment": both} if both else {}


def _specification(package: Mapping[str, Any], name: str | None) -> tuple[Mapping[str, Any], str]:
    if not name:
        return package.get("InferenceSpecification", {}), "InferenceSpecification."
    for one in package.get("AdditionalInferenceSpecifications", []):
        if one.get("Name") == name:
            return one, f"AdditionalInferenceSpecifications[{name}]."
    return {}, f"AdditionalInferenceSpecifications[{name}]."


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
