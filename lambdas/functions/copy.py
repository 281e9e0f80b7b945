"""Plan the copy, copy a work unit, complete the copy: as the copier and the receiver."""

from __future__ import annotations

from lambdas.handlers import (
    complete_copy,
    copy_unit,
    plan_copy,
)
from lambdas.promotion.contract.steps import Step
from lambdas.promotion.runtime.dispatch import dispatch

HANDLERS = {
    Step.PLAN_COPY: plan_copy.handler,
    Step.COPY_UNIT: copy_unit.handler,
    Step.COMPLETE_COPY: complete_copy.handler,
}
handler = dispatch(HANDLERS)
