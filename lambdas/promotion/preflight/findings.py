"""What stands in a promotion's way, all of it at once, and one text for a person. Pure.

Findings are values, here only: a right that is missing shall not hide the next one. What AWS did not let us find out
is no finding, because a promotion may well be possible without it; it is said beside them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lambdas.promotion.contract.errors import AccessDenied, PreflightFailed, PromotionError

_GRANT = (
    "Grant the right (docs/iam.md lists each role's), or look for a policy of the resource or the organization, or a "
    "permissions boundary, that withholds it."
)
_MOST_TOLD = 40
_LONGEST = 28_000  # characters of all: an execution's cause has 32,768 (API: Step Functions, SensitiveCause)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Who cannot do what on what, what AWS said, and what mends it.

    `error`: the name under which a promotion ends that finds nothing else. `others`: how many resources more are the
    same.
    """

    role: str
    action: str
    resource: str
    message: str
    remedy: str = _GRANT
    error: type[PromotionError] = PreflightFailed
    others: int = 0

    def __str__(self) -> str:
        more = f" and {self.others} more like it" if self.others else ""
        return f"{self.role}: {self.action} on {self.resource}{more}. {self.message} {self.remedy}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Inconclusive:
    """What could not be found out ahead, and why."""

    subject: str
    reason: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}"


CheckResult = Finding | Inconclusive


def denied(error: AccessDenied, *, remedy: str = _GRANT) -> Finding:
    """Return the finding that a refused call is."""
    return Finding(
        role=error.role,
        action=error.action,
        resource=error.resource,
        message=f"AWS says: {error.message}",
        remedy=remedy,
    )


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """Join what is lacking in the same way for many objects: the first stands for all."""
    groups: dict[tuple[object, ...], Finding] = {}
    for one in findings:
        place = one.resource.rpartition("/")[0] if one.resource.startswith("s3://") else one.resource
        alike = (one.role, one.action, place, one.error, one.remedy)
        first = groups.get(alike)
        groups[alike] = replace(first, others=first.others + 1) if first else one
    return list(groups.values())


def require_ready(findings: Sequence[Finding], *, subject: str) -> None:
    """Raise PreflightFailed with all findings; what is all of one kind that has a name of its own is raised by that."""
    if not findings:
        return
    kinds = {one.error for one in findings}
    longest = _LONGEST // min(len(findings), _MOST_TOLD)
    told = [f"({number}) {_short(str(one), longest)}" for number, one in enumerate(findings[:_MOST_TOLD], start=1)]
    if len(findings) > _MOST_TOLD:
        told.append(f"And {len(findings) - _MOST_TOLD} more: the log group of the step preflight lists each.")
    things = "One thing is" if len(findings) == 1 else f"{len(findings)} things are"
    text = f"{things} in the way of {subject}. Nothing was created there. {' '.join(told)}"
    if len(kinds) > 1:
        raise PreflightFailed(text)
    raise kinds.pop()(text)


def to_json(finding: Finding) -> dict[str, object]:
    """Return a finding for the log."""
    return {**dataclasses.asdict(finding), "error": finding.error.__name__}


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
