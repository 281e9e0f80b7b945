"""Take objects that are copied by parts through both legs within one work unit.

The unit opens and completes their uploads. If it is killed, its next run begins an object anew, or in the second leg if
the first one had ended, unless its copy exists; the verification aborts the uploads that were left open.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import completion, incoming, partitioning, s3_copy, s3_objects
from lambdas.promotion.contract.document import Artifact, Copied, CopyRoute, Leg, Promotion, S3Object, Transfer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AtOnce = Callable[[Sequence[Callable[[], Any]]], list[Any]]


@dataclass(frozen=True, kw_only=True)
class LargeObject:
    """An artifact whose source was looked at, and the source's metadata as ObservedObject has them."""

    artifact: Artifact
    metadata: Mapping[str, Any]


def part_size(artifact: Artifact, promotion: Promotion, *, copier_s3: S3Client) -> int | None:
    """Return the size of the parts, None if S3 copies the object by one request. Raises UnsupportedModel."""
    size = partitioning.part_size(artifact, whole_if_possible=promotion.route.annotations)
    if size is not None and promotion.route.annotations:
        s3_copy.require_no_annotations(artifact, promotion.route, s3=copier_s3)
    return size


def take_all(
    objects: Sequence[LargeObject],
    promotion: Promotion,
    *,
    again: bool,
    meanwhile: list[Callable[[], Any]],
    at_once: AtOnce,
    copier_s3: S3Client,
    receiver_s3: S3Client,
) -> Copied:
    """Take the objects through both legs; `at_once` makes calls concurrently.

    `meanwhile`: calls that are to be made too, and can be at the same time. `again`: an earlier run may have brought
    or received objects, so it is looked for them first.
    """
    if again:
        objects = _without(_is_received, objects, promotion, at_once=at_once, s3=receiver_s3)
    if not objects:
        at_once(meanwhile)
        return Copied()
    to_bring = _without(_is_brought, objects, promotion, at_once=at_once, s3=receiver_s3) if again else objects
    sizes = _part_sizes(objects)
    open_to_receive = [functools.partial(_open_to_receive, each, promotion, s3=receiver_s3) for each in objects]
    # Tags are read of what has arrived; what else an upload is opened with is known.
    early = [] if promotion.route.tags else open_to_receive
    opened = at_once(
        [*early, *meanwhile, *(functools.partial(_open_to_bring, each, promotion, s3=copier_s3) for each in to_bring)]
    )
    brought = [
        _transfer(incoming.brought(each.artifact, promotion), sizes[each.artifact.key], upload_id)
        for each, upload_id in zip(to_bring, opened[len(opened) - len(to_bring) :], strict=True)
    ]
    made: dict[str, S3Object | None] = {}

    def remember(transfer: Transfer, response: Mapping[str, Any]) -> None:
        made[transfer.artifact.key] = s3_copy.made_by(response, transfer.artifact, promotion.route)

    _, copied = _copy_by_parts(brought, promotion.route, report=remember, at_once=at_once, s3=copier_s3)
    with incoming.loss_reported(Leg.RECEIVE):
        arrived = at_once(
            [
                functools.partial(
                    incoming.arrived,
                    each.artifact,
                    promotion,
                    made=made.get(incoming.brought(each.artifact, promotion).key),
                    s3=receiver_s3,
                )
                for each in objects
            ]
        )
        upload_ids = opened[: len(early)] or at_once(open_to_receive)
        received = [
            _transfer(artifact, sizes[artifact.key], upload_id)
            for (artifact, _), upload_id in zip(arrived, upload_ids, strict=True)
        ]
        completed, _ = _copy_by_parts(received, promotion.receiving_route, at_once=at_once, s3=receiver_s3)
    return Copied(objects=completed, bytes=copied)


