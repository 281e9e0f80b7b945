"""What a check is: a question to AWS, with what it creates and costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conformance.outcomes import Outcome
from conformance.world import World


@dataclass(frozen=True, kw_only=True)
class Check:
    """A question to AWS.

    `asks` lists its calls, `needs` names the resources (resources.py) that it uses; `creates` says what it makes
    beside them, and `dollars` is the most that this costs. `sandbox` says why the local AWS cannot answer it, if so.
    """

    id: str
    proves: str
    asks: Sequence[str]
    run: Callable[[World], Outcome]
    needs: Sequence[str] = ()
    creates: Sequence[str] = ()
    dollars: float = 0.0
    sandbox: str = ""
