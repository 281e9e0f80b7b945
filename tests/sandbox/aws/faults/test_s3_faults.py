"""Faults injected into the sandbox's S3."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from sandbox.aws.control import Sandbox
from sandbox.aws.controls.client import ControlFailed, StateClient
from sandbox.aws.faults import paths
from sandbox.aws.faults.client import FaultClient
from sandbox.aws.faults.faults import Kind, Layer
from tests.sandbox.aws.builders import DEV, allow, create_bucket, create_role, eventually


@pytest.fixture
def faults(bare_sandbox: Sandbox) -> Iterator[FaultClient]:
    faults = FaultClient(bare_sandbox.endpoint_url, str(bare_sandbox.ca_bundle), Layer.S3)
    yield faults
    faults.clear()


@pytest.fixture
def state(bare_sandbox: Sandbox) -> StateClient:
    return StateClient(bare_sandbox.endpoint_url, str(bare_sandbox.ca_bundle))


@pytest.fixture
def bucket(bare_sandbox: Sandbox, name: str) -> str:
    return create_bucket(bare_sandbox, DEV, name)


@pytest.fixture
def s3(bare_sandbox: Sandbox) -> Any:
    return bare_sandbox.client("s3", DEV)


def fault_response(call: Any, **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def keys(s3: Any, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize(("code", "status"), [("SlowDown", 503), ("InternalError", 500), ("ExpiredToken", 400)])
def test_the_next_calls_fail_and_then_no_more(
    s3: Any, bucket: str, faults: FaultClient, code: str, status: int
) -> None:
    faults.inject("PutObject", code=code, times=2)
    put = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    assert [fault_response(s3.put_object, **put) for _ in range(2)] == [(code, status)] * 2
    assert keys(s3, bucket) == []
    s3.put_object(**put)
    assert faults.pending() == []


def test_only_keys_with_the_prefix_in_the_bucket_are_hit(s3: Any, bucket: str, faults: FaultClient) -> None:
    faults.inject("PutObject", code="SlowDown", prefix="bad/", bucket=bucket)
    faults.inject("PutObject", code="SlowDown", bucket=f"{bucket}-other")
    s3.put_object(Bucket=bucket, Key="good/k", Body=b"x")
    assert fault_response(s3.put_object, Bucket=bucket, Key="bad/k", Body=b"x") == ("SlowDown", 503)


def test_a_copy_may_fail_after_status_200(s3: Any, bucket: str, faults: FaultClient) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    faults.inject("CopyObject", code="InternalError", status=200)
    assert fault_response(s3.copy_object, Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")[0] == "InternalError"
    assert keys(s3, bucket) == ["k"]


def test_an_effect_may_come_with_an_error(s3: Any, bucket: str, faults: FaultClient) -> None:
    faults.inject("PutObject", kind=Kind.ERROR_AFTER)
    assert fault_response(s3.put_object, Bucket=bucket, Key="k", Body=b"x") == ("InternalError", 500)
    assert keys(s3, bucket) == ["k"]


@pytest.mark.parametrize(("kind", "written"), [(Kind.DISCONNECT, []), (Kind.DISCONNECT_AFTER, ["k"])])
def test_a_connection_may_break_before_or_after_the_effect(
    s3: Any, bucket: str, faults: FaultClient, kind: Kind, written: list[str]
) -> None:
    faults.inject("PutObject", kind=kind)
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert keys(s3, bucket) == written


def test_a_connection_may_break_at_a_head(s3: Any, bucket: str, faults: FaultClient) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    faults.inject("HeadObject", kind=Kind.DISCONNECT)
    with pytest.raises(ConnectionClosedError):
        s3.head_object(Bucket=bucket, Key="k")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 1


@pytest.mark.parametrize("kind", [Kind.HANG, Kind.HANG_AFTER])
def test_a_call_may_hang_while_others_are_served(
    bare_sandbox: Sandbox, s3: Any, bucket: str, faults: FaultClient, kind: Kind
) -> None:
    other = bare_sandbox.client("s3", DEV)
    faults.inject("PutObject", kind=kind, seconds=600)
    with ThreadPoolExecutor() as pool:
        hanging = pool.submit(other.put_object, Bucket=bucket, Key="k", Body=b"x")
        eventually(lambda: not faults.pending())
        if kind is Kind.HANG_AFTER:
            eventually(lambda: keys(s3, bucket))
        assert keys(s3, bucket) == (["k"] if kind is Kind.HANG_AFTER else [])
        assert not hanging.done()
        faults.clear()
        assert hanging.result()
    assert keys(s3, bucket) == ["k"]


def test_who_does_not_wait_for_a_hanging_call_gets_a_timeout(
    bare_sandbox: Sandbox, bucket: str, faults: FaultClient
) -> None:
    impatient = Config(read_timeout=0.5, retries={"total_max_attempts": 1})
    faults.inject("PutObject", kind=Kind.HANG, seconds=600)
    with pytest.raises(ReadTimeoutError):
        bare_sandbox.client("s3", DEV, config=impatient).put_object(Bucket=bucket, Key="k", Body=b"x")


def test_every_request_of_a_multipart_copy_can_fail(s3: Any, bucket: str, faults: FaultClient) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    target = {"Bucket": bucket, "Key": "copy"}
    refused = []

    def once(operation: str, call: Any, **parameters: Any) -> Any:
        faults.inject(operation, code="SlowDown")
        refused.append(fault_response(call, **parameters))
        return call(**parameters)

    target["UploadId"] = once("CreateMultipartUpload", s3.create_multipart_upload, **target)["UploadId"]
    part = {**target, "PartNumber": 1}
    etag = once("UploadPartCopy", s3.upload_part_copy, **part, CopySource=f"{bucket}/k")["CopyPartResult"]["ETag"]
    once("UploadPart", s3.upload_part, **part | {"PartNumber": 2}, Body=b"x")
    once("ListParts", s3.list_parts, **target)
    once("ListMultipartUploads", s3.list_multipart_uploads, Bucket=bucket)
    listed = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    once("CompleteMultipartUpload", s3.complete_multipart_upload, **target, MultipartUpload=listed)
    once("HeadObject", s3.head_object, Bucket=bucket, Key="copy")
    once("GetObject", s3.get_object, Bucket=bucket, Key="copy")
    once("GetObjectAttributes", s3.get_object_attributes, Bucket=bucket, Key="copy", ObjectAttributes=["ETag"])
    once("ListObjectsV2", s3.list_objects_v2, Bucket=bucket)
    once("DeleteObject", s3.delete_object, Bucket=bucket, Key="copy")
    once("DeleteObjects", s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    other = s3.create_multipart_upload(Bucket=bucket, Key="other")["UploadId"]
    once("AbortMultipartUpload", s3.abort_multipart_upload, Bucket=bucket, Key="other", UploadId=other)
    assert {status for _, status in refused} == {503}
    assert faults.pending() == []


def test_a_completion_that_broke_can_be_sent_again(s3: Any, bucket: str, faults: FaultClient) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    target = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = {"PartNumber": 1, "ETag": s3.upload_part(**target, PartNumber=1, Body=b"x")["ETag"]}
    complete = {**target, "MultipartUpload": {"Parts": [part]}, "IfNoneMatch": "*"}
    faults.inject("CompleteMultipartUpload", kind=Kind.DISCONNECT_AFTER)
    with pytest.raises(ConnectionClosedError):
        s3.complete_multipart_upload(**complete)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert s3.complete_multipart_upload(**complete)["ETag"] == head["ETag"]


def test_a_caller_without_permission_is_refused_before_a_fault_is_injected(
    bare_sandbox: Sandbox, bucket: str, name: str, faults: FaultClient
) -> None:
    role = create_role(bare_sandbox, DEV, name, allow("s3:GetObject"))
    faults.inject("PutObject", code="SlowDown")
    s3 = bare_sandbox.client("s3", DEV, bare_sandbox.assume(role))
    assert fault_response(s3.put_object, Bucket=bucket, Key="k", Body=b"x")[0] == "AccessDenied"
    assert [fault.operation for fault in faults.pending()] == ["PutObject"]


def test_an_object_can_be_left_without_a_checksum(s3: Any, bucket: str, state: StateClient) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="a b+ü", Body=b"x")["VersionId"]
    state.forget_checksum(bucket, "a b+ü")
    for which in ({}, {"VersionId": version}):
        head = s3.head_object(Bucket=bucket, Key="a b+ü", ChecksumMode="ENABLED", **which)
        assert [field for field in head if field.startswith("Checksum")] == []


def test_what_is_not_a_fault_and_what_is_no_object_are_refused(
    bucket: str, faults: FaultClient, state: StateClient
) -> None:
    with pytest.raises(ControlFailed, match="400"):
        faults._call("POST", paths.of(Layer.S3), {"kind": "x"})
    with pytest.raises(ControlFailed, match="400"):
        faults.inject("PutObject", Kind.KILL)
    with pytest.raises(ControlFailed, match="404"):
        state.forget_checksum(bucket, "missing")


def test_a_reset_forgets_the_faults(tmp_path_factory: pytest.TempPathFactory) -> None:
    sandbox = Sandbox.start(tmp_path_factory.mktemp("reset"), tied=True)
    try:
        faults = FaultClient(sandbox.endpoint_url, str(sandbox.ca_bundle), Layer.S3)
        faults.inject("PutObject")
        faults._call("POST", "/_ministack/reset")
        assert faults.pending() == []
    finally:
        sandbox.stop()
