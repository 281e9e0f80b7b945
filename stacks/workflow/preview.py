"""The trial in the workflow: before traffic moves the model is asked on a temporary endpoint, which always goes."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import PreviewProgress
from lambdas.promotion.contract.resource_names import Step
from stacks.workflow.lambda_task import CAUGHT_WITH_PROMOTION, POLL_INTERVAL, StepFunction, condition, task

# As trial_rules.is_enabled: not what is rolled back to, nor what is live or about to be already.
_PREVIEW_REQUIRED = (
    "$type($states.input.stage.preview) = 'object' and $states.input.request.roll_back != true "
    "and $states.input.change.adopted != true"
)
_PASSED = "{% {'promotion': $states.result.Payload} %}"
_DELETED = "{% $merge([$states.input, {'promotion': $states.result.Payload}]) %}"
# What failed first is what the operator must read.
_NOT_DELETED = (
    "{% {'failed': $exists($states.input.failed) ? $states.input.failed : $states.errorOutput, "
    "'preview_not_deleted': $states.errorOutput, 'promotion': $states.input.promotion} %}"
)


def preview(
    scope: Construct, steps: Mapping[Step, StepFunction], *, then: sfn.IChainable, explain: sfn.IChainable
) -> sfn.Choice:
    """Return the question whether the model is tried first. What passes goes on to `then`, with the document."""
    wait = sfn.Wait.jsonata(scope, "Wait for the preview endpoint", time=sfn.WaitTime.duration(POLL_INTERVAL))
    wait_until_gone = sfn.Wait.jsonata(scope, "Wait for the deletion", time=sfn.WaitTime.duration(POLL_INTERVAL))
    delete = task(
        scope,
        "Delete the preview endpoint",
        steps[Step.DELETE_PREVIEW],
        payload={
            "promotion": "{% $states.input.promotion %}",
            "retry_count": "{% $states.context.State.RetryCount %}",
        },
        outputs=_DELETED,
        caught_by=explain,
        catch_output=_NOT_DELETED,
        polled_after=wait_until_gone,
    )
    create = task(
        scope,
        resource_names.CREATE_PREVIEW_STATE,
        steps[Step.CREATE_PREVIEW],
        caught_by=delete,
        catch_output=CAUGHT_WITH_PROMOTION,
        polled_after=wait,
    )
    smoke_test = task(
        scope,
        "Smoke-test the preview endpoint",
        steps[Step.SMOKE_TEST],
        outputs=_PASSED,
        caught_by=delete,
        catch_output=CAUGHT_WITH_PROMOTION,
    )
    in_service = sfn.Choice.jsonata(scope, "Is the preview endpoint in service?")
    is_deleted = sfn.Choice.jsonata(scope, "Is the preview endpoint deleted?")
    deleted = f"$states.input.promotion.preview.progress = '{PreviewProgress.DELETED}'"
    required = sfn.Choice.jsonata(scope, "Is a preview required?")

    create.next(
        in_service.when(
            condition(f"$states.input.preview.progress = '{PreviewProgress.IN_SERVICE}'"), smoke_test
        ).otherwise(wait.next(create))
    )
    smoke_test.next(delete)
    delete.next(
        is_deleted.when(condition(f"{deleted} and $exists($states.input.failed)"), explain)
        .when(condition(deleted), then, outputs="{% $states.input.promotion %}")
        .otherwise(wait_until_gone.next(delete))
    )
    return required.when(condition(_PREVIEW_REQUIRED), create).otherwise(then)
