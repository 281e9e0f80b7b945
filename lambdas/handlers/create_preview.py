"""Create a small endpoint of the new configuration, one action at a time, until it is in service."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import Transient
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.access import preview_session
from lambdas.promotion.preview.state import Action
from lambdas.promotion.runtime.handler import now, step


@step
def handler(promotion: Promotion) -> Promotion:
    preview = preview_state.begin(promotion)
    sagemaker = preview_session(promotion, preview).sagemaker
    try:
        observed = endpoint_client.observe(preview.endpoint, sagemaker=sagemaker)
    except Transient as error:
        preview_state.require_time_left(promotion, preview, f"could not be described ({error})", now=now())
        raise
    action, progress = preview_state.next_action(promotion, preview, observed, now=now())
    if action is Action.CREATE:
        endpoint_client.ensure_config(preview_state.config(promotion), promotion.tags, sagemaker=sagemaker)
        endpoint_client.create(preview.endpoint, preview.config, promotion.tags, sagemaker=sagemaker)
    logger.info(
        "Preview endpoint polled", extra={"preview": preview.endpoint, "action": action.name, "progress": progress}
    )
    return replace(promotion, preview=replace(preview, progress=progress))
