"""The artifact bucket and its key: each source's copier writes below a prefix of its own, where no model is read.

The models themselves, as the execution roles of their containers, write nowhere in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from stacks.baseline.iam_conditions import via_service
from stacks.baseline.nag import accept_finding
from stacks.baseline.retention import RETAIN
from stacks.environment.base import AccountScope

# What arrives in the bucket, and what models are read from.
PREFIXES = (resource_names.INCOMING_PREFIX, resource_names.ARTIFACT_PREFIX)


def add_artifact_key(environment: AccountScope, sources: Sequence[str]) -> kms.Key:
    key = kms.Key(
        environment.stack,
        "ArtifactKey",
        alias=resource_names.artifact_key_alias(environment.name),
        description=f"Encrypts the models that Promote copied to {environment.name}",
        enable_key_rotation=True,
        removal_policy=RETAIN,
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CopiersEncrypt",
            principals=environment.copier_principals(sources),
            # Decrypt: S3 reads the parts of an upload when it completes the object (API: UploadPartCopy).
            actions=["kms:GenerateDataKey", "kms:Decrypt"],
            resources=["*"],
            conditions=via_service("s3", environment.stack.region),
        )
    )
    return key


def add_artifact_bucket(environment: AccountScope, key: kms.Key, sources: Sequence[str]) -> s3.Bucket:
    bucket = s3.Bucket(
        environment.stack,
        "Artifacts",
        bucket_name=resource_names.artifact_bucket(
            environment.name, environment.stack.account, environment.stack.region
        ),
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=True,
        versioned=True,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="expire-incoming",
                prefix=f"{resource_names.INCOMING_PREFIX}/",
                expiration=Duration.days(1),
                noncurrent_version_expiration=Duration.days(1),
            ),
            s3.LifecycleRule(
                id="abort-stale-uploads",
                abort_incomplete_multipart_upload_after=Duration.days(1),
            ),
        ],
        # A live endpoint reads its model from here whenever SageMaker replaces an instance.
        removal_policy=RETAIN,
    )
    for source in sources:
        _let_in(environment, bucket, source)
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CopiersOverwriteNothing",
            effect=iam.Effect.DENY,
            principals=environment.copier_principals(sources),
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects("*")],
            # In one account a copier's own policy would be enough. What does not create an object cannot have
            # If-None-Match (AWS: S3, "Enforce conditional writes").
            conditions={"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
        )
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="ExecutionRolesOnlyRead",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            not_actions=["s3:GetObject", "s3:ListBucket"],
            resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
            # Of every environment and account, whatever else somebody lets such a role do: a container has its
            # credentials.
            conditions={"ArnLike": {"aws:PrincipalArn": resource_names.environment_role_arn("*", "*", Role.EXECUTION)}},
        )
    )
    accept_finding(
        bucket,
        "AwsSolutions-S1",
        "CloudTrail can record the principals that read models (S3 data events); server access logs would require "
        "another bucket in each account. docs/operations.md describes how to enable it.",
    )
    return bucket


def objects_of(environment: AccountScope, bucket: s3.Bucket) -> list[str]:
    """The wildcards, as cdk-nag writes them, on what arrives in the bucket and what is stored there."""
    logical_id = environment.stack.get_logical_id(bucket.node.default_child)  # type: ignore[arg-type]
    return [f"Resource::<{logical_id}.Arn>/{prefix}/*" for prefix in PREFIXES]


def _let_in(environment: AccountScope, bucket: s3.Bucket, source: str) -> None:
    """Let a source's copier create objects below its own incoming prefix, and nothing anywhere else."""
    name = source.title().replace("-", "")
    objects = bucket.arn_for_objects(f"{resource_names.incoming_prefix(source)}*")
    statements: dict[str, tuple[list[str], dict[str, object]]] = {
        f"{name}sCopierPuts": (["s3:PutObject"], {"Null": {"s3:if-none-match": "false"}}),
        f"{name}sCopierPutsParts": (["s3:PutObject"], {"Bool": {"s3:ObjectCreationOperation": "false"}}),
        f"{name}sCopierSeesItsParts": (
            ["s3:ListMultipartUploadParts", *environment.metadata_permissions(source, environment.name)[1]],
            {},
        ),
    }
    for sid, (actions, conditions) in statements.items():
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=environment.copier_principals([source]),
                actions=actions,
                resources=[objects],
                conditions=conditions,
            )
        )
