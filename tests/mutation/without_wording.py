"""mutmut, without the mutants of words that only a person reads: a text with a blank in it.

What AWS reads or answers, such as a name, a state or a code, has none. Each piece of a message would give three
mutants (other letters, capitals, small letters), and a test that kills them repeats the message.
"""

from __future__ import annotations

from collections.abc import Iterable

import libcst
from mutmut.__main__ import cli
from mutmut.mutation import mutators


def _mutants_of(text: libcst.BaseString) -> Iterable[libcst.BaseString]:
    if isinstance(text, libcst.SimpleString) and " " in (words := str(text.evaluated_value)) and not words.isspace():
        return ()
    mutants: Iterable[libcst.BaseString] = mutators.operator_string(text)
    return mutants


if __name__ == "__main__":
    operators = mutators.mutation_operators
    operators[operators.index((libcst.BaseString, mutators.operator_string))] = (libcst.BaseString, _mutants_of)
    cli()
