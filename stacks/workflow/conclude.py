"""Phase 7, conclude: a failure is explained, the promotion recorded, the endpoint unlocked, the outcome announced."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract.document import Failure, Outcome, Promotion
from lambdas.promotion.contract.envelope import Envelope, RecordedOutcome
from lambdas.promotion.contract.errors import Errored, RecordNotWritten
from lambdas.promotion.contract.step_events import ExplainFailureEvent, RecordPromotionEvent
from lambdas.promotion.contract.steps import FAILED_STATE, Step
from stacks.workflow.announce import announce_outcome
from stacks.workflow.document_paths import (
    EXECUTION_INPUT,
    INPUT,
    RETRY_COUNT,
    arguments,
    bounded_input,
    condition,
    construct,
    equals,
    error_output,
    execution,
    exists,
    expression,
    is_object,
    literal,
    merge,
    or_null,
    path,
    payload_of,
)
from stacks.workflow.lambda_task import task
from stacks.workflow.lock import CONDITION_FAILED, release_lock
from stacks.workflow.resources import WorkflowResources


@dataclass(frozen=True)
class Conclusion:
    """`record`: with an envelope that has the outcome (succeeded). `explain`: with one that says what failed."""

    record: sfn.IChainable
    explain: sfn.IChainable


@dataclass(frozen=True)
class Unlock:
    """`begin`: the first state. `with_last_known_good`: the one that also records the last known good."""

    begin: sfn.IChainable
    with_last_known_good: sfn.TaskStateBase


def succeeded() -> str:
    """Return the envelope of a promotion that went well, where the state's input is the document."""
    return expression(construct(Envelope, promotion=path(Promotion)))


def conclude(resources: WorkflowResources) -> Conclusion:
    """Return the common end of every promotion."""
    unlock = _unlock(resources, then=_announce(resources, then=_end(resources)))
    record = _record(resources, then=unlock.begin)
    # The record stays as it is: only this outcome is counted and announced, as the execution ends with it.
    unlock.with_last_known_good.add_catch(record, errors=["States.ALL"], outputs=expression(_not_noted()))
    return Conclusion(record=record, explain=_explain(resources, then=record))


def _explain(resources: WorkflowResources, *, then: sfn.IChainable) -> sfn.IChainable:
    envelope = path(Envelope)
    # An absent field stays absent in what is constructed.
    unexplained = construct(
        Failure,
        error=envelope.failed.Error,
        family=literal(Errored.__name__),
        cause=f"$string({envelope.failed})",
    )
    return task(
        resources.scope,
        "Explain the failure",
        resources.steps[Step.EXPLAIN_FAILURE],
        payload=arguments(
            ExplainFailureEvent,
            failed=envelope.failed,
            promotion=or_null(envelope.promotion),
            rollback_failed=or_null(envelope.rollback_failed),
            scaling_failed=or_null(envelope.scaling_failed),
            preview_not_deleted=or_null(envelope.preview_not_deleted),
            untouched=f"{envelope.untouched} = true",
            execution=execution(),
        ),
        outputs=expression(construct(Envelope, promotion=envelope.promotion, failure=payload_of(Failure))),
        caught_by=then,
        catch_output=expression(construct(Envelope, promotion=envelope.promotion, failure=unexplained)),
        patient=True,
    ).next(then)


def _record(resources: WorkflowResources, *, then: sfn.IChainable) -> sfn.IChainable:
    envelope = path(Envelope)
    not_written = _not_written("its record could not be written. Promote again: that writes it.")
    return task(
        resources.scope,
        "Record the promotion",
        resources.steps[Step.RECORD_PROMOTION],
        payload=arguments(
            RecordPromotionEvent,
            input_text=bounded_input(EXECUTION_INPUT),
            execution=execution(),
            retry_count=RETRY_COUNT,
            promotion=or_null(envelope.promotion),
            failure=or_null(envelope.failure),
        ),
        # The answer is a RecordedOutcome, whose fields the envelope has.
        outputs=expression(f"$merge([{INPUT}, {payload_of(RecordedOutcome)}])"),
        caught_by=then,
        # A failure keeps its name; a promotion that went well but has no record fails.
        catch_output=expression(f"{exists(envelope.failure)} ? {INPUT} : {not_written}"),
        patient=True,
    ).next(then)


def _unlock(resources: WorkflowResources, *, then: sfn.IChainable) -> Unlock:
    envelope = path(Envelope)
    unlock = release_lock(resources, "Unlock the endpoint")
    record_and_unlock = release_lock(
        resources, "Record the last known good and unlock the endpoint", recording_last_known_good=True
    )
    # Either it was written and the answer was lost, or the lock was lost.
    record_and_unlock.add_catch(then, errors=[CONDITION_FAILED], outputs=expression(INPUT))
    # The outcome stays as it is: the lock of an execution that has ended blocks no other (wait_for_lock.py).
    unlock.add_catch(then, errors=["States.ALL"], outputs=expression(INPUT))
    for state in (unlock, record_and_unlock):
        state.next(then)
    not_locked = f"{exists(envelope.promotion)} = false or {envelope.promotion.request.dry_run} = true"
    locked = sfn.Choice.jsonata(resources.scope, "Is the endpoint locked?")
    locked.when(condition(not_locked), then).when(condition(exists(envelope.failure)), unlock).otherwise(
        record_and_unlock
    )
    return Unlock(begin=locked, with_last_known_good=record_and_unlock)


def _announce(resources: WorkflowResources, *, then: sfn.IChainable) -> sfn.IChainable:
    announced = sfn.Choice.jsonata(resources.scope, "Is the outcome to be announced?")
    announce = announce_outcome(resources.scope, resources.outcomes, then, title="Announce the outcome")
    return announced.when(condition(is_object(path(Envelope).announcement)), announce).otherwise(then)


def _end(resources: WorkflowResources) -> sfn.IChainable:
    scope, envelope = resources.scope, path(Envelope)
    result = expression(envelope.promotion.result)
    promoted = sfn.Succeed.jsonata(scope, Outcome.PROMOTED, outputs=result)
    unchanged = sfn.Succeed.jsonata(scope, Outcome.UNCHANGED, outputs=result)
    planned = sfn.Succeed.jsonata(scope, Outcome.PLANNED, outputs=expression(envelope.promotion.plan))
    failed = sfn.Fail.jsonata(
        scope,
        FAILED_STATE,
        error=expression(envelope.failure.error),
        cause=expression(envelope.failure.cause),
    )
    outcome = sfn.Choice.jsonata(scope, "What is the outcome?")
    return (
        outcome.when(condition(exists(envelope.failure)), failed)
        .when(condition(equals(envelope.promotion.result.outcome, Outcome.UNCHANGED)), unchanged)
        .when(condition(f"{envelope.promotion.request.dry_run} = true"), planned)
        .otherwise(promoted)
    )


def _not_noted() -> str:
    return _not_written("it could not be noted that the endpoint may go back to it. Promote again: that notes it.")


def _not_written(reason: str) -> str:
    """Return the envelope of a promotion that went well, with the failure to write that down."""
    promotion = path(Envelope).promotion
    # A dry run has no result.
    outcome = f"{promotion.request.dry_run} = true ? {literal(Outcome.PLANNED)} : {promotion.result.outcome}"
    cause = f"'The promotion ended ' & ({outcome}) & ', and {reason} ' & $string({error_output()})"
    failure = construct(
        Failure, error=literal(RecordNotWritten.__name__), family=literal(Errored.__name__), cause=cause
    )
    # It says how the promotion ended before that, and is not published.
    return merge(Envelope, failure=failure, announcement="null")
