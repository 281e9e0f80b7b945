"""Phase 1, resolve: the names that a person typed become the document."""

from __future__ import annotations

from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract.document import Promotion, Request
from lambdas.promotion.contract.step_events import ResolveEvent
from lambdas.promotion.contract.steps import Step
from stacks.workflow.document_paths import INPUT, arguments, bounded_input, condition, execution, is_object, path
from stacks.workflow.lambda_task import caught, task
from stacks.workflow.resources import WorkflowResources


def resolve(
    resources: WorkflowResources, *, then: sfn.IChainable, dry_run: sfn.IChainable, explain: sfn.IChainable
) -> sfn.IChainable:
    """Return the beginning of the phase, which leads to `then`, or with a dry run to `dry_run`."""
    scope = resources.scope

    def resolve_task(title: str, step: Step) -> sfn.TaskStateBase:
        payload = arguments(ResolveEvent, input_text=bounded_input(INPUT), execution=execution())
        return task(scope, title, resources.steps[step], payload=payload, caught_by=explain, catch_output=caught())

    resolve_model = resolve_task("Resolve the model", Step.RESOLVE_MODEL)
    resolve_rollback = resolve_task("Resolve the rollback", Step.RESOLVE_ROLLBACK)
    is_rollback = sfn.Choice.jsonata(scope, "Is it a rollback?")
    is_dry_run = sfn.Choice.jsonata(scope, "Is it a dry run?")

    is_dry_run.when(dry_run_requested(), dry_run).otherwise(then)
    resolve_model.next(is_dry_run)
    # The execution's input may be anything.
    rollback_requested = f"{is_object(path(Request))} and {path(Request).roll_back} = true"
    return is_rollback.when(condition(rollback_requested), resolve_rollback.next(is_dry_run)).otherwise(resolve_model)


def dry_run_requested() -> sfn.Condition:
    return condition(f"{path(Promotion).request.dry_run}")
