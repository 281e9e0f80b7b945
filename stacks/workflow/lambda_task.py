"""A step of the workflow: its Lambda with its own role, its state, and which errors are retried and caught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.envelope import Envelope
from lambdas.promotion.contract.errors import Transient, every_error
from lambdas.promotion.contract.step_events import STEP, StepEvent
from lambdas.promotion.contract.steps import Function, Job, Step
from stacks.baseline.retention import RETAIN
from stacks.workflow.document_paths import (
    EXECUTION_STARTED_AT,
    INPUT,
    RETRY_COUNT,
    STATE_ENTERED_AT,
    Path,
    arguments,
    construct,
    error_output,
    expression,
    path,
    payload_of,
)

# AWS: "Handle transient Lambda service exceptions", and the throttling that CDK's own default leaves out.
_LAMBDA_SERVICE = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    # A function that was not called for weeks (recordings: GetExecutionHistory, function-asleep-for-weeks).
    "Lambda.CodeArtifactUserPendingException",
]
# Lambda also reports with it that the caller has no permission.
_DENIED_OR_TRANSIENT = "Lambda.AWSLambdaException"
# A step that was killed is run again: every step is idempotent.
_KILLED = ["Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout"]
# What DynamoDB and SNS report when a call can be retried (AWS: DynamoDB, "Error handling"; SNS, common errors).
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
# An execution has at most 25,000 events (AWS: Step Functions, quotas), so what lasts for hours is polled less often.
LATER_POLL_INTERVAL = Duration.minutes(2)
_POLLS_OF_THE_FIRST_HOUR = 120
# Where an event ends the wait, the poll is the last resort.
LAST_RESORT_INTERVAL = Duration.seconds(90)
# A state after which nothing can be repaired is retried for about an hour while Lambda or AWS is not available.
_PATIENT_ATTEMPTS = 60
_LONGEST_RETRY_DELAY = Duration.seconds(60)


def caught() -> str:
    """Return the envelope of an error that is caught where there is no document yet."""
    return expression(construct(Envelope, failed=error_output()))


def caught_with_promotion() -> str:
    """Return the envelope of an error that is caught where the state's input is the document."""
    return expression(construct(Envelope, failed=error_output(), promotion=path(Promotion)))


def poll_wait(scope: Construct, title: str, *, polls: Path | None = None) -> sfn.Wait:
    """Return the wait before a step is run again to see how far something is.

    It is longer after an hour of `polls`, the field that counts them; without it, after the execution's first hour.
    """
    seconds = expression(f"{later(polls)} ? {LATER_POLL_INTERVAL.to_seconds():.0f} : {POLL_INTERVAL.to_seconds():.0f}")
    return sfn.Wait.jsonata(scope, title, time=sfn.WaitTime.seconds(seconds))


def last_resort(polls: Path | None = None, *, first: Duration = LAST_RESORT_INTERVAL, first_polls: int = 0) -> str:
    """Return the seconds of a wait that an event ends. `first`: of the wait after so many polls, `first_polls`."""
    usual = f"{later(polls)} ? {LATER_POLL_INTERVAL.to_seconds():.0f} : {LAST_RESORT_INTERVAL.to_seconds():.0f}"
    return usual if polls is None else f"{polls} > {first_polls} ? ({usual}) : {first.to_seconds():.0f}"


def later(polls: Path | None) -> str:
    """Return the condition for the longer wait. A field that is absent counts as no polls."""
    if polls is not None:
        return f"{polls} >= {_POLLS_OF_THE_FIRST_HOUR}"
    return f"$toMillis({STATE_ENTERED_AT}) - $toMillis({EXECUTION_STARTED_AT}) >= {60 * 60 * 1000}"


