"""Make a small endpoint of the new configuration, one act at a time, until it serves and the model can be tried."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.access import as_trier
from lambdas.promotion.preview.state import Act
from lambdas.promotion.runtime.handler import now, step


@step
def handler(promotion: Promotion) -> Promotion:
    known = preview_state.begin(promotion)
    sagemaker = as_trier(promotion, known).sagemaker
    seen = endpoint_client.see(known.endpoint, sagemaker=sagemaker)
    act, progress = preview_state.next_act(promotion, known, seen, now=now())
    if act is Act.CREATE:
        endpoint_client.ensure_config(preview_state.config(promotion), promotion.tags, sagemaker=sagemaker)
        endpoint = replace(promotion.stage, endpoint=known.endpoint)
        endpoint_client.create(endpoint, known.config, promotion.tags, sagemaker=sagemaker)
    logger.info("Trying", extra={"trial": known.endpoint, "act": act.name, "progress": progress})
    return replace(promotion, trial=replace(known, progress=progress))
