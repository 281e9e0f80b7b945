"""A stage with `approved_only` takes a version that its model registry reports as Approved now."""

from __future__ import annotations

from lambdas.promotion.contract.document import RequiredApproval, SourceModel
from lambdas.promotion.resolve import eligibility, model_registry
from lambdas.promotion.resolve.access import reader_session
from lambdas.promotion.resolve.service import Resolution


def require(resolution: Resolution, model: SourceModel, *, promoted_by: str | None) -> RequiredApproval | None:
    """Return the version that must be approved, and is now; None if the stage takes any model.

    `promoted_by`: the promotion that the model's version is recorded of. Raises ApprovedVersionRequired,
    WrongModelPackageGroup, WrongSource, ModelPackageNotFound, ModelPackageNotApproved.
    """
    stage, application, execution = resolution.stage, resolution.application, resolution.execution
    if not stage.approved_only:
        return None
    way = _way(resolution)
    version = eligibility.require_version_for(stage, application, model, promoted_by=promoted_by, way=way)
    registry = resolution.registry
    eligibility.require_own_version(application, version, registry)
    if not resolution.request.model_package_arn:  # that one was just read
        account = reader_session(registry, execution=execution, external_id=resolution.deployed.external_id)
        package = model_registry.describe_model_package(version, sagemaker=account.sagemaker)
        eligibility.require_approved(package, way=way if resolution.request.roll_back else None)
    return RequiredApproval(version=version, registry=registry)


def _way(resolution: Resolution) -> str:
    """Return what to do if the stage does not take the model, as a sentence."""
    if resolution.request.roll_back:
        return 'Promote an approved version, with "allow_older": true if it is an older one.'
    if resolution.source.name == resolution.registry.name:
        return "Start with the model_package_arn of an approved version."
    return (
        f"Promote an approved version to the stage in {resolution.source.name!r}, then start this stage with the "
        "model_name that is the last part of its target_model."
    )
