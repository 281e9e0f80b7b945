"""What a run has shown: the counts, the survivors, and whether that is good enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.mutation.mutants import Mutant, Verdict
from tests.mutation.survivors import PAGE, Explanation, stale, unexplained

LEAST_PERCENT = 95
_ROW = "{:<12} {:>8} {:>8} {:>9} {:>9} {:>7} {:>8}"
HEADING = _ROW.format("capability", "mutants", "killed", "timeouts", "survived", "%", "seconds")


def row(name: str, tested: Sequence[Mutant], seconds: float) -> str:
    counts = Counter(mutant.verdict for mutant in tested)
    survived = counts[Verdict.SURVIVED] + counts[Verdict.UNTESTED]
    percent = f"{_percent(tested):.1f}"
    return _ROW.format(
        name, len(tested), counts[Verdict.KILLED], counts[Verdict.TIMEOUT], survived, percent, f"{seconds:.0f}"
    )


def report(tested: Sequence[Mutant], explained: Sequence[Explanation]) -> tuple[list[str], bool]:
    """Return the survivors and what is wrong with the run, as text, and whether nothing is.

    A mutant that runs into its time limit counts as killed, and is listed.
    """
    not_explained = unexplained(tested, explained)
    lines = [
        f"{mutant.module}, {mutant.function} ({_state_of(mutant, not_explained)}): {mutant.change}"
        for mutant in tested
        if mutant.survives or mutant.verdict is Verdict.TIMEOUT
    ]
    lines += [
        f"Stale in {PAGE.name}, for no such mutant survives: {entry.module}, {entry.function}: {entry.change}"
        for entry in stale(tested, explained)
    ]
    enough = _percent(tested) >= LEAST_PERCENT
    if not enough:
        lines.append(f"Less than {LEAST_PERCENT} % of the mutants were killed.")
    if not_explained:
        count = len(not_explained)
        lines.append(
            f"{count} survivor{' is' if count == 1 else 's are'} not explained. Sharpen a test, or {PAGE.name}."
        )
    return lines, enough and not not_explained


def _percent(tested: Iterable[Mutant]) -> float:
    survived = [mutant.survives for mutant in tested]
    return 100.0 * survived.count(False) / len(survived) if survived else 100.0


def _state_of(mutant: Mutant, not_explained: Sequence[Mutant]) -> str:
    if not mutant.survives:
        return mutant.verdict
    return f"{mutant.verdict}, {'not ' if mutant in not_explained else ''}explained"
