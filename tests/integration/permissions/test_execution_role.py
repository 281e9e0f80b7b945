"""What a model's container may never do, which has its execution role's credentials: write where models are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.integration.resource_policies import bucket_policy, without_statement
from tests.integration.role_policies import Document, edited, with_permissions
from tests.integration.scenarios import PRODUCTION, QA, AccountPair
from tests.integration.world import World

PAIRS = pytest.mark.parametrize("pair", [QA, PRODUCTION], ids=lambda pair: pair.target)
WRITES: dict[str, Callable[[Any, dict[str, str]], object]] = {
    "put": lambda s3, place: s3.put_object(**place, Body=b"x"),
    "put where nothing is": lambda s3, place: s3.put_object(**{**place, "Key": f"{place['Key']}.new"}, Body=b"x"),
    "copy": lambda s3, place: s3.copy_object(**place, CopySource=place),
    "begin an upload": lambda s3, place: s3.create_multipart_upload(**place),
    "delete": lambda s3, place: s3.delete_object(**place),
    "tag": lambda s3, place: s3.put_object_tagging(**place, Tagging={"TagSet": []}),
    "let others in": lambda s3, place: s3.put_object_acl(**place, ACL="bucket-owner-full-control"),
    "change the bucket's policy": lambda s3, place: s3.delete_bucket_policy(Bucket=place["Bucket"]),
    "stop the versions": lambda s3, place: s3.put_bucket_versioning(
        Bucket=place["Bucket"], VersioningConfiguration={"Status": "Suspended"}
    ),
}
KEYS = ("artifacts/text-classifier/{stage}/0123/code/inference.py", "incoming/{source}/model.tar.gz", "elsewhere")


@pytest.fixture(autouse=True)
def no_upload_is_left(module_world: World) -> Iterator[None]:
    yield
    for pair in (QA, PRODUCTION):
        module_world.abort_uploads(pair.target)


@contextmanager
def container(world: World, pair: AccountPair) -> Iterator[Any]:
    """S3 as a container: the role trusts SageMaker only, so while this runs the account too."""
    role, account = f"promote-{pair.target}-execution", world.sandbox.accounts[pair.target]
    iam = world.client("iam", pair.target)
    own = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}

    def trusting(document: Document) -> Document:
        return {**document, "Statement": [*document["Statement"], own]}

    def put(text: str) -> None:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=text)

    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    with edited(trust, put, trusting):
        keys = world.sandbox.assume(f"arn:aws:iam::{account}:role/{role}", by=pair.target)
        yield world.sandbox.client("s3", pair.target, keys)


def stored(world: World, pair: AccountPair, key: str) -> dict[str, str]:
    place = {
        "Bucket": pair.target_bucket,
        "Key": f"{key.format(stage=pair.target, source=pair.source)}.{uuid4().hex[:8]}",
    }
    world.client("s3", pair.target).put_object(**place, Body=b"model")
    return place


def refuse_every_write(s3: Any, place: dict[str, str]) -> None:
    for name, write in WRITES.items():
        with pytest.raises(ClientError) as refused:
            write(s3, place)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, name


@PAIRS
@pytest.mark.parametrize("key", KEYS)
def test_a_container_writes_nothing_where_models_are(module_world: World, pair: AccountPair, key: str) -> None:
    """Neither with the permissions that it is deployed with, nor with all that its account could add to them."""
    place = stored(module_world, pair, key)
    more = with_permissions(module_world, pair.target, f"promote-{pair.target}-execution", "s3:*", "kms:*")
    with container(module_world, pair) as s3:
        refuse_every_write(s3, place)
        with more:
            refuse_every_write(s3, place)


@PAIRS
def test_it_is_the_buckets_policy_that_denies_it(module_world: World, pair: AccountPair) -> None:
    place = stored(module_world, pair, KEYS[0])
    role = f"promote-{pair.target}-execution"
    with (
        container(module_world, pair) as s3,
        with_permissions(module_world, pair.target, role, "s3:*", "kms:*"),
        bucket_policy(module_world, pair, without_statement("ExecutionRolesOnlyRead")),
    ):
        s3.put_object(**place, Body=b"x")


@PAIRS
def test_a_container_reads_models_as_before(module_world: World, pair: AccountPair) -> None:
    place = stored(module_world, pair, KEYS[0])
    with container(module_world, pair) as s3:
        assert s3.get_object(**place)["Body"].read() == b"model"
        assert s3.list_objects_v2(Bucket=place["Bucket"], Prefix="artifacts/text-classifier/")["Contents"]
