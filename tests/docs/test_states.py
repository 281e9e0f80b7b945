"""docs/states.md: each row of the table says of its state what the definition and the step's code say."""

from __future__ import annotations

import json
import re
from functools import cache

import botocore.session
import pytest
from botocore import xform_name

from docs.generate.call_graph import CallGraph
from docs.generate.states import State, golden
from lambdas.promotion.contract.errors import every_error
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Step
from tests.docs import pages

PAGE = pages.text_of("states.md")
ROWS = {row[0].strip("*"): row for row in pages.rows(PAGE, "state")}
STATES = {title: state for title, state in golden().items() if title in ROWS}
ERRORS = {error.__name__ for error in every_error()}
IN_ANY_STEP = set(pages.in_code_marks(pages.section(PAGE, "What any step can end with"))) & ERRORS
# What the code of a step mentions, and the state does not end with, by the reason.
CAUGHT = {
    "Compare the endpoint": {"NothingToRollBackTo"},  # it becomes Superseded
    "Verify the artifacts": {"UnsupportedModel"},  # ArtifactMismatch
    "Verify a work unit": {"UnsupportedModel"},  # ArtifactMismatch
    "Run the preflight checks": {"PayloadUnusable"},  # a finding
}
NOT_OF_THIS_STATE = {
    "Delete the preview endpoint": {"QuotaExceeded"},  # of a creation
    "Explain the failure": {"RollbackFailed"},  # what it explains
}
# The failure of a rollback, and of what follows a failure, is reported as, or with, the first one (outcome/
# failure_explanation.py).
REPORTED_AS = {
    "Roll back the endpoint": {"RollbackFailed"},
    "Suspend scaling for the rollback": {"RollbackFailed"},
    "Resume scaling after the failure": set[str](),
}
SERVICES = ("sagemaker", "sagemaker-runtime", "s3", "ecr", "dynamodb", "stepfunctions", "application-autoscaling")


@cache
def operations() -> dict[str, str]:
    """The operations of the services by the names of their client's methods."""
    session = botocore.session.get_session()
    names = [name for service in SERVICES for name in session.get_service_model(service).operation_names]
    return {xform_name(name): name for name in names}


@cache
def errors_in_code(step: Step) -> set[str]:
    return graph().errors_of(f"lambdas.handlers.{step.value}")


@cache
def operations_in_code(step: Step) -> set[str]:
    words = graph().words_of(f"lambdas.handlers.{step.value}")
    return {name for method, name in operations().items() if method in words}


@cache
def graph() -> CallGraph:
    return CallGraph()


def errors_in_definition(state: State) -> set[str]:
    """The errors that the state machine makes itself, in what a state outputs when it catches another."""
    outputs = json.dumps([catcher.get("Output") for catcher in state.body.get("Catch", [])])
    return set(re.findall(r"'(\w+)'", outputs)) & ERRORS


def worker(state: State) -> str:
    """As whom a state calls AWS: roles of the environments, the hub's own, or none."""
    if state.step:
        roles = sorted(role for role, steps in STEPS_BY_ROLE.items() if state.step in steps)
        return ", ".join(roles) or "hub"
    return "state machine" if state.call or "ItemReader" in state.body else ""


def test_the_table_has_the_rows_that_are_compared() -> None:
    assert len(STATES) == len(ROWS) > 40
    assert {*CAUGHT, *NOT_OF_THIS_STATE, *REPORTED_AS} <= set(STATES)


@pytest.mark.parametrize("title", STATES)
def test_a_state_works_as_the_roles_of_its_step(title: str) -> None:
    written = ROWS[title][1]
    if STATES[title].step is Step.PREFLIGHT:
        assert written == "each role of the later states"
        return
    named = sorted(part.strip().partition(", for")[0] for part in re.split(r"; |, (?!for)", written))
    assert ", ".join(named) == worker(STATES[title])


@pytest.mark.parametrize("title", STATES)
def test_a_state_can_end_with_the_errors_of_its_code(title: str) -> None:
    state, named = STATES[title], set(pages.in_code_marks(ROWS[title][4]))
    raised = errors_in_code(state.step) - IN_ANY_STEP if state.step else set[str]()
    raised -= CAUGHT.get(title, set()) | NOT_OF_THIS_STATE.get(title, set())
    assert named == REPORTED_AS.get(title, raised | errors_in_definition(state))


@pytest.mark.parametrize("title", [title for title, state in STATES.items() if state.step])
def test_a_state_makes_the_calls_that_its_row_names(title: str) -> None:
    step = STATES[title].step
    assert step
    words = set(re.findall(r"\w+", f"{ROWS[title][2]} {ROWS[title][3]}")) & set(operations().values())
    assert words <= operations_in_code(step)


@pytest.mark.parametrize(("title", "errors"), [*CAUGHT.items(), *NOT_OF_THIS_STATE.items()])
def test_what_is_excepted_is_in_the_code(title: str, errors: set[str]) -> None:
    step = STATES[title].step
    assert step
    assert errors <= errors_in_code(step)


def test_the_errors_of_any_step_are_those_of_nearly_every_step() -> None:
    counts = {error: sum(error in errors_in_code(step) for step in Step) for error in ERRORS}
    assert {"AccessDenied", "CallRefused", "UnexpectedFault", "Throttled", "ServiceUnavailable"} <= IN_ANY_STEP
    assert {error for error, count in counts.items() if count >= len(Step) - 1} <= IN_ANY_STEP
