"""Everything that runs have left in an account: look for it, delete it, look again.

Nothing is remembered between runs: a run's name is in every name that it gives, or its tag on what has no name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from conformance.guard import PREFIX, TAG


class Cleaned(Protocol):
    """An account, or what stands for one in a test."""

    def unguarded(self, service: str) -> Any: ...


@dataclass(frozen=True)
class Leftover:
    """Something that exists and belongs to a run. `delete` removes it with all that is in it.

    Without it nothing can be done but wait, or, if the kind is NOT_LOOKED_FOR, nothing at all.
    """

    kind: str
    name: str
    delete: Callable[[], object] | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


NOT_LOOKED_FOR = "what could not be looked for:"
# A name is a run's if it begins with this; a tag's value is a run's name.
Belongs = Callable[[str], bool]
Look = Callable[[Cleaned, str], Iterator[Leftover]]


def leftovers(account: Cleaned, run: str, looks: Sequence[Look]) -> Iterator[Leftover]:
    """Yield what exists of a run, or of all runs if it is empty. What cannot be looked for is yielded too."""
    for look in looks:
        try:
            yield from look(account, run)
        except (ClientError, BotoCoreError) as error:
            yield Leftover(NOT_LOOKED_FOR, f"{look.__name__}: {error}")


def clean(
    account: Cleaned,
    run: str,
    looks: Sequence[Look],
    *,
    seconds: float = 1_200.0,
    report: Callable[[str], None] = print,
) -> list[str]:
    """Delete everything of a run, or of all runs. Returns what still exists after some minutes, with the reason.

    What depends on something else is deleted in a later round: an endpoint that is still created, a role in use.
    """
    deadline = time.monotonic() + seconds
    failures: dict[str, str] = {}
    while True:
        remaining = list(leftovers(account, run, looks))
        hopeless = all(leftover.kind == NOT_LOOKED_FOR for leftover in remaining)
        if hopeless or time.monotonic() > deadline:
            return [f"{leftover}{failures.get(str(leftover), '')}" for leftover in remaining]
        failures = {str(leftover): _failure(leftover, report) for leftover in remaining}
        if any(failures.values()):
            time.sleep(min(5.0, seconds / 10))


def _failure(leftover: Leftover, report: Callable[[str], None]) -> str:
    """Delete something. Returns why not, or an empty text."""
    if leftover.delete is None:
        return " (it is being deleted)" if leftover.kind != NOT_LOOKED_FOR else ""
    try:
        leftover.delete()
    except (ClientError, BotoCoreError) as error:
        return f" ({error})"
    report(f"deleted        {leftover}")
    return ""


def named(run: str) -> Belongs:
    """Whether a name is that of a run, or of any."""
    return lambda name: name.rpartition("/")[2].startswith(f"{PREFIX}{run}")


def tagged(run: str, tags: Sequence[dict[str, str]], key: str = "Key", value: str = "Value") -> bool:
    """Whether tags are those of a run, or of any."""
    return any(tag.get(key) == TAG and (not run or tag.get(value) == run) for tag in tags)
