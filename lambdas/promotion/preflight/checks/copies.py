"""Preflight checks of the copies in the target's bucket: who brings, receives, verifies and reads them can do so."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import incoming, partitioning
from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.document import Artifact, CopyRoute, Promotion, sha256
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.preflight import findings
from lambdas.promotion.preflight.access import Purpose
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.findings import CheckResult
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preflight.probes import Probe, probe

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# No upload has this id: S3's are much longer.
_NO_UPLOAD = "promote-preflight-probe"


def _put_probes(context: Context) -> Iterator[Probe]:
    s3, route = context.session(Role.COPIER, Purpose.COPY).s3, context.promotion.route
    if to_copy := context.artifacts_to_copy:
        yield functools.partial(put, incoming.brought(to_copy[0], context.promotion), route, s3=s3)


def _receive_probes(context: Context) -> Iterator[Probe]:
    s3, route = context.session(Role.RECEIVER, Purpose.RECEIVE).s3, context.promotion.receiving_route
    if to_copy := context.artifacts_to_copy:
        yield functools.partial(put, to_copy[0], route, s3=s3)
    if in_parts := [artifact for artifact in to_copy if _is_copied_in_parts(artifact, route)]:
        yield functools.partial(put_by_parts, in_parts[0], route, s3=s3)


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
        *error_codes.S3_PRECONDITION_FAILED,  # it exists already
        must_fail=True,
    )


def _multipart_probes(context: Context) -> Iterator[Probe]:
    s3, route = context.session(Role.COPIER, Purpose.COPY).s3, context.promotion.route
    if in_parts := [artifact for artifact in context.artifacts_to_copy if _is_copied_in_parts(artifact, route)]:
        yield functools.partial(put_by_parts, incoming.brought(in_parts[0], context.promotion), route, s3=s3)


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


def _verify_probes(context: Context) -> Iterator[Probe]:
    promotion, s3 = context.promotion, context.session(Role.DEPLOYER, Purpose.DEPLOY).s3
    prefixes = (promotion.artifact_prefix, promotion.incoming_prefix)
    yield from verify(promotion.target, prefixes, context.copied_artifact, s3=s3)


def verify(target: Environment, prefixes: Sequence[str], copied: Artifact | None, *, s3: S3Client) -> Iterator[Probe]:
    """Do what the target does with the copies: list versions and uploads, abort one, read a copy if it exists."""
    bucket: dict[str, Any] = {"Bucket": target.artifact_bucket, "ExpectedBucketOwner": target.account}
    yield lambda: probe(lambda: s3.list_object_versions(**bucket, Prefix=prefixes[0], MaxKeys=1))
    yield lambda: probe(lambda: s3.list_multipart_uploads(**bucket, Prefix=prefixes[0], MaxUploads=1))
    for prefix in prefixes:
        upload: dict[str, Any] = {"Key": f"{prefix}{_NO_UPLOAD}", "UploadId": _NO_UPLOAD}
        abort = functools.partial(s3.abort_multipart_upload, **bucket, **upload)
        yield functools.partial(probe, abort, error_codes.S3_NO_SUCH_UPLOAD)
    if copied:
        yield lambda: probe(lambda: s3.head_object(**bucket, Key=copied.key, ChecksumMode="ENABLED"))


def permissions_to_encrypt(
    route: CopyRoute, to_copy: Sequence[Artifact], *, key: str | None
) -> Iterator[RequiredPermission]:
    """Yield what the copier needs of the target's key: what is copied in parts is read again there."""
    if not to_copy or key is None:
        return
    in_parts = any(_is_copied_in_parts(artifact, route) for artifact in to_copy)
    yield RequiredPermission(
        role=route.source.role_arn(Role.COPIER),
        actions=("kms:GenerateDataKey", "kms:Decrypt") if in_parts else ("kms:GenerateDataKey",),
        resource=key,
        context=_via_s3(route.target.region),
    )


def permissions_to_receive(
    promotion: Promotion, to_copy: Sequence[Artifact], *, key: str | None
) -> Iterator[RequiredPermission]:
    """Yield what the receiver needs to read what arrives. `key`: the ARN of the bucket's key, if it is known."""
    target, role_arn = promotion.target, promotion.target.role_arn(Role.RECEIVER)
    if not to_copy:
        return
    yield RequiredPermission(
        role=role_arn,
        actions=("s3:GetObject", "s3:GetObjectVersion"),
        resource=f"arn:aws:s3:::{target.artifact_bucket}/{promotion.incoming_prefix}model",
        context={"aws:RequestedRegion": target.region},
    )
    if key:
        yield RequiredPermission(
            role=role_arn,
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resource=key,
            context=_via_s3(target.region),
        )


