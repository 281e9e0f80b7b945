"""docs/how-it-works.md and docs/states.md: the drawing is the definition's, and no state or error is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from docs import draw_workflow
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract import steps as contract_steps
from lambdas.promotion.contract.document import Outcome
from lambdas.promotion.contract.errors import every_error
from lambdas.promotion.contract.steps import Step
from lambdas.promotion.contract.time_limits import EXECUTION_RESERVE, LONGEST_ROLLBACK
from lambdas.promotion.rollback.state import MOST_ATTEMPTS
from stacks.workflow.lambda_task import LATER_POLL_INTERVAL, POLL_INTERVAL
from tests.docs import pages

PAGE = pages.text_of("how-it-works.md")
STATES_PAGE = pages.text_of("states.md")
DEFINITION: dict[str, Any] = json.loads(draw_workflow.DEFINITION.read_text())
# What the drawing may consist of: the kind of diagram, nodes, edges, classes.
ID = r"[a-z][a-z0-9_]*"
TEXT = r'"[^"\[\]{}]+"'
NODE = rf"{ID}(\[{TEXT}\]|\[\[{TEXT}\]\]|\{{{TEXT}\}}|\(\[{TEXT}\]\)|\(\({TEXT}\)\)|\(\( \)\))"
LINE = re.compile(
    rf"flowchart TD|    ({NODE}|({NODE}|{ID}) (-->|-\.->)(\|{TEXT}\|)? {ID}|classDef \w+ [\w:#,-]+|class [\w,]+ \w+)"
)


def states(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def diagrams() -> list[str]:
    """The diagrams of the drawing: all phases, then each."""
    return pages.blocks(draw_workflow.drawn_in(PAGE), "mermaid")


def test_every_function_and_node_is_drawn_once_among_the_accounts() -> None:
    drawing = next(block for block in pages.blocks(PAGE, "mermaid") if "subgraph hub" in block)
    functions = re.findall(r"promote-[a-z-]+", " ".join(re.findall(r'\["(promote-[^"]+)"\]', drawing)))
    assert sorted(functions) == sorted({resource_names.function(step) for step in Step})
    nodes = re.findall(r"(\w+)(?:\[|\()", drawing)
    assert len(nodes) == len(set(nodes))


def test_the_drawing_in_the_page_is_the_one_of_the_definition() -> None:
    """Run `python -m docs.draw_workflow` after a change of the workflow."""
    assert draw_workflow.drawn_in(PAGE) == draw_workflow.draw(DEFINITION)


def test_every_state_is_in_the_drawing() -> None:
    drawing = draw_workflow.drawn_in(PAGE)
    assert [name for name, _ in states(DEFINITION) if name not in drawing] == []


def test_the_first_diagram_shows_the_seven_phases() -> None:
    overview, *phases = diagrams()
    assert re.findall(r'\["(\d\. \w+)"\]', overview) == [
        f"{number}. {phase}" for number, phase in enumerate(draw_workflow.PHASES, start=1)
    ]
    assert len(phases) == len(draw_workflow.PHASES) == 7


def test_every_state_is_built_by_the_file_of_its_phase() -> None:
    also = {"create": ("preview",), "deploy": ("rollback",), "conclude": ("lock", "announce")}
    also["deploy"] += ("lock",)
    folder = pages.DOCS.parent / "stacks" / "workflow"
    sources = {
        phase: "".join((folder / f"{name}.py").read_text() for name in (phase, *also.get(phase, ())))
        for phase in draw_workflow.PHASES
    }
    constants = {value: name for name, value in vars(contract_steps).items() if name.endswith("_STATE")} | {
        outcome.value: f"Outcome.{outcome.name}" for outcome in Outcome
    }
    elsewhere = [
        name
        for name, phase in draw_workflow.phases_of(DEFINITION).items()
        if f'"{name}"' not in sources[phase] and constants.get(name, name) not in sources[phase]
    ]
    assert elsewhere == []


def test_every_transition_is_in_the_drawing() -> None:
    drawing = "\n".join(diagrams()[1:])
    wanted = sum(
        len(state.get("Choices", [])) + ("Default" in state) + ("Next" in state)
        for state in DEFINITION["States"].values()
    )
    assert len(re.findall(r" --> | -->\|", drawing)) == wanted + 1  # one leads to the first state


def test_every_line_of_the_drawing_is_mermaid() -> None:
    assert [line for diagram in diagrams() for line in diagram.splitlines() if not LINE.fullmatch(line)] == []


def test_every_arrow_of_a_diagram_leads_to_a_node_that_is_drawn() -> None:
    for drawing in diagrams():
        nodes = set(re.findall(rf"^    ({ID})[\[{{(]", drawing, re.MULTILINE))
        assert set(re.findall(rf"({ID})$", "\n".join(re.findall(r".*-->.*|.*-\.->.*", drawing)), re.MULTILINE)) <= nodes


def test_every_state_is_explained_but_those_that_only_end_choose_or_wait_for_the_usual_time() -> None:
    rows = [row[0].strip("*") for row in pages.rows(STATES_PAGE, "state")]
    explained = set(rows)
    assert len(rows) == len(explained)
    every_state = dict(states(DEFINITION))
    assert explained <= set(every_state)
    usual = f"? {LATER_POLL_INTERVAL.to_seconds():.0f} : {POLL_INTERVAL.to_seconds():.0f} %}}"
    for name in set(every_state) - explained:
        state = every_state[name]
        assert state["Type"] in {"Succeed", "Choice"} or str(state.get("Seconds", "")).endswith(usual), name


def test_every_error_is_named_where_it_can_happen() -> None:
    named = set(pages.in_code_marks(STATES_PAGE))
    assert {error.__name__ for error in every_error()} <= named


def test_the_numbers_of_a_rollback_are_the_codes() -> None:
    page = (pages.DOCS / "how-it-works.md").read_text()
    assert f"{EXECUTION_RESERVE.total_seconds() / 3600:g} hours more" in page
    words = {3: "three", 9: "nine"}
    attempts, hours = words[MOST_ATTEMPTS], words[round(LONGEST_ROLLBACK.total_seconds() / 3600)]
    assert f"at most {attempts} times" in (pages.DOCS / "operations.md").read_text()
    runbook = (pages.DOCS / "runbooks" / "RollbackFailed.md").read_text()
    assert f"{attempts} updates back, or {hours} hours passed" in runbook
