"""Which models may be promoted: versions of the application's own group that are approved now. Pure: no AWS calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import SourceModel
from lambdas.promotion.contract.errors import (
    ApprovedVersionRequired,
    InvalidInput,
    ModelPackageNotApproved,
    UnsupportedModel,
    WrongModelPackageGroup,
    WrongSource,
)
from lambdas.promotion.contract.settings import Application, Environment, Settings, Stage
from lambdas.promotion.resolve.request import PACKAGE_ARN


def require_package_of(application: Application, arn: str, registry: Environment, source: Environment) -> None:
    """Only a version of the application's own group, in the model registry of the stage's source environment."""
    require_own_version(application, arn, registry)
    if registry.name != source.name:
        raise WrongSource(
            f"This stage takes its models from {source.name!r}, and {arn} is in {registry.name!r}. Promote the "
            f"version to the stage in {source.name!r} first, then promote the model there by its model_name."
        )


def require_own_version(application: Application, arn: str, registry: Environment) -> None:
    """Only a version of the application's own group, in its model registry."""
    parts = PACKAGE_ARN.fullmatch(arn)
    if parts is None:
        raise InvalidInput(f"{arn!r} is not the ARN of a model package version.")
    # SageMaker may write names in ARNs in lower case.
    if parts["group"].lower() != application.model_package_group.lower():
        raise WrongModelPackageGroup(
            f"{arn} belongs to the model package group {parts['group']!r}; application {application.name!r} "
            f"promotes from {application.model_package_group!r}. Start the application that owns the group."
        )
    if (parts["account"], parts["region"]) != (registry.account, registry.region):
        raise WrongSource(
            f"{arn} is not in the model registry of {application.name!r}, which is account {registry.account} "
            f"in {registry.region} ({registry.name})."
        )


def require_version(package_name: str, *, subject: str) -> None:
    """A model from a model package must name a version in a group: only those can be approved."""
    if not PACKAGE_ARN.fullmatch(package_name):
        raise UnsupportedModel(
            f"{subject} is created from the model package {package_name!r}, which is not a version in a model package "
            "group, so no one can approve it for an application. Register it in the application's group."
        )


def require_approved(package: Mapping[str, Any], *, way: str | None = None) -> None:
    """Only a version that the model registry reports as Approved now is promoted; an event is not trusted.

    `way`: what else can be done, a sentence.
    """
    approval, status = package.get("ModelApprovalStatus"), package.get("ModelPackageStatus")
    if approval != "Approved" or status != "Completed":
        raise ModelPackageNotApproved(
            f"The model registry reports {approval} (status {status}) for {package['ModelPackageArn']}. "
            "Only an Approved, Completed version is promoted: approve it, then start the promotion again."
            f"{f' Or: {way}' if way else ''}"
        )


def require_version_for(
    stage: Stage, application: Application, model: SourceModel, *, promoted_by: str | None, way: str
) -> str:
    """Return the version that a stage with `approved_only` takes. Raises ApprovedVersionRequired.

    `promoted_by`: the promotion that brought the model to the source, or that the stage is rolled back to. `way`: what
    to do instead, a sentence.
    """
    if model.version:
        return model.version
    problem = (
        f"promotion {promoted_by} brought it as a model by its name"
        if promoted_by
        else "none of the last known good promotions of the application brought it there"
    )
    raise ApprovedVersionRequired(
        f"Stage {stage.name!r} of {application.name!r} takes only approved versions of the model package group "
        f"{application.model_package_group!r} (approved_only), and {model.arn} is none: {problem}. {way}"
    )


def require_application_of(tags: Mapping[str, str], application: Application, *, subject: str) -> None:
    """A model that Promote created for one application is not promoted by another."""
    owner = tags.get(f"{resource_names.TAG_PREFIX}application", application.name)
    if owner != application.name:
        raise WrongModelPackageGroup(
            f"{subject} was promoted for application {owner!r}, not for {application.name!r}. Start {owner!r} instead."
        )


def require_made_at(tags: Mapping[str, str], *, created_at: datetime, subject: str) -> datetime:
    """Return when a model that Promote created was made, by its tag, which its account can change.

    It was made before it was promoted: a later time would make every other model of its stages an older one.
    """
    text = tags[resource_names.MADE_AT_TAG]
    try:
        moment = datetime.fromisoformat(text)
        made_at = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        problem = "is no time"
    else:
        if made_at <= created_at:
            return made_at
        problem = f"is later than the model's creation ({created_at.isoformat()})"
    raise UnsupportedModel(
        f"{subject} has the tag {resource_names.MADE_AT_TAG} with the value {text!r}, which {problem}: another "
        "principal changed it. Set it to made_at of the record of the promotion that created the model, or delete it: "
        "then the model counts as made when it was created there."
    )


def trusted_tags(tags: Mapping[str, str], source: Environment, settings: Settings) -> dict[str, str]:
    """Leave out Promote's tags of a model that Promote cannot have created: no stage promotes to its environment."""
    targets = {
        stage.environment for application in settings.applications.values() for stage in application.stages.values()
    }
    if source.name in targets:
        return dict(tags)
    return {key: value for key, value in tags.items() if not key.startswith(resource_names.TAG_PREFIX)}
