"""Who may do what to an upload in parts and to its source. `patched` runs a test also against unpatched MiniStack,
where it must fail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import (
    DEV,
    QA,
    allow,
    create_bucket,
    create_key,
    create_role,
    encrypt_bucket,
    policy,
    refusal,
    s3_of,
)


@dataclass(frozen=True)
class UploadSetup:
    """A bucket of qa with an open upload of one part of its owner's, `k`, and a role of dev's client there."""

    sandbox: Sandbox
    name: str
    role: str
    s3: Any
    upload: dict[str, str]
    etag: str

    def grant(self, *statements: dict[str, Any]) -> None:
        with_principal = [{**statement, "Principal": {"AWS": self.role}} for statement in statements]
        self.sandbox.client("s3", QA).put_bucket_policy(Bucket=self.name, Policy=policy(*with_principal))

    @property
    def bucket(self) -> str:
        return f"arn:aws:s3:::{self.name}"

    @property
    def objects(self) -> str:
        return f"{self.bucket}/*"


@pytest.fixture
def setup(bare_sandbox: Sandbox, name: str) -> UploadSetup:
    create_bucket(bare_sandbox, QA, name)
    create_bucket(bare_sandbox, DEV, f"{name}-from")
    bare_sandbox.client("s3", DEV).put_object(Bucket=f"{name}-from", Key="k", Body=b"x")
    role = create_role(bare_sandbox, DEV, name, allow("s3:*"))
    owner = bare_sandbox.client("s3", QA)
    upload = {"Bucket": name, "Key": "k"}
    upload["UploadId"] = owner.create_multipart_upload(**upload)["UploadId"]
    etag = owner.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    return UploadSetup(bare_sandbox, name, role, s3_of(bare_sandbox, DEV, role), upload, etag)


# In an order in which each can be done after the other.
CALLS: dict[str, tuple[str, Callable[[UploadSetup], Any]]] = {
    "CreateMultipartUpload": (
        "s3:PutObject",
        lambda setup: setup.s3.create_multipart_upload(Bucket=setup.name, Key="other"),
    ),
    "UploadPart": ("s3:PutObject", lambda setup: setup.s3.upload_part(**setup.upload, PartNumber=2, Body=b"x")),
    "UploadPartCopy": (
        "s3:PutObject",
        lambda setup: setup.s3.upload_part_copy(**setup.upload, PartNumber=2, CopySource=f"{setup.name}-from/k"),
    ),
    "CompleteMultipartUpload": (
        "s3:PutObject",
        lambda setup: setup.s3.complete_multipart_upload(
            **setup.upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": setup.etag}]}
        ),
    ),
    "ListParts": ("s3:ListMultipartUploadParts", lambda setup: setup.s3.list_parts(**setup.upload)),
    "AbortMultipartUpload": ("s3:AbortMultipartUpload", lambda setup: setup.s3.abort_multipart_upload(**setup.upload)),
    "ListMultipartUploads": (
        "s3:ListBucketMultipartUploads",
        lambda setup: setup.s3.list_multipart_uploads(Bucket=setup.name),
    ),
}
ACTIONS = sorted({action for action, _ in CALLS.values()} | {"s3:GetObject", "s3:ListBucket"})


@pytest.mark.parametrize("operation", CALLS)
def test_each_request_of_an_upload_requires_its_own_permission_on_the_bucket(
    setup: UploadSetup, operation: str
) -> None:
    action, call = CALLS[operation]
    on = [setup.bucket, setup.objects]
    setup.grant(allow([other for other in ACTIONS if other != action], on))
    with pytest.raises(ClientError, match="AccessDenied"):
        call(setup)
    setup.grant(allow(action, on))
    call(setup)


@pytest.mark.parametrize("operation", CALLS)
def test_each_request_of_an_upload_requires_its_own_permission_of_the_role_too(
    setup: UploadSetup, operation: str
) -> None:
    action, call = CALLS[operation]
    setup.grant(allow("s3:*", [setup.bucket, setup.objects]))
    iam = setup.sandbox.client("iam", DEV)
    others = allow([other for other in ACTIONS if other != action])
    source = allow("s3:GetObject", f"arn:aws:s3:::{setup.name}-from/*")
    iam.put_role_policy(RoleName=setup.name, PolicyName="it", PolicyDocument=policy(others, source))
    with pytest.raises(ClientError, match=f"not authorized to perform: {action}"):
        call(setup)
    iam.put_role_policy(RoleName=setup.name, PolicyName="it", PolicyDocument=policy(allow(action), source))
    call(setup)


def test_a_missing_upload_is_reported_to_a_caller_without_list_permission(setup: UploadSetup) -> None:
    setup.grant(allow("s3:ListMultipartUploadParts", setup.objects))
    setup.sandbox.client("s3", QA).abort_multipart_upload(**setup.upload)
    assert refusal(setup.s3.list_parts, **setup.upload).startswith("NoSuchUpload")


def test_a_listing_may_be_allowed_for_a_prefix(setup: UploadSetup) -> None:
    setup.grant(allow("s3:ListBucket", setup.bucket, Condition={"StringLike": {"s3:prefix": "mine/*"}}))
    setup.s3.list_objects_v2(Bucket=setup.name, Prefix="mine/")
    for prefix in ({}, {"Prefix": "other/"}):
        assert refusal(setup.s3.list_objects_v2, Bucket=setup.name, **prefix).startswith("AccessDenied")


def test_a_policy_that_forbids_to_overwrite_lets_an_upload_be_prepared(setup: UploadSetup) -> None:
    creating = {"Bool": {"s3:ObjectCreationOperation": "true"}, "Null": {"s3:if-none-match": "true"}}
    put = allow("s3:PutObject", setup.objects)
    setup.grant(put, {**put, "Effect": "Deny", "Condition": creating})
    source = f"{setup.name}-from/k"
    for call in ("CreateMultipartUpload", "UploadPart", "UploadPartCopy"):
        CALLS[call][1](setup)
    complete = {**setup.upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": setup.etag}]}}
    target = {"Bucket": setup.name, "Key": "other"}
    for write, parameters in (
        (setup.s3.complete_multipart_upload, complete),
        (setup.s3.put_object, target),
        (setup.s3.copy_object, {**target, "CopySource": source}),
    ):
        assert refusal(write, **parameters).startswith("AccessDenied")
    setup.s3.complete_multipart_upload(**complete, IfNoneMatch="*")
    setup.s3.copy_object(**target, CopySource=source, IfNoneMatch="*")


def test_tags_of_an_upload_require_their_own_permission(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    role = create_role(patched, DEV, name, allow("s3:PutObject"))
    s3 = s3_of(patched, DEV, role)
    s3.create_multipart_upload(Bucket=name, Key="k")
    answer = refusal(s3.create_multipart_upload, Bucket=name, Key="k", Tagging="a=b")
    assert answer.startswith("AccessDenied")


# The source


@pytest.mark.parametrize("account", [DEV, QA], ids=["own account", "another account"])
def test_a_version_of_the_source_requires_its_own_permission(bare_sandbox: Sandbox, name: str, account: str) -> None:
    create_bucket(bare_sandbox, account, name)
    create_bucket(bare_sandbox, DEV, f"{name}-to")
    owner = bare_sandbox.client("s3", account)
    owner.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    version = owner.put_object(Bucket=name, Key="k", Body=b"x")["VersionId"]
    to = allow("s3:PutObject", f"arn:aws:s3:::{name}-to/*")
    reads = {"s3:GetObject": {}, "s3:GetObjectVersion": {"VersionId": version}}
    clients = {}
    for action in reads:
        role = create_role(bare_sandbox, DEV, f"{name}{action[3:]}", to, allow(action, f"arn:aws:s3:::{name}/*"))
        clients[action] = s3_of(bare_sandbox, DEV, role)
    if account != DEV:
        each = [
            allow(action, f"arn:aws:s3:::{name}/*", Principal={"AWS": f"arn:aws:iam::{DEV}:role/{name}{action[3:]}"})
            for action in reads
        ]
        owner.put_bucket_policy(Bucket=name, Policy=policy(*each))
    for action, s3 in clients.items():
        upload = {"Bucket": f"{name}-to", "Key": "k", "PartNumber": 1}
        upload["UploadId"] = s3.create_multipart_upload(Bucket=f"{name}-to", Key="k")["UploadId"]
        for other, which in reads.items():
            part = {**upload, "CopySource": {"Bucket": name, "Key": "k", **which}}
            if other == action:
                s3.upload_part_copy(**part)
            else:
                assert refusal(s3.upload_part_copy, **part).startswith("AccessDenied")


def test_the_tags_of_a_version_require_their_own_permission(bare_sandbox: Sandbox, name: str) -> None:
    create_bucket(bare_sandbox, DEV, name)
    owner = bare_sandbox.client("s3", DEV)
    owner.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    version = owner.put_object(Bucket=name, Key="k", Body=b"x", Tagging="a=b")["VersionId"]
    may = allow(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectTagging", "s3:GetObjectTagging"])
    s3 = s3_of(bare_sandbox, DEV, create_role(bare_sandbox, DEV, name, may))
    s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k")
    copy = {"Bucket": name, "Key": "copy", "CopySource": {"Bucket": name, "Key": "k", "VersionId": version}}
    assert refusal(s3.copy_object, **copy) == "AccessDenied: Access Denied: s3:GetObjectVersionTagging"


def test_a_part_is_copied_without_permissions_on_its_source_s_tags(bare_sandbox: Sandbox, name: str) -> None:
    create_bucket(bare_sandbox, DEV, name)
    bare_sandbox.client("s3", DEV).put_object(Bucket=name, Key="k", Body=b"x", Tagging="a=b")
    s3 = s3_of(bare_sandbox, DEV, create_role(bare_sandbox, DEV, name, allow(["s3:GetObject", "s3:PutObject"])))
    upload = {"Bucket": name, "Key": "copy"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    s3.upload_part_copy(**upload, PartNumber=1, CopySource=f"{name}/k")


# Keys as the resources of policies


@pytest.mark.parametrize(("allowed", "other"), [("a//b", "a/b"), ("dir/", "dir"), ("/k", "k")])
def test_a_policy_decides_about_the_very_key(patched: Sandbox, name: str, allowed: str, other: str) -> None:
    create_bucket(patched, DEV, name)
    role = create_role(patched, DEV, name, allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{name}/{allowed}"))
    s3 = s3_of(patched, DEV, role)
    s3.put_object(Bucket=name, Key=allowed, Body=b"x")
    s3.copy_object(Bucket=name, Key=allowed, CopySource=f"{name}/{allowed}", MetadataDirective="REPLACE")
    assert refusal(s3.put_object, Bucket=name, Key=other, Body=b"x").startswith("AccessDenied")


def test_an_object_whose_key_is_a_slash_is_not_its_bucket(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    role = create_role(patched, DEV, name, allow("s3:PutObject", f"arn:aws:s3:::{name}//"))
    s3_of(patched, DEV, role).put_object(Bucket=name, Key="/", Body=b"x")


# KMS


def test_a_copied_part_needs_decrypt_on_the_target_s_key_and_an_abort_none(patched: Sandbox, name: str) -> None:
    key = create_key(patched, DEV)
    create_bucket(patched, DEV, name)
    patched.client("s3", DEV).put_object(Bucket=name, Key="k", Body=b"x", ServerSideEncryption="AES256")
    encrypt_bucket(patched, DEV, name, key)
    create = create_role(patched, DEV, name, allow("s3:*"), allow("kms:GenerateDataKey", key))
    s3, upload = s3_of(patched, DEV, create), {"Bucket": name, "Key": "copy"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = {**upload, "PartNumber": 1, "CopySource": f"{name}/k"}
    assert f"not authorized to perform: kms:Decrypt on resource: {key}" in refusal(s3.upload_part_copy, **part)
    complete = {**upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"x"'}]}}
    assert "kms:Decrypt" in refusal(s3.complete_multipart_upload, **complete)
    s3.list_parts(**upload)
    s3.abort_multipart_upload(**upload)


def test_an_upload_into_an_encrypted_bucket_is_begun_with_generate_data_key(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    encrypt_bucket(patched, DEV, name, create_key(patched, DEV))
    s3 = s3_of(patched, DEV, create_role(patched, DEV, name, allow("s3:*"), allow("kms:Decrypt")))
    assert "kms:GenerateDataKey" in refusal(s3.create_multipart_upload, Bucket=name, Key="k")


def test_a_copied_part_needs_decrypt_on_its_source_s_key(patched: Sandbox, name: str) -> None:
    key = create_key(patched, DEV)
    create_bucket(patched, DEV, name)
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    patched.client("s3", DEV).put_object(Bucket=name, Key="k", Body=b"x", **encrypted)
    s3, upload = s3_of(patched, DEV, create_role(patched, DEV, name, allow("s3:*"))), {"Bucket": name, "Key": "c"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = {**upload, "PartNumber": 1, "CopySource": f"{name}/k"}
    assert f"kms:Decrypt on resource: {key}" in refusal(s3.upload_part_copy, **part)


@pytest.mark.parametrize("bucket_key", [True, False], ids=["bucket key", "object's own"])
def test_the_encryption_context_is_the_bucket_s_only_with_a_bucket_key(
    bare_sandbox: Sandbox, name: str, bucket_key: bool
) -> None:
    create_bucket(bare_sandbox, DEV, name)
    key = create_key(bare_sandbox, DEV)
    encrypt_bucket(bare_sandbox, DEV, name, key, bucket_key=bucket_key)
    context = {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{name}"}}
    may = allow("kms:GenerateDataKey", key, Condition=context)
    s3 = s3_of(bare_sandbox, DEV, create_role(bare_sandbox, DEV, name, allow("s3:*"), may))
    if bucket_key:
        s3.put_object(Bucket=name, Key="k", Body=b"x")
    else:
        assert "kms:GenerateDataKey" in refusal(s3.put_object, Bucket=name, Key="k", Body=b"x")
