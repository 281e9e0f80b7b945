"""Create the model in the target unless it is there, from the copied artifacts and with the target's own role."""

from __future__ import annotations

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.endpoint import model_client
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.runtime.handler import step_with_retry_count


@step_with_retry_count
def handler(promotion: Promotion, retry_count: int) -> Promotion:
    if promotion.restores_foreign_names:
        return promotion
    sagemaker = deployer_session(promotion).sagemaker
    model_client.ensure(promotion.desired_model, promotion.tags, retry_count=retry_count, sagemaker=sagemaker)
    return promotion
