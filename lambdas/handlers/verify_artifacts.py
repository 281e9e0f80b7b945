"""The target verifies the copies with its own role: all that was resolved, and nothing else; their list is kept.

Each copy is compared with what its work unit has observed of the source just before the copy. If there are many, a Map
has done that with this same function, for one work unit at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import incoming, verification, verified_copies
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.aws.logs import log_about
from lambdas.promotion.contract.document import (
    Artifact,
    CopyVerification,
    Leg,
    Promotion,
    Transfer,
    VerifiedCopy,
    WorkUnit,
    to_json,
)
from lambdas.promotion.contract.errors import ArtifactMismatch
from lambdas.promotion.contract.step_events import VerifyArtifactsEvent, WorkUnitSpan, from_event
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Of seven units at once, fewer than the 5,500 reads a second that S3 allows a prefix (AWS: "Performance guidelines").
_AT_ONCE = 100
AtOnce = Callable[..., list[Any]]


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The answer is the document; of a work unit, how its copies were verified."""
    item = from_event(event, VerifyArtifactsEvent)
    log_about(item.promotion, retry_count=item.retry_count)
    at_once = functools.partial(concurrency.run, at_once=_AT_ONCE, until=Clock.of(context).until)
    if item.work_unit:
        return to_json(_verify_unit(item.work_unit, item.promotion, at_once=at_once))
    return to_json(_verify_all(item.promotion, at_once=at_once))


def _verify_unit(unit: WorkUnitSpan, promotion: Promotion, *, at_once: AtOnce) -> CopyVerification:
    hub = hub_s3()
    planned = work_lists.read_one(work_lists.WORK_UNITS, WorkUnit, (unit.offset, unit.length), promotion, s3=hub)
    lists = _lists(work_lists.OBSERVED, Artifact, [(unit.offset, unit.length)], promotion, at_once=at_once, hub=hub)
    observed = {artifact.key: artifact for artifact in lists}
    own = [segment.transfer for segment in planned.segments if segment.first is None]
    artifacts = [artifact_checks.require_observed(transfer, observed) for transfer in own]
    s3 = deployer_session(promotion).s3
    copies = _without_mismatch(
        at_once(_comparisons(artifacts, promotion, s3=s3), doing=f"Comparing {len(artifacts)} copies of a work unit")
    )
    work_lists.write(work_lists.of_unit(work_lists.VERIFIED, unit.offset), copies, promotion, s3=hub)
    return _counted(artifacts)


def _verify_all(promotion: Promotion, *, at_once: AtOnce) -> Promotion:
    """Compare the copies that no Map has verified, and what is in the folders with all that was resolved."""
    hub, bucket = hub_s3(), promotion.target.artifact_bucket
    in_units = promotion.verification is not None
    transfers, lists, s3 = at_once(
        [
            lambda: work_lists.read(work_lists.COPY_PLAN, Transfer, promotion, s3=hub),
            lambda: _lists_of_units(promotion, in_units, at_once=at_once, hub=hub),
            lambda: deployer_session(promotion).s3,
        ],
        doing="Reading the plan of the copy",
    )
    artifacts, to_compare, verified = _expected(transfers, lists, in_units, bucket=bucket)
    listings = verification.listing_calls(artifacts, promotion.artifact_prefix, promotion.target, s3=s3)
    results = at_once(
        [*listings, *_comparisons(to_compare, promotion, s3=s3)], doing=f"Comparing {len(artifacts)} copies"
    )
    existing = {key: item for listing in results[: len(listings)] for key, item in listing.items()}
    artifact_checks.missing_copies(artifacts, existing, bucket=bucket)
    compared = _without_mismatch(results[len(listings) :])
    counted, earlier = _counted(to_compare), promotion.verification or CopyVerification()
    stored, *_ = at_once(
        [
            lambda: verified_copies.write([*verified, *compared], bucket, promotion.hub, s3=hub),
            *(
                functools.partial(verification.abort_uploads, [folder], promotion.target, s3=s3)
                for folder in incoming.folders_of_uploads(artifacts, promotion)
            ),
        ],
        doing="Listing the verified copies, and aborting uploads",
    )
    return replace(
        promotion,
        verification=CopyVerification(
            compared=earlier.compared + counted.compared, computed=earlier.computed + counted.computed
        ),
        verified=stored,
    )


def _lists_of_units(promotion: Promotion, in_units: bool, *, at_once: AtOnce, hub: S3Client) -> list[Any]:
    """Return the copies that the work units have verified, or what they have observed."""
    only_unit = promotion.copy.only_unit if promotion.copy and promotion.leg is Leg.BRING else 0
    spans = [(0, only_unit)] if only_unit else work_lists.read_spans(work_lists.MANIFEST, promotion, s3=hub)
    if in_units:
        return _lists(work_lists.VERIFIED, VerifiedCopy, spans, promotion, at_once=at_once, hub=hub)
    return _lists(work_lists.OBSERVED, Artifact, spans, promotion, at_once=at_once, hub=hub)


def _expected(
    transfers: list[Transfer], lists: list[Any], in_units: bool, *, bucket: str
) -> tuple[list[Artifact], list[Artifact], list[VerifiedCopy]]:
    """Return all artifacts, those that are still to be compared, and the copies that were."""
    if in_units:
        artifacts = [transfer.artifact for transfer in transfers]
        to_compare = [transfer.artifact for transfer in transfers if transfer.upload_id]
        artifact_checks.require_all_verified(artifacts, [*lists, *to_compare], bucket=bucket)
        return artifacts, to_compare, lists
    observed = {artifact.key: artifact for artifact in lists}
    artifacts = [artifact_checks.require_observed(transfer, observed) for transfer in transfers]
    return artifacts, artifacts, []


def _comparisons(
    artifacts: Iterable[Artifact], promotion: Promotion, *, s3: S3Client
) -> list[Callable[[], VerifiedCopy | ArtifactMismatch]]:
    return [functools.partial(_compare, artifact, promotion, s3=s3) for artifact in artifacts]


def _compare(artifact: Artifact, promotion: Promotion, *, s3: S3Client) -> VerifiedCopy | ArtifactMismatch:
    """Return the copy, or the mismatch: a list of the folders, made at the same time, may say more about it."""
    try:
        return verified_copies.to_list(verification.require_verified(artifact, promotion.target, s3=s3))
    except ArtifactMismatch as mismatch:
        return mismatch


def _without_mismatch(results: Iterable[VerifiedCopy | ArtifactMismatch]) -> list[VerifiedCopy]:
    """Return the copies. Raises the first ArtifactMismatch."""
    copies = []
    for result in results:
        if isinstance(result, ArtifactMismatch):
            raise result
        copies.append(result)
    return copies


def _counted(artifacts: Sequence[Artifact]) -> CopyVerification:
    compared = sum(artifact.source.checksum is not None for artifact in artifacts)
    return CopyVerification(compared=compared, computed=len(artifacts) - compared)


def _lists(
    name: str,
    kind: type[Any],
    spans: Iterable[tuple[int, int]],
    promotion: Promotion,
    *,
    at_once: AtOnce,
    hub: S3Client,
) -> list[Any]:
    lists = at_once(
        [
            functools.partial(work_lists.read, work_lists.of_unit(name, offset), kind, promotion, s3=hub)
            for offset, _ in spans
        ],
        doing="Reading the lists of the work units",
    )
    return [item for each in lists for item in each]
