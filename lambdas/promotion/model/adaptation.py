"""Adapt a container and the VPC to a stage: variables, ARNs, AWS's own buckets, the image. Pure: no AWS calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from lambdas.promotion.contract import sagemaker_limits
from lambdas.promotion.contract.settings import Environment, Stage
from lambdas.promotion.images import references
from lambdas.promotion.model import arn_mapping, data_sources, environment_variables, jumpstart, supported_fields


def adapt_container(
    container: Mapping[str, Any],
    path: str,
    *,
    stage: Stage,
    source: Environment,
    target: Environment,
    digests: Mapping[str, str | None],
    problems: list[str],
) -> dict[str, Any]:
    """Return a container adapted to the stage's configuration. What has no counterpart there is added to the problems.

    `digests` are the digests of the images' tags, by image. `path` is the container's location, with a dot at its end.
    """
    environment = container.get("Environment", {})
    problems += environment_variables.problems(environment, path, stage=stage, source=source, target=target)
    adapted = {
        **container,
        "Environment": environment_variables.in_stage(environment, stage=stage, source=source, target=target),
    }
    adapted = data_sources.rewrite(adapted, _in_region_of(target, adapted, path, problems))
    if not references.is_in_vpc_registry(container) or references.is_mapped(container["Image"], stage):
        try:
            image = references.in_target(
                container["Image"], digests.get(container["Image"]), source=source, target=target, stage=stage
            )
            adapted = _with_image(adapted, image)
        except references.ImageProblem as problem:
            problems.append(f"{path}Image ({problem})")
    adapted = _with_arns(adapted, path, stage, target, problems)
    result: dict[str, Any] = supported_fields.without_empty(adapted)
    return result


def _with_image(container: Mapping[str, Any], image: str) -> dict[str, Any]:
    """Return a container with another image. Raises ImageProblem if SageMaker could not pull it."""
    in_vpc = references.is_in_vpc_registry(container)
    if in_vpc and references.is_in_ecr(image):
        # SageMaker pulls it itself, with the execution role: ImageConfig says how the former registry was reached.
        return {name: value for name, value in container.items() if name != "ImageConfig"} | {"Image": image}
    if not in_vpc and references.is_in_ecr(container["Image"]) and not references.is_in_ecr(image):
        raise references.ImageProblem(
            f"the image {image} is not in Amazon ECR, where the model has it, and SageMaker pulls from another "
            "registry only with RepositoryAccessMode Vpc: map it to an ECR repository (`images` of the stage)"
        )
    return {**container, "Image": image}


def _in_region_of(
    target: Environment, container: dict[str, Any], path: str, problems: list[str]
) -> Callable[[str], str]:
    """Return a function that replaces an S3 URI in AWS's own buckets by that of the target's Region."""
    replacements = {uri: jumpstart.in_region(uri, target.region) for _, uri in _caches(container, path)}
    problems += [
        f"{location} (no JumpStart bucket is known in {target.region} for {uri})"
        for location, uri in _caches(container, path)
        if replacements[uri] is None
    ]
    return lambda uri: replacements.get(uri) or uri


def _caches(container: dict[str, Any], path: str) -> list[tuple[str, str]]:
    return [(location, uri) for location, uri in data_sources.uris(container, path) if jumpstart.is_cache(uri)]


def _with_arns(
    container: dict[str, Any], path: str, stage: Stage, target: Environment, problems: list[str]
) -> dict[str, Any]:
    """Return a container with the ARNs of the target in its fields."""
    result: dict[str, Any] = deepcopy(container)

    def mapped(location: str, arn: str) -> str:
        if arn not in stage.arns and not arn_mapping.is_aws_own(arn, target.region):
            problems.append(f"{location} {arn} (map it in `arns`)")
        return stage.arns.get(arn, arn)

    auth = result.get("ImageConfig", {}).get("RepositoryAuthConfig", {})
    provider = "RepositoryCredentialsProviderArn"
    if provider in auth:
        auth[provider] = mapped(f"{path}ImageConfig.RepositoryAuthConfig.{provider}", auth[provider])
    for location, access in data_sources.hub_access(result, path):
        access["HubContentArn"] = mapped(location, access["HubContentArn"])
    return result


def adapt_vpc(source: Mapping[str, Any] | None, stage: Stage, problems: list[str]) -> dict[str, Any] | None:
    """Return the stage's VpcConfig. A model with a VpcConfig must not be deployed without one silently."""
    if stage.vpc is None:
        if source:
            problems.append(
                "VpcConfig (its subnets and security groups are the source's: set the target's in `vpc`, or set "
                "`vpc: none`)"
            )
        return None
    if not stage.vpc.subnets:
        return None
    return {"SecurityGroupIds": list(stage.vpc.security_group_ids), "Subnets": list(stage.vpc.subnets)}


def too_long(containers: list[dict[str, Any]], path: Callable[[int], str]) -> list[str]:
    """Return which variables and S3 URIs are too long. `path` returns a container's location, with a dot at its end."""
    sizes = [
        (f"{path(index)}Environment.{variable}", len(variable.encode()), len(value.encode()))
        for index, container in enumerate(containers)
        for variable, value in container.get("Environment", {}).items()
    ]
    problems = [
        f"{location} ({max(name, value)} bytes; SageMaker allows {sagemaker_limits.MOST_BYTES})"
        for location, name, value in sizes
        if max(name, value) > sagemaker_limits.MOST_BYTES
    ]
    total = sum(name + value for _, name, value in sizes)
    if total > sagemaker_limits.MOST_BYTES_OF_VARIABLES:
        problems.append(
            f"Environment ({total} bytes in all; SageMaker allows {sagemaker_limits.MOST_BYTES_OF_VARIABLES})"
        )
    problems += [
        f"{location} ({len(uri)} characters; SageMaker allows {sagemaker_limits.LONGEST_URL})"
        for index, container in enumerate(containers)
        for location, uri in data_sources.uris(container, path(index))
        if len(uri) > sagemaker_limits.LONGEST_URL
    ]
    return problems
