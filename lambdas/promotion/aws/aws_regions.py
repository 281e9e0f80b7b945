"""Regions that an account has by default, and those that it must enable. Pure.

Source: AWS Account Management, "Enable or disable AWS Regions in your account": all Regions since 2019 must be enabled.
"""

from __future__ import annotations

_ENABLED_BY_DEFAULT = frozenset(
    {
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
        *("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    }
)
_EVERYWHERE = "us-east-1"  # STS cannot be deactivated there


def must_be_enabled(region: str) -> bool:
    return region not in _ENABLED_BY_DEFAULT


def of_sts(*, own: str | None, target: str) -> str | None:
    """Return the Region whose STS gives a session for `target`; `own` is the caller's, and None is left as it is.

    A Region that must be enabled has to be so for the caller's account and for the role's, one that is enabled by
    default needs nothing; the credentials hold in every Region that the role's account has (recordings: AssumeRole,
    region-of-which-account).
    """
    if own is None or own == target or not must_be_enabled(own):
        return own
    return _EVERYWHERE if must_be_enabled(target) else target
