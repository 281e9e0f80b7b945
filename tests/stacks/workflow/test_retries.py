"""Every retry ends within the time limit that contains it, computed from the definition and the settings.

AWS: Amazon States Language, Retry: the nth retry waits IntervalSeconds times BackoffRate to the power of n-1, at most
MaxDelaySeconds; each retrier counts its own retries.
"""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from lambdas.promotion.aws import sessions
from lambdas.promotion.contract import resource_names, time_limits
from lambdas.promotion.contract.errors import Transient, every_error
from lambdas.promotion.contract.smoke_test_settings import RESPONSE_SECONDS, STEP_SECONDS
from lambdas.promotion.contract.step_events import STEP
from lambdas.promotion.contract.steps import (
    CREATE_PREVIEW_STATE,
    LONG_RUNNING_STEPS,
    SUSPEND_SCALING_FOR_ROLLBACK_STATE,
    SUSPEND_SCALING_STATE,
    Step,
)
from lambdas.promotion.images import copy as image_copy
from lambdas.promotion.images import layers
from lambdas.promotion.outcome import reconciliation
from lambdas.promotion.preview.state import LONGEST_DELETION
from stacks.config.load import load
from stacks.hub.state_machine import longest_execution
from tests import PROJECT

Definition = dict[str, Any]
# What a run of a step lasts whose request hangs: the error then ends it.
HANGING = time_limits.CONNECT_TIMEOUT + time_limits.READ_TIMEOUT
TRANSIENT = {error.__name__ for error in every_error(Transient)}
SMOKE_TEST = "Smoke-test the endpoint"
UNLOCK = ("Unlock the endpoint", "Announce the outcome")
# The states that may follow each other after the stage's deadline, beside the choices between them.
ENDINGS = {
    "after a rollback": ("Resume scaling after the failure", "Explain the failure", "Record the promotion", *UNLOCK),
    "after a success that is not completed": (
        "Resume scaling",
        "Explain the failure",
        "Record the promotion",
        *UNLOCK,
    ),
    "after a success that is not recorded": (
        "Resume scaling",
        "Record the promotion",
        "Record the last known good and unlock the endpoint",
        "Record the promotion",
        *UNLOCK,
    ),
}


def delays(retrier: dict[str, Any]) -> timedelta:
    """How long a retrier waits in all; with jitter at most as long."""
    longest = retrier.get("MaxDelaySeconds", 99_999_999)
    waits = (
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt, longest)
        for attempt in range(retrier["MaxAttempts"])
    )
    return timedelta(seconds=sum(waits))


def longest(state: dict[str, Any], *, run: timedelta | None = None) -> timedelta:
    """How long a task may last if one reason makes it fail again and again.

    `run`: how long a run lasts that ends with an error of AWS; one that is killed lasts as long as the task.
    """
    whole = timedelta(seconds=state["TimeoutSeconds"])
    lasting: list[timedelta] = []
    for retrier in state["Retry"]:
        killed = {"States.Timeout", "States.ALL"} & set(retrier["ErrorEquals"])
        lasting.append((retrier["MaxAttempts"] + 1) * (whole if killed or run is None else run) + delays(retrier))
    return max(lasting)


def following(definition: Definition, name: str) -> set[str]:
    """The states after one, through choices."""
    state = definition["States"][name]
    targets = {state.get("Next"), state.get("Default")}
    targets |= {branch["Next"] for branch in [*state.get("Choices", ()), *state.get("Catch", ())]}
    reached: set[str] = set()
    for target in targets - {None}:
        choice = definition["States"][target]["Type"] == "Choice"
        reached |= following(definition, target) if choice else {target}
    return reached


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_is_one_of_the_workflow(definition: Definition, ending: str) -> None:
    assert all(after in following(definition, before) for before, after in pairwise(ENDINGS[ending]))


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_concludes_a_promotion_after_its_deadline_ends_before_the_execution_does(
    definition: Definition, ending: str
) -> None:
    concluding = sum((longest(definition["States"][name], run=HANGING) for name in ENDINGS[ending]), timedelta())
    # One more poll before the smoke test begins, and one before the rollback is given up.
    poll = longest(definition["States"]["Roll back the endpoint"], run=HANGING) + timedelta(minutes=2)
    rollback = time_limits.LONGEST_ROLLBACK + 2 * poll
    assert longest(definition["States"][SMOKE_TEST]) + rollback + concluding < time_limits.EXECUTION_RESERVE
    preview = longest(definition["States"]["Smoke-test the preview endpoint"]) + LONGEST_DELETION + 2 * poll
    assert preview + concluding < time_limits.EXECUTION_RESERVE


def test_the_longest_retries_are_those_that_the_reserve_is_made_of(definition: Definition) -> None:
    assert longest(definition["States"][SMOKE_TEST]) < time_limits.LONGEST_SMOKE_TEST
    patient = [
        name
        for name, state in definition["States"].items()
        if any(retrier["MaxAttempts"] > 6 for retrier in state.get("Retry", ()))
    ]
    assert len(patient) == 4
    assert max(longest(definition["States"][name], run=HANGING) for name in patient) < time_limits.LONGEST_PATIENCE
    assert max(sum(name in patient for name in ending) for ending in ENDINGS.values()) == 3


