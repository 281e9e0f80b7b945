"""Resolve the model, and confirm its approval: as the reader in its source."""

from __future__ import annotations

from lambdas.handlers import (
    confirm_approval,
    resolve_model,
)
from lambdas.promotion.contract.steps import Step
from lambdas.promotion.runtime.dispatch import dispatch

HANDLERS = {
    Step.RESOLVE_MODEL: resolve_model.handler,
    Step.CONFIRM_APPROVAL: confirm_approval.handler,
}
handler = dispatch(HANDLERS)