def batches(objects: Iterable[LargeObject]) -> Iterator[list[LargeObject]]:
    """Yield the objects in groups that are taken one after the other: a run that is killed has to begin one group anew.

    A group takes about as long as the largest object of one work unit may.
    """
    batch: list[LargeObject] = []
    for each in objects:
        if batch and not partitioning.is_short([other.artifact for other in [*batch, each]]):
            yield batch
            batch = []
        batch.append(each)
    yield batch


def _without(
    is_done: Callable[..., bool],
    objects: Sequence[LargeObject],
    promotion: Promotion,
    *,
    at_once: AtOnce,
    s3: S3Client,
) -> Sequence[LargeObject]:
    """Return the objects of which an earlier run has not done this."""
    done = at_once([functools.partial(is_done, each, promotion, s3=s3) for each in objects])
    return [each for each, is_over in zip(objects, done, strict=True) if not is_over]


def _is_received(each: LargeObject, promotion: Promotion, *, s3: S3Client) -> bool:
    """Whether there is a copy, which the verification compares. The receiver may not read it, but list it."""
    target, key = promotion.target, each.artifact.key
    listed = s3_objects.listed(target.artifact_bucket, key, owner=target.account, s3=s3)
    return any(item.key == key for item in itertools.islice(listed, 1))  # the shortest key is the first one


def _is_brought(each: LargeObject, promotion: Promotion, *, s3: S3Client) -> bool:
    target, key = promotion.target, incoming.brought(each.artifact, promotion).key
    return s3_objects.head(target.artifact_bucket, key, owner=target.account, s3=s3) is not None


def _part_sizes(objects: Sequence[LargeObject]) -> dict[str, int]:
    """Return the size of each object's parts, by its key: those of all of them fill the requests of the unit."""
    total = sum(each.artifact.source.size for each in objects)
    sizes: dict[str, int] = {}
    for each in objects:
        slots = max(1, partitioning.PARTS_IN_FLIGHT * each.artifact.source.size // total)
        size = partitioning.part_size(each.artifact, slots=slots)
        assert size  # noqa: S101 - it is large
        sizes[each.artifact.key] = size
    return sizes


def _open_to_bring(each: LargeObject, promotion: Promotion, *, s3: S3Client) -> str:
    return s3_copy.open_upload(incoming.brought(each.artifact, promotion), each.metadata, promotion.route, s3=s3)


def _open_to_receive(each: LargeObject, promotion: Promotion, *, s3: S3Client) -> str:
    """Open the upload of the copy, which has the metadata of the source, as what is brought has."""
    artifact = each.artifact
    if promotion.route.tags:
        artifact, _ = incoming.arrived(artifact, promotion, s3=s3)
    return s3_copy.open_upload(artifact, each.metadata, promotion.receiving_route, s3=s3)


def _transfer(artifact: Artifact, part_size: int, upload_id: str) -> Transfer:
    return Transfer(artifact=artifact, part_size=part_size, upload_id=upload_id)


def _copy_by_parts(
    transfers: list[Transfer],
    route: CopyRoute,
    *,
    report: completion.Report = completion.no_report,
    at_once: AtOnce,
    s3: S3Client,
) -> tuple[int, int]:
    """Copy all parts and complete the uploads; return how many objects that made, and the bytes that were copied."""
    parts = [(index, part) for index, each in enumerate(transfers) for part in range(1, partitioning.parts(each) + 1)]
    results = at_once(
        [functools.partial(s3_copy.write_part, transfers[index], part, route, s3=s3) for index, part in parts]
    )
    written: list[dict[int, Mapping[str, Any]]] = [{} for _ in transfers]
    for (index, part), result in zip(parts, results, strict=True):
        if result is not None:
            written[index][part] = result
    completed = completion.complete_all(transfers, route, written=list(written), report=report, at_once=at_once, s3=s3)
    spans = (partitioning.span(transfers[index], part) for index, parts_of in enumerate(written) for part in parts_of)
    return completed, sum(last - first + 1 for first, last in spans)
