"""Make a small endpoint of the new configuration, one act at a time, until it serves and the model can be tried."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion import trial_rules
from lambdas.promotion.aws import scoped_sessions as duties
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.runtime.handler import logger, now, step
from lambdas.promotion.trial_rules import Act


@step
def handler(promotion: Promotion) -> Promotion:
    known = trial_rules.begin(promotion)
    sagemaker = duties.as_trier(promotion, known).sagemaker
    seen = endpoint_client.see(known.endpoint, sagemaker=sagemaker)
    act, progress = trial_rules.next_act(promotion, known, seen, now=now())
    if act is Act.CREATE:
        endpoint_client.ensure_config(trial_rules.config(promotion), promotion.tags, sagemaker=sagemaker)
        endpoint = replace(promotion.stage, endpoint=known.endpoint)
        endpoint_client.create(endpoint, known.config, promotion.tags, sagemaker=sagemaker)
    logger.info("Trying", extra={"trial": known.endpoint, "act": act.name, "progress": progress})
    return replace(promotion, trial=replace(known, progress=progress))
