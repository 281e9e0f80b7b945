"""How to look for what the promotion leaves: its stacks, and what they keep when they are deleted.

Promote's names are the same in every deployment. What is deleted here is a stack that carries a run's tag, with the
resources that CloudFormation lists in it, or a resource that carries the tag itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from conformance.cleanup import leftovers
from conformance.cleanup.cleaning import Cleaned, Leftover, Look, tagged
from conformance.promotion import stacks
from conformance.promotion.check import FOLDER
from lambdas.promotion.contract.resource_names import PRODUCT

# A machine's clock may be ahead of S3's.
_CLOCK_SECONDS = 300
_WAIT = {"Delay": 5, "MaxAttempts": 180}
_TARGETS_LAST = tuple(reversed(stacks.STACKS))


def stacks_of_run(account: Cleaned, run: str) -> Iterator[Leftover]:
    """Yield the stacks of a run, those first that use the others."""
    for name in _TARGETS_LAST:
        description = stacks.description(account, name)
        if description and tagged(run, description.get("Tags", [])):
            yield Leftover("stack", name, partial(_delete_stack, account, name))


def _delete_stack(account: Cleaned, name: str) -> None:
    """Delete a stack, then what it keeps."""
    cloudformation = account.unguarded("cloudformation")
    resources = list(leftovers.pages(cloudformation, "list_stack_resources", "StackResourceSummaries", StackName=name))
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=_WAIT)
    for resource in resources:
        delete = _kept(account).get(resource["ResourceType"])
        if delete and resource.get("PhysicalResourceId"):
            # Most are deleted with the stack.
            with suppress(ClientError):
                delete(resource["PhysicalResourceId"])


def _kept(account: Cleaned) -> Mapping[str, Callable[[str], object]]:
    """How to delete what may outlive its stack, by type."""
    return {
        "AWS::S3::Bucket": partial(leftovers.delete_bucket, account.unguarded("s3")),
        "AWS::IAM::Role": partial(leftovers.delete_role, account.unguarded("iam")),
        "AWS::KMS::Key": partial(leftovers.delete_key, account.unguarded("kms")),
        "AWS::DynamoDB::Table": partial(_delete_table, account.unguarded("dynamodb")),
        "AWS::Logs::LogGroup": lambda name: account.unguarded("logs").delete_log_group(logGroupName=name),
    }


def _delete_table(dynamodb: Any, name: str) -> None:
    with suppress(ClientError):  # it was not protected
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=name)


def kept_tables(account: Cleaned, run: str) -> Iterator[Leftover]:
    dynamodb = account.unguarded("dynamodb")
    for name in leftovers.pages(dynamodb, "list_tables", "TableNames"):
        if not name.startswith(f"{PRODUCT}-"):
            continue
        arn = dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
        if tagged(run, dynamodb.list_tags_of_resource(ResourceArn=arn).get("Tags", [])):
            yield Leftover("table", name, partial(_delete_table, dynamodb, name))


def kept_buckets(account: Cleaned, run: str) -> Iterator[Leftover]:
    s3 = account.unguarded("s3")
    for bucket in leftovers.pages(s3, "list_buckets", "Buckets"):
        name = bucket["Name"]
        if name.startswith(f"{PRODUCT}-") and tagged(run, _bucket_tags(s3, name)):
            yield Leftover("bucket", name, partial(leftovers.delete_bucket, s3, name))


def _bucket_tags(s3: Any, name: str) -> list[dict[str, str]]:
    try:
        tags: list[dict[str, str]] = s3.get_bucket_tagging(Bucket=name)["TagSet"]
    except ClientError:
        return []  # no tags, or a bucket of another Region
    return tags


def kept_roles(account: Cleaned, run: str) -> Iterator[Leftover]:
    iam = account.unguarded("iam")
    for role in leftovers.pages(iam, "list_roles", "Roles"):
        name = role["RoleName"]
        if name.startswith(f"{PRODUCT}-") and tagged(run, iam.list_role_tags(RoleName=name).get("Tags", [])):
            yield Leftover("role", name, partial(leftovers.delete_role, iam, name))


def assets(account: Cleaned, run: str) -> Iterator[Leftover]:
    """Yield what the CDK uploaded for runs of this machine; what was in its bucket before is not theirs."""
    s3 = account.unguarded("s3")
    for config in FOLDER.glob(f"{run or '*'}/promotion.yaml"):
        for bucket, key in _uploads(config.parent / "cdk.out"):
            try:
                head = s3.head_object(Bucket=bucket, Key=key)
            except ClientError:
                continue  # deleted, or never uploaded
            if head["LastModified"].timestamp() > config.stat().st_mtime - _CLOCK_SECONDS:
                version = {"VersionId": head["VersionId"]} if "VersionId" in head else {}
                yield Leftover("asset", key, partial(s3.delete_object, Bucket=bucket, Key=key, **version))


def _uploads(assembly: Path) -> Iterator[tuple[str, str]]:
    for manifest in assembly.glob("*.assets.json"):
        for file in json.loads(manifest.read_text()).get("files", {}).values():
            for destination in file["destinations"].values():
                yield destination["bucketName"], destination["objectKey"]


# The stacks first: their resources are theirs to delete.
LOOKS: tuple[Look, ...] = (stacks_of_run, kept_tables, kept_buckets, kept_roles, assets)
