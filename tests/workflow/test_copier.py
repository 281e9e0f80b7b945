"""What the copier's role may never do in a target, session policy or not: it only adds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.names import Step, step_role_arn
from tests.workflow.given import World
from tests.workflow.journeys import PRODUCTION, QA, Place

PLACES = pytest.mark.parametrize("place", [QA, PRODUCTION], ids=lambda place: place.target)


@dataclass(frozen=True)
class Copier:
    """S3 as the copier's role, an object that it may read, and one that is in the target already."""

    s3: Any
    source: dict[str, str]
    target: dict[str, str]


def copier(world: World, place: Place) -> Copier:
    own = world.sandbox.assume(step_role_arn(world.sandbox.accounts["hub"], Step.COPY_ARTIFACT))
    role = f"arn:aws:iam::{world.sandbox.accounts[place.source]}:role/promote-{place.source}-copier"
    answer = world.sandbox.client("sts", "hub", own).assume_role(RoleArn=role, RoleSessionName="copier")
    s3 = world.sandbox.client("s3", place.source, answer["Credentials"])
    key = f"artifacts/{uuid4().hex}/model.tar.gz"
    there = world.client("s3", place.source).put_object(Bucket=place.source_bucket, Key=key, Body=b"another")
    s3.put_object(Bucket=place.target_bucket, Key=key, Body=b"first", IfNoneMatch="*")
    version = {"VersionId": there["VersionId"]} if there.get("VersionId", "null") != "null" else {}
    return Copier(
        s3,
        source={"Bucket": place.source_bucket, "Key": key, **version},
        target={"Bucket": place.target_bucket, "Key": key},
    )


def fresh(target: dict[str, str]) -> dict[str, str]:
    return {**target, "Key": f"{target['Key']}.new"}


NEVER: dict[str, Callable[[Copier], object]] = {
    "overwrite by putting": lambda c: c.s3.put_object(**c.target, Body=b"x"),
    "overwrite by copying": lambda c: c.s3.copy_object(**c.target, CopySource=c.source),
    "put without the condition where nothing is": lambda c: c.s3.put_object(**fresh(c.target), Body=b"x"),
    "copy without the condition where nothing is": lambda c: c.s3.copy_object(**fresh(c.target), CopySource=c.source),
    "begin an upload in parts": lambda c: c.s3.create_multipart_upload(**fresh(c.target)),
    "put outside of the prefix": lambda c: c.s3.put_object(
        **{**c.target, "Key": "elsewhere/model.tar.gz"}, Body=b"x", IfNoneMatch="*"
    ),
    "read": lambda c: c.s3.get_object(**c.target),
    "look": lambda c: c.s3.head_object(**c.target),
    "list": lambda c: c.s3.list_objects_v2(Bucket=c.target["Bucket"]),
    "delete": lambda c: c.s3.delete_object(**c.target),
    "tag": lambda c: c.s3.put_object_tagging(**c.target, Tagging={"TagSet": []}),
}


@PLACES
@pytest.mark.parametrize("what", NEVER)
def test_the_copier_can_never_in_the_target(lasting_world: World, place: Place, what: str) -> None:
    with pytest.raises(ClientError) as refused:
        NEVER[what](copier(lasting_world, place))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@PLACES
def test_the_copier_can_copy_to_where_nothing_is_and_only_there(lasting_world: World, place: Place) -> None:
    """So the refusals above are for what was asked, not for how it was asked."""
    it = copier(lasting_world, place)
    it.s3.copy_object(**fresh(it.target), CopySource=it.source, IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        it.s3.copy_object(**it.target, CopySource=it.source, IfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
