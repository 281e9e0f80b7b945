"""Draw the state machine into docs/how-it-works.md, from its definition: `python -m docs.draw_workflow`.

First the seven phases as one diagram, then the states of each. The definition is
tests/stacks/workflow/golden/promotion.asl.json, which a test keeps equal to what is synthesised. Another test keeps the
page equal to what this program draws.
"""

from __future__ import annotations

import ast
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).parent.parent
DEFINITION = _PROJECT / "tests" / "stacks" / "workflow" / "golden" / "promotion.asl.json"
PAGE = _PROJECT / "docs" / "how-it-works.md"
BEGIN = "<!-- Drawn by docs/draw_workflow.py from the definition: do not edit. -->"
END = "<!-- End of the drawing. -->"
# Each phase with the states to which other phases lead; the first one is its beginning. What can be reached from them
# without entering another phase belongs to it.
PHASES = {
    "resolve": ("Is it a rollback?",),
    "lock": ("Lock the endpoint",),
    "preflight": ("Compare the endpoint",),
    "copy": ("Copy the images",),
    "create": ("Create the model",),
    "deploy": ("Confirm the lock", "Is scaling to be resumed?"),
    "conclude": ("Explain the failure", "Record the promotion"),
}
_SOURCES = _PROJECT / "stacks" / "workflow"

State = Mapping[str, Any]
# How Mermaid writes a node of each type (https://mermaid.js.org/syntax/flowchart.html).
_SHAPES = {
    "Choice": ('{"', '"}'),
    "Map": ('[["', '"]]'),
    "Parallel": ('[["', '"]]'),
    "Wait": ('(["', '"])'),
    "Succeed": ('(("', '"))'),
    "Fail": ('(("', '"))'),
}
_BOX = ('["', '"]')
_STYLES = {
    "Succeed": "stroke:#2a7d2a,stroke-width:3px",
    "Fail": "stroke:#b02020,stroke-width:3px",
    "Other": "stroke-dasharray:4",
}
# A condition that compares one field with one or more values.
_ALTERNATIVES = r"([\w.]+) = '[^']*'( or \1 = '[^']*')*"


def draw(definition: Mapping[str, Any]) -> str:
    """Return a definition in Amazon States Language as Markdown with a Mermaid flowchart of all phases and of each."""
    phases = phases_of(definition)
    diagrams = [f"```mermaid\n{_overview(definition, phases)}\n```"]
    for number, phase in enumerate(PHASES, start=1):
        diagrams += [f"**{number}. {phase.capitalize()}**: {purpose(phase)}", _diagram(definition, phases, phase)]
    return "\n\n".join(diagrams)


def phases_of(definition: Mapping[str, Any]) -> dict[str, str]:
    """Return the phase of each state. Raises ValueError if a state has none or two."""
    states: Mapping[str, State] = definition["States"]
    entries = {name: phase for phase, names in PHASES.items() for name in names}
    phases = dict(entries)
    waiting = deque(entries)
    while waiting:
        name = waiting.popleft()
        for following in _following(states[name]):
            if following not in phases:
                phases[following] = phases[name]
                waiting.append(following)
            elif phases[following] != phases[name] and following not in entries:
                raise ValueError(f"{following} belongs to two phases: make it an entry of one in PHASES.")
    missing = set(states) - set(phases)
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))} belong to no phase: add an entry to PHASES.")
    return phases


def purpose(phase: str) -> str:
    """Return what the phase does, as its file in stacks/workflow says it: "Phase 1, resolve: ..."."""
    docstring = ast.get_docstring(ast.parse((_SOURCES / f"{phase}.py").read_text())) or ""
    _, _, text = docstring.partition(f"{phase}: ")
    if not text:
        raise ValueError(f"The docstring of stacks/workflow/{phase}.py does not begin with its phase.")
    return text.splitlines()[0]


def drawn_in(page: str) -> str:
    """Return the drawing in the page: what is between the two marks."""
    drawing = re.search(rf"{re.escape(BEGIN)}\n\n(.*?)\n\n{re.escape(END)}", page, re.DOTALL)
    if not drawing:
        raise ValueError(f"{PAGE} has no drawing between its two marks.")
    return drawing[1]


