"""The rules for executions that no state of theirs could end: they start the cleanup.

Such an execution was stopped or timed out, or Step Functions failed it itself (AWS: Step Functions, "Error handling":
what a Catch does not catch).
"""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract import resource_names
from stacks.workflow.lambda_task import StepFunction

ABORTED_EXECUTION_RULES: dict[str, dict[str, list[str]]] = {
    f"{resource_names.PRODUCT}-aborted": {"status": ["ABORTED", "TIMED_OUT"]},
    f"{resource_names.PRODUCT}-runtime-error": {
        "status": ["FAILED"],
        "error": ["States.Runtime", "States.DataLimitExceeded"],
    },
}


def clean_up_after_abort(
    stack: Stack, clean_up_aborted: StepFunction, *, state_machine: sfn.IStateMachine, dead_letters: sqs.IQueue
) -> None:
    """Run the cleanup after an execution that had no state left in which to clean up itself."""
    for name, statuses_and_errors in ABORTED_EXECUTION_RULES.items():
        events.Rule(
            stack,
            name.removeprefix(f"{resource_names.PRODUCT}-").title().replace("-", ""),
            rule_name=name,
            description="Records a promotion that was stopped, timed out or failed by Step Functions, and cleans up",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [state_machine.state_machine_arn], **statuses_and_errors},
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
