"""How a promotion ends, well or badly: it is recorded, the endpoint is unlocked, people are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract.document import Outcome
from lambdas.promotion.contract.errors import Errored, RecordNotWritten
from lambdas.promotion.contract.resource_names import Step
from stacks.workflow import lock as lock_phase
from stacks.workflow.announce import announce_outcome
from stacks.workflow.lambda_task import StepFunction, condition, task
from stacks.workflow.tables import Tables

EXECUTION = {"arn": "{% $states.context.Execution.Id %}", "started_at": "{% $states.context.Execution.StartTime %}"}
# What leads to the record: the document alone of a promotion that ended well.
SUCCEEDED = "{% {'promotion': $states.input} %}"
# A member that is not there stays away (JSONata: object constructors).
_EXPLAINED = "{% {'promotion': $states.input.promotion, 'failure': $states.result.Payload} %}"
_UNEXPLAINED = (
    "{% {'promotion': $states.input.promotion, 'failure': {'error': $states.input.failed.Error, "
    f"'family': '{Errored.__name__}', "
    "'cause': $string($states.input.failed)}} %}"
)
# A dry run has no result.
_OUTCOME = (
    f"$states.input.promotion.request.dry_run = true ? '{Outcome.PLANNED}' : $states.input.promotion.result.outcome"
)


def _not_written(what: str) -> str:
    """Return the input with the failure of a good ending that is not written down."""
    return (
        "$merge([$states.input, {'failure': "
        f"{{'error': '{RecordNotWritten.__name__}', 'family': '{Errored.__name__}', "
        f"'cause': 'The promotion ended ' & ({_OUTCOME}) & ', and {what} ' & $string($states.errorOutput)}}}}])"
    )


# A failure keeps its name; a good ending without a record is none.
_UNRECORDED = (
    "{% $exists($states.input.failure) ? $states.input : "
    f"{_not_written('its record could not be written. Promote again: that writes it.')} %}}"
)
_KNOWN_GOOD_MESSAGE = "it could not be noted that the endpoint may go back to it. Promote again: that notes it."
_KNOWN_GOOD_NOT_RECORDED = f"{{% {_not_written(_KNOWN_GOOD_MESSAGE)} %}}"


@dataclass(frozen=True)
class Conclusion:
    """Where a promotion's ways lead to.

    `record`: of a promotion that ended well, with WELL. `explain`: with what failed, and the document if there is one.
    """

    record: sfn.IChainable
    explain: sfn.IChainable


def conclude(
    scope: Construct, steps: Mapping[Step, StepFunction], *, tables: Tables, outcomes: sns.ITopic
) -> Conclusion:
    """Return the common end of every way."""
    promoted = sfn.Succeed.jsonata(scope, Outcome.PROMOTED, outputs="{% $states.input.promotion.result %}")
    unchanged = sfn.Succeed.jsonata(scope, Outcome.UNCHANGED, outputs="{% $states.input.promotion.result %}")
    failed = sfn.Fail.jsonata(
        scope,
        "Promotion failed",
        error="{% $states.input.failure.error %}",
        cause="{% $states.input.failure.cause %}",
    )
    planned = sfn.Succeed.jsonata(scope, Outcome.PLANNED, outputs="{% $states.input.promotion.plan %}")
    outcome = sfn.Choice.jsonata(scope, "What is the outcome?")
    outcome.when(condition("$exists($states.input.failure)"), failed).when(
        condition(f"$states.input.promotion.result.outcome = '{Outcome.UNCHANGED}'"), unchanged
    ).when(condition("$states.input.promotion.request.dry_run = true"), planned).otherwise(promoted)
    announcement = sfn.Choice.jsonata(scope, "Is the outcome to be announced?")
    announcement.when(
        condition("$type($states.input.announcement) = 'object'"),
        announce_outcome(scope, outcomes, outcome, title="Announce the outcome"),
    ).otherwise(outcome)

    unlock = lock_phase.release_lock(scope, "Unlock the endpoint", tables.endpoints)
    record_and_unlock = lock_phase.release_lock(
        scope, "Record the last known good and unlock the endpoint", tables.endpoints, recording_last_known_good=True
    )
    # It was noted and its answer lost, or the lock was.
    record_and_unlock.add_catch(announcement, errors=[lock_phase.CONDITION_FAILED], outputs="{% $states.input %}")
    record_and_unlock.add_catch(announcement, errors=["States.ALL"], outputs=_KNOWN_GOOD_NOT_RECORDED)
    # The outcome stands whatever happens: a lock whose execution has ended holds nobody up (wait_for_lock.py).
    unlock.add_catch(announcement, errors=["States.ALL"], outputs="{% $states.input %}")
    for state in (unlock, record_and_unlock):
        state.next(announcement)
    lock_held = sfn.Choice.jsonata(scope, "Is the endpoint locked?")
    not_locked = "$exists($states.input.promotion) = false or $states.input.promotion.request.dry_run = true"
    lock_held.when(condition(not_locked), announcement).when(
        condition("$exists($states.input.failure)"), unlock
    ).otherwise(record_and_unlock)

    record = task(
        scope,
        "Record the promotion",
        steps[Step.RECORD_PROMOTION],
        payload={
            "input": "{% $states.context.Execution.Input %}",
            "execution": EXECUTION,
            "retry_count": "{% $states.context.State.RetryCount %}",
            "promotion": _or_null("promotion"),
            "failure": _or_null("failure"),
        },
        outputs="{% $merge([$states.input, $states.result.Payload]) %}",
        caught_by=lock_held,
        catch_output=_UNRECORDED,
    ).next(lock_held)
    explain = task(
        scope,
        "Explain the failure",
        steps[Step.EXPLAIN_FAILURE],
        payload={
            "failed": "{% $states.input.failed %}",
            "promotion": _or_null("promotion"),
            "rollback_failed": _or_null("rollback_failed"),
            "scaling_failed": _or_null("scaling_failed"),
            "preview_not_deleted": _or_null("preview_not_deleted"),
            "execution": EXECUTION,
        },
        outputs=_EXPLAINED,
        caught_by=record,
        catch_output=_UNEXPLAINED,
    ).next(record)
    return Conclusion(record=record, explain=explain)


def _or_null(field: str) -> str:
    return f"{{% $exists($states.input.{field}) ? $states.input.{field} : null %}}"
