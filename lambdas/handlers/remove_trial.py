"""Remove the trial endpoint and its configuration, one act at a time, until both are gone."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Promotion, TrialProgress
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.access import as_trier
from lambdas.promotion.preview.state import Act
from lambdas.promotion.runtime.handler import now, step_with_attempt


@step_with_attempt
def handler(promotion: Promotion, attempt: int) -> Promotion:
    known = preview_state.begin(promotion)
    began_at = known.removal_began_at or now()
    sagemaker = as_trier(promotion, known).sagemaker
    seen = endpoint_client.see(known.endpoint, sagemaker=sagemaker)
    preview_state.require_time_to_remove(promotion, known, seen, began_at=began_at, now=now())
    act, progress = preview_state.next_removal(known, seen, again=attempt > 0)
    if act is Act.DELETE:
        endpoint_client.delete(known.endpoint, sagemaker=sagemaker)
    if progress is TrialProgress.GONE:
        endpoint_client.delete_config(known.config, sagemaker=sagemaker)
    logger.info("Removing the trial", extra={"trial": known.endpoint, "act": act.name, "progress": progress})
    removed = replace(
        known,
        progress=progress,
        removal_began_at=began_at,
        looks=known.looks + 1,
    )
    return replace(promotion, trial=removed)
