"""The way back in the workflow: one step that is asked again until what served before is seen to serve."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import RollBackProgress
from lambdas.promotion.contract.resource_names import Step
from stacks.workflow.lambda_task import POLL, StepFunction, task, when

_ROLL_BACK_FAILED = "{% $merge([$states.input, {'roll_back_failed': $states.errorOutput}]) %}"
_ROLLED_BACK = "{% $merge([$states.input, {'promotion': $states.result.Payload, 'interrupted': false}]) %}"
# What the step has done before may have had its effect, though nobody was told.
_INTERRUPTED = "{% $merge([$states.input, {'interrupted': true}]) %}"
_WITH_ATTEMPT = {
    "promotion": "{% $states.input.promotion %}",
    "attempt": "{% $states.context.State.RetryCount + ($states.input.interrupted = true ? 1 : 0) %}",
}


def rolling_back(scope: Construct, steps: Mapping[Step, StepFunction], *, then: sfn.IChainable) -> sfn.IChainable:
    """Back to what served before, until that is seen to serve; the failure goes along."""
    wait = sfn.Wait.jsonata(scope, "Wait for the roll-back", time=sfn.WaitTime.duration(POLL))
    roll_back = task(
        scope,
        "Roll back the endpoint",
        steps[Step.ROLL_BACK],
        payload={**_WITH_ATTEMPT, "because": "{% $states.input.failed.Error %}"},
        outputs=_ROLLED_BACK,
        caught_by=then,
        catch_output=_ROLL_BACK_FAILED,
        asked_again_by=wait,
        again_output=_INTERRUPTED,
    )
    put_aside = task(
        scope,
        resource_names.PUT_ASIDE_TO_GO_BACK_STATE,
        steps[Step.PUT_ASIDE_SCALING],
        payload=_WITH_ATTEMPT,
        outputs=_ROLLED_BACK,
        caught_by=then,
        catch_output=_ROLL_BACK_FAILED,
        asked_again_by=wait,
        again_output=_INTERRUPTED,
    )
    is_back = sfn.Choice.jsonata(scope, "Is it rolled back?")
    is_back.when(_roll_back_is(RollBackProgress.BUSY, RollBackProgress.UNDER_WAY), wait.next(roll_back)).when(
        _roll_back_is(RollBackProgress.SCALING_IN_THE_WAY), put_aside.next(wait)
    ).otherwise(then)
    roll_back.next(is_back)
    return roll_back


def _roll_back_is(*progresses: RollBackProgress) -> sfn.Condition:
    is_so = " or ".join(f"$states.input.promotion.roll_back.progress = '{progress}'" for progress in progresses)
    return when(is_so)