def permissions_to_read(
    promotion: Promotion, role: Role, artifacts: Sequence[Artifact], *, key: str | None
) -> Iterator[RequiredPermission]:
    """Yield what a role of the target needs to read the copies. `key`: the ARN of the bucket's key, if it is known."""
    target, role_arn = promotion.target, promotion.target.role_arn(role)
    if not artifacts:
        return
    yield RequiredPermission(
        role=role_arn,
        actions=("s3:GetObject",),
        # Any key of the stage: a key of a model may have characters that no ARN takes.
        resource=f"arn:aws:s3:::{target.artifact_bucket}/{promotion.artifact_prefix}model",
        context={"aws:RequestedRegion": target.region},
    )
    if key:
        yield RequiredPermission(role=role_arn, actions=("kms:Decrypt",), resource=key, context=_via_s3(target.region))


def permissions_to_load(
    promotion: Promotion, artifacts: Sequence[Artifact], *, key: str | None
) -> Iterator[RequiredPermission]:
    """Yield what the execution role needs to read the copies, and to list those below a prefix."""
    yield from permissions_to_read(promotion, Role.EXECUTION, artifacts, key=key)
    if artifacts and "S3Prefix" in json.dumps(promotion.desired_model.request):
        target = promotion.target
        yield RequiredPermission(
            role=target.role_arn(Role.EXECUTION),
            actions=("s3:ListBucket",),
            resource=f"arn:aws:s3:::{target.artifact_bucket}",
            context={"s3:prefix": promotion.artifact_prefix, "aws:RequestedRegion": target.region},
        )


def _deployer_permissions(context: Context) -> Iterator[RequiredPermission]:
    artifacts = [] if context.copied_artifact else context.artifacts  # the probe reads a copy that exists
    return permissions_to_read(context.promotion, Role.DEPLOYER, artifacts, key=_key_arn(context))


def _key_arn(context: Context) -> str | None:
    return context.key.arn if context.key else None


def _is_copied_in_parts(artifact: Artifact, route: CopyRoute) -> bool:
    return bool(partitioning.part_size(artifact, whole_if_possible=route.annotations))


def _via_s3(region: str) -> dict[str, str]:
    return {"kms:ViaService": f"s3.{region}.amazonaws.com", "aws:RequestedRegion": region}


CHECKS = (
    Check(
        title="The copier can write a copy",
        role=Role.COPIER,
        purpose=Purpose.COPY,
        remedy=findings.GRANT_PERMISSION,
        probes=_put_probes,
    ),
    Check(
        title="The copier can write a copy in parts",
        role=Role.COPIER,
        purpose=Purpose.COPY,
        remedy=findings.GRANT_PERMISSION,
        probes=_multipart_probes,
    ),
    Check(
        title="The copier can encrypt a copy with the target's key",
        role=Role.COPIER,
        remedy=findings.GRANT_PERMISSION,
        permissions=lambda context: permissions_to_encrypt(
            context.promotion.route, context.artifacts_to_copy, key=_key_arn(context)
        ),
    ),
    Check(
        title="The receiver can write a copy",
        role=Role.RECEIVER,
        purpose=Purpose.RECEIVE,
        remedy=findings.GRANT_PERMISSION,
        probes=_receive_probes,
    ),
    Check(
        title="The receiver can read what arrives",
        role=Role.RECEIVER,
        remedy=findings.GRANT_PERMISSION,
        permissions=lambda context: permissions_to_receive(
            context.promotion, context.artifacts_to_copy, key=_key_arn(context)
        ),
    ),
    Check(
        title="The deployer can verify the copies and abort unfinished uploads",
        role=Role.DEPLOYER,
        purpose=Purpose.DEPLOY,
        remedy=findings.GRANT_PERMISSION,
        probes=_verify_probes,
    ),
    Check(
        title="The deployer can read the copies",
        role=Role.DEPLOYER,
        remedy=findings.GRANT_PERMISSION,
        permissions=_deployer_permissions,
    ),
    Check(
        title="The execution role can read the copies",
        role=Role.DEPLOYER,  # IAM is asked in its session
        remedy=findings.GRANT_PERMISSION,
        permissions=lambda context: permissions_to_load(context.promotion, context.artifacts, key=_key_arn(context)),
    ),
)
