"""Which models may be promoted: versions of the application's own group that are approved now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.errors import (
    InvalidInput,
    ModelPackageNotApproved,
    UnsupportedModel,
    WrongModelPackageGroup,
    WrongSource,
)
from lambdas.promotion.contract.settings import Application, Environment, Settings
from lambdas.promotion.resolve.request import PACKAGE_ARN


def require_package_of(application: Application, arn: str, registry: Environment, source: Environment) -> None:
    """Only a version of the application's own group, in the registry of the environment the stage takes from."""
    parts = PACKAGE_ARN.fullmatch(arn)
    if parts is None:
        raise InvalidInput(f"{arn!r} is no ARN of a model package version.")
    # SageMaker may write names in ARNs in lower case.
    if parts["group"].lower() != application.model_package_group.lower():
        raise WrongModelPackageGroup(
            f"{arn} belongs to the model package group {parts['group']!r}; application {application.name!r} "
            f"promotes from {application.model_package_group!r}. Start the application that owns the group."
        )
    if (parts["account"], parts["region"]) != (registry.account, registry.region):
        raise WrongSource(
            f"{arn} does not lie in the registry of {application.name!r}, which is account {registry.account} "
            f"in {registry.region} ({registry.name})."
        )
    if registry.name != source.name:
        raise WrongSource(
            f"This stage takes its models from {source.name!r}, and {arn} lies in {registry.name!r}. Promote the "
            f"version to the stage in {source.name!r} first, then promote the model there by its model_name."
        )


def require_version(named: str, *, subject: str) -> None:
    """A model made from a package must name a version in a group: only those can be approved."""
    if not PACKAGE_ARN.fullmatch(named):
        raise UnsupportedModel(
            f"{subject} is made from the model package {named!r}, which is no version in a model package group, so "
            "nobody can approve it for an application. Register it in the application's group."
        )


def require_approved(package: Mapping[str, Any]) -> None:
    """Only what the registry calls Approved at this moment goes further; an event is never believed."""
    approval, status = package.get("ModelApprovalStatus"), package.get("ModelPackageStatus")
    if approval != "Approved" or status != "Completed":
        raise ModelPackageNotApproved(
            f"The registry says {approval} (status {status}) for {package['ModelPackageArn']}. "
            "Only an Approved, Completed version is promoted: approve it, then start again."
        )


def require_application_of(tags: Mapping[str, str], application: Application, *, subject: str) -> None:
    """A model that Promote made for one application is not taken over by another."""
    owner = tags.get(f"{resource_names.TAG_PREFIX}application", application.name)
    if owner != application.name:
        raise WrongModelPackageGroup(
            f"{subject} was promoted for application {owner!r}, not for {application.name!r}. Start {owner!r} instead."
        )


def trusted_tags(tags: Mapping[str, str], source: Environment, settings: Settings) -> dict[str, str]:
    """Leave out tags in Promote's name of a model that Promote cannot have made: where nothing is promoted to."""
    promoted_to = {stage.environment for one in settings.applications.values() for stage in one.stages.values()}
    if source.name in promoted_to:
        return dict(tags)
    return {key: value for key, value in tags.items() if not key.startswith(resource_names.TAG_PREFIX)}
