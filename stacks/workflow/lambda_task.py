"""A step of the workflow: its Lambda with its own role, its state, and what is retried and caught. Written once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from lambdas.promotion.contract import resource_names, time_limits
from lambdas.promotion.contract.errors import Transient, every_error
from lambdas.promotion.contract.resource_names import Job, Step
from stacks.baseline.retention import RETAIN

# AWS: "Handle transient Lambda service exceptions", and the throttling that CDK's own default leaves out.
_LAMBDA_SERVICE = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]
# So Lambda also says that it may not be called.
_DENIED_OR_TRANSIENT = "Lambda.AWSLambdaException"
# A step that was killed is run again: every step is safe to repeat.
_KILLED = ["Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout"]
# What DynamoDB and SNS say when a call may be tried again (AWS: DynamoDB, "Error handling"; SNS, common errors).
TRANSIENT_SERVICE_ERRORS = [
    "DynamoDB.ProvisionedThroughputExceededException",
    "DynamoDB.RequestLimitExceeded",
    "DynamoDB.ThrottlingException",
    "DynamoDB.TransactionConflictException",
    "DynamoDB.InternalServerErrorException",
    "DynamoDB.InternalServerError",
    "DynamoDB.SdkClientException",
    "DynamoDB.AmazonDynamoDBException",
    "SNS.ThrottledException",
    "SNS.InternalErrorException",
    "SNS.SdkClientException",
    "States.Timeout",
]
POLL_INTERVAL = Duration.seconds(30)
CAUGHT_WITH_PROMOTION = "{% {'failed': $states.errorOutput, 'promotion': $states.input} %}"
# What a step returns: the document.
DOCUMENT = "{% $states.result.Payload %}"
_DOCUMENT = {"promotion": "{% $states.input %}", "retry_count": "{% $states.context.State.RetryCount %}"}


def condition(expression: str) -> sfn.Condition:
    """Return the condition that a JSONata expression is true."""
    return sfn.Condition.jsonata(f"{{% {expression} %}}")


class StepFunction(Construct):
    """A step's or a job's Lambda, its role (fixed name: other accounts trust it by ARN) and its log group."""

    def __init__(
        self,
        scope: Construct,
        step: Step | Job,
        *,
        code: lambda_.Code,
        runtime: lambda_.Runtime,
        key: kms.IKey,
        assumes: Sequence[str] = (),
        timeout: Duration | None = None,
        memory: int = 512,
    ) -> None:
        super().__init__(scope, step.value)
        name = resource_names.function(step)
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{name}",
            retention=logs.RetentionDays.ONE_YEAR,
            encryption_key=key,
            removal_policy=RETAIN,
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=name,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Promote's {type(step).__name__.lower()} {step.value} in the hub",
        )
        log_group.grant_write(self.role)
        if assumes:
            self.role.add_to_policy(
                iam.PolicyStatement(sid="AssumeEnvironmentRoles", actions=["sts:AssumeRole"], resources=list(assumes))
            )
        self.timeout = timeout or Duration.seconds(time_limits.SHORT_INVOCATION.seconds)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            runtime=runtime,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"lambdas.handlers.{step.value}.handler",
            code=code,
            role=self.role,
            memory_size=memory,
            timeout=self.timeout,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
        )


def task(
    scope: Construct,
    title: str,
    step: StepFunction,
    *,
    payload: dict[str, Any] | None = None,
    outputs: str = DOCUMENT,
    caught_by: sfn.IChainable | None = None,
    catch_output: str = "{% {'failed': $states.errorOutput} %}",
    polled_after: sfn.IChainable | None = None,
    poll_output: str = "{% $states.input %}",
) -> tasks.LambdaInvoke:
    """Return the state that runs a step: the document in, the document out.

    Only Transient errors, Lambda's own and killed steps are tried again. All others go to `caught_by` at once.
    `polled_after`: the wait of a step that is asked until an end is seen. What AWS or Lambda could not serve for a
    while says nothing about the endpoint, so it waits and is asked again; a deadline of its own ends that.
    """
    state = tasks.LambdaInvoke.jsonata(
        scope,
        title,
        lambda_function=step.function,
        payload=sfn.TaskInput.from_object(payload or _DOCUMENT),
        outputs=outputs,
        retry_on_service_exceptions=False,
        task_timeout=sfn.Timeout.duration(step.timeout.plus(Duration.seconds(time_limits.TASK_TIMEOUT_MARGIN.seconds))),
    )
    state.add_retry(
        errors=[error.__name__ for error in every_error(Transient)],
        interval=Duration.seconds(2),
        backoff_rate=2,
        max_delay=Duration.seconds(60),
        max_attempts=6,
        jitter_strategy=sfn.JitterType.FULL,
    )
    state.add_retry(errors=_LAMBDA_SERVICE, interval=Duration.seconds(2), backoff_rate=2, max_attempts=6)
    state.add_retry(errors=_KILLED, interval=Duration.seconds(2), backoff_rate=2, max_attempts=2)
    if polled_after:
        transient = [error.__name__ for error in every_error(Transient)]
        passing = [*transient, *(error for error in _LAMBDA_SERVICE if error != _DENIED_OR_TRANSIENT)]
        state.add_catch(polled_after, errors=passing, outputs=poll_output)
    if caught_by:
        state.add_catch(caught_by, errors=["States.ALL"], outputs=catch_output)
    return state
