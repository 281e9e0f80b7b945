"""Create the endpoint configuration in the target unless it is there."""

from __future__ import annotations

from lambdas.promotion import endpoints
from lambdas.promotion.aws import scoped_sessions as duties
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.runtime.handler import step


@step
def handler(promotion: Promotion) -> Promotion:
    sagemaker = duties.as_deployer(promotion).sagemaker
    endpoints.ensure_config(promotion.wanted_config, promotion.tags, sagemaker=sagemaker)
    return promotion
