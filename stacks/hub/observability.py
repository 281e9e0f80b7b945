"""The monitoring of the hub: the alarms and the dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.errors import Errored, RolledBack
from lambdas.promotion.contract.resource_names import Metric
from lambdas.promotion.contract.steps import Job, Step
from stacks.baseline.alarms import FIVE_MINUTES, Alarms, depth_of
from stacks.config.topology import Configuration
from stacks.hub.artifact_audit import EVERY
from stacks.hub.dashboard import dashboard, outcome_count
from stacks.workflow.lambda_task import StepFunction, StepRun

# The steps whose own failure no promotion reports: it ends with another error, or has ended; and the runbook section.
_UNREPORTED_STEPS = {
    Step.ABORT_UPLOADS: "clean-up-aborted.md",
    Step.EXPLAIN_FAILURE: "alarms.md",
    Step.RECORD_PROMOTION: "RecordNotWritten.md",
    Step.CLEAN_UP_ABORTED: "clean-up-aborted.md",
}


def observe(
    scope: Construct,
    configuration: Configuration,
    *,
    topic: sns.Topic,
    state_machine: sfn.IStateMachine,
    longest_execution: Duration,
    steps: Mapping[Step, StepRun],
    jobs: Mapping[Job, StepFunction],
    dead_letters: sqs.IQueue,
    rules: Mapping[str, str | None],
    oldest_lock: cloudwatch.Metric,
) -> None:
    """Monitor the hub. `rules`: those that start promotions or their cleanup, with their bus (None: the default)."""
    runbook = configuration.hub.deployed().runbook
    alarms = Alarms(scope, topic, runbook)
    errors = {resource_names.function(step): _errors_of(run) for step, run in steps.items()}
    added = [
        *_promotion_alarms(alarms, state_machine, longest_execution, oldest_lock),
        alarms.on_dead_letters(dead_letters),
        *(
            alarm
            for step, page in _UNREPORTED_STEPS.items()
            for alarm in _unreported_step_alarms(alarms, step, steps[step], page)
        ),
        alarms.add(
            "reconcile-executions-failed",
            _errors_of(jobs[Job.RECONCILE_EXECUTIONS]),
            "For 15 minutes, the job that finds executions without a cleanup has failed or has not run. An execution "
            "whose event EventBridge loses meanwhile is not cleaned up. Read the log group /aws/lambda/"
            f"{resource_names.function(Job.RECONCILE_EXECUTIONS)}.",
            page="clean-up-aborted.md",
            periods=3,
            # Every run reports the number of its errors, 0 included.
            missing=cloudwatch.TreatMissingData.BREACHING,
        ),
        *_audit_alarms(alarms, jobs[Job.AUDIT_ARTIFACTS]),
        alarms.add(
            "undelivered-messages",
            topic.metric_number_of_notifications_failed(statistic="Sum", period=FIVE_MINUTES),
            "SNS could not deliver a message to a subscribed queue, function or HTTPS endpoint. The other subscribers "
            "have received it. Check the subscriber's policy.",
            page="alarms.md",
        ),
        *(alarms.on_rule(rule, bus=bus) for rule, bus in rules.items()),
    ]
    dashboard(
        scope,
        alarms=added,
        state_machine=state_machine,
        errors=errors,
        dead_letters=depth_of(dead_letters),
        oldest_lock=oldest_lock,
        longest_lock=longest_execution,
        runbook=runbook,
    )


def _promotion_alarms(
    alarms: Alarms, state_machine: sfn.IStateMachine, longest_execution: Duration, oldest_lock: cloudwatch.Metric
) -> list[cloudwatch.Alarm]:
    """A refusal raises no alarm: nothing was changed, and the caller is notified. ExecutionsFailed counts refusals."""
    return [
        alarms.add(
            "rolled-back",
            outcome_count(RolledBack.__name__),
            "A promotion failed after it changed the endpoint, and the change was rolled back. The previous deployment "
            "is in service; a new endpoint has none. The model need not be the cause: the error in the announcement "
            "states what to do.",
            page="RolledBack.md",
        ),
        alarms.add(
            "errored",
            outcome_count(Errored.__name__),
            "A promotion could not be completed. The error's name determines what is in service: read its section "
            "first.",
            page="Errored.md",
        ),
        alarms.add(
            "timed-out",
            state_machine.metric_timed_out(statistic="Sum", period=FIVE_MINUTES),
            "Step Functions timed out a promotion after every deadline. No state could report it, and SageMaker "
            "continues a change that was started. Check the endpoint's current deployment.",
            page="Aborted.md",
        ),
        alarms.add(
            "throttled",
            state_machine.metric_throttled(statistic="Sum", period=FIVE_MINUTES),
            "Step Functions has throttled promotions for 15 minutes: the account exceeds its quota of state "
            "transitions. Deadlines may pass in the meantime. Check which other workloads use Step Functions, or "
            "request a quota increase (Service Quotas).",
            page="alarms.md",
            periods=3,
        ),
        alarms.add(
            "lock-held-too-long",
            oldest_lock,
            "An endpoint has been locked for longer than any promotion may take, so its owner no longer runs; or the "
            "age of the locks has not been reported for 15 minutes. Find the lock and its owner.",
            page="alarms.md#a-lock-that-is-held-too-long",
            above=longest_execution.to_seconds(),
            # One report that is late or fails is acceptable; three would hide a lock.
            periods=3,
            missing=cloudwatch.TreatMissingData.BREACHING,
        ),
    ]


def _audit_alarms(alarms: Alarms, audit: StepFunction) -> Iterator[cloudwatch.Alarm]:
    log_group = f"/aws/lambda/{resource_names.function(Job.AUDIT_ARTIFACTS)}"
    yield alarms.add(
        "artifacts-changed",
        cloudwatch.Metric(
            namespace=resource_names.NAMESPACE,
            metric_name=Metric.CHANGED_ARTIFACTS,
            statistic="Maximum",
            period=FIVE_MINUTES,
        ),
        "Objects that an endpoint loads, or can be rolled back to, are not those that were verified: another principal "
        f"added, replaced or deleted them. The next instance loads what is there now. Read {log_group}.",
        page="alarms.md#artifacts-that-changed",
    )
    yield alarms.add(
        "audit-artifacts-failed",
        audit.function.metric_errors(statistic="Sum", period=EVERY),
        "For two hours, the job that compares artifacts with what was verified has failed or has not run. Read "
        f"{log_group}.",
        page="alarms.md#artifacts-that-changed",
        periods=2,
        # Every run reports the number of its errors, 0 included.
        missing=cloudwatch.TreatMissingData.BREACHING,
    )


def _unreported_step_alarms(alarms: Alarms, step: Step, function: StepRun, page: str) -> Iterator[cloudwatch.Alarm]:
    name = resource_names.function(step)
    title = name.removeprefix(f"{resource_names.PRODUCT}-")
    yield alarms.add(
        f"{title}-failed",
        _errors_of(function),
        f"The step {step.value} failed, and no promotion reports it: the promotion has ended, or ends with an earlier "
        f"error. Read /aws/lambda/{name}. A later retry may have succeeded.",
        page=page,
    )
    yield alarms.add(
        f"{title}-throttled",
        function.function.metric_throttles(statistic="Sum", period=FIVE_MINUTES),
        f"The step {step.value} was throttled by Lambda's concurrency limit in the hub, and no promotion reports it. "
        "It is retried, but not indefinitely. Release concurrency, or request a higher limit.",
        page=page,
    )


def _errors_of(function: StepFunction | StepRun) -> cloudwatch.Metric:
    return function.function.metric_errors(statistic="Sum", period=FIVE_MINUTES)
