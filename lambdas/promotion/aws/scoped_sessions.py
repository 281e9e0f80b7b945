"""Entering an account for one duty, with the session narrowed to this promotion.

The role's own policy says what the duty may ever do; the session policy here says what this promotion needs of it.
A call must pass both (AWS: session policies), so a fault in one promotion cannot reach another's resources.
"""

from __future__ import annotations

import json
import os.path
from collections.abc import Collection, Iterable
from typing import Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.resource_names import Role
from lambdas.promotion.contract.settings import Environment

# IAM's own names for characters that mean something in a policy (AWS: IAM policy elements, variables).
LITERAL = {"*": "${*}", "?": "${?}", "$": "${$}"}
# Characters in the policy's JSON, for all the keys of the source, and for those of the target; a bucket has 63. And for
# the ARNs of all alarms.
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
    """Enter the environment's account with these rights. `region` is where to work, its own unless told."""
    return sessions.assume(
        environment.role_arn(role),
        region=region or environment.region,
        session_name=promotion.execution.promotion_id,
        external_id=promotion.external_id,
        policy=session_policy(*statements),
    )


def object_arns(places: Iterable[tuple[str, str]]) -> list[str]:
    """Return, for each bucket, the ARN of its one object, or of all whose keys begin as these do."""
    keys: dict[str, set[str]] = {}
    for bucket, key in places:
        keys.setdefault(bucket, set()).add(key)
    if len(keys) > _MOST_BUCKETS:
        return bucket_arns(keys)
    longest = _LONGEST_KEYS // max(1, len(keys))
    return [_object(bucket, found, longest=longest) for bucket, found in sorted(keys.items())]


def bucket_arns(buckets: Collection[str]) -> list[str]:
    """Return the buckets' ARNs; of very many, one that stands for all that begin as these do, objects as well."""
    if len(buckets) > _MOST_BUCKETS:
        return [f"arn:aws:s3:::{os.path.commonprefix(list(buckets))}*"]  # noqa: RUF071 - characters, as below
    return [f"arn:aws:s3:::{bucket}" for bucket in sorted(buckets)]


def _object(bucket: str, keys: set[str], *, longest: int) -> str:
    """Return an ARN for a policy: wildcards and variables in a key stand for themselves there.

    A session policy has 2,048 characters (AWS: AssumeRole), so of a very long key only the beginning is named.
    """
    common = os.path.commonprefix(list(keys))  # noqa: RUF071 - keys are no paths: their characters are compared
    literal, room = "", longest
    for character in common:
        quoted = LITERAL.get(character, character)
        room -= len(json.dumps(quoted)) - 2
        if room < 0:
            return f"arn:aws:s3:::{bucket}/{literal}*"
        literal += quoted
    return f"arn:aws:s3:::{bucket}/{literal}" + ("" if len(keys) == 1 else "*")


def arn_below(bucket: str, folder: str) -> str:
    """Return an ARN for what lies below a folder; of a very long name only the beginning is named."""
    return _object(bucket, {f"{folder}/{end}".lstrip("/") for end in "01"}, longest=_LONGEST_FOLDER)


def bucket_and_prefix_arns(bucket: str, prefix: str) -> list[str]:
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{prefix}*"]


def session_policy(*statements: tuple[list[str], list[str]]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": on} for actions, on in statements if on],
    }
