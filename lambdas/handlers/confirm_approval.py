"""Read the approval again, right before the endpoint is changed: it may have been withdrawn in the meantime."""

from __future__ import annotations

from lambdas.promotion.contract.document import Promotion, RequiredApproval
from lambdas.promotion.resolve import eligibility, model_registry
from lambdas.promotion.resolve.access import reader_session
from lambdas.promotion.runtime.handler import step


@step
def handler(promotion: Promotion) -> Promotion:
    required = promotion.approval or _of_version(promotion)
    if required:
        account = reader_session(required.registry, execution=promotion.execution, external_id=promotion.external_id)
        package = model_registry.describe_model_package(required.version, sagemaker=account.sagemaker)
        eligibility.require_approved(package)
    return promotion


def _of_version(promotion: Promotion) -> RequiredApproval | None:
    """Return what a stage that takes any model requires of a version: a rollback requires nothing."""
    arn = promotion.model.model_package_arn
    if arn is None or promotion.request.roll_back:
        return None
    return RequiredApproval(version=arn, registry=promotion.source)
