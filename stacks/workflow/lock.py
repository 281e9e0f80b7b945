"""Phase 2, lock: one promotion at a time changes an endpoint.

The lock is taken, confirmed and released by DynamoDB itself, under conditions.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from lambdas.promotion.contract import lock_expressions
from lambdas.promotion.contract.document import Lock, Promotion
from lambdas.promotion.contract.envelope import Envelope, StateError
from lambdas.promotion.contract.errors import LockLost
from lambdas.promotion.contract.steps import Step
from stacks.workflow.document_paths import (
    EXECUTION_ID,
    EXECUTION_STARTED_AT,
    INPUT,
    STATE_ENTERED_AT,
    Path,
    construct,
    expression,
    literal,
    merge,
    path,
    updated_attribute,
)
from stacks.workflow.lambda_task import TRANSIENT_SERVICE_ERRORS, caught_with_promotion, poll_wait, task
from stacks.workflow.resources import WorkflowResources

Value = tasks.DynamoAttributeValue

CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"
_TASK_TIMEOUT = Duration.seconds(30)


def lock(resources: WorkflowResources, *, then: sfn.IChainable, explain: sfn.IChainable) -> sfn.IChainable:
    """Return the beginning of the phase: the lock is tried again until the promotion gets it or may not wait."""
    acquire = _acquire_lock(resources, "Lock the endpoint")
    check = task(resources.scope, "Check the lock", resources.steps[Step.WAIT_FOR_LOCK], caught_by=explain)
    acquire.add_catch(check, errors=[CONDITION_FAILED], outputs=expression(INPUT))
    acquire.add_catch(explain, errors=["States.ALL"], outputs=caught_with_promotion())
    check.next(poll_wait(resources.scope, "Wait for the lock")).next(acquire)
    return acquire.next(then)


def _acquire_lock(resources: WorkflowResources, title: str) -> tasks.DynamoUpdateItem:
    """Take the lock if it is free; the document then has it, with the last known good promotions of the endpoint.

    The lease counts from the start of the execution, which cannot run longer: a running owner never loses the lock
    by time.
    """
    promotion = path(Promotion)
    lease_until = f"$fromMillis($toMillis({EXECUTION_STARTED_AT}) + {resources.lease.to_milliseconds()})"
    last_known_good = updated_attribute("last_known_good")
    acquired = construct(
        Lock,
        fence=f"$number({updated_attribute('fence')}.N)",
        last_known_good=f"$exists({last_known_good}) ? $parse({last_known_good}.S) : []",
    )
    return _update(
        resources,
        title,
        promotion=promotion,
        update=lock_expressions.TAKE,
        condition=lock_expressions.IS_FREE,
        values={
            ":owner": Value.from_string(expression(EXECUTION_ID)),
            ":now": Value.from_string(expression(STATE_ENTERED_AT)),
            ":lease": Value.from_string(expression(lease_until)),
            ":application": Value.from_string(expression(promotion.request.application)),
            ":stage": Value.from_string(expression(promotion.stage.name)),
            ":one": Value.from_number(1),
        },
        returned=tasks.DynamoReturnValues.ALL_NEW,
        outputs=expression(merge(Promotion, lock=acquired)),
    )


def confirm_lock(resources: WorkflowResources, *, lost: sfn.IChainable) -> tasks.DynamoUpdateItem:
    """Return the state that fails unless the lock is still this promotion's, with the number that it got."""
    promotion = path(Promotion)
    state = _update(
        resources,
        "Confirm the lock",
        promotion=promotion,
        update="SET confirmed_at = :now",
        condition=lock_expressions.IS_OURS,
        values={
            ":owner": Value.from_string(expression(EXECUTION_ID)),
            ":fence": Value.number_from_string(expression(f"$string({promotion.lock.fence})")),
            ":now": Value.from_string(expression(STATE_ENTERED_AT)),
        },
        outputs=expression(INPUT),
    )
    state.add_catch(lost, errors=[CONDITION_FAILED], outputs=_lock_lost())
    state.add_catch(lost, errors=["States.ALL"], outputs=caught_with_promotion())
    return state


def release_lock(
    resources: WorkflowResources, title: str, *, recording_last_known_good: bool = False
) -> tasks.DynamoUpdateItem:
    """Release the lock if it is this promotion's; if asked to, record its last known good in the same request."""
    envelope = path(Envelope)
    last_known_good = (
        {":last_known_good": Value.from_string(expression(envelope.last_known_good))}
        if recording_last_known_good
        else {}
    )
    return _update(
        resources,
        title,
        promotion=envelope.promotion,
        update=lock_expressions.RELEASE_AND_RECORD if recording_last_known_good else lock_expressions.RELEASE,
        condition=lock_expressions.IS_OWNED,
        values={":owner": Value.from_string(expression(EXECUTION_ID)), **last_known_good},
        outputs=expression(INPUT),
    )


def _lock_lost() -> str:
    promotion = path(Promotion)
    cause = (
        f"'Another promotion has taken over the lock of the endpoint ' & {promotion.stage.endpoint} & ' in ' & "
        f"{promotion.target.name} & ', because this one had gone on for too long. The endpoint was not changed. "
        "Promote again.'"
    )
    failed = construct(StateError, Error=literal(LockLost.__name__), Cause=cause)
    return expression(construct(Envelope, promotion=promotion, failed=failed))


def _update(
    resources: WorkflowResources,
    title: str,
    *,
    promotion: Path,
    update: str,
    condition: str,
    values: dict[str, Value],
    outputs: str,
    returned: tasks.DynamoReturnValues | None = None,
) -> tasks.DynamoUpdateItem:
    # As Promotion.endpoint_key.
    endpoint = (
        f"{promotion.target.account} & '/' & {promotion.target.region} & '/' & $lowercase({promotion.stage.endpoint})"
    )
    state = tasks.DynamoUpdateItem.jsonata(
        resources.scope,
        title,
        table=resources.tables.endpoints,
        key={"endpoint": Value.from_string(expression(endpoint))},
        update_expression=update,
        condition_expression=condition,
        expression_attribute_names=lock_expressions.ALIASES,
        expression_attribute_values=values,
        return_values=returned,
        outputs=outputs,
        task_timeout=sfn.Timeout.duration(_TASK_TIMEOUT),
    )
    state.add_retry(
        errors=TRANSIENT_SERVICE_ERRORS,
        interval=Duration.seconds(1),
        backoff_rate=2,
        max_delay=Duration.seconds(30),
        max_attempts=6,
        jitter_strategy=sfn.JitterType.FULL,
    )
    return state
