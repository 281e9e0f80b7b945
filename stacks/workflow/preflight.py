"""Phase 3, preflight: is there anything to do, and can all of it be done? Nothing has been changed yet."""

from __future__ import annotations

from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.steps import Step
from stacks.workflow.conclude import Conclusion, succeeded
from stacks.workflow.deploy import promotion_ended
from stacks.workflow.document_paths import condition, path
from stacks.workflow.lambda_task import task
from stacks.workflow.resolve import dry_run_requested
from stacks.workflow.resources import WorkflowResources


def preflight(
    resources: WorkflowResources,
    *,
    then: sfn.IChainable,
    rollback: sfn.IChainable,
    nothing_to_do: sfn.IChainable,
    planned: Conclusion,
) -> sfn.IChainable:
    """Return the beginning of the phase. A rollback needs no checks and no copy, so it leads to `rollback`.

    With a dry run it leads to the checks, which plan it.
    """
    scope, steps = resources.scope, resources.steps
    compare = task(scope, "Compare the endpoint", steps[Step.COMPARE_ENDPOINT], caught_by=planned.explain)
    check = task(scope, "Run the preflight checks", steps[Step.PREFLIGHT], caught_by=planned.explain)
    anything_to_do = sfn.Choice.jsonata(scope, "Is there anything to do?")
    only_planned = sfn.Choice.jsonata(scope, "Was only a plan requested?")

    check.next(only_planned.when(dry_run_requested(), planned.record, outputs=succeeded()).otherwise(then))
    return compare.next(
        anything_to_do.when(promotion_ended(), nothing_to_do).when(_rollback_requested(), rollback).otherwise(check)
    )


def _rollback_requested() -> sfn.Condition:
    request = path(Promotion).request
    return condition(f"{request.roll_back} = true and {request.dry_run} != true")
