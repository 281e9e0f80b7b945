"""The explanations of the mutants that may survive, in survivors.yaml.

It maps a module to its functions, a function to its explanations, and an explanation to the changes that it covers, in
the form of `Mutant.change`. A change names no line, so that it holds while the code around it moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.mutation.mutants import Mutant

PAGE = Path(__file__).with_name("survivors.yaml")


@dataclass(frozen=True)
class Explanation:
    module: str
    function: str
    change: str
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        return (self.module, self.function, self.change) == (mutant.module, mutant.function, mutant.change)


def explanations() -> Iterator[Explanation]:
    for module, functions in (yaml.safe_load(PAGE.read_text()) or {}).items():
        for function, reasons in functions.items():
            for reason, changes in reasons.items():
                yield from (Explanation(module, function, change, reason) for change in changes)


def unexplained(mutants: Iterable[Mutant], explained: Iterable[Explanation]) -> list[Mutant]:
    listed = list(explained)
    return [mutant for mutant in mutants if mutant.survives and not any(entry.covers(mutant) for entry in listed)]


def stale(mutants: Iterable[Mutant], explained: Iterable[Explanation]) -> list[Explanation]:
    """Return the explanations of mutants that are killed now, or that are not made any more."""
    surviving = [mutant for mutant in mutants if mutant.survives]
    return [entry for entry in explained if not any(entry.covers(mutant) for mutant in surviving)]
