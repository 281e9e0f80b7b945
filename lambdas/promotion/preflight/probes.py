"""Trying what a promotion will need, without making anything: each returns what stands in its way.

A call that must be refused for another reason shows whether the right is there: S3 asks who may write before it looks
for the upload (404 NoSuchUpload) or compares what was sent with its checksum (400 BadDigest; AWS: S3, "Checking object
integrity for data uploads": what does not match is not stored).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import s3_objects
from lambdas.promotion.aws import error_codes
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Artifact, CopyRoute, ImageCopy, Promotion, S3Object, sha256
from lambdas.promotion.contract.errors import (
    AccessDenied,
    CallRefused,
    ImageNotAccessible,
    ImageNotFound,
    PayloadUnusable,
    PreflightFailed,
    PromotionError,
    UnexpectedFault,
)
from lambdas.promotion.contract.resource_names import Role
from lambdas.promotion.contract.smoke_test_settings import Payload
from lambdas.promotion.images import ecr_client, oci_manifest, references
from lambdas.promotion.preflight import findings
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.smoke_test import async_invocation, payloads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# No upload has it: S3's are much longer.
_NO_UPLOAD = "promote-preflight-probe"
REFUSALS = (AccessDenied, CallRefused, ClientError)


def read(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> list[CheckResult]:
    """Read one byte of the very object that was resolved, and so decrypt it."""
    source = artifact.source
    if artifact.text is not None:
        return []
    try:
        version = _read_byte(source, source.version_id, route, s3=s3)
        if source.version_id is None and version:
            # A list tells no versions, so the copy asks for the newest and then takes it by its id.
            _read_byte(source, version, route, s3=s3)
    except AccessDenied as error:
        return [findings.denied(error)]
    except ClientError as error:
        return [_not_readable(source, route, error, s3=s3)]
    return []


def _read_byte(source: S3Object, version: str | None, route: CopyRoute, *, s3: S3Client) -> str | None:
    answer = s3.get_object(
        Bucket=source.bucket,
        Key=source.key,
        IfMatch=source.etag,
        ExpectedBucketOwner=route.source.account,
        **({"Range": "bytes=0-0"} if source.size else {}),  # type: ignore[arg-type]
        **({"VersionId": version} if version else {}),  # type: ignore[arg-type]
    )
    answer["Body"].read()
    found = answer.get("VersionId")
    return None if found == "null" else found


def _not_readable(source: S3Object, route: CopyRoute, error: ClientError, *, s3: S3Client) -> Finding:
    code = error_codes.code_of(error)
    named: PromotionError | None = None
    if code in error_codes.S3_MISSING_OBJECT:
        named = s3_objects.gone(source)
    elif code in error_codes.S3_PRECONDITION_FAILED:
        named = s3_objects.changed(source, s3_objects.find(source.uri, owner=route.source.account, s3=s3))
    remedy = "Register the model again."
    if code == error_codes.S3_ARCHIVED:
        remedy = "It is archived: restore it, or copy it to a storage class that can be read at once."
    return Finding(
        role=route.source.role_arn(Role.COPIER),
        action="s3:GetObject",
        resource=source.uri,
        message=str(named or f"S3 says: {error}"),
        remedy="" if named else remedy,
        error=type(named) if named else PreflightFailed,
    )


def read_tags(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> list[CheckResult]:
    """Read an object's tags, or the list of its annotations, as far as they are copied along."""
    where: dict[str, Any] = {"Bucket": artifact.source.bucket, "Key": artifact.source.key}
    if artifact.source.version_id:
        where["VersionId"] = artifact.source.version_id
    owned = {**where, "ExpectedBucketOwner": route.source.account}
    answers: list[CheckResult] = []
    if route.tags:
        answers += probe(lambda: s3.get_object_tagging(**owned))
    if route.annotations:
        answers += probe(lambda: s3.list_object_annotations(**owned, MaxAnnotationResults=1))
    return answers


