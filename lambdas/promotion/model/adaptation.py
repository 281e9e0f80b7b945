"""A container of the source, fitted to a stage: variables, ARNs, AWS's own buckets, the image. And the VPC. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from lambdas.promotion.contract import sagemaker_limits
from lambdas.promotion.contract.settings import Environment, Stage
from lambdas.promotion.images import references
from lambdas.promotion.model import arn_mapping, data_sources, environment_variables, jumpstart, supported_fields


def adapt_container(
    found: Mapping[str, Any],
    path: str,
    *,
    stage: Stage,
    source: Environment,
    target: Environment,
    digests: Mapping[str, str | None],
    problems: list[str],
) -> dict[str, Any]:
    """Return a container as the stage's configuration wants it. What has no counterpart there goes to the problems.

    `digests` are what the images' tags stand for, by the image's name. `path` is the container's place, with a dot.
    """
    environment = found.get("Environment", {})
    problems += environment_variables.problems(environment, path, stage=stage, source=source, target=target)
    fitted = {**found, "Environment": environment_variables.in_stage(environment, stage, target)}
    fitted = data_sources.rewrite(fitted, _in_region_of(target, fitted, path, problems))
    fitted = _with_arns(fitted, path, stage, target, problems)
    if not is_in_vpc_registry(found):
        try:
            fitted["Image"] = references.in_target(
                fitted["Image"], digests.get(fitted["Image"]), source=source, target=target, stage=stage
            )
        except references.ImageProblem as problem:
            problems.append(f"{path}Image ({problem})")
    result: dict[str, Any] = supported_fields.without_empty(fitted)
    return result


def is_in_vpc_registry(found: Mapping[str, Any]) -> bool:
    """Whether the image comes from a registry that is reached through the model's VPC, not from Amazon ECR."""
    return bool(found.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc")


def _in_region_of(
    target: Environment, container: dict[str, Any], path: str, problems: list[str]
) -> Callable[[str], str]:
    """Return what exchanges an address in AWS's own buckets for that of the target's Region."""
    twins = {uri: jumpstart.in_region(uri, target.region) for _, uri in _caches(container, path)}
    problems += [
        f"{place} (AWS's bucket of {uri} has no known twin in {target.region})"
        for place, uri in _caches(container, path)
        if twins[uri] is None
    ]
    return lambda uri: twins.get(uri) or uri


def _caches(container: dict[str, Any], path: str) -> list[tuple[str, str]]:
    return [(place, uri) for place, uri in data_sources.uris(container, path) if jumpstart.is_cache(uri)]


def _with_arns(
    container: dict[str, Any], path: str, stage: Stage, target: Environment, problems: list[str]
) -> dict[str, Any]:
    """Return a container with the ARNs of the target in its members."""
    changed: dict[str, Any] = deepcopy(container)

    def exchanged(place: str, arn: str) -> str:
        if arn not in stage.arns and not arn_mapping.is_aws_own(arn, target.region):
            problems.append(f"{place} {arn} (map it in arns)")
        return stage.arns.get(arn, arn)

    auth = changed.get("ImageConfig", {}).get("RepositoryAuthConfig", {})
    provider = "RepositoryCredentialsProviderArn"
    if provider in auth:
        auth[provider] = exchanged(f"{path}ImageConfig.RepositoryAuthConfig.{provider}", auth[provider])
    for place, access in data_sources.hub_access(changed, path):
        access["HubContentArn"] = exchanged(place, access["HubContentArn"])
    return changed


def adapt_vpc(found: Mapping[str, Any] | None, stage: Stage, problems: list[str]) -> dict[str, Any] | None:
    """Return the stage's VpcConfig. A source that has one must not silently go without."""
    if stage.vpc is None:
        if found:
            problems.append(
                "VpcConfig (its subnets and security groups are the source's: give the target's in vpc, or say "
                "`vpc: none`)"
            )
        return None
    if not stage.vpc.subnets:
        return None
    return {"SecurityGroupIds": list(stage.vpc.security_group_ids), "Subnets": list(stage.vpc.subnets)}


def too_long(containers: list[dict[str, Any]], path: Callable[[int], str]) -> list[str]:
    """Return which variables and addresses are too long. `path` gives a container's place, with a dot at its end."""
    sizes = [
        (f"{path(index)}Environment.{variable}", len(variable.encode()), len(value.encode()))
        for index, container in enumerate(containers)
        for variable, value in container.get("Environment", {}).items()
    ]
    problems = [
        f"{place} ({max(name, value)} bytes; SageMaker allows {sagemaker_limits.MOST_BYTES})"
        for place, name, value in sizes
        if max(name, value) > sagemaker_limits.MOST_BYTES
    ]
    total = sum(name + value for _, name, value in sizes)
    if total > sagemaker_limits.MOST_BYTES_OF_VARIABLES:
        problems.append(
            f"Environment ({total} bytes in all; SageMaker allows {sagemaker_limits.MOST_BYTES_OF_VARIABLES})"
        )
    problems += [
        f"{place} ({len(uri)} characters; SageMaker allows {sagemaker_limits.LONGEST_URL})"
        for index, container in enumerate(containers)
        for place, uri in data_sources.uris(container, path(index))
        if len(uri) > sagemaker_limits.LONGEST_URL
    ]
    return problems
