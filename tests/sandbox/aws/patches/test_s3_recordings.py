"""S3's answers as AWS was recorded: conflicts of conditional uploads, versions, keys. `patched` runs a test also
against unpatched MiniStack, where it must fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conformance import recorded
from conformance.recorded import Entry
from conformance.recorded import Replay as RecordedReplay
from recordings import store
from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import DEV, create_bucket, create_key, encrypt_bucket, refusal

# Completions with If-None-Match

DELETED = "s3/Sequences/delete-during-upload-if-none-match"


class Replay:
    """The requests of a recording, in a bucket of its own. Each upload has one part."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._uploads: dict[str, str] = {}

    def answer(self, request: Mapping[str, Any]) -> ClientError | None:
        """Make a request of the recording. Returns its error."""
        options = {name: value for name, value in request.items() if name[0].isupper()}
        options["Bucket"] = self._bucket
        if upload := options.pop("UploadId", None):
            options["UploadId"] = self.open(upload, options["Key"])
        call = getattr(self, f"_{request['operation']}", None)
        try:
            call(options) if call else self._plain(request["operation"], options)
        except ClientError as error:
            return error
        return None

    def open(self, recorded: str, key: str) -> str:
        """Return the upload that stands for a recorded one; it is created at its first use."""
        if recorded not in self._uploads:
            self._uploads[recorded] = self._s3.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"]
        return self._uploads[recorded]

    def _CreateMultipartUpload(self, options: dict[str, Any]) -> None:  # noqa: N802 - the API's name
        self.open("EXAMPLE-UPLOAD-ID-1", options["Key"])

    def _CompleteMultipartUpload(self, options: dict[str, Any]) -> None:  # noqa: N802 - the API's name
        upload = {name: options[name] for name in ("Bucket", "Key", "UploadId")}
        part = self._s3.upload_part(**upload, PartNumber=1, Body=b"a part")
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        self._s3.complete_multipart_upload(**options, MultipartUpload={"Parts": parts})

    def _plain(self, operation: str, options: dict[str, Any]) -> None:
        names = {"PutObject": self._s3.put_object, "DeleteObject": self._s3.delete_object}
        names[operation](**options)


def replayed(sandbox: Sandbox, bucket: str, recording: str) -> tuple[list[Any], list[Any]]:
    """The errors that the requests of a recording end with here, and there: code, message and status."""
    replay = Replay(sandbox.client("s3", DEV), create_bucket(sandbox, DEV, bucket))
    requests = store.recording(recording).requests
    errors = [replay.answer(entry["request"]) for entry in requests]
    here = [_facts(error) for error in errors]
    there = [
        (entry["error"]["code"], entry["error"]["message"], entry["error"]["status"]) if "error" in entry else None
        for entry in requests
    ]
    return here, there


def _facts(error: ClientError | None) -> tuple[str, str, int] | None:
    if error is None:
        return None
    body = error.response["Error"]
    return body["Code"], body["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_deletion_during_an_upload_conflicts_for_good(patched: Sandbox, name: str) -> None:
    here, there = replayed(patched, name, DELETED)
    assert here == there


def test_a_put_during_an_upload_is_no_conflict(bare_sandbox: Sandbox, name: str) -> None:
    here, there = replayed(bare_sandbox, name, "s3/Sequences/put-during-upload-if-none-match")
    assert here == there


@pytest.mark.parametrize("many", [False, True])
def test_only_an_object_that_exists_can_be_deleted_during_an_upload(
    bare_sandbox: Sandbox, name: str, many: bool
) -> None:
    s3 = bare_sandbox.client("s3", DEV)
    bucket = create_bucket(bare_sandbox, DEV, name)
    replay = Replay(s3, bucket)

    def delete() -> None:
        if many:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}, {"Key": "other"}]})
        else:
            s3.delete_object(Bucket=bucket, Key="k")

    def complete(upload: str) -> ClientError | None:
        request = {"operation": "CompleteMultipartUpload", "Key": "k", "UploadId": upload, "IfNoneMatch": "*"}
        return replay.answer(request)

    replay.open("first", "k")
    delete()
    assert complete("first") is None
    replay.open("second", "k")
    delete()
    assert [_facts(complete("second")) for _ in range(2)] == [
        ("ConditionalRequestConflict", store.recording(DELETED).requests[-2]["error"]["message"], 409)
    ] * 2


# Errors

