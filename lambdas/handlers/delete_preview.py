"""Delete the preview endpoint and its configuration, one action at a time, until both are deleted."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import PreviewProgress, Promotion
from lambdas.promotion.contract.errors import Transient
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.access import preview_session
from lambdas.promotion.preview.state import Action
from lambdas.promotion.runtime.handler import now, step_with_retry_count


@step_with_retry_count
def handler(promotion: Promotion, retry_count: int) -> Promotion:
    preview = preview_state.begin(promotion)
    began_at = preview.deletion_began_at or now()
    sagemaker = preview_session(promotion, preview).sagemaker
    try:
        observed = endpoint_client.observe(preview.endpoint, sagemaker=sagemaker)
    except Transient as error:
        # It is polled again with the time at which its deletion began.
        state = f"cannot be described ({error})"
        preview_state.require_time_to_delete(promotion, preview, state, began_at=began_at, now=now())
        polled = replace(preview, progress=PreviewProgress.IN_PROGRESS, deletion_began_at=began_at)
        return replace(promotion, preview=polled)
    if observed:
        state = f"is still {observed.status}"
        preview_state.require_time_to_delete(promotion, preview, state, began_at=began_at, now=now())
    action, progress = preview_state.next_deletion(preview, observed, again=retry_count > 0)
    if action is Action.DELETE:
        endpoint_client.delete(preview.endpoint, sagemaker=sagemaker)
    if progress is PreviewProgress.DELETED:
        endpoint_client.delete_config(preview.config, sagemaker=sagemaker)
    logger.info(
        "Deleting the preview endpoint",
        extra={"preview": preview.endpoint, "action": action.name, "progress": progress},
    )
    deleting = replace(
        preview,
        progress=progress,
        deletion_began_at=began_at,
        poll_count=preview.poll_count + 1,
    )
    return replace(promotion, preview=deleting)
