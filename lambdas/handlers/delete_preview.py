"""Delete the preview endpoint and its configuration, one act at a time, until both are gone."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import PreviewProgress, Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.access import preview_session
from lambdas.promotion.preview.state import Action
from lambdas.promotion.runtime.handler import now, step_with_retry_count


@step_with_retry_count
def handler(promotion: Promotion, retry_count: int) -> Promotion:
    known = preview_state.begin(promotion)
    began_at = known.deletion_began_at or now()
    sagemaker = preview_session(promotion, known).sagemaker
    seen = endpoint_client.observe(known.endpoint, sagemaker=sagemaker)
    preview_state.require_time_to_delete(promotion, known, seen, began_at=began_at, now=now())
    action, progress = preview_state.next_deletion(known, seen, again=retry_count > 0)
    if action is Action.DELETE:
        endpoint_client.delete(known.endpoint, sagemaker=sagemaker)
    if progress is PreviewProgress.DELETED:
        endpoint_client.delete_config(known.config, sagemaker=sagemaker)
    logger.info(
        "Deleting the preview endpoint", extra={"preview": known.endpoint, "action": action.name, "progress": progress}
    )
    removed = replace(
        known,
        progress=progress,
        deletion_began_at=began_at,
        poll_count=known.poll_count + 1,
    )
    return replace(promotion, preview=removed)
