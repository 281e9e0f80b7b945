"""What is watched in the hub: the alarms and the dashboard."""

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
from lambdas.promotion.contract.resource_names import Step
from stacks.baseline.alarms import FIVE_MINUTES, Alarms, depth_of
from stacks.config.topology import Configuration
from stacks.hub.dashboard import dashboard, outcome_count
from stacks.workflow.lambda_task import StepFunction

# The steps whose own failure no promotion tells: it ends with another error, or has ended.
_UNREPORTED_STEPS = {
    Step.ABORT_UPLOADS: "uploads-left-open",
    Step.EXPLAIN_FAILURE: "alarms",
    Step.RECORD_PROMOTION: "recordnotwritten",
    Step.CLEAN_UP_ABORTED: "the-execution-was-stopped-or-timed-out",
}


def observe(
    scope: Construct,
    configuration: Configuration,
    *,
    topic: sns.Topic,
    state_machine: sfn.StateMachine,
    longest_execution: Duration,
    steps: Mapping[Step, StepFunction],
    dead_letters: sqs.IQueue,
    rules: Mapping[str, str | None],
    oldest_lock: cloudwatch.Metric,
) -> None:
    """Watch the hub. `rules`: those whose targets start or tidy up promotions, with their bus (None: the default)."""
    runbook = configuration.hub.deployed().runbook
    alarms = Alarms(scope, topic, runbook)
    errors = {step.value: _errors_of(function) for step, function in steps.items()}
    made = [
        *_promotion_alarms(alarms, state_machine, longest_execution, oldest_lock),
        alarms.on_dead_letters(dead_letters),
        *(
            alarm
            for step, section in _UNREPORTED_STEPS.items()
            for alarm in _unreported_step_alarms(alarms, step, steps[step], section)
        ),
        alarms.add(
            "undelivered-messages",
            topic.metric_number_of_notifications_failed(statistic="Sum", period=FIVE_MINUTES),
            "SNS could not deliver a message to a queue, a function or an https address that subscribes. The other "
            "subscribers have it. Look at the subscriber's policy.",
            section="announcements",
        ),
        *(alarms.on_rule(rule, bus=bus) for rule, bus in rules.items()),
    ]
    dashboard(
        scope,
        alarms=made,
        state_machine=state_machine,
        errors=errors,
        dead_letters=depth_of(dead_letters),
        oldest_lock=oldest_lock,
        longest_lock=longest_execution,
        runbook=runbook,
    )


def _promotion_alarms(
    alarms: Alarms, state_machine: sfn.StateMachine, longest_execution: Duration, oldest_lock: cloudwatch.Metric
) -> list[cloudwatch.Alarm]:
    """A refusal is no alarm: nothing was touched, and who asked is told. ExecutionsFailed counts refusals too."""
    return [
        alarms.add(
            "rolled-back",
            outcome_count(RolledBack.__name__),
            "What failed after the endpoint's change was taken back. What served before serves; of a new endpoint, "
            "nothing. It need not be the model: the error's name in the announcement says what to do.",
            section="rolledback",
        ),
        alarms.add(
            "errored",
            outcome_count(Errored.__name__),
            "A promotion could not be done. What serves is said by the error's name: look there first.",
            section="errored",
        ),
        alarms.add(
            "timed-out",
            state_machine.metric_timed_out(statistic="Sum", period=FIVE_MINUTES),
            "Step Functions ended a promotion that was past every deadline. No state could tell of it, and SageMaker "
            "goes on alone with what was begun. Look at what serves.",
            section="the-execution-was-stopped-or-timed-out",
        ),
        alarms.add(
            "throttled",
            state_machine.metric_throttled(statistic="Sum", period=FIVE_MINUTES),
            "Step Functions has held up promotions for a quarter of an hour: more state transitions than the account "
            "may. Deadlines pass meanwhile. Look at who else uses Step Functions, or ask for a higher quota.",
            section="alarms",
            periods=3,
        ),
        alarms.add(
            "lock-held-too-long",
            oldest_lock,
            "An endpoint is locked longer than any promotion may take, so its owner is gone; or locks have not been "
            "measured for a quarter of an hour. Find the lock and its owner.",
            section="a-lock-that-is-held-too-long",
            above=longest_execution.to_seconds(),
            # One measurement that comes late or fails is none; three are a fault that would hide a lock.
            periods=3,
            missing=cloudwatch.TreatMissingData.BREACHING,
        ),
    ]


def _unreported_step_alarms(
    alarms: Alarms, step: Step, function: StepFunction, section: str
) -> Iterator[cloudwatch.Alarm]:
    name = resource_names.function(step)
    title = name.removeprefix(f"{resource_names.PRODUCT}-")
    yield alarms.add(
        f"{title}-failed",
        _errors_of(function),
        f"The step {step.value} failed, and no promotion says so: it has ended, or ends with the error that came "
        f"first. Read /aws/lambda/{name}. A later try may have done it.",
        section=section,
    )
    yield alarms.add(
        f"{title}-throttled",
        function.function.metric_throttles(statistic="Sum", period=FIVE_MINUTES),
        f"The step {step.value} was not run for lack of Lambda concurrency in the hub, and no promotion says so. It "
        "is tried again, but not for ever. Free some or raise the account's limit.",
        section=section,
    )


def _errors_of(function: StepFunction) -> cloudwatch.Metric:
    return function.function.metric_errors(statistic="Sum", period=FIVE_MINUTES)
