"""Draw the state machine into docs/how-it-works.md, from its definition: `python -m docs.draw_workflow`.

The definition is tests/stacks/workflow/golden/promotion.asl.json, which a test keeps equal to what is synthesised.
Another test keeps the page equal to what this program draws.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).parent.parent
DEFINITION = _PROJECT / "tests" / "stacks" / "workflow" / "golden" / "promotion.asl.json"
PAGE = _PROJECT / "docs" / "how-it-works.md"
BEGIN = "<!-- Drawn by docs/draw_workflow.py from the definition: do not edit. -->"
END = "<!-- End of the drawing. -->"

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
_ANY_ERROR = "any_error"


def draw(definition: Mapping[str, Any]) -> str:
    """Return a definition in Amazon States Language as a Mermaid flowchart.

    Catches are drawn once for each state that they lead to: nearly every state has the same.
    """
    states: Mapping[str, State] = definition["States"]
    lines = ["flowchart TD", f"    begin(( )) --> {_id(definition['StartAt'])}"]
    lines += [f"    {_node(name, state)}" for name, state in states.items()]
    lines += [f"    {edge}" for name, state in states.items() for edge in _arrows(name, state)]
    lines += [f"    {edge}" for edge in _caught(states)]
    for kind, style in (("Succeed", "stroke:#2a7d2a,stroke-width:3px"), ("Fail", "stroke:#b02020,stroke-width:3px")):
        of_kind = [_id(name) for name, state in states.items() if state["Type"] == kind]
        if of_kind:
            lines += [f"    classDef {kind} {style}", f"    class {','.join(of_kind)} {kind}"]
    return "\n".join(lines)


def drawn_in(page: str) -> str:
    """Return the drawing that stands in the page."""
    found = re.search(rf"{re.escape(BEGIN)}\n\n```mermaid\n(.*?)\n```\n\n{re.escape(END)}", page, re.DOTALL)
    if not found:
        raise ValueError(f"{PAGE} has no drawing between its two marks.")
    return found[1]


def main() -> None:
    """Replace the drawing in the page."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE} must have the marks {BEGIN!r} and {END!r}.")
    drawing = draw(json.loads(DEFINITION.read_text()))
    PAGE.write_text(f"{before}{BEGIN}\n\n```mermaid\n{drawing}\n```\n\n{END}{after}")


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


def _caught(states: Mapping[str, State]) -> Iterator[str]:
    caught_from: dict[str, list[str]] = defaultdict(list)
    for name, state in states.items():
        for catcher in state.get("Catch", []):
            if catcher["Next"] != state.get("Next"):
                caught_from[catcher["Next"]].append(name)
    most = max(map(len, caught_from.values()), default=0)
    for number, (target, names) in enumerate(caught_from.items()):
        if len(names) == 1:
            yield f'{_id(names[0])} -.->|"error"| {_id(target)}'
        else:
            which = "an error of any other step" if len(names) == most else f"an error of {', '.join(names)}"
            yield f'{_ANY_ERROR}_{number}["{_text(which)}"] -.-> {_id(target)}'


def _choice_label(choice: Mapping[str, Any]) -> str:
    """Return the values that a condition compares with, or the condition itself if it compares with none."""
    condition = str(choice.get("Condition", "")).removeprefix("{%").removesuffix("%}").strip()
    condition = condition.replace("$states.input.", "")
    return " or ".join(re.findall(r"'([^']*)'", condition)) or condition


def _id(name: str) -> str:
    """Mermaid's ids are plain words; one of its own, such as `end`, must not be one, so each begins with `s_`."""
    return "s_" + re.sub(r"\W+", "_", name).strip("_").lower()


def _text(text: str) -> str:
    return text.replace('"', "#quot;")


if __name__ == "__main__":
    main()
