"""The auditor: it lists the versions of artifacts, to tell whether they are those that were verified."""

from __future__ import annotations

from aws_cdk import aws_s3 as s3

from lambdas.promotion.contract.roles import Role
from stacks.environment.base import AccountScope


def add_auditor(environment: AccountScope, bucket: s3.Bucket) -> None:
    role = environment.role(Role.AUDITOR, "Lists the versions of artifacts, to tell whether they have changed")
    environment.allow(role, "ListVersions", ["s3:ListBucketVersions"], [bucket.bucket_arn])
