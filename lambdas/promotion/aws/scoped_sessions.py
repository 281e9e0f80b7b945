"""Scoped sessions: a role in an account, narrowed to one promotion.

The role's own policy has all permissions that any promotion requires; the session policy here has those of this one.
A call must be allowed by both (AWS: session policies), so a fault in one promotion cannot affect another's resources.
"""

from __future__ import annotations

import json
import os.path
from collections.abc import Collection, Iterable
from typing import Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment

# IAM's escapes for characters that have a meaning in a policy (AWS: IAM policy elements, variables).
LITERAL = {"*": "${*}", "?": "${?}", "$": "${$}"}
# Characters in the policy's JSON: for all keys of the source, and as many for those of the target; a bucket's name has
# up to 63.
_LONGEST_KEYS = 400
_LONGEST_FOLDER = 100
_MOST_BUCKETS = 4


def scoped_session(
    promotion: Promotion,
    environment: Environment,
    role: Role,
    *statements: tuple[list[str], list[str]],
    region: str | None = None,
) -> RoleSession:
    """Assume a role of the environment with these permissions. `region` is the environment's own by default."""
    return sessions.assume(
        environment.role_arn(role),
        region=region or environment.region,
        session_name=promotion.execution.promotion_id,
        external_id=promotion.external_id,
        policy=session_policy(*statements),
    )


def object_arns(objects: Iterable[tuple[str, str]]) -> list[str]:
    """Return, for each bucket, the ARN of its one object, or one for all objects that share the keys' prefix."""
    keys: dict[str, set[str]] = {}
    for bucket, key in objects:
        keys.setdefault(bucket, set()).add(key)
    if len(keys) > _MOST_BUCKETS:
        return bucket_arns(keys)
    longest = _LONGEST_KEYS // max(1, len(keys))
    return [_object(bucket, names, longest=longest) for bucket, names in sorted(keys.items())]


def bucket_arns(buckets: Collection[str]) -> list[str]:
    """Return the buckets' ARNs; of very many, one pattern for all buckets and objects that share their prefix."""
    if len(buckets) > _MOST_BUCKETS:
        return [f"arn:aws:s3:::{os.path.commonprefix(list(buckets))}*"]  # noqa: RUF071 - compares characters, as below
    return [f"arn:aws:s3:::{bucket}" for bucket in sorted(buckets)]


def _object(bucket: str, keys: set[str], *, longest: int) -> str:
    """Return an ARN for a policy, with the wildcards and variables in a key escaped.

    A session policy has 2,048 characters (AWS: AssumeRole), so a very long key is cut to a prefix.
    """
    common = os.path.commonprefix(list(keys))  # noqa: RUF071 - keys are not paths: characters are compared
    literal, characters_left = "", longest
    for character in common:
        escaped = LITERAL.get(character, character)
        characters_left -= len(json.dumps(escaped)) - 2
        if characters_left < 0:
            return f"arn:aws:s3:::{bucket}/{literal}*"
        literal += escaped
    return f"arn:aws:s3:::{bucket}/{literal}" + ("" if len(keys) == 1 else "*")


def arn_below(bucket: str, folder: str) -> str:
    """Return an ARN for all objects below a folder; a very long name is cut to a prefix."""
    return _object(bucket, {f"{folder}/{end}".lstrip("/") for end in "01"}, longest=_LONGEST_FOLDER)


def bucket_and_prefix_arns(bucket: str, prefix: str) -> list[str]:
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{prefix}*"]


def session_policy(*statements: tuple[list[str], list[str]]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": resources}
            for actions, resources in statements
            if resources
        ],
    }
