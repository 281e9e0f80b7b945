"""The results of the checks, and the one error that reports all findings. Pure.

Findings are values and not exceptions, so that a missing permission does not hide the next one. What could not be
checked is inconclusive and not a finding, because the promotion may be possible; the plan of a dry run lists it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lambdas.promotion.contract.errors import AccessDenied, PreflightFailed, PromotionError
from lambdas.promotion.contract.text import one_line

GRANT_PERMISSION = (
    "Grant the permission (docs/reference/permissions.md lists each role's), or look for a policy of the resource or "
    "the organization, or a permissions boundary, that denies it."
)
_QUOTED = re.compile(r'"[^"\s]*"')
_MOST_REPORTED = 40
_MOST_CHARACTERS = 28_000  # an execution's cause has 32,768 (API: Step Functions, SensitiveCause)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Which role cannot do which action on which resource, what AWS answered, and what to do.

    `remedy`: None is the remedy of the check (check.py); empty if the message says what to do. `error`: the error of a
    promotion that has no findings of another kind. `others`: how many more resources have the same finding.
    """

    role: str
    action: str
    resource: str
    message: str
    remedy: str | None = None
    error: type[PromotionError] = PreflightFailed
    others: int = 0

    def __str__(self) -> str:
        more = f" and {self.others} more like it" if self.others else ""
        return f"{self.role}: {self.action} on {self.resource}{more}. {self.message} {self.remedy or ''}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Inconclusive:
    """What could not be checked, and why."""

    subject: str
    reason: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}"


CheckResult = Finding | Inconclusive


def denied(error: AccessDenied, *, remedy: str | None = None) -> Finding:
    """Return the finding of a call that AWS denied."""
    return Finding(
        role=error.role,
        action=error.action,
        resource=error.resource,
        message=f"AWS says: {error.message}",
        remedy=error.remedy or remedy,
    )


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """Join the findings of many objects of one folder that differ in the object only: the first stands for all."""
    groups: dict[tuple[object, ...], Finding] = {}
    for finding in dict.fromkeys(findings):
        resource = finding.resource
        location = resource.rpartition("/")[0] if resource.startswith("s3://") else resource
        kind = (finding.role, finding.action, location, finding.error, finding.remedy, _reason(finding))
        first = groups.get(kind)
        groups[kind] = replace(first, others=first.others + 1) if first else finding
    return list(groups.values())


def _reason(finding: Finding) -> str:
    """Return the message without the object that it names: S3 URI, ARN, ETags."""
    return _QUOTED.sub("", finding.message.replace(finding.resource.removeprefix("s3://"), ""))


def require_ready(findings: Sequence[Finding], *, subject: str) -> None:
    """Raise PreflightFailed with the findings, or their error if they all have the same. The log has all of them."""
    if not findings:
        return
    errors = {finding.error for finding in findings}
    longest = _MOST_CHARACTERS // min(len(findings), _MOST_REPORTED)
    reported = [
        f"({number}) {_shortened(one_line(str(finding)), longest)}"
        for number, finding in enumerate(findings[:_MOST_REPORTED], start=1)
    ]
    if len(findings) > _MOST_REPORTED:
        reported.append(and_more(len(findings) - _MOST_REPORTED))
    problems = "1 problem" if len(findings) == 1 else f"{len(findings)} problems"
    text = f"The preflight checks found {problems} with {subject}. Nothing was created there."
    text += " " if len(findings) == 1 else "\n"
    text += "\n".join(reported)
    if len(errors) > 1:
        raise PreflightFailed(text)
    raise errors.pop()(text)


def and_more(how_many: int) -> str:
    """Return where the results are that a list has no room for."""
    return f"And {how_many} more: the log group of the step preflight lists each."


def to_json(finding: Finding) -> dict[str, object]:
    """Return a finding for the log."""
    return {**dataclasses.asdict(finding), "error": finding.error.__name__}


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
