"""Recovery in the deploy phase: the endpoint is rolled back until its previous configuration is in service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract.document import Promotion, RollbackProgress
from lambdas.promotion.contract.envelope import Envelope
from lambdas.promotion.contract.step_events import ResumeScalingEvent, RollBackEvent, StepEvent
from lambdas.promotion.contract.steps import SUSPEND_SCALING_FOR_ROLLBACK_STATE, Step
from stacks.workflow.document_paths import (
    INPUT,
    RETRY_COUNT,
    arguments,
    condition,
    equals,
    error_output,
    expression,
    merge,
    path,
    payload_of,
)
from stacks.workflow.lambda_task import POLL_INTERVAL, last_resort, task
from stacks.workflow.lock import EndpointWait, endpoint_wait
from stacks.workflow.resources import WorkflowResources


@dataclass(frozen=True)
class Recovery:
    """`roll_back`: after an error once the endpoint may have been changed. `resume_scaling`: after any other error."""

    roll_back: sfn.IChainable
    resume_scaling: sfn.IChainable


def rollback(resources: WorkflowResources, *, then: sfn.IChainable) -> Recovery:
    """Return what follows an error: both ways lead to `then`, with the envelope that says what failed."""
    scope = resources.scope
    resume_scaling = _resume_scaling(resources, then)
    wait = _wait(resources)

    def rollback_task(title: str, step: Step, payload: dict[str, Any]) -> sfn.TaskStateBase:
        return task(
            scope,
            title,
            resources.steps[step],
            payload=payload,
            outputs=expression(merge(Envelope, promotion=payload_of(Promotion), interrupted="false")),
            caught_by=resume_scaling,
            catch_output=expression(merge(Envelope, rollback_failed=error_output())),
            polled_after=wait.begin,
            # The last run may have had its effect, although it has no answer.
            poll_output=expression(merge(Envelope, interrupted="true")),
        )

    document: dict[str, Any] = {
        "promotion": path(Envelope).promotion,
        "retry_count": f"{RETRY_COUNT} + ({path(Envelope).interrupted} = true ? 1 : 0)",
    }
    error_name = path(Envelope).failed.Error
    roll_back = rollback_task(
        "Roll back the endpoint",
        Step.ROLL_BACK_ENDPOINT,
        arguments(RollBackEvent, **document, error_name=error_name),
    )
    suspend_scaling = rollback_task(
        SUSPEND_SCALING_FOR_ROLLBACK_STATE, Step.SUSPEND_SCALING, arguments(StepEvent, **document)
    )
    rolled_back = sfn.Choice.jsonata(scope, "Is it rolled back?")
    # No event tells of an endpoint that is gone, nor of scaling.
    rolled_back.when(_is_deleting(), wait.without_events).when(_is_unfinished(), wait.begin).when(
        _progress_is(RollbackProgress.BLOCKED_BY_SCALING), suspend_scaling.next(wait.without_events)
    ).otherwise(resume_scaling)
    wait.lead_to(roll_back)
    roll_back.next(rolled_back)
    return Recovery(roll_back=roll_back, resume_scaling=resume_scaling)


def _wait(resources: WorkflowResources) -> EndpointWait:
    promotion = path(Envelope).promotion
    polls = promotion.rollback.poll_count
    return endpoint_wait(
        resources,
        "Wait for the rollback",
        "Wait for the rollback without events",
        promotion=promotion,
        endpoint=f"$lowercase({promotion.stage.endpoint})",
        # An endpoint that was not changed is described twice, and no event comes.
        seconds=last_resort(polls, first=POLL_INTERVAL, first_polls=1),
        polls=polls,
    )


def _resume_scaling(resources: WorkflowResources, then: sfn.IChainable) -> sfn.IChainable:
    """After every error from the first deployment on: a step that failed may have suspended scaling before."""
    envelope = path(Envelope)
    return task(
        resources.scope,
        "Resume scaling after the failure",
        resources.steps[Step.RESUME_SCALING],
        payload=arguments(ResumeScalingEvent, promotion=envelope.promotion, failed=envelope.failed),
        outputs=expression(INPUT),
        caught_by=then,
        catch_output=expression(merge(Envelope, scaling_failed=error_output())),
        patient=True,
    ).next(then)


def _is_deleting() -> sfn.Condition:
    return condition(f"({_unfinished()}) and {path(Envelope).promotion.rollback.deleting} = true")


def _is_unfinished() -> sfn.Condition:
    return condition(_unfinished())


def _unfinished() -> str:
    progress = path(Envelope).promotion.rollback.progress
    return equals(progress, RollbackProgress.BUSY, RollbackProgress.IN_PROGRESS)


def _progress_is(progress: RollbackProgress) -> sfn.Condition:
    return condition(equals(path(Envelope).promotion.rollback.progress, progress))
