"""An upload in parts that are copied from another account, as S3 does it. `patched` runs a test also against
unpatched MiniStack, where it must fail.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest

from recordings import store
from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import (
    DEV,
    QA,
    allow,
    crc64,
    create_bucket,
    create_key,
    create_role,
    encrypt_bucket,
    refusal,
    s3_of,
)

SMALLEST_PART = 5 * 1024 * 1024
CONTENT = bytes(range(256)) * (SMALLEST_PART // 256) + b"the last part"
PARTS = (CONTENT[:SMALLEST_PART], CONTENT[SMALLEST_PART:])
RANGES = (f"bytes=0-{SMALLEST_PART - 1}", f"bytes={SMALLEST_PART}-{len(CONTENT) - 1}")


@dataclass(frozen=True)
class Copying:
    """A role of dev that copies an object of its own account, `<name>-from/k`, into the bucket `<name>-to`."""

    s3: Any
    owner: Any
    source: str
    target: str
    role: str

    def create(self, key: str = "k", **options: Any) -> dict[str, Any]:
        """Open an upload. Returns the parameters that all its requests have."""
        answer = self.s3.create_multipart_upload(Bucket=self.target, Key=key, **options)
        return {"Bucket": self.target, "Key": key, "UploadId": answer["UploadId"]}

    def copy_part(self, upload: dict[str, Any], number: int, **options: Any) -> dict[str, Any]:
        """Copy one of the two parts of the content. Returns it as a completion lists it."""
        part = {"CopySource": f"{self.source}/k", "CopySourceRange": RANGES[number - 1], **options}
        copied = self.s3.upload_part_copy(**upload, PartNumber=number, **part)["CopyPartResult"]
        return {"PartNumber": number, **{name: copied[name] for name in copied if name != "LastModified"}}

    def head(self, key: str = "k") -> Any:
        return self.owner.head_object(Bucket=self.target, Key=key, ChecksumMode="ENABLED")


def given_copying(sandbox: Sandbox, name: str, *, into: str = DEV) -> Copying:
    source, target = f"{name}-from", f"{name}-to"
    role = create_role(sandbox, DEV, name, allow(["s3:*", "kms:*"]))
    create_bucket(sandbox, DEV, source)
    everything = [f"arn:aws:s3:::{target}", f"arn:aws:s3:::{target}/*"]
    create_bucket(sandbox, into, target, allow("s3:*", everything, Principal={"AWS": role}))
    copying = Copying(s3_of(sandbox, DEV, role), sandbox.client("s3", into), source, target, role)
    copying.s3.put_object(Bucket=source, Key="k", Body=CONTENT)
    return copying


@pytest.fixture
def copying(bare_sandbox: Sandbox, name: str) -> Copying:
    return given_copying(bare_sandbox, name, into=QA)


@pytest.fixture
def within(patched: Sandbox, name: str) -> Copying:
    """Copying within one account: what it needs across accounts has tests of its own."""
    return given_copying(patched, name)


# The whole way


def test_a_multipart_copy_has_all_properties_set_at_its_creation(
    bare_sandbox: Sandbox, name: str, copying: Copying
) -> None:
    key = create_key(bare_sandbox, QA, allow(["kms:GenerateDataKey", "kms:Decrypt"], Principal={"AWS": copying.role}))
    encrypt_bucket(bare_sandbox, QA, copying.target, key, bucket_key=True)
    copying.owner.put_bucket_versioning(Bucket=copying.target, VersioningConfiguration={"Status": "Enabled"})
    expected: dict[str, Any] = {
        "Metadata": {"made": "by hand"},
        "ContentType": "application/x-model",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentDisposition": 'attachment; filename="model"',
        "CacheControl": "max-age=3",
    }
    upload = copying.create(
        ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT", ExpectedBucketOwner=QA, **expected
    )
    owners = {"ExpectedBucketOwner": QA, "ExpectedSourceBucketOwner": DEV}
    parts = [copying.copy_part(upload, number, **owners) for number in (1, 2)]
    assert [part["ChecksumCRC64NVME"] for part in parts] == [crc64(content) for content in PARTS]
    answer = copying.s3.complete_multipart_upload(
        **upload,
        MultipartUpload={"Parts": parts},
        MpuObjectSize=len(CONTENT),
        ChecksumCRC64NVME=crc64(CONTENT),
        ChecksumType="FULL_OBJECT",
        IfNoneMatch="*",
        ExpectedBucketOwner=QA,
    )
    assert (answer["ChecksumCRC64NVME"], answer["ChecksumType"]) == (crc64(CONTENT), "FULL_OBJECT")
    head = copying.head()
    assert {field: head[field] for field in expected} == expected
    assert (head["ContentLength"], head["ETag"][-3:]) == (len(CONTENT), '-2"')
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (crc64(CONTENT), "FULL_OBJECT")
    assert (head["SSEKMSKeyId"], head["BucketKeyEnabled"]) == (key, True)
    assert (head["VersionId"], head["ETag"]) == (answer["VersionId"], answer["ETag"])
    assert copying.owner.get_object(Bucket=copying.target, Key="k")["Body"].read() == CONTENT


def test_tags_of_an_upload_are_on_its_object(within: Copying) -> None:
    upload = within.create(Tagging="a=b&c=")
    part = within.copy_part(upload, 1)
    within.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    tags = within.owner.get_object_tagging(Bucket=within.target, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": ""}]


@pytest.mark.parametrize("algorithm", ["CRC64NVME", "CRC32", "CRC32C"])
def test_a_copy_in_parts_has_the_checksum_of_the_whole_that_was_named(within: Copying, algorithm: str) -> None:
    upload = within.create(ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
    parts = [within.copy_part(upload, number) for number in (1, 2)]
    answer = within.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    whole = within.owner.put_object(Bucket=within.target, Key="w", Body=CONTENT, ChecksumAlgorithm=algorithm)
    field = f"Checksum{algorithm}"
    assert answer[field] == within.head()[field] == whole[field]
    assert [name for name in within.head() if name.startswith("Checksum")] == [field, "ChecksumType"]
    attributes = within.owner.get_object_attributes(Bucket=within.target, Key="k", ObjectAttributes=["Checksum"])
    assert attributes["Checksum"] == {field: whole[field], "ChecksumType": "FULL_OBJECT"}


def test_a_copied_part_of_a_composite_upload_has_a_checksum(within: Copying) -> None:
    upload = within.create(ChecksumAlgorithm="SHA256")
    parts = [within.copy_part(upload, number) for number in (1, 2)]
    within.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    head = within.head()
    assert (head["ChecksumType"], head["ChecksumSHA256"][-2:]) == ("COMPOSITE", "-2")


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")])
def test_a_type_of_checksum_that_the_algorithm_has_not_is_refused(within: Copying, algorithm: str, kind: str) -> None:
    target = {"Bucket": within.target, "Key": "k", "ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    assert refusal(within.s3.create_multipart_upload, **target).startswith("InvalidRequest")


# What S3 refuses of a part


def test_a_part_needs_its_source_to_be_what_it_was(copying: Copying) -> None:
    upload = copying.create()
    part = {**upload, "PartNumber": 1, "CopySource": f"{copying.source}/k"}
    answer = refusal(copying.s3.upload_part_copy, **part, CopySourceIfMatch='"other"')
    assert answer.startswith("PreconditionFailed")
    etag = copying.s3.head_object(Bucket=copying.source, Key="k")["ETag"]
    copying.s3.upload_part_copy(**part, CopySourceIfMatch=etag)


@pytest.mark.parametrize("whose", ["ExpectedBucketOwner", "ExpectedSourceBucketOwner"])
def test_a_part_needs_the_expected_owners(within: Copying, whose: str) -> None:
    part = {**within.create(), "PartNumber": 1, "CopySource": f"{within.source}/k"}
    stranger = {whose: "999999999999"}
    assert refusal(within.s3.upload_part_copy, **part, **stranger).startswith("AccessDenied")


def test_a_part_is_a_range_of_the_version_that_was_named(copying: Copying) -> None:
    copying.s3.put_bucket_versioning(Bucket=copying.source, VersioningConfiguration={"Status": "Enabled"})
    first = copying.s3.put_object(Bucket=copying.source, Key="k", Body=b"the first")["VersionId"]
    copying.s3.put_object(Bucket=copying.source, Key="k", Body=b"the second")
    upload = copying.create()
    source = {"Bucket": copying.source, "Key": "k", "VersionId": first}
    answer = copying.s3.upload_part_copy(**upload, PartNumber=1, CopySource=source, CopySourceRange="bytes=4-8")
    assert answer["CopySourceVersionId"] == first
    part = {"PartNumber": 1, "ETag": answer["CopyPartResult"]["ETag"]}
    copying.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    assert copying.owner.get_object(Bucket=copying.target, Key="k")["Body"].read() == b"first"


@pytest.mark.parametrize("number", [0, 10_001])
def test_a_part_has_a_number_from_1_to_10000(within: Copying, number: int) -> None:
    part = {**within.create(), "PartNumber": number, "CopySource": f"{within.source}/k"}
    assert refusal(within.s3.upload_part_copy, **part).startswith("InvalidArgument")


def test_a_part_belongs_to_the_key_of_its_upload(within: Copying) -> None:
    part = {**within.create(), "Key": "other", "PartNumber": 1, "CopySource": f"{within.source}/k"}
    assert refusal(within.s3.upload_part_copy, **part).startswith("NoSuchUpload")


def test_a_range_must_be_within_the_source(copying: Copying) -> None:
    part = {**copying.create(), "PartNumber": 1, "CopySource": f"{copying.source}/k"}
    beyond = f"bytes=0-{len(CONTENT)}"
    assert refusal(copying.s3.upload_part_copy, **part, CopySourceRange=beyond).startswith("InvalidArgument")


def test_a_part_that_is_uploaded_must_bring_the_upload_s_checksum(within: Copying) -> None:
    part = {**within.create(ChecksumAlgorithm="CRC64NVME"), "PartNumber": 1, "Body": b"x"}
    assert refusal(within.s3.upload_part, **part, ChecksumAlgorithm="CRC32").startswith("InvalidRequest")
    assert within.s3.upload_part(**part, ChecksumAlgorithm="CRC64NVME")["ChecksumCRC64NVME"] == crc64(b"x")


# What S3 refuses of a completion


@pytest.fixture
def opened(copying: Copying) -> tuple[Copying, dict[str, Any], list[dict[str, Any]]]:
    """An upload with its two parts."""
    upload = copying.create(ChecksumAlgorithm="CRC64NVME")
    return copying, upload, [copying.copy_part(upload, number) for number in (1, 2)]


def test_a_completion_with_if_none_match_must_not_overwrite(opened: Any) -> None:
    copying, upload, parts = opened
    copying.s3.put_object(Bucket=copying.target, Key="k", Body=b"first")
    complete = {**upload, "MultipartUpload": {"Parts": parts}}
    assert refusal(copying.s3.complete_multipart_upload, **complete, IfNoneMatch="*").startswith("PreconditionFailed")
    # The upload is still there, to be aborted.
    assert len(copying.s3.list_parts(**upload)["Parts"]) == 2


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        ({"MpuObjectSize": 1}, "InvalidRequest"),
        ({"ChecksumCRC64NVME": crc64(b"other")}, "BadDigest"),
        ({"ChecksumType": "COMPOSITE"}, "InvalidRequest"),
        ({"ExpectedBucketOwner": DEV}, "AccessDenied"),
    ],
)
def test_a_completion_response_describes_the_object(opened: Any, expected: dict[str, Any], code: str) -> None:
    copying, upload, parts = opened
    complete = {**upload, "MultipartUpload": {"Parts": parts}, **expected}
    assert refusal(copying.s3.complete_multipart_upload, **complete).startswith(code)
    assert copying.s3.list_parts(**upload)["Parts"]


def test_a_completion_lists_parts_that_exist(opened: Any) -> None:
    copying, upload, (first, second) = opened
    other_etag = {**second, "ETag": '"other"'}
    other_checksum = {**second, "ChecksumCRC64NVME": crc64(b"other")}
    missing = {"PartNumber": 3, "ETag": second["ETag"]}
    for parts in ([first, other_etag], [first, other_checksum], [first, second, missing]):
        complete = {**upload, "MultipartUpload": {"Parts": parts}}
        assert refusal(copying.s3.complete_multipart_upload, **complete).startswith("InvalidPart:")


def test_a_completion_lists_its_parts_in_order(within: Copying) -> None:
    upload = within.create()
    parts = [within.copy_part(upload, number) for number in (2, 1)]
    complete = {**upload, "MultipartUpload": {"Parts": parts}}
    assert refusal(within.s3.complete_multipart_upload, **complete).startswith("InvalidPartOrder")


def test_a_completion_lists_a_part(within: Copying) -> None:
    upload = within.create()
    within.copy_part(upload, 1)
    answer = refusal(within.s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": []})
    expected = store.recording("s3/CompleteMultipartUpload/no-parts").error
    assert answer == f"{expected['code']}: {expected['message']}"


def test_only_the_last_part_may_be_small(within: Copying) -> None:
    upload = within.create()
    parts = [within.copy_part(upload, number, CopySourceRange="bytes=0-99") for number in (1, 2)]
    complete = {**upload, "MultipartUpload": {"Parts": parts}}
    assert refusal(within.s3.complete_multipart_upload, **complete).startswith("EntityTooSmall")


def test_an_upload_with_checksums_of_its_parts_is_completed_with_them(within: Copying) -> None:
    upload = within.create(ChecksumAlgorithm="CRC32")
    part = within.copy_part(upload, 1)
    bare = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    answer = refusal(within.s3.complete_multipart_upload, **upload, MultipartUpload=bare)
    assert answer.startswith("InvalidRequest")
    assert "missing for part 1" in answer
    within.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})


def test_a_part_that_was_not_listed_is_not_in_the_object(copying: Copying) -> None:
    upload = copying.create(ChecksumAlgorithm="CRC64NVME")
    first, _ = (copying.copy_part(upload, number) for number in (1, 2))
    answer = copying.s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": [first]}, ChecksumCRC64NVME=crc64(PARTS[0])
    )
    assert answer["ChecksumCRC64NVME"] == crc64(PARTS[0])


def test_the_same_completion_again_gets_the_same_answer_and_makes_no_second_version(opened: Any) -> None:
    copying, upload, parts = opened
    versioned = {"Bucket": copying.target, "VersioningConfiguration": {"Status": "Enabled"}}
    copying.owner.put_bucket_versioning(**versioned)
    complete = {**upload, "MultipartUpload": {"Parts": parts}, "IfNoneMatch": "*"}
    first, second = (copying.s3.complete_multipart_upload(**complete) for _ in range(2))
    message = ("ETag", "VersionId", "ChecksumCRC64NVME", "ChecksumType")
    assert [first[field] for field in message] == [second[field] for field in message]
    assert len(copying.owner.list_object_versions(Bucket=copying.target)["Versions"]) == 1


def test_an_aborted_upload_is_gone(opened: Any) -> None:
    copying, upload, parts = opened
    copying.s3.abort_multipart_upload(**upload)
    part = {"PartNumber": 1, "CopySource": f"{copying.source}/k"}
    answers = [
        refusal(copying.s3.abort_multipart_upload, **upload),
        refusal(copying.s3.list_parts, **upload),
        refusal(copying.s3.upload_part_copy, **upload, **part),
        refusal(copying.s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts}),
    ]
    assert [answer.partition(":")[0] for answer in answers] == ["NoSuchUpload"] * 4


# What is under way


def test_the_parts_of_an_upload_are_listed_with_their_checksums(within: Copying) -> None:
    upload = within.create(ChecksumAlgorithm="CRC64NVME")
    parts = [within.copy_part(upload, number) for number in (1, 2)]
    pages = list(within.s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 1}))
    assert [(page["ChecksumAlgorithm"], page["ChecksumType"]) for page in pages] == [("CRC64NVME", "FULL_OBJECT")] * 2
    listed = [part for page in pages for part in page["Parts"]]
    assert [part["Size"] for part in listed] == [len(content) for content in PARTS]
    assert [{name: part[name] for name in given} for part, given in zip(listed, parts, strict=True)] == parts


def test_a_page_of_parts_has_at_most_1000(within: Copying) -> None:
    upload = within.create()
    assert within.s3.list_parts(**upload, MaxParts=5000)["MaxParts"] == 1000


ODD_KEYS = sorted(["odd/a b", "odd/a%2Fb", "odd/a+b", "odd/a/../b", "odd/a//b", "odd/dir/", "odd/z<&>", "odd/ü"])


def test_open_uploads_are_listed_page_by_page_whatever_their_keys(copying: Copying) -> None:
    for key in [*ODD_KEYS, "elsewhere/k"]:
        assert copying.create(key)["Key"] == key
    pages = copying.s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=copying.target, Prefix="odd/", PaginationConfig={"PageSize": 3}
    )
    assert [upload["Key"] for page in pages for upload in page["Uploads"]] == ODD_KEYS


def test_keys_of_open_uploads_are_encoded_if_asked(within: Copying) -> None:
    for key in ODD_KEYS:
        within.create(key)
    answer = within.s3.list_multipart_uploads(Bucket=within.target, EncodingType="url")
    encoded = [upload["Key"] for upload in answer["Uploads"]]
    assert "odd/a%20b" in encoded
    assert [unquote(key) for key in encoded] == ODD_KEYS


def test_a_key_as_the_marker_is_not_listed_again(within: Copying) -> None:
    for key in ("a", "b"):
        within.create(key)
    answer = within.s3.list_multipart_uploads(Bucket=within.target, KeyMarker="a")
    assert [upload["Key"] for upload in answer["Uploads"]] == ["b"]


def test_an_open_upload_reports_its_initiator_and_checksum(within: Copying) -> None:
    upload = within.create(ChecksumAlgorithm="CRC64NVME")
    (listed,) = within.s3.list_multipart_uploads(Bucket=within.target)["Uploads"]
    session = f"arn:aws:sts::{DEV}:assumed-role/{within.role.rpartition('/')[2]}/sandbox"
    assert (listed["UploadId"], listed["Initiator"]["ID"]) == (upload["UploadId"], session)
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ("CRC64NVME", "FULL_OBJECT")
    assert within.s3.list_parts(**upload)["Initiator"]["ID"] == session
