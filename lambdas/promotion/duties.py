"""Entering an account for one duty, with the session narrowed to this promotion.

The role's own policy says what the duty may ever do; the session policy here says what this promotion needs of it.
A call must pass both (AWS: session policies), so a fault in one promotion cannot reach another's resources.
"""

from __future__ import annotations

import json
from typing import Any

from lambdas.promotion import accounts, names
from lambdas.promotion.accounts import Account
from lambdas.promotion.document import Artifact, Execution, Promotion
from lambdas.promotion.names import Duty
from lambdas.promotion.settings import Environment

# IAM's own names for characters that mean something in a policy (AWS: IAM policy elements, variables).
_LITERAL = {"*": "${*}", "?": "${?}", "$": "${$}"}
# Characters in the policy's JSON.
_LONGEST_KEY = 600


def as_reader(source: Environment, *, execution: Execution, external_id: str | None) -> Account:
    """Look at models and artifacts. Not narrowed: what a model consists of is what the reader finds out."""
    return accounts.assume(
        source.role_arn(Duty.READER),
        region=source.region,
        session_name=execution.promotion_id,
        external_id=external_id,
    )


def as_copier(promotion: Promotion, artifact: Artifact) -> Account:
    """Read one object in the source and write one object in the target."""
    return accounts.assume(
        promotion.source.role_arn(Duty.COPIER),
        region=promotion.target.region,
        session_name=promotion.execution.promotion_id,
        external_id=promotion.external_id,
        policy=_policy(
            (["s3:GetObject", "s3:GetObjectVersion"], [_object(artifact.source.bucket, artifact.source.key)]),
            (["s3:PutObject"], [_object(artifact.bucket, artifact.key)]),
            (["kms:Decrypt", "kms:GenerateDataKey"], ["*"]),
        ),
    )


def as_deployer(promotion: Promotion) -> Account:
    """See the artifacts and make this promotion's model, configuration and endpoint, nothing else."""
    target, prefix = promotion.target, names.stage_prefix(promotion.request.application, promotion.stage.name)
    return accounts.assume(
        target.role_arn(Duty.DEPLOYER),
        region=target.region,
        session_name=promotion.execution.promotion_id,
        external_id=promotion.external_id,
        policy=_policy(
            (["s3:GetObject", "s3:ListBucket"], _bucket_and(target.artifact_bucket, prefix)),
            (["kms:Decrypt"], ["*"]),
            (
                ["sagemaker:*"],
                [
                    promotion.target_arn("model", promotion.wanted_model.name),
                    promotion.target_arn("endpoint-config", promotion.wanted_config.name),
                    *names.endpoint_arns(target.account, target.region, promotion.stage.endpoint),
                ],
            ),
            (["iam:PassRole"], [target.role_arn(Duty.EXECUTION)]),
        ),
    )


def _object(bucket: str, key: str) -> str:
    """Return the object's ARN for a policy: wildcards and variables in the key stand for themselves there.

    A session policy has 2,048 characters (AWS: AssumeRole), so of a very long key only the beginning is named.
    """
    literal, room = "", _LONGEST_KEY
    for character in key:
        quoted = _LITERAL.get(character, character)
        room -= len(json.dumps(quoted)) - 2
        if room < 0:
            return f"arn:aws:s3:::{bucket}/{literal}*"
        literal += quoted
    return f"arn:aws:s3:::{bucket}/{literal}"


def _bucket_and(bucket: str, prefix: str) -> list[str]:
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{prefix}*"]


def _policy(*statements: tuple[list[str], list[str]]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": on} for actions, on in statements],
    }
