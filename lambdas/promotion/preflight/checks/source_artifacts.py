"""Preflight checks of the artifacts in the source: the copier can read them, and they are still the resolved ones."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import customer_encryption, s3_objects
from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.document import Artifact, CopyRoute, Promotion, S3Object
from lambdas.promotion.contract.errors import AccessDenied, PreflightFailed, PromotionError, UnsupportedModel
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.preflight import findings
from lambdas.promotion.preflight.access import Purpose
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.preflight.probes import Probe, probe

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MOST_READ = 1000  # objects, unless it is a dry run


def _read_probes(context: Context) -> Iterator[Probe]:
    s3, source = context.session(Role.COPIER, Purpose.COPY).s3, context.promotion.source
    artifacts = context.artifacts
    to_read = artifacts if context.promotion.request.dry_run else _sample(artifacts)
    for artifact in to_read:
        yield functools.partial(read, artifact, source, s3=s3)
    if len(to_read) < len(artifacts):
        unread = f"{len(artifacts) - len(to_read)} of the {len(artifacts)} objects"
        yield lambda: [Inconclusive(subject=unread, reason="they were not read; Plan the copy looks at each")]


def read(artifact: Artifact, owner: Environment, *, s3: S3Client) -> list[CheckResult]:
    """Read one byte of the very object that was resolved, and so decrypt it."""
    source = artifact.source
    if artifact.text is not None:
        return []
    try:
        version = _read_byte(source, source.version_id, owner.account, s3=s3)
        if source.version_id is None and version:
            # A listing has no versions, so the copy asks for the newest and then reads that version by its id.
            _read_byte(source, version, owner.account, s3=s3)
    except AccessDenied as error:
        return [findings.denied(error)]
    except ClientError as error:
        return [_not_readable(source, owner, error, s3=s3)]
    return []


def _read_byte(source: S3Object, version: str | None, account: str, *, s3: S3Client) -> str | None:
    response = s3.get_object(
        Bucket=source.bucket,
        Key=source.key,
        IfMatch=source.etag,
        ExpectedBucketOwner=account,
        **({"Range": "bytes=0-0"} if source.size else {}),  # type: ignore[arg-type]
        **({"VersionId": version} if version else {}),  # type: ignore[arg-type]
    )
    response["Body"].read()
    version_read = response.get("VersionId")
    return None if version_read == "null" else version_read


def _not_readable(source: S3Object, owner: Environment, error: ClientError, *, s3: S3Client) -> Finding:
    code = error_codes.code_of(error)
    named: PromotionError | None = None
    if code in error_codes.S3_MISSING_OBJECT:
        named = s3_objects.gone(source)
    elif code in error_codes.S3_PRECONDITION_FAILED:
        named = _changed(source, owner, s3=s3)
    elif customer_encryption.is_reason(error):
        named = customer_encryption.refusal(source.uri)
    remedy = "Register the model again."
    if code == error_codes.S3_ARCHIVED:
        remedy = "The object is archived: restore it, or copy it to a storage class that can be read at once."
    return Finding(
        role=owner.role_arn(Role.COPIER),
        action="s3:GetObject",
        resource=source.uri,
        message=str(named or f"S3 says: {error}"),
        remedy="" if named else remedy,
        error=type(named) if named else PreflightFailed,
    )


def _changed(source: S3Object, owner: Environment, *, s3: S3Client) -> PromotionError:
    try:
        return s3_objects.changed(source, s3_objects.find(source.uri, owner=owner.account, s3=s3))
    except UnsupportedModel as error:  # what took its place cannot be read
        return error


def _copies_tags_or_annotations(promotion: Promotion) -> bool:
    return promotion.route.tags or promotion.route.annotations


def _tag_probes(context: Context) -> Iterator[Probe]:
    s3, route = context.session(Role.COPIER, Purpose.COPY).s3, context.promotion.route
    by_bucket = {artifact.source.bucket: artifact for artifact in context.artifacts if artifact.text is None}
    for artifact in by_bucket.values():
        yield functools.partial(read_tags, artifact, route, s3=s3)


def read_tags(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> list[CheckResult]:
    """Read an object's tags, or the list of its annotations, as far as they are copied."""
    source: dict[str, Any] = {"Bucket": artifact.source.bucket, "Key": artifact.source.key}
    if artifact.source.version_id:
        source["VersionId"] = artifact.source.version_id
    owned = {**source, "ExpectedBucketOwner": route.source.account}
    results: list[CheckResult] = []
    if route.tags:
        results += probe(lambda: s3.get_object_tagging(**owned))
    if route.annotations:
        results += probe(lambda: s3.list_object_annotations(**owned, MaxAnnotationResults=1))
    return results


def _sample(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Return all of a few, and of very many as many from the whole list.

    The next step but one looks at each of them before it copies any, and a promotion does not wait for that twice.
    """
    step = -(-len(artifacts) // _MOST_READ)
    return list(artifacts[::step]) if step > 1 else list(artifacts)


CHECKS = (
    Check(
        title="The copier can read the artifacts, and they are still the resolved ones",
        role=Role.COPIER,
        purpose=Purpose.COPY,
        remedy=findings.GRANT_PERMISSION,
        probes=_read_probes,
    ),
    Check(
        title="The copier can read the tags and annotations that are copied",
        role=Role.COPIER,
        purpose=Purpose.COPY,
        remedy=findings.GRANT_PERMISSION,
        applies=_copies_tags_or_annotations,
        probes=_tag_probes,
    ),
)
