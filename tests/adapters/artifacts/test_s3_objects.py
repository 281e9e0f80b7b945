"""S3 objects: the exact parameters of each request, and the effect of each response."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.model import StructureShape

from lambdas.promotion.artifacts import s3_objects
from lambdas.promotion.contract.document import S3Object
from lambdas.promotion.contract.errors import AccessDenied, ArtifactChanged, ArtifactNotFound
from tests.adapters.conftest import Stubs
from tests.unit.builders import BUCKET, WEIGHTS, WEIGHTS_URI

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEV = "222222222222"
HEAD = {"Bucket": BUCKET, "Key": "v7/model.tar.gz", "ChecksumMode": "ENABLED", "ExpectedBucketOwner": DEV}
LIST = {"Bucket": BUCKET, "Prefix": "v7/", "ExpectedBucketOwner": DEV}


def observe(s3: S3Client, stubs: Stubs, **response: Any) -> s3_objects.ObservedObject:
    stubs.s3.add_response("head_object", {"ETag": '"aa"', "ContentLength": 10, **response}, HEAD)
    observed = s3_objects.head(BUCKET, "v7/model.tar.gz", owner=DEV, s3=s3)
    assert observed is not None
    return observed


def find(s3: S3Client, stubs: Stubs, **response: Any) -> S3Object:
    return observe(s3, stubs, **response).object


# Addresses


@pytest.mark.parametrize(
    "key",
    ["k", "a/b", "/k", "a//b", "a#b", "a?b=c", "a%2Fb", "ü", "a b", "a\nb", "../k", "s3://x/y", "[k]", "a;b", "a/", ""],
)
def test_an_s3_uri_is_bucket_and_key_unchanged(key: str) -> None:
    assert s3_objects.split_uri(f"s3://bucket/{key}") == ("bucket", key)


def test_a_bucket_alone_is_an_s3_uri_as_well() -> None:
    assert s3_objects.split_uri("s3://bucket") == ("bucket", "")


# Finding


def test_an_object_is_found_as_it_is_now(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response(
        "head_object",
        {
            "ETag": '"aa"',
            "ContentLength": 10,
            "VersionId": "3",
            "ChecksumCRC64NVME": "AAAAAAAAAAA=",
            "ChecksumType": "FULL_OBJECT",
        },
        HEAD,
    )
    assert s3_objects.find(WEIGHTS_URI, owner=DEV, s3=s3) == replace(WEIGHTS, version_id="3")


def test_an_object_of_0_bytes_is_found(s3: S3Client, stubs: Stubs) -> None:
    assert find(s3, stubs, ContentLength=0).size == 0


@pytest.mark.parametrize("code", ["404", "NoSuchKey", "NoSuchBucket", "NotFound"])
def test_a_missing_object_is_none(s3: S3Client, stubs: Stubs, code: str) -> None:
    stubs.s3.add_client_error("head_object", code, "Not Found", 404)
    assert s3_objects.find(WEIGHTS_URI, owner=DEV, s3=s3) is None


def test_a_missing_permission_is_not_reported_as_missing_resource(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "403", "Forbidden", 403)
    with pytest.raises(AccessDenied):
        s3_objects.find(WEIGHTS_URI, owner=DEV, s3=s3)


def test_any_other_refusal_is_not_called_missing(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "405", "Method Not Allowed", 405)
    with pytest.raises(ClientError):
        s3_objects.find(WEIGHTS_URI, owner=DEV, s3=s3)


@pytest.mark.parametrize("version", [{}, {"VersionId": "null"}])
def test_an_unversioned_object_has_no_version(s3: S3Client, stubs: Stubs, version: dict[str, str]) -> None:
    assert find(s3, stubs, **version).version_id is None


# Checksums


@pytest.mark.parametrize("field", ["CRC64NVME", "SHA256", "SHA1", "CRC32C", "CRC32"])
def test_a_full_object_checksum_is_kept_with_its_algorithm(s3: S3Client, stubs: Stubs, field: str) -> None:
    assert find(s3, stubs, **{f"Checksum{field}": "AA=="}).checksum == f"{field}:AA=="


def test_the_strongest_checksum_is_kept(s3: S3Client, stubs: Stubs) -> None:
    assert find(s3, stubs, ChecksumCRC32="AA==", ChecksumSHA256="BB==").checksum == "SHA256:BB=="


def test_a_composite_checksum_verifies_no_copy(s3: S3Client, stubs: Stubs) -> None:
    assert find(s3, stubs, ChecksumSHA256="AA==-3", ChecksumType="COMPOSITE").checksum is None


def test_an_object_without_checksum_has_none(s3: S3Client, stubs: Stubs) -> None:
    assert find(s3, stubs).checksum is None


def _checksum_fields() -> list[str]:
    shape = botocore.session.get_session().get_service_model("s3").shape_for("HeadObjectOutput")
    assert isinstance(shape, StructureShape)
    return sorted(name for name in shape.members if name.startswith("Checksum") and name != "ChecksumType")


@pytest.mark.parametrize("field", _checksum_fields())
def test_every_checksum_that_s3_may_keep_is_read(s3: S3Client, stubs: Stubs, field: str) -> None:
    assert find(s3, stubs, **{field: "AA==", "ChecksumType": "FULL_OBJECT"}).checksum is not None


# Metadata


def test_the_metadata_of_an_object_is_read(s3: S3Client, stubs: Stubs) -> None:
    kept = {
        "CacheControl": "no-cache",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "application/x-tar",
        "Expires": datetime(2030, 1, 1, tzinfo=UTC),
        "Metadata": {"trained-by": "nlp"},
    }
    other = {"StorageClass": "STANDARD", "ServerSideEncryption": "aws:kms", "AcceptRanges": "bytes"}
    assert observe(s3, stubs, **kept, **other).metadata == kept


def test_absent_metadata_is_not_kept(s3: S3Client, stubs: Stubs) -> None:
    assert observe(s3, stubs, Metadata={}, ContentType="binary/octet-stream").metadata == {
        "ContentType": "binary/octet-stream"
    }


# Listing


def test_every_page_of_a_list_is_read_in_order(s3: S3Client, stubs: Stubs) -> None:
    first = {"Contents": [{"Key": "v7/a", "ETag": '"1"', "Size": 0}], "IsTruncated": True, "NextContinuationToken": "t"}
    last = {"Contents": [{"Key": "v7/b", "ETag": '"2-3"', "Size": 7}, {"Key": "v7/", "ETag": '"3"', "Size": 0}]}
    stubs.s3.add_response("list_objects_v2", first, LIST)
    stubs.s3.add_response("list_objects_v2", last, {**LIST, "ContinuationToken": "t"})
    assert list(s3_objects.listed(BUCKET, "v7/", owner=DEV, s3=s3)) == [
        S3Object(bucket=BUCKET, key="v7/a", etag='"1"', size=0),
        S3Object(bucket=BUCKET, key="v7/b", etag='"2-3"', size=7),
        S3Object(bucket=BUCKET, key="v7/", etag='"3"', size=0),
    ]


def test_a_key_that_xml_cannot_carry_is_listed_as_it_is(s3: S3Client, stubs: Stubs) -> None:
    """It comes encoded, as botocore asks for it."""
    contents = [{"Key": f"v7/{name}", "ETag": '"1"', "Size": 0} for name in ("a%01b", "a+b", "a%2Bb", "%C3%BC", "..")]
    stubs.s3.add_response("list_objects_v2", {"Contents": contents, "EncodingType": "url"})
    keys = [item.key for item in s3_objects.listed(BUCKET, "v7/", owner=DEV, s3=s3)]
    assert keys == ["v7/a\x01b", "v7/a b", "v7/a+b", "v7/ü", "v7/.."]


@pytest.mark.parametrize(
    ("checksum", "algorithm"),
    [
        ({}, None),
        ({"ChecksumAlgorithm": []}, None),
        ({"ChecksumAlgorithm": ["CRC32"], "ChecksumType": "COMPOSITE"}, None),
        ({"ChecksumAlgorithm": ["SHA256"]}, "SHA256"),
        ({"ChecksumAlgorithm": ["CRC32", "SHA256"], "ChecksumType": "FULL_OBJECT"}, "SHA256"),
        ({"ChecksumAlgorithm": ["ONE_OF_TOMORROW"], "ChecksumType": "FULL_OBJECT"}, None),
    ],
)
def test_the_algorithm_is_that_of_the_checksum_that_head_object_returns(
    s3: S3Client, stubs: Stubs, checksum: dict[str, Any], algorithm: str | None
) -> None:
    stubs.s3.add_response("list_objects_v2", {"Contents": [{"Key": "v7/a", "ETag": '"1"', "Size": 0, **checksum}]})
    (item,) = s3_objects.listed_with_algorithms(BUCKET, "v7/", owner=DEV, s3=s3)
    assert item.algorithm == algorithm


def test_an_empty_page_is_no_end(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("list_objects_v2", {"IsTruncated": True, "NextContinuationToken": "t"})
    stubs.s3.add_response("list_objects_v2", {"Contents": [{"Key": "v7/a", "ETag": '"1"', "Size": 0}]})
    assert len(list(s3_objects.listed(BUCKET, "v7/", owner=DEV, s3=s3))) == 1


def test_a_denied_listing_is_a_missing_permission(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("list_objects_v2", "AccessDenied", "no", 403)
    with pytest.raises(AccessDenied, match=r"s3:ListObjectsV2 on s3://.*Required permissions: s3:ListBucket\."):
        list(s3_objects.listed(BUCKET, "v7/", owner=DEV, s3=s3))


# Looking again


@pytest.mark.parametrize("version", [None, "3"])
def test_the_resolved_version_is_checked_again_and_no_other(s3: S3Client, stubs: Stubs, version: str | None) -> None:
    parameters = {**HEAD, "IfMatch": '"aa"', **({"VersionId": version} if version else {})}
    response = {"ETag": '"aa"', "ContentLength": 10, "VersionId": "3", "ChecksumSHA256": "AA=="}
    stubs.s3.add_response("head_object", response, parameters)
    resolved = replace(WEIGHTS, version_id=version, checksum=None)
    observed = s3_objects.head_again(resolved, owner=DEV, s3=s3)
    assert observed.object == replace(resolved, version_id="3", checksum="SHA256:AA==")


def test_an_object_that_changed_is_refused_with_both_etags(s3: S3Client, stubs: Stubs) -> None:
    """A rejected HEAD has no body, so its code is the status."""
    stubs.s3.add_client_error("head_object", "412", "Precondition Failed", 412)
    stubs.s3.add_response("head_object", {"ETag": '"bb"', "ContentLength": 10}, HEAD)
    with pytest.raises(ArtifactChanged, match=f'{WEIGHTS_URI} changed .*"aa", now it is "bb"'):
        s3_objects.head_again(WEIGHTS, owner=DEV, s3=s3)


def test_an_object_that_changed_and_is_gone_is_refused(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "412", "Precondition Failed", 412)
    stubs.s3.add_client_error("head_object", "404", "Not Found", 404)
    with pytest.raises(ArtifactChanged, match="now it is gone"):
        s3_objects.head_again(WEIGHTS, owner=DEV, s3=s3)


def test_an_object_that_is_gone_is_refused(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "404", "Not Found", 404)
    with pytest.raises(ArtifactNotFound, match=f"{WEIGHTS_URI} was deleted"):
        s3_objects.head_again(WEIGHTS, owner=DEV, s3=s3)


def test_an_otherwise_refused_read_is_not_reported_as_a_change(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "405", "Method Not Allowed", 405)
    with pytest.raises(ClientError):
        s3_objects.head_again(WEIGHTS, owner=DEV, s3=s3)


# Unchanged


def test_a_version_never_changes(s3: S3Client, stubs: Stubs) -> None:
    s3_objects.require_unchanged(replace(WEIGHTS, version_id="3"), owner=DEV, s3=s3)


@pytest.mark.parametrize(("etag", "changed"), [('"aa"', False), ('"bb"', True)])
def test_an_object_is_unchanged_as_long_as_its_etag_is(s3: S3Client, stubs: Stubs, etag: str, changed: bool) -> None:
    stubs.s3.add_response("head_object", {"ETag": etag, "ContentLength": 10}, HEAD)
    if changed:
        with pytest.raises(ArtifactChanged):
            s3_objects.require_unchanged(WEIGHTS, owner=DEV, s3=s3)
        return
    s3_objects.require_unchanged(WEIGHTS, owner=DEV, s3=s3)
