"""Phase 6, deploy: the endpoint gets the configuration, serves it, and passes the smoke test; or it is rolled back."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract.document import Progress, Promotion
from lambdas.promotion.contract.envelope import Envelope
from lambdas.promotion.contract.steps import SUSPEND_SCALING_STATE, Step
from stacks.workflow.conclude import Conclusion, succeeded
from stacks.workflow.document_paths import (
    RETRY_COUNT,
    condition,
    construct,
    equals,
    error_output,
    exists,
    expression,
    path,
    payload_of,
)
from stacks.workflow.lambda_task import last_resort, poll_wait, task
from stacks.workflow.lock import EndpointWait, confirm_lock, endpoint_wait
from stacks.workflow.resources import WorkflowResources
from stacks.workflow.rollback import rollback

# No endpoint is in service within its first minute.
_FIRST_POLL = Duration.seconds(60)


@dataclass(frozen=True)
class Deployment:
    """The two states of this phase to which others lead.

    `begin`: of an endpoint that has to be changed. `end`: of one that serves the configuration; its scaling is resumed.
    """

    begin: sfn.IChainable
    end: sfn.IChainable


def deploy(resources: WorkflowResources, *, then: Conclusion) -> Deployment:
    """Return the phase. It ends with the record, or by way of the rollback with the explanation of the failure."""
    scope = resources.scope
    recovery = rollback(resources, then=then.explain)

    def step_task(
        title: str, step: Step, *, polled_after: sfn.IChainable | None = None, untouched: str = "false"
    ) -> sfn.TaskStateBase:
        return task(
            scope,
            title,
            resources.steps[step],
            caught_by=recovery.roll_back,
            catch_output=_caught(untouched),
            polled_after=polled_after,
        )

    confirm = confirm_lock(resources, lost=recovery.resume_scaling)
    confirm_approval = task(
        scope, "Confirm the approval", resources.steps[Step.CONFIRM_APPROVAL], caught_by=recovery.resume_scaling
    )
    # A run before a retry may have had its effect.
    first_run = f"{RETRY_COUNT} = 0 and {_not_requested()}"
    deploy_endpoint = step_task("Deploy the endpoint", Step.DEPLOY_ENDPOINT, untouched=first_run)
    suspend_scaling = step_task(SUSPEND_SCALING_STATE, Step.SUSPEND_SCALING, untouched=_not_requested())
    wait = _wait(resources)
    inspect = step_task("Inspect the endpoint", Step.INSPECT_ENDPOINT, polled_after=wait.begin)
    # It is in service already: no event is to come.
    smoke_test = step_task("Smoke-test the endpoint", Step.SMOKE_TEST, polled_after=wait.without_events)
    wait_for_change = poll_wait(scope, "Wait for the other change")
    wait_for_deregistration = poll_wait(scope, "Wait for the scaling deregistration")
    wait_for_capacity = sfn.Wait.jsonata(scope, "Wait for capacity", time=sfn.WaitTime.seconds(_capacity_wait()))
    change_in_progress = sfn.Choice.jsonata(scope, "Is another change in progress?")
    in_service = sfn.Choice.jsonata(scope, "Is the endpoint in service?")
    end = _resume_scaling(resources, then)

    confirm.next(confirm_approval).next(deploy_endpoint).next(change_in_progress)
    change_in_progress.when(_progress_is(Progress.BUSY), wait_for_change.next(confirm)).when(
        _progress_is(Progress.BLOCKED_BY_SCALING), suspend_scaling.next(wait_for_deregistration).next(confirm)
    ).otherwise(wait.begin)
    wait.lead_to(inspect)
    inspect.next(in_service)
    # In service without an outcome: the stage has a smoke test.
    in_service.when(promotion_ended(), end).when(_progress_is(Progress.IN_SERVICE), smoke_test.next(end)).when(
        _progress_is(Progress.NO_CAPACITY), wait_for_capacity.next(confirm)
    ).otherwise(wait.begin)
    return Deployment(begin=confirm, end=end)


def _resume_scaling(resources: WorkflowResources, conclusion: Conclusion) -> sfn.Choice:
    promotion = path(Promotion)
    to_be_resumed = sfn.Choice.jsonata(resources.scope, "Is scaling to be resumed?")
    resume = task(
        resources.scope,
        "Resume scaling",
        resources.steps[Step.RESUME_SCALING],
        outputs=expression(construct(Envelope, promotion=payload_of(Promotion))),
        caught_by=conclusion.explain,
        patient=True,
    )
    # Nothing was suspended, and the stage configures none.
    no_scaling = f"$not({promotion.suspended_scaling} != null or $count({promotion.stage.autoscaling}) > 0)"
    return to_be_resumed.when(condition(no_scaling), conclusion.record, outputs=succeeded()).otherwise(
        resume.next(conclusion.record)
    )


def _caught(untouched: str) -> str:
    return expression(construct(Envelope, failed=error_output(), promotion=path(Promotion), untouched=untouched))


def _not_requested() -> str:
    return f"$not({path(Promotion).change.requested} = true)"


def promotion_ended() -> sfn.Condition:
    """The document has its outcome."""
    return condition(exists(path(Promotion).result.outcome))


def _progress_is(progress: Progress) -> sfn.Condition:
    return condition(equals(path(Promotion).change.progress, progress))


def _wait(resources: WorkflowResources) -> EndpointWait:
    promotion = path(Promotion)
    polls = promotion.change.poll_count
    return endpoint_wait(
        resources,
        "Wait for the endpoint",
        "Wait for the endpoint without events",
        promotion=promotion,
        endpoint=f"$lowercase({promotion.stage.endpoint})",
        seconds=last_resort(polls, first=_FIRST_POLL),
        polls=polls,
    )


def _capacity_wait() -> str:
    return expression(path(Promotion).stage.capacity_retries.wait_seconds)
