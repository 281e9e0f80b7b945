"""What an object is: its key, checksum, ETag, encryption and Region. `patched` runs a test also against unpatched
MiniStack, where it must fail.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.handlers import set_list_objects_encoding_type_url

from recordings import store
from sandbox.aws.control import Sandbox
from sandbox.aws.controls.client import StateClient
from tests.sandbox.aws.builders import (
    DEV,
    QA,
    allow,
    crc64,
    create_bucket,
    create_key,
    create_role,
    encrypt_bucket,
    in_region,
    policy,
    refusal,
)

# Keys


KEYS = sorted(
    [
        *("a b", " a", "a ", "a+b", "a%2Fb", "a%20b", "%", "%zz", "a?versionId=3", "a#b", "a&b=c;d,e:@!$*'()"),
        *("a//b", "//", "/a", "dir/", "a/../b", "../a", "..", ".", "./a", "a/.", "uploads"),
        *("ü/é", "e\u0301", "漢字😀", "<&>\"'", "[]{}|\\^~`", "a\tb", "a\nb", "x" * 1024, "é" * 512),
    ]
)


@pytest.fixture(scope="module")
def odd(bare_sandbox: Sandbox) -> tuple[Any, str]:
    """A client and a bucket with an object under each of the keys."""
    bucket, s3 = create_bucket(bare_sandbox, DEV, "odd-keys"), bare_sandbox.client("s3", DEV)
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith("/") else key.encode())
    return s3, bucket


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key)[:20])
def test_every_key_is_read_and_copied_as_it_was_put(odd: Any, key: str, name: str) -> None:
    s3, bucket = odd
    content = b"" if key.endswith("/") else key.encode()
    source = {"Bucket": bucket, "Key": key}
    assert s3.head_object(**source)["ContentLength"] == len(content)
    other = {"Bucket": create_bucket_like(s3, name), "Key": key}
    s3.copy_object(**other, CopySource=source)
    assert s3.get_object(**other)["Body"].read() == content
    upload = s3.create_multipart_upload(**other)
    assert upload["Key"] == key
    target = {**other, "UploadId": upload["UploadId"]}
    part = s3.upload_part_copy(**target, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    assert s3.list_parts(**target)["Key"] == key
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    assert s3.complete_multipart_upload(**target, MultipartUpload=parts)["Key"] == key
    assert s3.get_object(**other)["Body"].read() == content
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=other["Bucket"])["Contents"]] == [key]


def create_bucket_like(s3: Any, name: str) -> str:
    s3.create_bucket(Bucket=name)
    return name


@pytest.mark.parametrize("encoded", [True, False], ids=["encoded", "plain"])
def test_every_key_is_listed_once_in_the_order_of_its_bytes(bare_sandbox: Sandbox, odd: Any, encoded: bool) -> None:
    _, bucket = odd
    s3 = bare_sandbox.client("s3", DEV)
    if not encoded:
        s3.meta.events.unregister("before-parameter-build.s3.ListObjectsV2", set_list_objects_encoding_type_url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 7})
    listed = [entry["Key"] for page in pages for entry in page["Contents"]]
    assert listed == sorted(KEYS, key=str.encode)


def test_a_key_has_at_most_1024_bytes(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    s3 = patched.client("s3", DEV)
    assert refusal(s3.put_object, Bucket=name, Key="é" * 513, Body=b"").startswith("KeyTooLongError")


def test_a_carriage_return_in_a_key_comes_back(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    assert patched.client("s3", DEV).create_multipart_upload(Bucket=name, Key="a\r\nb")["Key"] == "a\r\nb"


def test_a_page_has_at_most_1000_keys(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    assert patched.client("s3", DEV).list_objects_v2(Bucket=name, MaxKeys=5000)["MaxKeys"] == 1000


# Checksums


def test_a_put_answers_with_the_checksum(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    answer = patched.client("s3", DEV).put_object(Bucket=name, Key="k", Body=b"x", ChecksumAlgorithm="CRC64NVME")
    assert (answer.get("ChecksumCRC64NVME"), answer.get("ChecksumType")) == (crc64(b"x"), "FULL_OBJECT")


@pytest.mark.parametrize("kind", ["whole", "composite", "none"])
def test_a_copy_gets_the_checksum_of_the_whole_that_was_named(bare_sandbox: Sandbox, name: str, kind: str) -> None:
    s3 = with_checksum(bare_sandbox, name, kind)
    answer = s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k", ChecksumAlgorithm="CRC64NVME")
    head = s3.head_object(Bucket=name, Key="copy", ChecksumMode="ENABLED")
    for message in (answer["CopyObjectResult"], head):
        checksums = {field: message[field] for field in message if field.startswith("Checksum")}
        assert checksums == {"ChecksumCRC64NVME": crc64(b"content"), "ChecksumType": "FULL_OBJECT"}


@pytest.mark.parametrize(
    ("kind", "field"), [("whole", "ChecksumSHA256"), ("composite", "ChecksumCRC32"), ("none", "ChecksumCRC64NVME")]
)
def test_a_copy_without_a_word_has_its_source_s_algorithm_over_the_whole(
    bare_sandbox: Sandbox, name: str, kind: str, field: str
) -> None:
    s3 = with_checksum(bare_sandbox, name, kind)
    s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k")
    head = s3.head_object(Bucket=name, Key="copy", ChecksumMode="ENABLED")
    assert [name for name in head if name.startswith("Checksum")] == [field, "ChecksumType"]
    assert (head["ChecksumType"], head[field][-2:] == "-1") == ("FULL_OBJECT", False)


@pytest.mark.parametrize(
    ("kind", "listed"), [("whole", (["SHA256"], "FULL_OBJECT")), ("composite", (["CRC32"], "COMPOSITE"))]
)
def test_a_list_names_the_algorithm_of_each_checksum(
    patched: Sandbox, name: str, kind: str, listed: tuple[list[str], str]
) -> None:
    recorded = store.response("s3/ListObjectsV2/prefix")["Contents"][0]
    assert (recorded["ChecksumAlgorithm"], recorded["ChecksumType"]) == (["CRC32"], "FULL_OBJECT")
    (entry,) = with_checksum(patched, name, kind).list_objects_v2(Bucket=name)["Contents"]
    assert (entry.get("ChecksumAlgorithm"), entry.get("ChecksumType")) == listed


def test_a_list_names_no_algorithm_where_there_is_no_checksum(bare_sandbox: Sandbox, name: str) -> None:
    (entry,) = with_checksum(bare_sandbox, name, "none").list_objects_v2(Bucket=name)["Contents"]
    assert [field for field in entry if field.startswith("Checksum")] == []


def with_checksum(sandbox: Sandbox, name: str, kind: str) -> Any:
    """A bucket with an object `k` that has a checksum of the whole, of its parts, or none."""
    create_bucket(sandbox, DEV, name)
    s3, target = sandbox.client("s3", DEV), {"Bucket": name, "Key": "k"}
    if kind == "composite":
        target["UploadId"] = s3.create_multipart_upload(**target, ChecksumAlgorithm="CRC32")["UploadId"]
        part = s3.upload_part(**target, PartNumber=1, Body=b"content", ChecksumAlgorithm="CRC32")
        listed = {"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [listed]})
    else:
        s3.put_object(**target, Body=b"content", ChecksumAlgorithm="SHA256")
    if kind == "none":
        StateClient(sandbox.endpoint_url, str(sandbox.ca_bundle)).forget_checksum(name, "k")
    return s3


def test_a_copy_may_get_a_checksum_that_a_put_cannot_have_here(bare_sandbox: Sandbox, name: str) -> None:
    s3 = with_checksum(bare_sandbox, name, "whole")
    answer = s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k", ChecksumAlgorithm="SHA512")
    assert len(answer["CopyObjectResult"]["ChecksumSHA512"]) == 88
    unknown = {"CopySource": f"{name}/k", "ChecksumAlgorithm": "XXHASH3"}
    assert refusal(s3.copy_object, Bucket=name, Key="copy", **unknown).startswith("InvalidRequest")


# ETags and encryption


def test_the_etag_under_a_key_is_not_the_content_s_md5(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    encrypt_bucket(patched, DEV, name, create_key(patched, DEV))
    s3 = patched.client("s3", DEV)
    put = s3.put_object(Bucket=name, Key="k", Body=b"x")
    copy = s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k")["CopyObjectResult"]
    upload = {"Bucket": name, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    whole = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    md5 = hashlib.md5(b"x", usedforsecurity=False).digest()
    tags = [answer["ETag"].strip('"') for answer in (put, copy, part)]
    assert md5.hex() not in tags
    assert len({*tags}) == 3
    assert whole["ETag"] != f'"{hashlib.md5(md5, usedforsecurity=False).hexdigest()}-1"'
    heads = [s3.head_object(Bucket=name, Key=key)["ETag"] for key in ("k", "copy", "parts")]
    assert heads == [put["ETag"], copy["ETag"], whole["ETag"]]


def test_a_copy_of_what_came_in_parts_has_an_etag_of_its_own(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    s3, upload = patched.client("s3", DEV), {"Bucket": name, "Key": "k"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    copy = s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k")["CopyObjectResult"]
    head = s3.head_object(Bucket=name, Key="copy")
    assert copy["ETag"] == head["ETag"] == f'"{hashlib.md5(b"x", usedforsecurity=False).hexdigest()}"'


def test_every_object_is_encrypted_by_s3_itself_at_least(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    s3 = patched.client("s3", DEV)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert s3.head_object(Bucket=name, Key="k")["ServerSideEncryption"] == "AES256"


def test_the_bucket_key_setting_is_reported_from_the_target_not_the_source(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    create_bucket(patched, DEV, f"{name}-plain")
    encrypt_bucket(patched, DEV, name, create_key(patched, DEV), bucket_key=True)
    s3 = patched.client("s3", DEV)
    assert s3.put_object(Bucket=name, Key="k", Body=b"x")["BucketKeyEnabled"]
    assert s3.head_object(Bucket=name, Key="k")["BucketKeyEnabled"]
    s3.copy_object(Bucket=f"{name}-plain", Key="k", CopySource=f"{name}/k")
    assert "BucketKeyEnabled" not in s3.head_object(Bucket=f"{name}-plain", Key="k")


# Regions


EUROPE = "eu-west-1"


def in_europe(sandbox: Sandbox, name: str) -> tuple[Any, str]:
    """A role of dev with its client in Europe, and a bucket of qa there, `<name>-to`; dev has `<name>-from/k`."""
    role = create_role(sandbox, DEV, name, allow(["s3:*", "kms:*"]))
    create_bucket(sandbox, DEV, f"{name}-from")
    sandbox.client("s3", DEV).put_object(Bucket=f"{name}-from", Key="k", Body=b"x")
    owner = in_region(sandbox, "s3", EUROPE, QA)
    owner.create_bucket(Bucket=f"{name}-to", CreateBucketConfiguration={"LocationConstraint": EUROPE})
    may = allow("s3:*", [f"arn:aws:s3:::{name}-to", f"arn:aws:s3:::{name}-to/*"], Principal={"AWS": role})
    owner.put_bucket_policy(Bucket=f"{name}-to", Policy=policy(may))
    return in_region(sandbox, "s3", EUROPE, DEV, sandbox.assume(role)), role


def test_a_copy_goes_to_the_target_s_region(bare_sandbox: Sandbox, name: str) -> None:
    s3, _ = in_europe(bare_sandbox, name)
    target, source = {"Bucket": f"{name}-to", "Key": "k"}, {"CopySource": f"{name}-from/k"}
    s3.copy_object(**target, **source)
    target["UploadId"] = s3.create_multipart_upload(**target)["UploadId"]
    part = s3.upload_part_copy(**target, PartNumber=1, **source)["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})


@pytest.mark.parametrize("operation", ["HeadObject", "CopyObject", "CreateMultipartUpload"])
def test_a_request_to_another_region_is_redirected(bare_sandbox: Sandbox, name: str, operation: str) -> None:
    _, role = in_europe(bare_sandbox, name)
    s3 = in_region(bare_sandbox, "s3", "us-east-1", DEV, bare_sandbox.assume(role))
    answers: list[tuple[int, str | None]] = []

    def note(response: Any, **_: Any) -> None:
        http = response[0] if response else None
        if http is not None:
            answers.append((http.status_code, http.headers.get("x-amz-bucket-region")))

    s3.meta.events.register_first(f"needs-retry.s3.{operation}", note)
    target = {"Bucket": f"{name}-to", "Key": "k"}
    calls: dict[str, Callable[[], Any]] = {
        "HeadObject": lambda: refusal(s3.head_object, **target),
        "CopyObject": lambda: s3.copy_object(**target, CopySource=f"{name}-from/k"),
        "CreateMultipartUpload": lambda: s3.create_multipart_upload(**target),
    }
    calls[operation]()
    assert answers[0] == (301, EUROPE)
    # boto3 goes to the other Region by itself.
    assert answers[-1][0] == (404 if operation == "HeadObject" else 200)


def test_a_key_must_be_in_the_bucket_s_region(patched: Sandbox, name: str) -> None:
    create_bucket(patched, DEV, name)
    key = in_region(patched, "kms", EUROPE, DEV).create_key()["KeyMetadata"]["Arn"]
    put = {"Bucket": name, "Key": "k", "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    assert refusal(patched.client("s3", DEV).put_object, **put) == f"KMS.NotFoundException: Invalid arn {EUROPE}"


def test_a_key_is_used_through_s3_of_its_bucket_s_region(bare_sandbox: Sandbox, name: str) -> None:
    s3, role = in_europe(bare_sandbox, name)
    through = {"StringEquals": {"kms:ViaService": f"s3.{EUROPE}.amazonaws.com"}}
    own = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{QA}:root"})
    use = allow("kms:GenerateDataKey", Principal={"AWS": role}, Condition=through)
    keys = in_region(bare_sandbox, "kms", EUROPE, QA)
    key = keys.create_key(Policy=policy(own, use))["KeyMetadata"]["Arn"]
    copy = {"Bucket": f"{name}-to", "Key": "k", "CopySource": f"{name}-from/k"}
    s3.copy_object(**copy, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
