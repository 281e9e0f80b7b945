"""The receiver: the only role that writes where models are read; it takes there what arrived from the sources."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from stacks.baseline.iam_conditions import via_service
from stacks.environment.base import AccountScope
from stacks.environment.target.bucket import objects_of


def add_receiver(environment: AccountScope, bucket: s3.Bucket, key: kms.Key, sources: Sequence[str]) -> None:
    role = environment.role(Role.RECEIVER, "Copies artifacts that arrived to where models are read")
    metadata = [environment.metadata_permissions(source, environment.name) for source in sources]
    read = sorted({action for actions, _ in metadata for action in actions})
    write = sorted({action for _, actions in metadata for action in actions})
    arrived = bucket.arn_for_objects(f"{resource_names.INCOMING_PREFIX}/*")
    stored = bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")
    environment.allow(role, "ReadIncoming", ["s3:GetObject", "s3:GetObjectVersion", *read], [arrived])
    environment.allow(role, "DistinguishMissingFromDenied", ["s3:ListBucket"], [bucket.bucket_arn])
    environment.allow(role, "StoreArtifacts", ["s3:PutObject", "s3:ListMultipartUploadParts", *write], [stored])
    environment.allow(
        role,
        "DecryptAndEncrypt",
        ["kms:Decrypt", "kms:GenerateDataKey"],
        [key.key_arn],
        via_service("s3", environment.stack.region),
    )
    environment.allow(
        role,
        "SimulateOwnPermissions",
        ["iam:SimulatePrincipalPolicy"],
        [resource_names.environment_role_arn(environment.stack.account, environment.name, Role.RECEIVER)],
    )
    environment.accept_wildcards(
        role,
        objects_of(environment, bucket),
        "Keys contain a digest of the content; a session is narrowed to one stage's.",
    )
