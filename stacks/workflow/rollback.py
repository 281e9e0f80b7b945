"""The way back in the workflow: one step that is asked again until what served before is seen to serve."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import RollbackProgress
from lambdas.promotion.contract.resource_names import Step
from stacks.workflow.lambda_task import POLL_INTERVAL, StepFunction, condition, task

_ROLLBACK_FAILED = "{% $merge([$states.input, {'rollback_failed': $states.errorOutput}]) %}"
_ROLLED_BACK = "{% $merge([$states.input, {'promotion': $states.result.Payload, 'interrupted': false}]) %}"
# What the step has done before may have had its effect, though nobody was told.
_INTERRUPTED = "{% $merge([$states.input, {'interrupted': true}]) %}"
_WITH_RETRY_COUNT = {
    "promotion": "{% $states.input.promotion %}",
    "retry_count": "{% $states.context.State.RetryCount + ($states.input.interrupted = true ? 1 : 0) %}",
}


def rollback(scope: Construct, steps: Mapping[Step, StepFunction], *, then: sfn.IChainable) -> sfn.IChainable:
    """Back to what served before, until that is seen to serve; the failure goes along."""
    wait = sfn.Wait.jsonata(scope, "Wait for the rollback", time=sfn.WaitTime.duration(POLL_INTERVAL))
    roll_back = task(
        scope,
        "Roll back the endpoint",
        steps[Step.ROLL_BACK_ENDPOINT],
        payload={**_WITH_RETRY_COUNT, "error_name": "{% $states.input.failed.Error %}"},
        outputs=_ROLLED_BACK,
        caught_by=then,
        catch_output=_ROLLBACK_FAILED,
        polled_after=wait,
        poll_output=_INTERRUPTED,
    )
    suspend_scaling = task(
        scope,
        resource_names.SUSPEND_SCALING_FOR_ROLLBACK_STATE,
        steps[Step.SUSPEND_SCALING],
        payload=_WITH_RETRY_COUNT,
        outputs=_ROLLED_BACK,
        caught_by=then,
        catch_output=_ROLLBACK_FAILED,
        polled_after=wait,
        poll_output=_INTERRUPTED,
    )
    rollback_state = sfn.Choice.jsonata(scope, "Is it rolled back?")
    rollback_state.when(_rollback_is(RollbackProgress.BUSY, RollbackProgress.IN_PROGRESS), wait.next(roll_back)).when(
        _rollback_is(RollbackProgress.BLOCKED_BY_SCALING), suspend_scaling.next(wait)
    ).otherwise(then)
    roll_back.next(rollback_state)
    return roll_back


def _rollback_is(*progresses: RollbackProgress) -> sfn.Condition:
    is_so = " or ".join(f"$states.input.promotion.rollback.progress = '{progress}'" for progress in progresses)
    return condition(is_so)
