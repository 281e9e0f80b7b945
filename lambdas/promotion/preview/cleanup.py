"""Removing, in one go, what a promotion that was stopped has left of its trial."""

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
    may_be_made_until: datetime,
    until: float,
    sagemaker: SageMakerClient,
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Delete the preview endpoint if it is there; return whether it was. `until` is a time of time.monotonic().

    `may_be_made_until`: a step of the stopped execution may make it until then. Raises OutOfTime, to be run again: an
    endpoint that is being created cannot be deleted yet.
    """
    known, found = preview_state.begin(promotion), False
    while True:
        seen = endpoint_client.observe(known.endpoint, sagemaker=sagemaker)
        # Not seen once is no proof: the answer may be from before its creation.
        action, progress = preview_state.next_deletion(known, seen, again=False)
        if progress is PreviewProgress.DELETED and (found or datetime.now(UTC) > may_be_made_until):
            endpoint_client.delete_config(known.config, sagemaker=sagemaker)
            return found
        found = found or seen is not None
        if action is Action.DELETE:
            endpoint_client.delete(known.endpoint, sagemaker=sagemaker)
        known = replace(known, poll_count=known.poll_count + 1)
        if time.monotonic() + _PAUSE > until:
            raise OutOfTime(
                f"The trial endpoint {known.endpoint} of a stopped promotion is {seen.status if seen else 'not there'} "
                "and may still come, or cannot be deleted yet. It costs money: see that it goes."
            )
        pause(_PAUSE)
