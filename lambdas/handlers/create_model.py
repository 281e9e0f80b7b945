"""Create the model in the target unless it is there, from the copied artifacts and with the target's own role."""

from __future__ import annotations

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.endpoint import model_client
from lambdas.promotion.endpoint.access import as_deployer
from lambdas.promotion.runtime.handler import step_with_attempt


@step_with_attempt
def handler(promotion: Promotion, attempt: int) -> Promotion:
    sagemaker = as_deployer(promotion).sagemaker
    model_client.ensure(promotion.wanted_model, promotion.tags, attempt=attempt, sagemaker=sagemaker)
    return promotion
