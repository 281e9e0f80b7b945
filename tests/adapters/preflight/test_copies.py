"""Writing and verifying copies without an effect: exactly what is requested, and which refusals are expected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lambdas.promotion.aws import error_translation
from lambdas.promotion.contract.document import CopyRoute, sha256
from lambdas.promotion.contract.errors import UnexpectedFault
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.preflight.checks import copies
from lambdas.promotion.preflight.findings import Finding, Inconclusive
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import DEV, QA, artifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ONE = artifact()
ROUTE = CopyRoute(source=DEV, target=QA)
EXISTS = {"Bucket": QA.artifact_bucket, "Key": ONE.key, "ExpectedBucketOwner": QA.account}
WRONG = sha256("something else").partition(":")[2]


@pytest.mark.parametrize("tags", [False, True], ids=["without tags", "with tags"])
def test_an_object_is_put_with_a_checksum_that_its_content_has_not(stubs: Stubs, s3: S3Client, tags: bool) -> None:
    assert sha256("").partition(":")[2] != WRONG
    requested = {**EXISTS, "Body": b"", "IfNoneMatch": "*", "ChecksumSHA256": WRONG}
    requested |= {"Tagging": "promote=preflight"} if tags else {}
    stubs.s3.add_client_error("put_object", "BadDigest", "It did not match.", 400, expected_params=requested)
    assert copies.put(ONE, replace(ROUTE, tags=tags), s3=s3) == []


def test_an_existing_copy_confirms_the_permission_as_well(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("put_object", "PreconditionFailed", "", 412)
    assert copies.put(ONE, ROUTE, s3=s3) == []


def test_an_object_that_s3_takes_all_the_same_is_a_fault(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_response("put_object", {})
    with pytest.raises(UnexpectedFault):
        copies.put(ONE, ROUTE, s3=s3)


def test_parts_are_put_into_an_upload_that_does_not_exist(stubs: Stubs, s3: S3Client) -> None:
    upload = {**EXISTS, "UploadId": "promote-preflight-probe"}
    requested = {**upload, "PartNumber": 1, "Body": b""}
    stubs.s3.add_client_error("upload_part", "NoSuchUpload", "", 404, expected_params=requested)
    stubs.s3.add_client_error("list_parts", "NoSuchUpload", "", 404, expected_params=upload)
    assert copies.put_by_parts(ONE, ROUTE, s3=s3) == []


def test_each_missing_multipart_copy_permission_is_reported(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("upload_part", "AccessDenied", "", 403)
    stubs.s3.add_client_error("list_parts", "AccessDenied", "", 403)
    results = copies.put_by_parts(ONE, ROUTE, s3=s3)
    assert [result.action for result in results if isinstance(result, Finding)] == ["s3:UploadPart", "s3:ListParts"]
    assert ["s3:PutObject" in results[0].message, "s3:ListMultipartUploadParts" in results[1].message] == [True, True]  # type: ignore[union-attr]


def test_any_other_refusal_is_inconclusive(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("put_object", "MethodNotAllowed", "No.", 405)
    (inconclusive,) = copies.put(ONE, ROUTE, s3=s3)
    assert isinstance(inconclusive, Inconclusive)
    assert "PutObject" in str(inconclusive)


def test_the_target_does_what_it_will_do_with_a_copy(stubs: Stubs, s3: S3Client) -> None:
    bucket = {"Bucket": QA.artifact_bucket, "ExpectedBucketOwner": QA.account}
    prefixes = ("artifacts/reviews/qa/", "incoming/dev/reviews/qa/")
    stubs.s3.add_response("list_object_versions", {}, {**bucket, "Prefix": prefixes[0], "MaxKeys": 1})
    stubs.s3.add_response("list_multipart_uploads", {}, {**bucket, "Prefix": prefixes[0], "MaxUploads": 1})
    for prefix in prefixes:
        upload = {**bucket, "Key": f"{prefix}promote-preflight-probe", "UploadId": "promote-preflight-probe"}
        stubs.s3.add_client_error("abort_multipart_upload", "NoSuchUpload", "", 404, expected_params=upload)
    stubs.s3.add_response("head_object", {}, {**bucket, "Key": ONE.key, "ChecksumMode": "ENABLED"})
    assert [probe() for probe in copies.verify(QA, prefixes, ONE, s3=s3)] == [[]] * 5


def test_a_region_that_the_sources_account_lacks_is_a_finding_with_its_remedy(stubs: Stubs) -> None:
    """API: CopyObject: both Regions must be enabled for the account of the caller."""
    client: S3Client = stubs.s3.client  # type: ignore[assignment]
    error_translation.translate_errors(client, DEV.role_arn(Role.COPIER))
    error = store.error("s3/AnyCall/token-unknown-in-region").response["Error"]
    stubs.s3.add_client_error("put_object", error["Code"], error["Message"], 400)
    (finding,) = copies.put(ONE, ROUTE, s3=client)
    assert isinstance(finding, Finding)
    assert (finding.remedy or "").startswith(f"Enable the Region us-east-1 for account {DEV.account}")
