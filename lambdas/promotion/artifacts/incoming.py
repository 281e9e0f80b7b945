"""The incoming prefix: where a source's copier may write in the target's bucket, and where no model is ever read.

The target's receiver compares what arrived there with what was resolved, and copies exactly that version to the
artifact prefix, where no role of a source can write: not before, during or after a promotion (docs/decisions/0024).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import inventory, s3_copy, s3_objects
from lambdas.promotion.contract.document import Artifact, CopyRoute, Leg, Promotion, S3Object, Transfer
from lambdas.promotion.contract.errors import ArtifactChanged, ArtifactMismatch, ArtifactNotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def brought(artifact: Artifact, promotion: Promotion) -> Artifact:
    """Return the artifact with its key below the incoming prefix, which has a length and characters of no concern."""
    folder, _, name = artifact.key[len(promotion.artifact_prefix) :].partition("/")
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]
    return replace(artifact, key=f"{promotion.incoming_prefix}{folder}/{digest}")


def folders_of_uploads(artifacts: Sequence[Artifact], promotion: Promotion) -> list[str]:
    """Return the folders of both legs: those of the artifacts, and theirs below the incoming prefix."""
    incoming_artifacts = (brought(artifact, promotion) for artifact in artifacts)
    return [
        *inventory.folders(artifacts, promotion.artifact_prefix),
        *inventory.folders(incoming_artifacts, promotion.incoming_prefix),
    ]


def arrived(
    artifact: Artifact, promotion: Promotion, *, made: S3Object | None = None, s3: S3Client
) -> tuple[Artifact, dict[str, Any]]:
    """Return the artifact with what arrived as its source, and its metadata as ObservedObject has them.

    `made`: the version that this step's own request has made, as S3 reported it: then there is nothing to look at, and
    the metadata are left out. Raises ArtifactMismatch if it is not there, or is not what was resolved.
    """
    bucket, key = promotion.target.artifact_bucket, brought(artifact, promotion).key
    observed = None if made else s3_objects.head(bucket, key, owner=promotion.target.account, s3=s3)
    source = made or (observed.object if observed else None)
    artifact_checks.require_verified(replace(artifact, key=key), source, bucket=bucket)
    assert source is not None  # noqa: S101 - require_verified has raised
    return replace(artifact, source=source), observed.metadata if observed else {}


def take_whole(artifact: Artifact, promotion: Promotion, *, copier_s3: S3Client, receiver_s3: S3Client) -> bool:
    """Take an object through both legs, each by one request; return False if its copy already exists."""
    if artifact.text is not None:  # nothing of the source's: the receiver writes it
        return s3_copy.copy_whole(artifact, promotion.receiving_route, s3=receiver_s3)
    made = s3_copy.make_whole(brought(artifact, promotion), promotion.route, s3=copier_s3)
    received, _ = arrived(artifact, promotion, made=made, s3=receiver_s3)
    with loss_reported(Leg.RECEIVE):
        return s3_copy.copy_whole(received, promotion.receiving_route, s3=receiver_s3)


def in_leg(transfer: Transfer, promotion: Promotion) -> Transfer:
    """Return a transfer of the promotion's leg with the key that the leg writes."""
    if promotion.leg is Leg.RECEIVE:
        return transfer
    return replace(transfer, artifact=brought(transfer.artifact, promotion))


def route_of_leg(promotion: Promotion) -> CopyRoute:
    return promotion.route if promotion.leg is Leg.BRING else promotion.receiving_route


@contextmanager
def loss_reported(leg: Leg) -> Iterator[None]:
    """Report what disappears from the incoming prefix while it is received as what it is: no fault of the source."""
    try:
        yield
    except (ArtifactChanged, ArtifactNotFound) as error:
        if leg is Leg.BRING:
            raise
        # Only what was observed: the rest of the sentence says what to do about a source.
        observed = str(error).partition(". ")[0]
        raise ArtifactMismatch(
            f"What had arrived in the target's bucket was lost while it was received ({observed}). Nothing was "
            "deployed. Another principal deletes objects there: find out which, then promote again."
        ) from error