# Not their keys: docs/reference/recordings.md lists who reads a recording.
_WITH_MEMBERS = (
    *("/if-none-match-existing", "/copy-source-if-match-mismatch", "/if-match-mismatch", "/missing-upload"),
    *("/unknown-upload", "/after-completion", "/source-key-missing", "/source-bucket-missing", "/missing-bucket"),
)
_LISTS = ("ListParts/no-parts-yet", "ListParts/with-checksums", "ListMultipartUploads/none")
S3_ENTRIES = [entry for entry in recorded.entries() if entry.recording.startswith("s3/")]
WITH_MEMBERS = [
    entry for entry in S3_ENTRIES if entry.recording.endswith(_WITH_MEMBERS) and "HeadObject" not in entry.recording
]
LISTS = [entry for entry in S3_ENTRIES if entry.recording.endswith(_LISTS)]


@pytest.mark.parametrize("entry", WITH_MEMBERS, ids=lambda entry: entry.recording)
def test_an_error_says_what_it_is_about(patched: Sandbox, name: str, entry: Entry) -> None:
    assert differences(patched, name, entry) == []


@pytest.mark.parametrize("entry", LISTS, ids=lambda entry: entry.recording)
def test_the_last_page_says_what_the_next_would_begin_after(patched: Sandbox, name: str, entry: Entry) -> None:
    assert differences(patched, name, entry) == []


def differences(sandbox: Sandbox, name: str, entry: Entry) -> Sequence[str]:
    """What the sandbox answers otherwise than recorded, in a bucket of its own."""
    bucket = create_bucket(sandbox, DEV, f"{name}-b")
    values = {"name": name, "bucket": bucket, "empty_bucket": bucket}
    return RecordedReplay(entry, lambda service: sandbox.client(service, DEV), values).run().differences


# Versions


@pytest.mark.parametrize("operation", ["get_object", "head_object", "copy_object", "get_object_tagging"])
def test_a_version_id_of_a_bucket_without_versions_is_no_version_id(
    patched: Sandbox, name: str, operation: str
) -> None:
    s3 = patched.client("s3", DEV)
    bucket = create_bucket(patched, DEV, name)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    expected = store.recording("s3/GetObject/version-id-in-unversioned-bucket").error
    version = expected["members"]["ArgumentValue"]
    source: dict[str, Any] = {"Bucket": bucket, "Key": "k", "VersionId": version}
    parameters = {"Bucket": bucket, "Key": "c", "CopySource": source} if operation == "copy_object" else source
    call: Callable[..., Any] = getattr(s3, operation)
    if operation == "head_object":
        assert refusal(call, **parameters) == f"{expected['status']}: Bad Request"
    else:
        assert refusal(call, **parameters) == f"{expected['code']}: {expected['message']}"


def test_null_is_the_version_of_an_object_without_versions(bare_sandbox: Sandbox, name: str) -> None:
    s3 = bare_sandbox.client("s3", DEV)
    bucket = create_bucket(bare_sandbox, DEV, name)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.head_object(Bucket=bucket, Key="k", VersionId="null")["ContentLength"] == 1


def test_an_unknown_version_of_a_bucket_with_versions_does_not_exist(bare_sandbox: Sandbox, name: str) -> None:
    s3 = bare_sandbox.client("s3", DEV)
    bucket = create_bucket(bare_sandbox, DEV, name)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    unknown = "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD"
    assert refusal(s3.get_object, Bucket=bucket, Key="k", VersionId=unknown).startswith("NoSuchVersion")


# Keys


@pytest.mark.parametrize("named", ["id", "alias", "default"])
def test_a_key_is_named_by_its_arn(patched: Sandbox, name: str, named: str) -> None:
    s3 = patched.client("s3", DEV)
    bucket = create_bucket(patched, DEV, name)
    arn = create_key(patched, DEV)
    patched.client("kms", DEV).create_alias(AliasName=f"alias/{name}", TargetKeyId=arn)
    text = f"alias/{name}" if named == "alias" else arn.rpartition("/")[2]
    if named == "default":
        encrypt_bucket(patched, DEV, bucket, text)
    encryption = {} if named == "default" else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": text}
    answers = [
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", **encryption),
        s3.head_object(Bucket=bucket, Key="k"),
        s3.get_object(Bucket=bucket, Key="k"),
        s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k", **encryption),
        s3.head_object(Bucket=bucket, Key="c"),
        s3.create_multipart_upload(Bucket=bucket, Key="m", **encryption),
    ]
    recorded = [
        store.response("s3/HeadObject/sse-kms-bucket-key")["SSEKMSKeyId"],
        store.response("s3/CreateMultipartUpload/sse-kms")["SSEKMSKeyId"],
    ]
    assert {answer.get("SSEKMSKeyId") for answer in answers} == {arn}
    assert {key.rpartition(":key/")[0].split(":")[2] for key in [*recorded, arn]} == {"kms"}
