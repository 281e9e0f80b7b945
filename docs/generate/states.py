"""docs/reference/states.md: every state of the state machine, from the golden definition.

A test keeps the golden definition equal to what is synthesised.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docs.generate.markdown import code, header, table
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.errors import Transient, every_error
from lambdas.promotion.contract.step_events import STEP
from lambdas.promotion.contract.steps import Step

DEFINITION = Path(__file__).parents[2] / "tests" / "stacks" / "workflow" / "golden" / "promotion.asl.json"
_INTRODUCTION = (
    "Every state of the state machine `promote`, by phase. A retry group is a list of errors and its number of "
    "retries: *transient* are the errors that [errors](errors.md) calls retried, *Lambda* are failures of the service, "
    "*terminated* are functions that were killed and timeouts, *service* are failures of DynamoDB and SNS."
)
# The phases of a promotion in order, with the titles of their states.
PHASES: Mapping[str, tuple[str, ...]] = {
    "resolve": ("Is it a rollback?", "Resolve the model", "Resolve the rollback", "Is it a dry run?"),
    "lock": ("Lock the endpoint", "Check the lock", "Wait for the lock"),
    "preflight": (
        "Compare the endpoint",
        "Is there anything to do?",
        "Run the preflight checks",
        "Was only a plan requested?",
    ),
    "copy": (
        "Copy the images",
        "Copy an image",
        "Is the copy planned?",
        "Plan the copy",
        "Is there anything to copy?",
        "Copy the only work unit",
        "Copy the artifacts",
        "Copy a work unit",
        "Work unit failed",
        "Was every work unit copied?",
        "Complete the copy",
        "Is anything left to receive?",
        "Are there many copies to verify?",
        "Verify the copies",
        "Verify a work unit",
        "Verification failed",
        "Was every work unit verified?",
        "Verify the artifacts",
        "Abort the uploads",
    ),
    "create": (
        "Create the model",
        "Create the endpoint configuration",
        "Is a preview required?",
        "Create the preview endpoint",
        "Is the preview endpoint in service?",
        "Wait for the preview endpoint",
        "Wait for the preview endpoint without events",
        "Smoke-test the preview endpoint",
        "Delete the preview endpoint",
        "Is the preview endpoint deleted?",
        "Wait for the deletion",
    ),
    "deploy": (
        "Confirm the lock",
        "Confirm the approval",
        "Deploy the endpoint",
        "Is another change in progress?",
        "Wait for the other change",
        "Suspend scaling",
        "Wait for the scaling deregistration",
        "Wait for the endpoint",
        "Wait for the endpoint without events",
        "Inspect the endpoint",
        "Is the endpoint in service?",
        "Wait for capacity",
        "Smoke-test the endpoint",
        "Is scaling to be resumed?",
        "Resume scaling",
        "Roll back the endpoint",
        "Suspend scaling for the rollback",
        "Is it rolled back?",
        "Wait for the rollback",
        "Wait for the rollback without events",
        "Resume scaling after the failure",
    ),
    "conclude": (
        "Explain the failure",
        "Record the promotion",
        "Is the endpoint locked?",
        "Record the last known good and unlock the endpoint",
        "Unlock the endpoint",
        "Is the outcome to be announced?",
        "Announce the outcome",
        "What is the outcome?",
        "Promoted",
        "Unchanged",
        "Planned",
        "Promotion failed",
    ),
}
_TRANSIENT = {error.__name__ for error in every_error(Transient)}


@dataclass(frozen=True)
class State:
    """A state of the definition with its title."""

    title: str
    body: Mapping[str, Any]

    @property
    def step(self) -> Step | None:
        """The step that the state invokes."""
        step = self.body.get("Arguments", {}).get("Payload", {}).get(STEP)
        return Step(step) if step else None

    @property
    def call(self) -> str:
        """What the state calls, if it is no step."""
        resource = str(self.body.get("Resource", "")).rpartition(":::")[2]
        return "" if self.step else resource


def states(definition: Mapping[str, Any]) -> Iterator[State]:
    """Yield every state, also those within a Map or a Parallel."""
    for title, body in definition["States"].items():
        yield State(title, body)
        for inner in [body.get("ItemProcessor"), *body.get("Branches", [])]:
            if inner:
                yield from states(inner)


def golden() -> dict[str, State]:
    """Return the states of the golden definition by their titles."""
    return {state.title: state for state in states(json.loads(DEFINITION.read_text()))}


def render() -> str:
    """Return the page."""
    by_title = golden()
    text = header("States", __name__, _INTRODUCTION)
    for phase, titles in PHASES.items():
        rows = [_row(by_title[title]) for title in titles]
        text += f"\n## {phase.title()}\n\n" + table(
            ("state", "type", "calls", "timeout", "retries", "catches", "next"), rows
        )
    return text


def _row(state: State) -> tuple[str, ...]:
    calls = f"`{resource_names.function(state.step)}`" if state.step else (f"`{state.call}`" if state.call else "")
    timeout = state.body.get("TimeoutSeconds")
    return (
        state.title,
        state.body["Type"],
        calls,
        f"{timeout} s" if timeout else "",
        "; ".join(f"{_group(retry['ErrorEquals'])}: {retry['MaxAttempts']}" for retry in state.body.get("Retry", [])),
        "; ".join(f"{_group(catch['ErrorEquals'])} → {catch['Next']}" for catch in state.body.get("Catch", [])),
        _next(state.body),
    )


def _group(names: list[str]) -> str:
    """Return a list of errors by what it consists of."""
    groups = (
        ("transient", set(names) & _TRANSIENT),
        ("Lambda", {name for name in names if name.startswith("Lambda.") and name.endswith("Exception")}),
        (
            "terminated",
            {name for name in names if name in {"Lambda.Unknown", "Runtime.OutOfMemory", "Sandbox.Timedout"}},
        ),
        ("service", {name for name in names if name.startswith(("DynamoDB.", "SNS."))}),
    )
    if len(names) == 1:
        return "any error" if names == ["States.ALL"] else f"`{names[0]}`"
    parts = [title for title, members in groups if members]
    return " and ".join(parts) if parts else code(names)


def _next(body: Mapping[str, Any]) -> str:
    targets = [*(choice["Next"] for choice in body.get("Choices", [])), body.get("Default"), body.get("Next")]
    return ", ".join(dict.fromkeys(target for target in targets if target)) or "end"