def main() -> None:
    """Replace the drawing in the page."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE} must have the marks {BEGIN!r} and {END!r}.")
    PAGE.write_text(f"{before}{BEGIN}\n\n{draw(json.loads(DEFINITION.read_text()))}\n\n{END}{after}")


def _overview(definition: Mapping[str, Any], phases: Mapping[str, str]) -> str:
    """Draw the transitions between phases, and of the errors only those that lead on to another phase."""
    lines = ["flowchart TD", f"    begin(( )) --> {_id(phases[definition['StartAt']])}"]
    lines += [f'    {_id(phase)}["{number}. {phase}"]' for number, phase in enumerate(PHASES, start=1)]
    transitions: dict[tuple[str, str], None] = {}
    for name, state in definition["States"].items():
        for following in _following(state, caught=False):
            if phases[following] != phases[name]:
                transitions[phases[name], phases[following]] = None
    order = list(PHASES)
    lines += [
        f"    {_id(before)} --> {_id(after)}"
        for before, after in sorted(transitions, key=lambda pair: (order.index(pair[0]), order.index(pair[1])))
    ]
    failing = {
        phases[name]: phases[catcher["Next"]]
        for name, state in definition["States"].items()
        for catcher in state.get("Catch", [])
        if phases[catcher["Next"]] != phases[name]
    }
    lines += [f'    {_id(phase)} -.->|"error"| {_id(failing[phase])}' for phase in order if phase in failing]
    return "\n".join(lines)


def _diagram(definition: Mapping[str, Any], phases: Mapping[str, str], phase: str) -> str:
    """Draw the states of a phase, from its beginning on, and those of other phases to which they lead."""
    states: dict[str, State] = {name: definition["States"][name] for name, owner in phases.items() if owner == phase}
    lines = ["flowchart TD"]
    if definition["StartAt"] in states:
        lines += [f"    begin(( )) --> {_id(definition['StartAt'])}"]
    lines += [f"    {_node(name, state)}" for name, state in states.items()]
    leaving = dict.fromkeys(
        following for state in states.values() for following in _following(state) if following not in states
    )
    lines += [f'    {_id(name)}["{_text(name)}<br/>({phases[name]})"]' for name in leaving]
    lines += [f"    {edge}" for name, state in states.items() for edge in _arrows(name, state)]
    lines += [f"    {edge}" for name, state in states.items() for edge in _caught(name, state)]
    kinds = {kind: [_id(name) for name, state in states.items() if state["Type"] == kind] for kind in _STYLES}
    kinds["Other"] = [_id(name) for name in leaving]
    for kind, names in kinds.items():
        if names:
            lines += [f"    classDef {kind} {_STYLES[kind]}", f"    class {','.join(names)} {kind}"]
    return "```mermaid\n" + "\n".join(lines) + "\n```"


def _following(state: State, *, caught: bool = True) -> Iterator[str]:
    """Yield the states to which this one can lead, in Step Functions' order."""
    yield from (choice["Next"] for choice in state.get("Choices", []))
    yield from (state[key] for key in ("Default", "Next") if key in state)
    if caught:
        yield from (catcher["Next"] for catcher in state.get("Catch", []))


def _node(name: str, state: State) -> str:
    opening, closing = _SHAPES.get(state["Type"], _BOX)
    return f"{_id(name)}{opening}{_text('<br/>'.join([name, *_inner(state)]))}{closing}"


def _inner(state: State) -> Iterator[str]:
    """Yield the names of the states in a Map or a Parallel, which stand in its box."""
    for inner in [state.get("ItemProcessor", {}), *state.get("Branches", [])]:
        for name in inner.get("States", {}):
            yield f"{'each' if state['Type'] == 'Map' else 'at once'}: {name}"


def _arrows(name: str, state: State) -> Iterator[str]:
    for choice in state.get("Choices", []):
        yield f'{_id(name)} -->|"{_text(_choice_label(choice))}"| {_id(choice["Next"])}'
    if "Default" in state:
        yield f'{_id(name)} -->|"otherwise"| {_id(state["Default"])}'
    if "Next" in state:
        yield f"{_id(name)} --> {_id(state['Next'])}"


def _caught(name: str, state: State) -> Iterator[str]:
    for target in dict.fromkeys(catcher["Next"] for catcher in state.get("Catch", [])):
        if target != state.get("Next"):
            yield f'{_id(name)} -.->|"error"| {_id(target)}'


def _choice_label(choice: Mapping[str, Any]) -> str:
    """Return the values that a condition compares one field with, or the condition itself if it is not that simple."""
    condition = str(choice.get("Condition", "")).removeprefix("{%").removesuffix("%}").strip()
    condition = condition.replace("$states.input.", "").replace("$states.input", "the input")
    condition = re.sub(r"\$type\(([^)]*)\) = 'object'", r"\1 is an object", condition)
    return " or ".join(re.findall(r"'([^']*)'", condition)) if re.fullmatch(_ALTERNATIVES, condition) else condition


def _id(name: str) -> str:
    """Mermaid's ids are plain words; one of its own, such as `end`, must not be one, so each begins with `s_`."""
    return "s_" + re.sub(r"\W+", "_", name).strip("_").lower()


def _text(text: str) -> str:
    return text.replace('"', "#quot;")


if __name__ == "__main__":
    main()
