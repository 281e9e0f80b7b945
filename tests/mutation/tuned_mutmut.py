"""mutmut, as it is run here.

There are no mutants of words that only a person reads: a text with a blank in it. What AWS reads or answers, such as a
name, a state or a code, has none. Each piece of a message would give three mutants (other letters, capitals, small
letters), and a test that kills them repeats the message.

A mutant's quickest tests come first: the first one that fails is the last one that runs.
"""

from __future__ import annotations

from collections.abc import Iterable

import libcst
from mutmut.__main__ import cli
from mutmut.mutation import mutators
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.workers import isolation


def _mutants_of(text: libcst.BaseString) -> Iterable[libcst.BaseString]:
    if isinstance(text, libcst.SimpleString) and " " in (words := str(text.evaluated_value)) and not words.isspace():
        return ()
    mutants: Iterable[libcst.BaseString] = mutators.operator_string(text)
    return mutants


class _QuickestFirst(PytestRunner):  # type: ignore[misc]
    def _pytest_args_regular_run(self, tests: Iterable[str]) -> list[str]:
        by_duration = sorted(tests, key=lambda test: (state().duration_by_test.get(test, 0.0), test))
        arguments: list[str] = super()._pytest_args_regular_run(by_duration)
        return arguments


if __name__ == "__main__":
    operators = mutators.mutation_operators
    operators[operators.index((libcst.BaseString, mutators.operator_string))] = (libcst.BaseString, _mutants_of)
    isolation.PytestRunner = _QuickestFirst
    cli()
