"""Phase 2, lock: one promotion at a time changes an endpoint.

The lock is taken, confirmed and released by DynamoDB itself, under conditions.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration, Stack
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
    TASK_TOKEN,
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


@dataclass(frozen=True)
class EndpointWait:
    """The wait for an endpoint. `begin`: ended by an event. `without_events`: where that one is not possible."""

    begin: sfn.TaskStateBase
    without_events: sfn.Wait

    def lead_to(self, poll: sfn.IChainable) -> None:
        """Poll afterwards, whatever ended the wait."""
        self.begin.add_catch(poll, errors=["States.Timeout"], outputs=expression(INPUT))
        self.begin.add_catch(self.without_events, errors=["States.ALL"], outputs=expression(INPUT))
        self.begin.next(poll)
        self.without_events.next(poll)


def endpoint_wait(
    resources: WorkflowResources,
    title: str,
    without_events: str,
    *,
    promotion: Path,
    endpoint: object,
    seconds: str,
    polls: Path | None = None,
) -> EndpointWait:
    """Return the wait until SageMaker reports a state of `endpoint` that lasts, and for so many `seconds` at most.

    A task token in the lock's item lets the job end_wait end it (AWS: Step Functions, service integration patterns).
    The report is a hint: what follows is a poll. `endpoint`, `seconds`: JSONata. `polls`: as in poll_wait, which makes
    the state `without_events`.
    """
    table = resources.tables.endpoints
    begin = tasks.CallAwsService.jsonata(
        resources.scope,
        title,
        service="dynamodb",
        action="updateItem",
        integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        iam_action="dynamodb:UpdateItem",
        iam_resources=[
            Stack.of(table).format_arn(service="dynamodb", resource="table", resource_name=table.table_name)
        ],
        parameters={
            "TableName": table.table_name,
            "Key": {"endpoint": {"S": expression(_key(promotion))}},
            "UpdateExpression": lock_expressions.WAIT,
            "ConditionExpression": lock_expressions.MAY_WAIT,
            "ExpressionAttributeNames": lock_expressions.ALIASES,
            "ExpressionAttributeValues": {
                ":owner": {"S": expression(EXECUTION_ID)},
                ":token": {"S": expression(TASK_TOKEN)},
                ":endpoint": {"S": expression(endpoint)},
                ":one": {"N": "1"},
                ":most": {"N": str(lock_expressions.MOST_WAITS)},
            },
        },
        outputs=expression(INPUT),
        task_timeout=sfn.Timeout.jsonata(expression(seconds)),
    )
    return EndpointWait(begin, poll_wait(resources.scope, without_events, polls=polls))


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
    state = tasks.DynamoUpdateItem.jsonata(
        resources.scope,
        title,
        table=resources.tables.endpoints,
        key={"endpoint": Value.from_string(expression(_key(promotion)))},
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


def _key(promotion: Path) -> str:
    """As Promotion.endpoint_key."""
    return (
        f"{promotion.target.account} & '/' & {promotion.target.region} & '/' & $lowercase({promotion.stage.endpoint})"
    )
