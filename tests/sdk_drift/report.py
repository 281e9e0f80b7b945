"""What `make sdk-drift` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from tests.sdk_drift import decisions
from tests.sdk_drift.changes import Change
from tests.sdk_drift.decisions import Decisions


def lines(table: Decisions, concerned: Mapping[Change, frozenset[str]], *, newest: str, every: bool) -> Iterator[str]:
    """Yield what is undecided with where to decide, or `every` change; `concerned` has the operations of each."""
    undecided = table.undecided(concerned)
    summary = f"{len(concerned)} changes of what is called, {len(undecided)} undecided"
    yield f"botocore {newest} against {table.base}: {summary}."
    shown = sorted(concerned) if every else undecided
    for service, of_service in groupby(shown, lambda change: change.service):
        yield service
        for subject, of_subject in groupby(of_service, lambda change: change.subject):
            yield from _of_subject(subject, list(of_subject), table, concerned)
    for change in table.stale(concerned):
        yield f"Not a change any more: {change.service} {change.subject} {change.text}"
    if undecided:
        yield "Decide on each there, then in tests/sdk_drift/decisions.yaml."
    elif newest != table.version:
        yield f"Raise the pins of boto3 and botocore, and `version` in tests/sdk_drift/decisions.yaml, to {newest}."


def _of_subject(
    subject: str, changes: list[Change], table: Decisions, concerned: Mapping[Change, frozenset[str]]
) -> Iterator[str]:
    operations = sorted(frozenset[str]().union(*(concerned[change] for change in changes)))
    yield f"  {subject} ({', '.join(operations)})" if operations != [subject] else f"  {subject}"
    for change in changes:
        yield f"    {change.text}"
        if decision := table.table.get(change):
            yield f"      {decision.outcome}: {decision.reason}"
        else:
            yield f"      decide in {', '.join(decisions.places(change, concerned[change])) or 'decisions.yaml'}"
