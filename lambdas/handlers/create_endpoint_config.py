"""Create the endpoint configuration in the target unless it is there."""

from __future__ import annotations

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.runtime.handler import step


@step
def handler(promotion: Promotion) -> Promotion:
    if promotion.restores_foreign_names:
        return promotion
    sagemaker = deployer_session(promotion).sagemaker
    endpoint_client.ensure_config(promotion.desired_config, promotion.tags, sagemaker=sagemaker)
    return promotion