class StepFunction(Construct):
    """The Lambda of steps or a job, its role (fixed name: other accounts trust it by ARN) and its log group."""

    def __init__(
        self,
        scope: Construct,
        runs: Function | Step | Job,
        *,
        code: lambda_.Code,
        runtime: lambda_.Runtime,
        key: kms.IKey,
        assumes: Sequence[str] = (),
        timeout: Duration | None = None,
        memory: int = 512,
    ) -> None:
        super().__init__(scope, runs.value)
        name = resource_names.function(runs)
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
            description=f"Promote's {type(runs).__name__.lower()} {runs.value} in the hub",
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
            handler=f"lambdas.{'functions' if isinstance(runs, Function) else 'handlers'}.{runs.value}.handler",
            code=code,
            role=self.role,
            memory_size=memory,
            timeout=self.timeout,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            # A running execution keeps its definition, which names the versions of its time (docs/decisions/0035).
            current_version_options=lambda_.VersionOptions(removal_policy=RETAIN),
        )

    @property
    def published(self) -> lambda_.Version:
        """The function as it is deployed now, for good. The first access adds the version to the stack."""
        return self.function.current_version


@dataclass(frozen=True)
class StepRun:
    """How a step runs: in which function, and how long it may take, which is less than the function's timeout."""

    step: Step
    runs_in: StepFunction
    timeout: Duration

    @property
    def role(self) -> iam.Role:
        return self.runs_in.role

    @property
    def function(self) -> lambda_.Function:
        return self.runs_in.function

    @property
    def published(self) -> lambda_.Version:
        return self.runs_in.published


def functions_of(steps: Mapping[Step, StepRun]) -> list[StepFunction]:
    """Return the functions of the steps, each once."""
    return list(dict.fromkeys(step.runs_in for step in steps.values()))


def task(
    scope: Construct,
    title: str,
    run: StepRun,
    *,
    payload: dict[str, Any] | None = None,
    outputs: str | None = None,
    caught_by: sfn.IChainable | None = None,
    catch_output: str | None = None,
    polled_after: sfn.IChainable | None = None,
    poll_output: str | None = None,
    patient: bool = False,
) -> tasks.LambdaInvoke:
    """Return the state that runs a step: by default the document in, the document out.

    Only Transient errors, Lambda's own and killed steps are retried. All other errors go to `caught_by` at once.
    `polled_after`: the wait of a step that is polled until it reports an end. An error of AWS or Lambda that passes
    says nothing about the endpoint, so the step is polled again after the wait; its own deadline ends that.
    `patient`: such an error is retried for an hour, because what follows the state cannot make up for it.
    """
    document = arguments(StepEvent, promotion=path(Promotion), retry_count=RETRY_COUNT)
    state = tasks.LambdaInvoke.jsonata(
        scope,
        title,
        lambda_function=run.published,
        payload=sfn.TaskInput.from_object({**(payload or document), STEP: run.step.value}),
        outputs=outputs or expression(payload_of(Promotion)),
        retry_on_service_exceptions=False,
        task_timeout=sfn.Timeout.duration(run.timeout.plus(Duration.seconds(time_limits.TASK_TIMEOUT_MARGIN.seconds))),
    )
    state.add_retry(
        errors=[error.__name__ for error in every_error(Transient)],
        interval=Duration.seconds(2),
        backoff_rate=2,
        max_delay=_LONGEST_RETRY_DELAY,
        max_attempts=_PATIENT_ATTEMPTS if patient else 6,
        jitter_strategy=sfn.JitterType.FULL,
    )
    if patient:
        state.add_retry(
            errors=[error for error in _LAMBDA_SERVICE if error != _DENIED_OR_TRANSIENT],
            interval=Duration.seconds(2),
            backoff_rate=2,
            max_delay=_LONGEST_RETRY_DELAY,
            max_attempts=_PATIENT_ATTEMPTS,
        )
    errors = [_DENIED_OR_TRANSIENT] if patient else _LAMBDA_SERVICE
    state.add_retry(errors=errors, interval=Duration.seconds(2), backoff_rate=2, max_attempts=6)
    state.add_retry(errors=_KILLED, interval=Duration.seconds(2), backoff_rate=2, max_attempts=2)
    if polled_after:
        transient = [error.__name__ for error in every_error(Transient)]
        passing = [*transient, *(error for error in _LAMBDA_SERVICE if error != _DENIED_OR_TRANSIENT)]
        state.add_catch(polled_after, errors=passing, outputs=poll_output or expression(INPUT))
    if caught_by:
        state.add_catch(caught_by, errors=["States.ALL"], outputs=catch_output or caught_with_promotion())
    return state
