"""The states spell no path and no key by hand: each is a field of the contract, and a renamed field is seen at once."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import sys
from typing import Any

import pytest
from jsonata import Jsonata

from lambdas.promotion.contract.document import Change, Copied, CopyPlan, Failure, PreviewEndpoint, Promotion, Request
from lambdas.promotion.contract.envelope import Announcement, Envelope, RecordedOutcome, StateError
from lambdas.promotion.contract.settings import CapacityRetries, Stage
from lambdas.promotion.contract.step_events import (
    LONGEST_INPUT,
    STEP,
    CopyImageEvent,
    CopyUnitEvent,
    FailedWorkUnit,
    RecordPromotionEvent,
    RollBackEvent,
    StepEvent,
    WorkUnitItem,
    read_input,
)
from lambdas.promotion.contract.steps import Step
from stacks.workflow.document_paths import (
    INPUT,
    arguments,
    bounded_input,
    construct,
    expression,
    literal,
    merge,
    path,
    payload_of,
)
from tests import PROJECT
from tests.stacks.workflow.states import synthesise

# What a state can get as its input.
INPUTS = (Promotion, Envelope, Request, CopyImageEvent, WorkUnitItem)
# What a step can answer where its state reads a part of it.
ANSWERS = (Promotion, RecordedOutcome, Failure, Copied)


def resolves(names: list[str], kinds: tuple[type, ...]) -> bool:
    for kind in kinds:
        value = path(kind)
        try:
            for name in names:
                value = getattr(value, name)
        except AttributeError:
            continue
        return True
    return False


def test_every_path_of_the_synthesised_definition_is_one_of_the_dataclasses(definition: dict[str, Any]) -> None:
    text = json.dumps(definition)
    inputs = set(re.findall(r"\$states\.input((?:\.\w+)*)", text))
    answers = set(re.findall(r"\$states\.result\.Payload((?:\.\w+)*)", text))
    assert len(inputs) > 30
    assert [names for names in sorted(inputs) if not resolves(names.split(".")[1:], INPUTS)] == []
    assert [names for names in sorted(answers) if not resolves(names.split(".")[1:], ANSWERS)] == []


def test_every_argument_of_a_step_is_a_field_of_an_event(definition: dict[str, Any]) -> None:
    events = {
        frozenset(field.name for field in dataclasses.fields(kind))
        for name, kind in vars(sys.modules[StepEvent.__module__]).items()
        if name.endswith("Event")
    }
    states = [*definition["States"].values()]
    states += [inner for state in states for inner in state.get("ItemProcessor", {}).get("States", {}).values()]
    payloads = [state["Arguments"]["Payload"] for state in states if "Payload" in state.get("Arguments", {})]
    assert len(payloads) > 20
    assert all(payload[STEP] in set(Step) for payload in payloads)
    assert [payload for payload in payloads if not any(set(payload) - {STEP} <= names for names in events)] == []


def test_only_one_module_of_the_stacks_writes_paths() -> None:
    """`$states` stands in document_paths.py alone, and no text looks like a key of a JSONata object."""
    spelled = {
        (file.name, node.value)
        for file in (PROJECT / "stacks").rglob("*.py")
        if file.name != "document_paths.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if "$states" in node.value or re.search(r"'\w+' ?: ", node.value)
    }
    assert spelled == set()


def renamed(kind: Any, old: str) -> type:
    """Return the dataclass with one field under another name, as after a rename in Python only."""
    assert old in {field.name for field in dataclasses.fields(kind)}
    fields = [
        (
            "renamed" if field.name == old else field.name,
            field.type,
            dataclasses.field(default=field.default, default_factory=field.default_factory),
        )
        for field in dataclasses.fields(kind)
    ]
    other = dataclasses.make_dataclass(kind.__name__, fields, frozen=True, kw_only=True)
    other.__module__ = kind.__module__
    return other


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (Change, "poll_count"),
        (Change, "progress"),
        (CapacityRetries, "wait_seconds"),
        (Stage, "autoscaling"),
        (CopyPlan, "work_units"),
        (PreviewEndpoint, "progress"),
        (Request, "roll_back"),
        (Promotion, "suspended_scaling"),
        (Envelope, "scaling_failed"),
        (Envelope, "interrupted"),
        (StateError, "Cause"),
        (Failure, "cause"),
        (Announcement, "subject"),
        (StepEvent, "retry_count"),
        (RollBackEvent, "error_name"),
        (CopyUnitEvent, "work_unit"),
        (FailedWorkUnit, "failed"),
        (RecordPromotionEvent, "execution"),
    ],
)
def test_a_field_renamed_in_python_only_breaks_the_synthesis(
    kind: Any, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = renamed(kind, field)
    for name, module in list(sys.modules.items()):
        if name.startswith(("lambdas.promotion.contract.", "stacks.workflow.")):
            for attribute in [key for key, value in vars(module).items() if value is kind]:
                monkeypatch.setattr(module, attribute, other)
    with pytest.raises(AttributeError, match=rf"{kind.__name__} (has no field {field}|needs the field renamed)"):
        synthesise()


def test_the_unchanged_contract_synthesises() -> None:
    """Else the test above would prove nothing."""
    assert "Deploy the endpoint" in synthesise()


# The expressions


def test_a_path_follows_optional_fields_and_the_items_of_arrays() -> None:
    assert str(path(Promotion).change.poll_count) == "$states.input.change.poll_count"
    assert str(path(Promotion).images.target) == "$states.input.images.target"
    assert str(payload_of(Promotion).stage.capacity_retries) == "$states.result.Payload.stage.capacity_retries"


def test_a_path_does_not_go_into_a_value_without_fields() -> None:
    with pytest.raises(AttributeError, match=r"\$states\.input\.digest is str, which has no fields"):
        path(Promotion).digest.letters  # noqa: B018


def test_an_object_has_every_field_without_a_default() -> None:
    assert construct(StateError, Error=literal("E")) == "{'Error': 'E'}"
    with pytest.raises(AttributeError, match="Failure needs the field cause"):
        construct(Failure, error="'E'", family="'F'")
    with pytest.raises(AttributeError, match="StepEvent has no field attempt"):
        arguments(StepEvent, promotion=path(Promotion), attempt="1")


def test_a_field_takes_only_a_value_of_its_own_type() -> None:
    assert merge(Envelope, promotion=payload_of(Promotion)) == (
        "$merge([$states.input, {'promotion': $states.result.Payload}])"
    )
    with pytest.raises(TypeError, match=r"Envelope\.promotion is Promotion, but .* is Change"):
        merge(Envelope, promotion=path(Promotion).change)


def test_a_literal_that_would_end_early_is_refused() -> None:
    assert expression(literal("Busy")) == "{% 'Busy' %}"
    with pytest.raises(ValueError, match="quotation mark"):
        literal("it's")


def handed_on(raw: object) -> str:
    """The text of an input that a state hands on to its step."""
    expression = Jsonata(bounded_input(INPUT))
    expression.assign("states", {"input": raw})
    return str(expression.evaluate(None))


@pytest.mark.parametrize(
    "raw",
    [None, True, 7, 7.5, "", "qa", [], [1], {}, {"stage": "qa"}, {"a": {"b": [None]}}, {"a": "\ud83d"}, "x" * 3_900],
    ids=lambda raw: str(raw)[:20],
)
def test_an_input_reaches_its_step_as_it_is(raw: object) -> None:
    assert read_input(handed_on(raw)).value == raw
    assert read_input(handed_on(raw)).problem is None


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ({"application": "reviews", "stage": "qa", "x": "y" * 5_000}, {"application": "reviews", "stage": "qa"}),
        ({"application": "reviews", "model_package_arn": "7" * 262_000}, {"application": "reviews"}),
        ({"application": "a" * 64, "stage": ["qa"], "x": "y" * 5_000}, {}),
        ({f"x{number}": number for number in range(20_000)}, {}),
        (["x" * 262_000], None),
        ("x" * 262_000, None),
    ],
    ids=lambda raw: str(raw)[:40],
)
def test_of_an_input_that_is_too_long_a_step_gets_the_names_of_its_stage(raw: object, kept: object) -> None:
    text = handed_on(raw)
    assert len(text) <= LONGEST_INPUT
    assert read_input(text).value == kept
    assert f"more than {LONGEST_INPUT}" in str(read_input(text).problem)
