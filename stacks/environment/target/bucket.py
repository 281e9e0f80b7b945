"""The artifact bucket and its key: the copiers of the sources write into it, the target reads from it."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from lambdas.promotion.contract import resource_names
from stacks.baseline.iam_conditions import via_service
from stacks.baseline.nag import accept_finding
from stacks.baseline.retention import RETAIN
from stacks.environment.base import AccountScope


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
                id="abort-stale-uploads",
                abort_incomplete_multipart_upload_after=Duration.days(1),
            )
        ],
        # A live endpoint reads its model from here whenever SageMaker replaces an instance.
        removal_policy=RETAIN,
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CopiersPut",
            principals=environment.copier_principals(sources),
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
            # A request without If-None-Match could overwrite what a live endpoint reads (docs/decisions).
            conditions={"Null": {"s3:if-none-match": "false"}},
        )
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CopiersPutParts",
            principals=environment.copier_principals(sources),
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
            # What does not create an object cannot have If-None-Match (AWS: S3, "Enforce conditional writes").
            conditions={"Bool": {"s3:ObjectCreationOperation": "false"}},
        )
    )
    for source in sources:
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=f"{source.title().replace('-', '')}sCopierSeesItsParts",
                principals=environment.copier_principals([source]),
                actions=["s3:ListMultipartUploadParts", *environment.metadata_permissions(source, environment.name)[1]],
                resources=[bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
            )
        )
    accept_finding(
        bucket,
        "AwsSolutions-S1",
        "CloudTrail can record the principals that read models (S3 data events); server access logs would require "
        "another bucket in each account. docs/operations.md describes how to enable it.",
    )
    return bucket
