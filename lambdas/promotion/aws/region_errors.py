"""What AWS answers in a Region that an account has not enabled, and what to do. Pure.

STS says so; other services do not know the credentials of the account (recordings: AssumeRole, region-disabled;
AnyCall, token-unknown-in-region). Here each session comes straight from STS, so it is known elsewhere.
"""

from __future__ import annotations

import re

from lambdas.promotion.aws import error_codes

_ACCOUNT_IN_MESSAGE = re.compile(r"account:\s*([0-9]{12})")
_ACCOUNT_IN_ARN = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):")


def remedy_of(code: str, message: str, *, role: str, region: str) -> str | None:
    """Return what to do if the error is one of a Region that is not enabled. `role`: the caller's ARN, if it is one."""
    if code not in error_codes.REGION_NOT_ENABLED:
        return None
    named = _ACCOUNT_IN_MESSAGE.search(message) or _ACCOUNT_IN_ARN.match(role)
    account = f"account {named[1]}" if named else "the hub's account"
    return (
        f"Enable the Region {region} for {account} (AWS Account Management; it can take hours), or activate STS in it "
        "(IAM, account settings), then start the promotion again."
    )
