"""What a run will ask and create, and what that costs at most, before anything is created. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.checks import Check
from conformance.outcomes import OutOfBudget
from conformance.world import Resource

# What all requests of a run cost together: a few thousand, most of them to S3 (USD 0.005 per 1,000 PUT requests) and
# Step Functions (USD 0.025 per 1,000 transitions).
REQUESTS_DOLLARS = 0.05


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The checks of a run, in their order, and what it may cost and take."""

    checks: Sequence[Check]
    resources: Mapping[str, Resource]
    budget: float
    minutes: float

    @property
    def dollars(self) -> float:
        """The most that the run costs, in US dollars: everything that it creates exists until the time limit."""
        return REQUESTS_DOLLARS + sum(cost for _, cost in self.creates())

    def creates(self) -> Iterator[tuple[str, float]]:
        """Yield what the run creates, each with the most that it costs in US dollars."""
        for name in self._needed():
            yield self.resources[name].creates, self.resources[name].dollars
        for check in self.checks:
            for number, created in enumerate(check.creates):
                # A check's cost is shown once.
                yield created, 0.0 if number else check.dollars

    def require_budget(self) -> None:
        """Raise OutOfBudget if the run may cost more than its budget."""
        if self.dollars > self.budget:
            raise OutOfBudget(
                f"The run may cost USD {self.dollars:.2f}, and its budget is USD {self.budget:.2f}. Nothing was "
                f"created. Allow more (BUDGET={self.dollars + 0.005:.2f}), or leave checks out (ONLY=recording)."
            )

    def lines(self, profile: str, region: str) -> Iterator[str]:
        """Yield the plan as a person reads it. `profile` and `region` say where."""
        counts: dict[str, int] = {}
        for check in self.checks:
            kind = check.id.partition(":")[0]
            counts[kind] = counts.get(kind, 0) + 1
        yield f"Profile {profile}, Region {region}: {len(self.checks)} checks"
        yield "  " + ", ".join(f"{count} of kind {kind}" for kind, count in counts.items())
        yield "It creates, and deletes at its end:"
        for creates, dollars in self.creates():
            yield f"  USD {dollars:5.2f}  {creates}"
        yield f"  USD {REQUESTS_DOLLARS:5.2f}  all requests"
        yield f"At most USD {self.dollars:.2f} (budget USD {self.budget:.2f}) and {self.minutes:g} minutes."

    def _needed(self) -> Sequence[str]:
        """The resources that the checks use, and those that these use, in the order in which they are made."""
        order: dict[str, None] = {}

        def add(name: str) -> None:
            for other in self.resources[name].needs:
                add(other)
            order.setdefault(name)

        for check in self.checks:
            for name in check.needs:
                add(name)
        return [name for name in order if not self.resources[name].creates.startswith("nothing")]