def test_an_execution_and_its_lock_last_as_long_as_the_longest_deadline_and_the_reserve(definition: Definition) -> None:
    configuration = load(PROJECT / "sandbox" / "demo" / "promotion.yaml")
    stages = [stage for application in configuration.applications.values() for stage in application.stages.values()]
    seconds = max(stage.deadline_seconds for stage in stages) + time_limits.EXECUTION_RESERVE.total_seconds()
    assert definition["TimeoutSeconds"] == seconds == longest_execution(configuration).to_seconds()
    lease = definition["States"]["Lock the endpoint"]["Arguments"]["ExpressionAttributeValues"][":lease"]["S"]
    assert re.findall(r"\+ (\d+)\)", lease) == [f"{seconds * 1000:.0f}"]


def functions(templates: dict[str, Any]) -> dict[str, int]:
    """The time-outs of the hub's functions by their logical ids."""
    resources = templates[resource_names.hub_stack()]["Resources"].items()
    return {name: each["Properties"]["Timeout"] for name, each in resources if each["Type"] == "AWS::Lambda::Function"}


def invoked(definition: Definition, templates: dict[str, Any]) -> dict[str, tuple[dict[str, Any], int]]:
    """The states that invoke a function, with the seconds after which it ends: its time-out, or its step's limit."""
    timeouts = functions(templates)
    states = dict(definition["States"])
    for state in definition["States"].values():
        states |= state.get("ItemProcessor", {}).get("States", {})
    arns = {name: state.get("Arguments", {}).get("FunctionName", "") for name, state in states.items()}
    names = {name: arn.split(":")[-2] for name, arn in arns.items() if arn}
    return {name: (states[name], min(timeouts[names[name]], limit_of(states[name]))) for name in names}


def limit_of(state: dict[str, Any]) -> int:
    """After how many seconds a function of several steps ends this one (runtime/dispatch.py)."""
    is_long = Step(state["Arguments"]["Payload"][STEP]) in LONG_RUNNING_STEPS
    return (time_limits.LONGEST_INVOCATION if is_long else time_limits.SHORT_INVOCATION).seconds


def test_a_function_ends_before_its_state_gives_it_up(definition: Definition, templates: dict[str, Any]) -> None:
    states = invoked(definition, templates)
    assert len(states) > 20
    for name, (state, timeout) in states.items():
        assert state["TimeoutSeconds"] > timeout, name


def test_a_request_that_hangs_ends_before_its_function(definition: Definition, templates: dict[str, Any]) -> None:
    shortest = min(timeout for _, timeout in invoked(definition, templates).values())
    assert HANGING.total_seconds() * 1.5 < shortest
    reserve = time_limits.INVOCATION_RESERVE.total_seconds()
    # A request of a step that stops in time begins before the reserve.
    assert sessions._CONFIG.connect_timeout + sessions._RUNTIME_CONFIG.read_timeout <= reserve  # type: ignore[attr-defined]
    assert sessions._CONFIG.connect_timeout + sessions._CONFIG.read_timeout <= reserve  # type: ignore[attr-defined]
    assert RESPONSE_SECONDS < STEP_SECONDS
    assert layers.READ_SECONDS + time_limits.CONNECT_TIMEOUT.total_seconds() < image_copy._RESERVE_SECONDS
    longest_call = time_limits.CONNECT_TIMEOUT + time_limits.LONG_CALL_READ_TIMEOUT
    assert longest_call < time_limits.LONGEST_INVOCATION


@pytest.mark.parametrize("name", [SUSPEND_SCALING_STATE, SUSPEND_SCALING_FOR_ROLLBACK_STATE, CREATE_PREVIEW_STATE])
def test_what_a_stopped_execution_leaves_running_ends_within_the_grace_period(
    definition: Definition, templates: dict[str, Any], name: str
) -> None:
    """The cleanup waits so long before it undoes what the function may do still (outcome/aborted_cleanup.py)."""
    _, timeout = invoked(definition, templates)[name]
    assert timeout < time_limits.STOP_GRACE_PERIOD.total_seconds()


def test_an_execution_is_looked_for_until_every_delivery_of_its_event_is_over(templates: dict[str, Any]) -> None:
    rules = [
        each["Properties"]["Targets"][0]["RetryPolicy"]
        for each in templates[resource_names.hub_stack()]["Resources"].values()
        if each["Type"] == "AWS::Events::Rule" and each["Properties"].get("Name") == "promote-aborted"
    ]
    (retries,) = rules
    of_event = timedelta(seconds=retries["MaximumEventAgeInSeconds"])
    of_lambda = timedelta(hours=6)  # AWS: Lambda, "Error handling for asynchronous invocation"
    assert of_event + of_lambda + time_limits.LONGEST_INVOCATION < reconciliation._LOOKED_FOR


def test_every_step_retries_the_errors_that_pass(definition: Definition, templates: dict[str, Any]) -> None:
    for name, (state, _) in invoked(definition, templates).items():
        (retrier,) = [each for each in state["Retry"] if set(each["ErrorEquals"]) == TRANSIENT]
        # Longer than a new permission or a new configuration takes to be visible everywhere.
        assert delays(retrier) > timedelta(minutes=1), name
