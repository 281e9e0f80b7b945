"""The rule for executions that ended unsuccessfully: it starts the cleanup.

An execution was stopped or timed out, or Step Functions failed it itself: some errors no Catch catches (AWS: Step
Functions, "Error handling"), and Choice, Wait, Succeed and Fail have none. States.DataLimitExceeded is recorded as
caught in a task and as not caught in a Pass; either way the promotion is recorded and cleaned up.

Which of the failed ones their own states have concluded is in their histories only: the event's documentation names no
member for the error. Delivery is best effort; reconciliation.py finds what it loses.
"""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract import resource_names
from stacks.workflow.lambda_task import StepFunction

ABORTED_EXECUTION_RULE = f"{resource_names.PRODUCT}-aborted"


def clean_up_after_abort(
    stack: Stack, clean_up_aborted: StepFunction, *, state_machine: sfn.IStateMachine, dead_letters: sqs.IQueue
) -> None:
    """Run the cleanup after an execution that may have had no state left in which to clean up itself."""
    events.Rule(
        stack,
        "Aborted",
        rule_name=ABORTED_EXECUTION_RULE,
        description="Records a promotion that was stopped, timed out or failed by Step Functions, and cleans up",
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"stateMachineArn": [state_machine.state_machine_arn], "status": ["ABORTED", "FAILED", "TIMED_OUT"]},
        ),
        targets=[
            targets.LambdaFunction(
                clean_up_aborted.function,
                dead_letter_queue=dead_letters,
                retry_attempts=10,
                max_event_age=Duration.hours(2),
            )
        ],
    )
