"""How a call becomes a result: what a refusal means before anything is created.

A call that must be refused for another reason shows whether the permission exists: S3 checks who may write before it
looks for the upload (404 NoSuchUpload) or compares the content with its checksum (400 BadDigest; AWS: S3, "Checking
object integrity for data uploads": content that does not match is not stored).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.errors import AccessDenied, CallRefused, UnexpectedFault
from lambdas.promotion.preflight import findings, queries
from lambdas.promotion.preflight.findings import CheckResult, Inconclusive

T = TypeVar("T")
Probe = Callable[[], list[CheckResult]]

REFUSALS = (AccessDenied, CallRefused, ClientError)


def probe(call: Callable[[], object], *expected: str, must_fail: bool = False) -> list[CheckResult]:
    """Make a call and report a missing permission. `expected`: codes of refusals that come after the permission check.

    `must_fail`: the call would change something if it succeeded. Raises UnexpectedFault if it does.
    """
    try:
        call()
    except AccessDenied as error:
        return [findings.denied(error)]
    except ClientError as error:
        if error_codes.code_of(error) in expected:
            return []
        return [
            Inconclusive(
                subject=f"The permission to call {error.operation_name}",
                reason=f"AWS refused the call for another reason: {error}",
            )
        ]
    if must_fail:
        raise UnexpectedFault("AWS accepted a call of the preflight that it must refuse. Please report it.")
    return []


def query_probe(query: Callable[[], T], subject: str, evaluate: Callable[[T], list[CheckResult]]) -> Probe:
    """Return a probe that evaluates the response; a query without a response is inconclusive."""

    def run() -> list[CheckResult]:
        response = queries.run_query(query, subject)
        return [response] if isinstance(response, Inconclusive) else evaluate(response)

    return run


def run_probe(probe: Probe, *, subject: str) -> list[CheckResult]:
    """Run a probe. A refusal that it does not expect must not hide the other findings."""
    try:
        return probe()
    except REFUSALS as error:
        return [refusal(error, subject=subject)]


def refusal(error: AccessDenied | CallRefused | ClientError, *, subject: str, remedy: str | None = None) -> CheckResult:
    """Return what a refused call means: a missing permission is a finding, anything else is inconclusive."""
    if isinstance(error, AccessDenied):
        return findings.denied(error, remedy=remedy)
    return Inconclusive(subject=subject, reason=str(error))
