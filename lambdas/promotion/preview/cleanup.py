"""Delete the preview endpoint that an aborted promotion has left, within one invocation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lambdas.promotion.contract.document import PreviewProgress, Promotion
from lambdas.promotion.contract.errors import OutOfTime
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.state import Action

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_PAUSE = 5.0  # seconds


def delete(
    promotion: Promotion,
    *,
    may_be_created_until: datetime,
    until: float,
    sagemaker: SageMakerClient,
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Delete the preview endpoint if it exists; return whether it did. `until` is a time of time.monotonic().

    `may_be_created_until`: a step of the stopped execution may create it until then. Raises OutOfTime, to be retried:
    an endpoint that is being created cannot be deleted yet; and CallRefused.
    """
    preview, existed = preview_state.begin(promotion), False
    while True:
        observed = endpoint_client.observe(preview.endpoint, sagemaker=sagemaker)
        # One response without it is inconclusive: it may be from before its creation.
        action, progress = preview_state.next_deletion(preview, observed, again=False)
        if progress is PreviewProgress.DELETED and (existed or datetime.now(UTC) > may_be_created_until):
            endpoint_client.delete_config(preview.config, sagemaker=sagemaker)
            return existed
        existed = existed or observed is not None
        if action is Action.DELETE:
            endpoint_client.delete(preview.endpoint, sagemaker=sagemaker)
        preview = replace(preview, poll_count=preview.poll_count + 1)
        if time.monotonic() + _PAUSE > until:
            raise OutOfTime(
                f"The preview endpoint {preview.endpoint} of an aborted promotion "
                f"{f'is {observed.status} and cannot be deleted yet' if observed else 'may still be created'}. It "
                "incurs cost: verify that it is deleted."
            )
        pause(_PAUSE)
