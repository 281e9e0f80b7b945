"""S3: what is asked exactly, and what each answer means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.model import StructureShape

from lambdas.promotion import artifacts
from lambdas.promotion.document import Artifact, S3Object
from lambdas.promotion.errors import AccessDenied, ArtifactChanged, ArtifactNotFound, CallRefused, NotYetVisible
from tests.adapters.conftest import Stubs
from tests.unit.given import BUCKET, WEIGHTS, WEIGHTS_URI

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HEAD = {"Bucket": BUCKET, "Key": "v7/model.tar.gz", "ChecksumMode": "ENABLED", "ExpectedBucketOwner": "222222222222"}
ARTIFACT = Artifact(source=WEIGHTS, bucket="target", key="artifacts/reviews/qa/0/model.tar.gz")


def find(s3: S3Client, stubs: Stubs, **answer: Any) -> S3Object:
    stubs.s3.add_response("head_object", {"ETag": '"aa"', "ContentLength": 10, **answer}, HEAD)
    found = artifacts.find(WEIGHTS_URI, owner="222222222222", s3=s3)
    assert found is not None
    return found


def copy(s3: S3Client, artifact: Artifact = ARTIFACT) -> bool:
    return artifacts.copy(artifact, source_owner="222222222222", target_owner="333333333333", s3=s3)


def refuse(stubs: Stubs, code: str, status: int) -> None:
    stubs.s3.add_client_error("copy_object", code, "said", status)


# Addresses


@pytest.mark.parametrize(
    "key", ["k", "a/b", "/k", "a//b", "a#b", "a?b=c", "a%2Fb", "ü", "a b", "a\nb", "../k", "s3://x/y", "[k]", "a;b"]
)
def test_an_address_is_bucket_and_key_as_they_stand(key: str) -> None:
    assert artifacts.split_uri(f"s3://bucket/{key}") == ("bucket", key)


# Finding


def test_an_object_is_found_as_it_is_now(s3: S3Client, stubs: Stubs) -> None:
    found = find(s3, stubs, VersionId="3", ChecksumCRC64NVME="AAAAAAAAAAA=", ChecksumType="FULL_OBJECT")
    assert found == replace(WEIGHTS, version_id="3")


@pytest.mark.parametrize("code", ["404", "NoSuchKey", "NoSuchBucket", "NotFound"])
def test_a_missing_object_is_none(s3: S3Client, stubs: Stubs, code: str) -> None:
    stubs.s3.add_client_error("head_object", code, "Not Found", 404)
    assert artifacts.find(WEIGHTS_URI, owner="222222222222", s3=s3) is None


def test_a_missing_right_is_not_called_missing(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "403", "Forbidden", 403)
    with pytest.raises(AccessDenied):
        artifacts.find(WEIGHTS_URI, owner="222222222222", s3=s3)


def test_any_other_refusal_is_not_called_missing(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "400", "Bad Request", 400)
    with pytest.raises(ClientError):
        artifacts.find(WEIGHTS_URI, owner="222222222222", s3=s3)


def test_an_artifact_that_does_not_exist_is_refused_with_its_owner(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "404", "Not Found", 404)
    with pytest.raises(ArtifactNotFound, match=f"{WEIGHTS_URI}, and account 222222222222"):
        artifacts.resolve(WEIGHTS_URI, owner="222222222222", s3=s3)


@pytest.mark.parametrize("version", [{}, {"VersionId": "null"}])
def test_an_unversioned_object_has_no_version(s3: S3Client, stubs: Stubs, version: dict[str, str]) -> None:
    assert find(s3, stubs, **version).version_id is None


@pytest.mark.parametrize("member", ["CRC64NVME", "SHA256", "SHA1", "CRC32C", "CRC32"])
def test_a_full_object_checksum_is_kept_with_its_algorithm(s3: S3Client, stubs: Stubs, member: str) -> None:
    assert find(s3, stubs, **{f"Checksum{member}": "AA=="}).checksum == f"{member}:AA=="


def test_the_strongest_checksum_is_kept(s3: S3Client, stubs: Stubs) -> None:
    assert find(s3, stubs, ChecksumCRC32="AA==", ChecksumSHA256="BB==").checksum == "SHA256:BB=="


def test_a_composite_checksum_says_nothing_about_a_copy(s3: S3Client, stubs: Stubs) -> None:
    assert find(s3, stubs, ChecksumSHA256="AA==-3", ChecksumType="COMPOSITE").checksum is None


def test_an_object_without_checksum_has_none(s3: S3Client, stubs: Stubs) -> None:
    assert find(s3, stubs).checksum is None


def _checksum_members() -> list[str]:
    shape = botocore.session.get_session().get_service_model("s3").shape_for("HeadObjectOutput")
    assert isinstance(shape, StructureShape)
    return sorted(name for name in shape.members if name.startswith("Checksum") and name != "ChecksumType")


@pytest.mark.parametrize(
    "member",
    _checksum_members(),
)
def test_every_checksum_that_s3_may_keep_is_read(s3: S3Client, stubs: Stubs, member: str) -> None:
    assert find(s3, stubs, **{member: "AA==", "ChecksumType": "FULL_OBJECT"}).checksum is not None


# Copying


@pytest.mark.parametrize("version", [None, "3"])
def test_only_the_resolved_version_is_copied_and_nothing_is_overwritten(
    s3: S3Client, stubs: Stubs, version: str | None
) -> None:
    source = {"Bucket": BUCKET, "Key": "v7/model.tar.gz", **({"VersionId": version} if version else {})}
    stubs.s3.add_response(
        "copy_object",
        {},
        {
            "CopySource": source,
            "Bucket": "target",
            "Key": ARTIFACT.key,
            "CopySourceIfMatch": '"aa"',
            "IfNoneMatch": "*",
            "MetadataDirective": "COPY",
            "TaggingDirective": "REPLACE",
            "AnnotationDirective": "EXCLUDE",
            "ExpectedBucketOwner": "333333333333",
            "ExpectedSourceBucketOwner": "222222222222",
        },
    )
    assert copy(s3, replace(ARTIFACT, source=replace(WEIGHTS, version_id=version))) is True


def test_what_is_there_already_is_not_copied(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "PreconditionFailed", 412)
    stubs.s3.add_response("head_object", {"ETag": '"aa"', "ContentLength": 10}, HEAD)
    assert copy(s3) is False


def test_a_source_that_changed_since_is_refused(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "PreconditionFailed", 412)
    stubs.s3.add_response("head_object", {"ETag": '"bb"', "ContentLength": 10}, HEAD)
    with pytest.raises(ArtifactChanged, match=f"{WEIGHTS_URI} changed"):
        copy(s3)


def test_a_source_that_is_gone_since_is_refused(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "PreconditionFailed", 412)
    stubs.s3.add_client_error("head_object", "404", "Not Found", 404)
    with pytest.raises(ArtifactChanged, match="gone"):
        copy(s3)


def test_a_newer_version_of_the_source_does_not_undo_a_copy(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "PreconditionFailed", 412)
    assert copy(s3, replace(ARTIFACT, source=replace(WEIGHTS, version_id="3"))) is False


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("NoSuchKey", 404, ArtifactNotFound),
        ("NoSuchVersion", 404, ArtifactNotFound),
        ("ConditionalRequestConflict", 409, NotYetVisible),
        ("NoSuchBucket", 404, CallRefused),
        ("InvalidRequest", 400, CallRefused),
        ("AccessDenied", 403, AccessDenied),
    ],
)
def test_a_refused_copy_has_the_name_of_what_is_wrong(
    s3: S3Client, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    refuse(stubs, code, status)
    with pytest.raises(name):
        copy(s3)


def test_a_refused_copy_quotes_s3_and_names_both_ends(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "InvalidRequest", 400)
    with pytest.raises(CallRefused, match=f"copy {WEIGHTS_URI} to {ARTIFACT.uri} .*said"):
        copy(s3)
