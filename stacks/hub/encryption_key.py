"""The hub's key: it encrypts the logs, the work lists, the tables and the messages."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from stacks.baseline.retention import RETAIN


def encryption_key(stack: Stack) -> kms.Key:
    """Return the key, which CloudWatch Logs may use for every log group of the hub."""
    key = kms.Key(
        stack,
        "Key",
        description="Encrypts Promote's data in the hub: logs, work lists, locks, records and messages",
        enable_key_rotation=True,
        removal_policy=RETAIN,
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Logs",
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            resources=["*"],
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{stack.region}:{stack.account}:log-group:*"
                }
            },
        )
    )
    return key
