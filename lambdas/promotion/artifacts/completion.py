"""Make the objects that were copied by parts of their parts, each of which is accounted for first.

AWS: S3, "Uploading and copying objects using multipart upload": a list of parts is for verification only, and must not
be the list that completes the upload. So the parts are those of the plan: one that a list lacks is copied again.
"""

from __future__ import annotations

import enum
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import partitioning, s3_copy
from lambdas.promotion.aws import error_codes
from lambdas.promotion.aws.error_codes import code_of
from lambdas.promotion.contract.document import CopyRoute, Transfer
from lambdas.promotion.contract.errors import ArtifactMismatch, NotYetVisible

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Parts = Mapping[int, Mapping[str, Any]]
AtOnce = Callable[[Sequence[Callable[[], Any]]], list[Any]]
Report = Callable[[Transfer, Mapping[str, Any]], None]
# How often one object is tried, if another principal deletes it during each upload.
_MOST_ATTEMPTS = 3
_PAGE = 1000  # parts that S3 lists at once (API: ListParts, MaxParts)


class Completion(enum.Enum):
    """What became of an upload.

    EXISTS: the object was there already. CONFLICT: the object was deleted during the upload, which can then never be
    completed (409 ConditionalRequestConflict). INVALID_PART: a part is not as S3 lists it.
    """

    COMPLETED = enum.auto()
    EXISTS = enum.auto()
    CONFLICT = enum.auto()
    INVALID_PART = enum.auto()


def no_report(transfer: Transfer, response: Mapping[str, Any]) -> None:
    """Report to no one."""


def complete_all(
    uploads: list[Transfer],
    route: CopyRoute,
    *,
    written: list[Parts] | None = None,
    report: Report = no_report,
    at_once: AtOnce,
    s3: S3Client,
) -> int:
    """Complete the uploads and return how many objects that made; `at_once` makes calls concurrently.

    `written`: the parts of each that this invocation has copied; an upload of which these are all needs no list.
    `report` is given S3's response to each completion.

    Raises ArtifactMismatch, ArtifactChanged, and as `s3_copy.refusal`.
    """
    completed = 0
    unlisted: list[Transfer] = []  # whose lists are wrong: every part is copied again
    conflicts: list[Transfer] = []  # whose objects were deleted: each gets another upload
    for attempt in range(_MOST_ATTEMPTS):
        if attempt:
            reopened = at_once([functools.partial(_reopen, upload, route, s3=s3) for upload in conflicts])
            uploads = [*unlisted, *reopened]
        before = written if written and not attempt else [{}] * len(uploads)
        copied = _copy_missing(uploads, before, route, unlisted=unlisted, at_once=at_once, s3=s3)
        outcomes = at_once(
            [
                functools.partial(complete, upload, route, listed=listed, written=parts, report=report, s3=s3)
                for upload, (listed, parts) in zip(uploads, copied, strict=True)
            ]
        )
        completed += outcomes.count(Completion.COMPLETED)
        ended = list(zip(uploads, outcomes, strict=True))
        unlisted = [upload for upload, outcome in ended if outcome is Completion.INVALID_PART]
        conflicts = [upload for upload, outcome in ended if outcome is Completion.CONFLICT]
        if not unlisted and not conflicts:
            return completed
    raise NotYetVisible(
        f"{s3_copy.uri_in_target(conflicts[0].artifact, route)} was deleted during each of "
        f"{_MOST_ATTEMPTS} uploads. Another principal deletes objects in the target's bucket: find out which, then "
        "promote again."
    )


def _copy_missing(
    uploads: list[Transfer],
    before: list[Parts],
    route: CopyRoute,
    *,
    unlisted: list[Transfer],
    at_once: AtOnce,
    s3: S3Client,
) -> list[tuple[Parts | None, Parts]]:
    """Copy the parts that were neither written `before` nor are in S3's list, which is only made if any is missing.

    Return S3's list of each upload, and what was written of it, as CompleteMultipartUpload takes it.
    """
    listed = _listed(uploads, before, route, at_once=at_once, s3=s3)
    missing = [
        (index, part)
        for index, (upload, existing) in enumerate(zip(uploads, listed, strict=True))
        if existing is not None
        for part in range(1, partitioning.parts(upload) + 1)
        if upload in unlisted or part not in existing
    ]
    copied = at_once(
        [functools.partial(s3_copy.write_part, uploads[index], part, route, s3=s3) for index, part in missing]
    )
    written: list[dict[int, Mapping[str, Any]]] = [dict(parts) for parts in before]
    for (index, part), result in zip(missing, copied, strict=True):
        if result is not None:
            written[index][part] = result
    return list(zip(listed, written, strict=True))


