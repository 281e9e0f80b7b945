"""The trial in the workflow: before traffic moves the model is asked on a temporary endpoint, which always goes."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import TrialProgress
from lambdas.promotion.contract.resource_names import Step
from stacks.workflow.lambda_task import CAUGHT_WITH_PROMOTION, POLL, StepFunction, task, when

# As trial_rules.is_wanted: not what is rolled back to, nor what is live or about to be already.
_WANTED = (
    "$type($states.input.stage.trial) = 'object' and $states.input.request.roll_back != true "
    "and $states.input.change.joined != true"
)
_PASSED = "{% {'promotion': $states.result.Payload} %}"
_REMOVED = "{% $merge([$states.input, {'promotion': $states.result.Payload}]) %}"
# What failed first is what the operator must read.
_NOT_REMOVED = (
    "{% {'failed': $exists($states.input.failed) ? $states.input.failed : $states.errorOutput, "
    "'trial_not_removed': $states.errorOutput, 'promotion': $states.input.promotion} %}"
)


def trial(
    scope: Construct, steps: Mapping[Step, StepFunction], *, then: sfn.IChainable, explain: sfn.IChainable
) -> sfn.Choice:
    """Return the question whether the model is tried first. What passes goes on to `then`, with the document."""
    wait = sfn.Wait.jsonata(scope, "Wait for the trial endpoint", time=sfn.WaitTime.duration(POLL))
    wait_until_gone = sfn.Wait.jsonata(scope, "Wait for the removal", time=sfn.WaitTime.duration(POLL))
    remove = task(
        scope,
        "Remove the trial endpoint",
        steps[Step.REMOVE_TRIAL],
        payload={
            "promotion": "{% $states.input.promotion %}",
            "attempt": "{% $states.context.State.RetryCount %}",
        },
        outputs=_REMOVED,
        caught_by=explain,
        catch_output=_NOT_REMOVED,
        asked_again_by=wait_until_gone,
    )
    create = task(
        scope,
        resource_names.CREATE_TRIAL_STATE,
        steps[Step.CREATE_TRIAL],
        caught_by=remove,
        catch_output=CAUGHT_WITH_PROMOTION,
        asked_again_by=wait,
    )
    smoke_test = task(
        scope,
        "Smoke-test the trial endpoint",
        steps[Step.SMOKE_TEST],
        outputs=_PASSED,
        caught_by=remove,
        catch_output=CAUGHT_WITH_PROMOTION,
    )
    serves = sfn.Choice.jsonata(scope, "Does the trial endpoint serve?")
    gone = sfn.Choice.jsonata(scope, "Is the trial endpoint gone?")
    is_gone = f"$states.input.promotion.trial.progress = '{TrialProgress.GONE}'"
    wanted = sfn.Choice.jsonata(scope, "Is it to be tried first?")

    create.next(
        serves.when(when(f"$states.input.trial.progress = '{TrialProgress.SERVES}'"), smoke_test).otherwise(
            wait.next(create)
        )
    )
    smoke_test.next(remove)
    remove.next(
        gone.when(when(f"{is_gone} and $exists($states.input.failed)"), explain)
        .when(when(is_gone), then, outputs="{% $states.input.promotion %}")
        .otherwise(wait_until_gone.next(remove))
    )
    return wanted.when(when(_WANTED), create).otherwise(then)
