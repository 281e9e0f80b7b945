"""docs/reference/errors.md: every error with its family, meaning and steps, from contract/errors.py and the code."""

from __future__ import annotations

from collections import defaultdict

from docs.generate.call_graph import CallGraph
from docs.generate.markdown import code, header, paragraph, table
from lambdas.promotion.contract.errors import Errored, PromotionError, Refused, RolledBack, Transient, every_error
from lambdas.promotion.contract.steps import Step

FAMILIES: tuple[type[PromotionError], ...] = (Refused, RolledBack, Errored, Transient)
_INTRODUCTION = (
    "Every error of a promotion, by family. The name is the `error` of the execution, of the record and of the "
    "announcement, and links to the runbook. *Raised by* lists the steps whose code can raise the error, by the names "
    "that the code uses."
)
_RETRIED = {
    Refused: "Not retried.",
    RolledBack: "Not retried.",
    Errored: "Not retried.",
    Transient: "Retried six times by the workflow; then the outcome is Errored, or RolledBack after a change.",
}


def errors_of(family: type[PromotionError]) -> list[type[PromotionError]]:
    """Return a family's errors by name; those that are retried are a family of their own."""
    transient = set() if family is Transient else set(every_error(Transient))
    return sorted(set(every_error(family)) - transient, key=lambda error: error.__name__)


def steps_by_error() -> dict[str, list[Step]]:
    """Return the steps whose code can raise each error."""
    graph = CallGraph()
    steps: dict[str, list[Step]] = defaultdict(list)
    for step in Step:
        for error in graph.errors_of(f"lambdas.handlers.{step.value}"):
            steps[error].append(step)
    return steps


def render() -> str:
    """Return the page."""
    steps = steps_by_error()
    text = header("Errors", __name__, _INTRODUCTION)
    for family in FAMILIES:
        rows = [
            (
                f"[{error.__name__}](../runbooks/{error.__name__}.md)",
                " ".join((error.__doc__ or "").split()),
                _raised_by(steps.get(error.__name__, [])),
            )
            for error in errors_of(family)
        ]
        meaning = " ".join((family.__doc__ or "").split())
        text += f"\n## {family.__name__}\n\n" + paragraph(f"{meaning} {_RETRIED[family]}") + "\n"
        text += table(("error", "meaning, and what to do", "raised by"), rows)
    return text


def _raised_by(steps: list[Step]) -> str:
    others = [step for step in Step if step not in steps]
    if len(others) <= 3:
        return f"every step but {code(step.value for step in others)}" if others else "every step"
    return code(step.value for step in steps) or "the state machine"