def _listed(
    uploads: list[Transfer], before: list[Parts], route: CopyRoute, *, at_once: AtOnce, s3: S3Client
) -> list[Parts | None]:
    """Return S3's list of each upload, or what was written `before`, if that is all; the pages at the same time."""
    pages = [
        (index, after)
        for index, (upload, written) in enumerate(zip(uploads, before, strict=True))
        if len(written) < partitioning.parts(upload)
        for after in range(0, partitioning.parts(upload), _PAGE)
    ]
    results = at_once(
        [functools.partial(listed_parts, uploads[index], route, after=after, s3=s3) for index, after in pages]
    )
    listed: list[Parts | None] = list(before)
    for (index, _), page in zip(pages, results, strict=True):
        so_far = listed[index]
        listed[index] = None if page is None or so_far is None else {**so_far, **page}
    return listed


def listed_parts(transfer: Transfer, route: CopyRoute, *, after: int = 0, s3: S3Client) -> Parts | None:
    """Return a page of the parts that S3 lists for an upload, and that have the size of the plan.

    `after`: the number before the page's first. Return None if the upload is gone.
    """
    try:
        following = itertools.islice(s3_copy.parts_of_plan(transfer, route, after=after, s3=s3), _PAGE)
        return {part["PartNumber"]: part for part in following if part["PartNumber"] <= after + _PAGE}
    except ClientError as error:
        if code_of(error) == error_codes.S3_NO_SUCH_UPLOAD:
            return None
        raise s3_copy.refusal(transfer.artifact, route, error) from error


def complete(
    transfer: Transfer,
    route: CopyRoute,
    *,
    listed: Parts | None,
    written: Parts,
    report: Report = no_report,
    s3: S3Client,
) -> Completion:
    """Complete one upload of parts that are `listed`, or that were `written` just now.

    S3 compares the whole object's size, and its checksum if the source has one. Raises ArtifactMismatch, NotYetVisible
    if a part is in neither list, and as `s3_copy.refusal`.
    """
    artifact = transfer.artifact
    algorithm = s3_copy.algorithm(artifact.source)
    checksum = {f"Checksum{algorithm}": artifact.source.checksum.partition(":")[2]} if artifact.source.checksum else {}
    if listed is None:
        # Another promotion, or an earlier invocation that was terminated afterwards, completed it. It is verified.
        return Completion.EXISTS
    parts = {**listed, **written}
    expected = partitioning.parts(transfer)
    if len(parts) != expected:
        raise NotYetVisible(
            f"S3 lists {len(parts)} of {expected} parts of {s3_copy.uri_in_target(artifact, route)}. It was retried."
        )
    fields = ("PartNumber", "ETag", f"Checksum{algorithm}")
    sent: list[Any] = [
        {name: parts[number][name] for name in fields if name in parts[number]} for number in sorted(parts)
    ]
    try:
        response = s3.complete_multipart_upload(
            **s3_copy.upload_of(transfer, route),
            MultipartUpload={"Parts": sent},
            MpuObjectSize=artifact.source.size,
            ChecksumType="FULL_OBJECT",
            IfNoneMatch="*",
            **checksum,  # type: ignore[arg-type]
        )
    except ClientError as error:
        if code_of(error) == error_codes.S3_INVALID_PART and len(written) < expected:
            return Completion.INVALID_PART
        return without_effect(transfer, route, error)
    report(transfer, response)
    return Completion.COMPLETED


def without_effect(transfer: Transfer, route: CopyRoute, error: ClientError) -> Completion:
    """Return why S3 did not complete an upload, or raise the error."""
    artifact, code = transfer.artifact, code_of(error)
    target = s3_copy.uri_in_target(artifact, route)
    if code in {*error_codes.S3_PRECONDITION_FAILED, error_codes.S3_NO_SUCH_UPLOAD}:
        return Completion.EXISTS
    if code in error_codes.S3_CONDITIONAL_CONFLICT:
        return Completion.CONFLICT
    if code in error_codes.S3_WRONG_PARTS:
        raise ArtifactMismatch(
            f"The parts of {target} do not make {artifact.source.uri}: S3 reports {error}. Nothing "
            "was deployed. Promote again: the parts are deleted and copied again."
        ) from error
    raise s3_copy.refusal(artifact, route, error) from error


def _reopen(transfer: Transfer, route: CopyRoute, *, s3: S3Client) -> Transfer:
    """Open another upload to the same object; the verification aborts the one before."""
    head = s3_copy.head_source(transfer.artifact, route, s3=s3)
    return replace(transfer, upload_id=s3_copy.open_upload(transfer.artifact, head.metadata, route, s3=s3))
