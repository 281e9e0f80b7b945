"""What the copier's role may never do in a target, session policy or not.

It only adds, whole or in parts, and only below its source's own incoming prefix. Whoever administers a source has the
role's credentials at any time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.contract.resource_names import step_role_arn
from lambdas.promotion.contract.steps import Step
from tests.integration.scenarios import PRODUCTION, QA, AccountPair
from tests.integration.world import World

PAIRS = pytest.mark.parametrize("pair", [QA, PRODUCTION], ids=lambda pair: pair.target)


@dataclass(frozen=True)
class Copier:
    """S3 as the copier's role, an object that it may read, and one that is in the target already."""

    s3: Any
    source: dict[str, str]
    target: dict[str, str]


@pytest.fixture(autouse=True)
def no_upload_is_left(module_world: World) -> Iterator[None]:
    yield
    for pair in (QA, PRODUCTION):
        module_world.abort_uploads(pair.target)


def copier(world: World, pair: AccountPair) -> Copier:
    own = world.sandbox.assume(step_role_arn(world.sandbox.accounts["hub"], Step.COPY_UNIT))
    role = f"arn:aws:iam::{world.sandbox.accounts[pair.source]}:role/promote-{pair.source}-copier"
    answer = world.sandbox.client("sts", "hub", own).assume_role(RoleArn=role, RoleSessionName="copier")
    s3 = world.sandbox.client("s3", pair.source, answer["Credentials"])
    key = f"artifacts/{uuid4().hex}/model.tar.gz"
    stored = world.client("s3", pair.source).put_object(Bucket=pair.source_bucket, Key=key, Body=b"another")
    incoming_key = f"incoming/{pair.source}/{uuid4().hex}/model.tar.gz"
    s3.put_object(Bucket=pair.target_bucket, Key=incoming_key, Body=b"first", IfNoneMatch="*")
    version = {"VersionId": stored["VersionId"]} if stored.get("VersionId", "null") != "null" else {}
    return Copier(
        s3,
        source={"Bucket": pair.source_bucket, "Key": key, **version},
        target={"Bucket": pair.target_bucket, "Key": incoming_key},
    )


def fresh(target: dict[str, str]) -> dict[str, str]:
    return {**target, "Key": f"{target['Key']}.new"}


# Where models are read, at two depths, where another source writes, and somewhere else.
OUTSIDE = (
    "artifacts/text-classifier/qa/0123/code/inference.py",
    "artifacts/model.tar.gz",
    "incoming/another/model.tar.gz",
    "incoming/model.tar.gz",
    "elsewhere/model.tar.gz",
)


def outside(target: dict[str, str], key: str) -> dict[str, str]:
    return {**target, "Key": key}


def begin(it: Copier, target: dict[str, str]) -> str:
    """Begin an upload in parts, and put one."""
    upload: str = it.s3.create_multipart_upload(**target)["UploadId"]
    it.s3.upload_part_copy(**target, CopySource=it.source, UploadId=upload, PartNumber=1)
    return upload


def complete(it: Copier, target: dict[str, str], **conditions: str) -> object:
    upload = begin(it, target)
    parts = it.s3.list_parts(**target, UploadId=upload)["Parts"]
    named = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    return it.s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": named}, **conditions)


NEVER: dict[str, Callable[[Copier], object]] = {
    "overwrite by putting": lambda c: c.s3.put_object(**c.target, Body=b"x"),
    "overwrite by copying": lambda c: c.s3.copy_object(**c.target, CopySource=c.source),
    "put without the condition where nothing is": lambda c: c.s3.put_object(**fresh(c.target), Body=b"x"),
    "copy without the condition where nothing is": lambda c: c.s3.copy_object(**fresh(c.target), CopySource=c.source),
    "overwrite by an upload in parts": lambda c: complete(c, c.target),
    "complete an upload without the condition where nothing is": lambda c: complete(c, fresh(c.target)),
    **{
        f"{what} {key}": functools.partial(call, key=key)
        for key in OUTSIDE
        for what, call in {
            "begin an upload to": lambda c, key: c.s3.create_multipart_upload(**outside(c.target, key)),
            "put": lambda c, key: c.s3.put_object(**outside(c.target, key), Body=b"x", IfNoneMatch="*"),
            "copy to": lambda c, key: c.s3.copy_object(**outside(c.target, key), CopySource=c.source, IfNoneMatch="*"),
        }.items()
    },
    "read": lambda c: c.s3.get_object(**c.target),
    "look": lambda c: c.s3.head_object(**c.target),
    "list": lambda c: c.s3.list_objects_v2(Bucket=c.target["Bucket"]),
    "list versions": lambda c: c.s3.list_object_versions(Bucket=c.target["Bucket"]),
    "list uploads": lambda c: c.s3.list_multipart_uploads(Bucket=c.target["Bucket"]),
    "end an upload": lambda c: c.s3.abort_multipart_upload(**c.target, UploadId=begin(c, c.target)),
    "delete": lambda c: c.s3.delete_object(**c.target),
    "tag": lambda c: c.s3.put_object_tagging(**c.target, Tagging={"TagSet": []}),
    "tag by the way": lambda c: c.s3.create_multipart_upload(**fresh(c.target), Tagging="a=b"),
    "let others in": lambda c: c.s3.put_object_acl(**c.target, ACL="bucket-owner-full-control"),
}


# What comes before is allowed.
LAST_CALLS = {
    "overwrite by an upload in parts": "CompleteMultipartUpload",
    "complete an upload without the condition where nothing is": "CompleteMultipartUpload",
    "end an upload": "AbortMultipartUpload",
}


@PAIRS
@pytest.mark.parametrize("what", NEVER)
def test_the_copier_can_never_in_the_target(module_world: World, pair: AccountPair, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        NEVER[what](copier(module_world, pair))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert refused.value.operation_name == LAST_CALLS.get(what, refused.value.operation_name)


@PAIRS
def test_the_copier_can_copy_to_where_nothing_is_and_only_there(module_world: World, pair: AccountPair) -> None:
    """So the refusals above are for what was asked, not for how it was asked."""
    it = copier(module_world, pair)
    it.s3.copy_object(**fresh(it.target), CopySource=it.source, IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        it.s3.copy_object(**it.target, CopySource=it.source, IfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"


@PAIRS
def test_the_copier_can_make_an_object_of_parts_where_nothing_is_and_only_there(
    module_world: World, pair: AccountPair
) -> None:
    it = copier(module_world, pair)
    complete(it, fresh(it.target), IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        complete(it, it.target, IfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
