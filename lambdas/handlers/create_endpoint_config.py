"""Create the endpoint configuration in the target unless it is there."""

from __future__ import annotations

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.access import as_deployer
from lambdas.promotion.runtime.handler import step


@step
def handler(promotion: Promotion) -> Promotion:
    sagemaker = as_deployer(promotion).sagemaker
    endpoint_client.ensure_config(promotion.wanted_config, promotion.tags, sagemaker=sagemaker)
    return promotion
