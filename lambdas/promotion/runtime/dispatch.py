"""A function that runs several steps: its event names the step."""

from __future__ import annotations

import faulthandler
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lambdas.promotion.contract.step_events import STEP
from lambdas.promotion.contract.steps import LONG_RUNNING_STEPS, Step
from lambdas.promotion.contract.time_limits import SHORT_INVOCATION
from lambdas.promotion.runtime.handler import Event, Handler

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDERR = 2


def dispatch(handlers: Mapping[Step, Handler]) -> Handler:
    """Make the handler of a function of its steps' handlers. Raises ValueError for a step that is not among them."""

    def handler(event: Event, context: object) -> dict[str, Any]:
        step = Step(event[STEP])
        if step not in handlers:
            raise ValueError(f"This function does not run the step {step}, but {', '.join(handlers)}.")
        with _ended_in_time(step):
            return handlers[step](event, context)

    return handler


@contextmanager
def _ended_in_time(step: Step) -> Iterator[None]:
    """End the process of a short step that hangs, as Lambda would if it were a function of its own.

    The function's timeout is that of its longest step. The traces of all threads are in the log; Step Functions runs a
    step that was killed again (stacks/workflow/lambda_task.py).
    """
    if step in LONG_RUNNING_STEPS:
        yield
        return
    faulthandler.dump_traceback_later(SHORT_INVOCATION.total_seconds(), exit=True, file=_STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
