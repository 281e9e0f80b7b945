"""Read the approval again, right before the endpoint is changed: it may have been withdrawn in the meantime."""

from __future__ import annotations

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.resolve import eligibility, model_registry
from lambdas.promotion.resolve.access import reader_session
from lambdas.promotion.runtime.handler import step


@step
def handler(promotion: Promotion) -> Promotion:
    arn = promotion.model.model_package_arn
    if arn and not promotion.request.roll_back:
        account = reader_session(promotion.source, execution=promotion.execution, external_id=promotion.external_id)
        eligibility.require_approved(model_registry.describe_model_package(arn, sagemaker=account.sagemaker))
    return promotion