def put(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> list[CheckResult]:
    """Ask S3 to write the object, with a checksum that cannot be its content's."""
    return probe(
        lambda: s3.put_object(
            Bucket=route.target.artifact_bucket,
            Key=artifact.key,
            Body=b"",
            IfNoneMatch="*",
            ChecksumSHA256=sha256("something else").partition(":")[2],
            ExpectedBucketOwner=route.target.account,
            **({"Tagging": "promote=preflight"} if route.tags else {}),  # type: ignore[arg-type]
        ),
        error_codes.S3_BAD_DIGEST,
        *error_codes.S3_PRECONDITION_FAILED,  # it is there already
        must_fail=True,
    )


def put_by_parts(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> list[CheckResult]:
    """Ask S3 to write a part of an upload that does not exist, and to list its parts."""
    upload: dict[str, Any] = {
        "Bucket": route.target.artifact_bucket,
        "Key": artifact.key,
        "UploadId": _NO_UPLOAD,
        "ExpectedBucketOwner": route.target.account,
    }
    return [
        *probe(lambda: s3.upload_part(**upload, PartNumber=1, Body=b""), error_codes.S3_NO_SUCH_UPLOAD, must_fail=True),
        *probe(lambda: s3.list_parts(**upload), error_codes.S3_NO_SUCH_UPLOAD),
    ]


def verify(promotion: Promotion, there: Artifact | None, *, s3: S3Client) -> list[CheckResult]:
    """Do what the target does with what arrives: see its uploads, end one, and read a copy if there is one."""
    target = promotion.target
    bucket: dict[str, Any] = {"Bucket": target.artifact_bucket, "ExpectedBucketOwner": target.account}
    upload: dict[str, Any] = {"Key": f"{promotion.artifact_prefix}{_NO_UPLOAD}", "UploadId": _NO_UPLOAD}
    answers = [
        *probe(lambda: s3.list_multipart_uploads(**bucket, Prefix=promotion.artifact_prefix, MaxUploads=1)),
        *probe(lambda: s3.abort_multipart_upload(**bucket, **upload), error_codes.S3_NO_SUCH_UPLOAD),
    ]
    if there:
        answers += probe(lambda: s3.head_object(**bucket, Key=there.key, ChecksumMode="ENABLED"))
    return answers


def pull(address: str, promotion: Promotion, *, account: RoleSession) -> list[CheckResult]:
    """Ask for an image that the target's model will use."""
    try:
        ecr_client.require_usable([address], promotion.target, account=account)
    except (ImageNotFound, ImageNotAccessible, CallRefused) as error:
        return [
            Finding(
                role=account.role_arn,
                action="ecr:BatchGetImage",
                resource=address,
                message=str(error),
                remedy="",
                error=type(error),
            )
        ]
    return []


def fetch(image: ImageCopy, *, account: RoleSession) -> list[CheckResult]:
    """Ask for an image that will be copied, and where one of its layers can be fetched."""
    source = references.parse(image.source)
    answers: list[CheckResult] = []

    def ask() -> None:
        found = ecr_client.find(source, ecr=account.ecr)
        if found is None:
            answers.append(
                Finding(
                    role=account.role_arn,
                    action="ecr:BatchGetImage",
                    resource=image.source,
                    message="There is no such image.",
                    remedy="Push it there, or register the model again.",
                    error=ImageNotFound,
                )
            )
        elif blobs := oci_manifest.layers(found.content):
            account.ecr.get_download_url_for_layer(
                registryId=str(source.account), repositoryName=source.repository, layerDigest=blobs[-1].digest
            )

    return [*probe(ask), *answers]


def payload(wanted: Payload, promotion: Promotion, *, readers: Mapping[bool, RoleSession]) -> list[CheckResult]:
    """Read what a smoke test sends, as it will. `readers`: the target's account (False) and the source's (True)."""
    place = payloads.location_of(wanted, promotion)
    if place is None or place.in_source not in readers:
        return []
    try:
        content = payloads.content_of(wanted, promotion, readers=readers)
        if promotion.stage.response_uris:
            async_invocation.require_small(content, promotion.stage.endpoint)
    except AccessDenied as error:
        return [findings.denied(error)]
    except (PayloadUnusable, ClientError) as error:
        said = f"S3 says: {error}" if isinstance(error, ClientError) else str(error)
        role = readers[place.in_source].role_arn
        return [Finding(role=role, action="s3:GetObject", resource=place.uri, message=said, remedy="")]
    return []


def run_probe(probe: Callable[[], list[CheckResult]]) -> list[CheckResult]:
    """Make an attempt. What AWS refuses in a way that nobody has thought of must not hide what else is in the way."""
    try:
        return probe()
    except REFUSALS as error:
        return [refusal(error)]


def refusal(error: AccessDenied | CallRefused | ClientError) -> CheckResult:
    """Return what a refused call means ahead: a missing right is in the way, anything else is not known to be."""
    if isinstance(error, AccessDenied):
        return findings.denied(error)
    return Inconclusive(subject="One of the questions that were asked ahead", reason=str(error))


def probe(call: Callable[[], object], *expected: str, must_fail: bool = False) -> list[CheckResult]:
    """Make a call and see whether the right is missing. `expected` are the codes of refusals that come after that.

    `must_fail`: a call that would change something if it went well. Raises UnexpectedFault if it did.
    """
    try:
        call()
    except AccessDenied as error:
        return [findings.denied(error)]
    except ClientError as error:
        if error_codes.code_of(error) in expected:
            return []
        return [
            Inconclusive(
                subject=f"The right to call {error.operation_name}", reason=f"AWS refused it otherwise: {error}"
            )
        ]
    if must_fail:
        raise UnexpectedFault("AWS did what it had to refuse while a promotion was checked ahead. Please report it.")
    return []
