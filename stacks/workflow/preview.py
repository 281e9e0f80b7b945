"""The preview in the create phase: a temporary endpoint serves the model and is smoke-tested; it is always deleted."""

from __future__ import annotations

from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract.document import PreviewProgress, Promotion
from lambdas.promotion.contract.envelope import Envelope
from lambdas.promotion.contract.step_events import StepEvent
from lambdas.promotion.contract.steps import CREATE_PREVIEW_STATE, Step
from stacks.workflow.document_paths import (
    RETRY_COUNT,
    arguments,
    condition,
    construct,
    equals,
    error_output,
    exists,
    expression,
    is_object,
    literal,
    merge,
    path,
    payload_of,
)
from stacks.workflow.lambda_task import last_resort, poll_wait, task
from stacks.workflow.lock import EndpointWait, endpoint_wait
from stacks.workflow.resources import WorkflowResources


def preview(resources: WorkflowResources, *, then: sfn.IChainable, explain: sfn.IChainable) -> sfn.Choice:
    """Return the question whether the stage has a preview. A model that passes goes on to `then`, with the document."""
    scope, steps = resources.scope, resources.steps
    wait = _wait(resources)
    delete = _delete(resources, then=then, explain=explain)
    create = task(
        scope,
        CREATE_PREVIEW_STATE,
        steps[Step.CREATE_PREVIEW],
        caught_by=delete,
        polled_after=wait.begin,
    )
    wait.lead_to(create)
    smoke_test = task(
        scope,
        "Smoke-test the preview endpoint",
        steps[Step.SMOKE_TEST],
        outputs=expression(construct(Envelope, promotion=payload_of(Promotion))),
        caught_by=delete,
        polled_after=wait.without_events,
    )
    in_service = sfn.Choice.jsonata(scope, "Is the preview endpoint in service?")
    required = sfn.Choice.jsonata(scope, "Is a preview required?")

    create.next(
        in_service.when(
            condition(equals(path(Promotion).preview.progress, PreviewProgress.IN_SERVICE)), smoke_test.next(delete)
        ).otherwise(wait.begin)
    )
    return required.when(_required(), create).otherwise(then)


def _wait(resources: WorkflowResources) -> EndpointWait:
    promotion = path(Promotion)
    preview = promotion.preview.endpoint
    return endpoint_wait(
        resources,
        "Wait for the preview endpoint",
        "Wait for the preview endpoint without events",
        promotion=promotion,
        # The first run of the step may have failed.
        endpoint=f"{exists(preview)} ? {preview} : {literal('')}",
        seconds=last_resort(),
    )


def _delete(resources: WorkflowResources, *, then: sfn.IChainable, explain: sfn.IChainable) -> sfn.TaskStateBase:
    envelope = path(Envelope)
    wait = poll_wait(resources.scope, "Wait for the deletion", polls=envelope.promotion.preview.poll_count)
    delete = task(
        resources.scope,
        "Delete the preview endpoint",
        resources.steps[Step.DELETE_PREVIEW],
        payload=arguments(StepEvent, promotion=envelope.promotion, retry_count=RETRY_COUNT),
        outputs=expression(merge(Envelope, promotion=payload_of(Promotion))),
        caught_by=explain,
        catch_output=_not_deleted(),
        polled_after=wait,
    )
    deleted = equals(envelope.promotion.preview.progress, PreviewProgress.DELETED)
    is_deleted = sfn.Choice.jsonata(resources.scope, "Is the preview endpoint deleted?")
    delete.next(
        is_deleted.when(condition(f"{deleted} and {exists(envelope.failed)}"), explain)
        .when(condition(deleted), then, outputs=expression(envelope.promotion))
        .otherwise(wait.next(delete))
    )
    return delete


def _required() -> sfn.Condition:
    """As preview/state.py: neither for a rollback, nor for what already is or becomes live."""
    promotion = path(Promotion)
    return condition(
        f"{is_object(promotion.stage.preview)} and {promotion.request.roll_back} != true "
        f"and {promotion.change.adopted} != true"
    )


def _not_deleted() -> str:
    """The first error stays the first: it is what the operator must read."""
    envelope = path(Envelope)
    first = f"{exists(envelope.failed)} ? {envelope.failed} : {error_output()}"
    return expression(
        construct(Envelope, failed=first, preview_not_deleted=error_output(), promotion=envelope.promotion)
    )
