"""The endpoint's lock in the workflow: taken, confirmed and released by DynamoDB itself, under conditions."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from lambdas.promotion.contract import lock_expressions as words
from stacks.workflow.lambda_task import TRANSIENT_SERVICE_ERRORS

Value = tasks.DynamoAttributeValue

CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"
_OWNER = "{% $states.context.Execution.Id %}"
_NOW = "{% $states.context.State.EnteredTime %}"
_TASK_TIMEOUT = Duration.seconds(30)


def acquire_lock(scope: Construct, title: str, table: dynamodb.ITable, *, lease: Duration) -> tasks.DynamoUpdateItem:
    """Take the lock if it is free; the document then has it, with what is known of the endpoint.

    `lease` counts from the start of the execution, which cannot run longer: a live owner never loses the lock by time.
    """
    lasts = f"$toMillis($states.context.Execution.StartTime) + {lease.to_milliseconds()}"
    good = (
        "$exists($states.result.Attributes.last_known_good) ? $parse($states.result.Attributes.last_known_good.S) : []"
    )
    fence = "$number($states.result.Attributes.fence.N)"
    return _update(
        scope,
        title,
        table,
        key="$states.input",
        update=words.TAKE,
        condition=words.IS_FREE,
        values={
            ":owner": Value.from_string(_OWNER),
            ":now": Value.from_string(_NOW),
            ":lease": Value.from_string(f"{{% $fromMillis({lasts}) %}}"),
            ":application": Value.from_string("{% $states.input.request.application %}"),
            ":stage": Value.from_string("{% $states.input.stage.name %}"),
            ":one": Value.from_number(1),
        },
        returned=tasks.DynamoReturnValues.ALL_NEW,
        outputs=f"{{% $merge([$states.input, {{'lock': {{'fence': {fence}, 'last_known_good': {good}}}}}]) %}}",
    )


def confirm_lock(scope: Construct, title: str, table: dynamodb.ITable) -> tasks.DynamoUpdateItem:
    """Fail unless the lock is still this promotion's, with the number that it got."""
    return _update(
        scope,
        title,
        table,
        key="$states.input",
        update="SET confirmed_at = :now",
        condition=words.IS_OURS,
        values={
            ":owner": Value.from_string(_OWNER),
            ":fence": Value.number_from_string("{% $string($states.input.lock.fence) %}"),
            ":now": Value.from_string(_NOW),
        },
        outputs="{% $states.input %}",
    )


def release_lock(
    scope: Construct, title: str, table: dynamodb.ITable, *, recording_last_known_good: bool = False
) -> tasks.DynamoUpdateItem:
    """Release the lock if it is this promotion's. `noting`: and note in the same moment what may be gone back to."""
    good = (
        {":last_known_good": Value.from_string("{% $states.input.last_known_good %}")}
        if recording_last_known_good
        else {}
    )
    return _update(
        scope,
        title,
        table,
        key="$states.input.promotion",
        update=words.RELEASE_AND_RECORD if recording_last_known_good else words.RELEASE,
        condition=words.IS_OWNED,
        values={":owner": Value.from_string(_OWNER), **good},
        outputs="{% $states.input %}",
    )


def _update(
    scope: Construct,
    title: str,
    table: dynamodb.ITable,
    *,
    key: str,
    update: str,
    condition: str,
    values: dict[str, Value],
    outputs: str,
    returned: tasks.DynamoReturnValues | None = None,
) -> tasks.DynamoUpdateItem:
    """`key`: the JSONata path of the document with the endpoint."""
    endpoint = f"{key}.target.account & '/' & {key}.target.region & '/' & $lowercase({key}.stage.endpoint)"
    state = tasks.DynamoUpdateItem.jsonata(
        scope,
        title,
        table=table,
        key={"endpoint": Value.from_string(f"{{% {endpoint} %}}")},
        update_expression=update,
        condition_expression=condition,
        expression_attribute_names=words.ALIASES,
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
