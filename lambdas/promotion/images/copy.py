"""Copying an image between registries: what is there already is left out, the image itself comes last.

So a copy that was killed leaves layers that the next one finds, and an image that is there is there as a whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.document import ImageCopy
from lambdas.promotion.contract.errors import ImageCopyInterrupted, ImageMismatch, ImageNotFound, QuotaExceeded
from lambdas.promotion.images import ecr_client, oci_manifest, references
from lambdas.promotion.images import layers as image_layers
from lambdas.promotion.images.ecr_client import Manifest
from lambdas.promotion.images.oci_manifest import Layer
from lambdas.promotion.images.references import Image

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

_LAYERS_AT_ONCE = 4
_LAYERS_PER_QUERY = 100  # API: BatchCheckLayerAvailability
# What one part may still take, and the response to Step Functions.
_RESERVE_SECONDS = image_layers.READ_SECONDS + 15


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """One run of the copy: from where, to where, and how long."""

    source: Image
    target: Image
    reader: ECRClient
    pusher: ECRClient
    seconds_left: Callable[[], float]
    stopped: threading.Event = field(default_factory=threading.Event)

    def require_time(self) -> None:
        """Raise ImageCopyInterrupted if this run must end: its time is over, or another layer failed."""
        if self.stopped.is_set() or self.seconds_left() < _RESERVE_SECONDS:
            raise ImageCopyInterrupted(
                f"The copy of {self.source.name} takes longer than one run of its step. The next run goes on with the "
                "layers that are missing."
            )


def copy(image: ImageCopy, *, reader: ECRClient, pusher: ECRClient, seconds_left: Callable[[], float]) -> bool:
    """Copy an image by its digest; return False if the target has it already.

    `reader` and `pusher` are clients of the source's and the target's Region; `seconds_left` says how long this run
    may still take. An index is copied with all its images.

    Raises ImageCopyInterrupted (Transient: the next run goes on), ImageNotFound, ImageMismatch, QuotaExceeded.
    """
    target = references.parse(image.target)
    if ecr_client.find(target, ecr=pusher):
        return False
    _ensure_repository(target, ecr=pusher)
    run = _Copy(
        source=references.parse(image.source), target=target, reader=reader, pusher=pusher, seconds_left=seconds_left
    )
    # With a tag, which can never mean another image: rules that expire untagged images would take it from an endpoint.
    _copy(str(target.digest), run, tag=f"promoted-{str(target.digest).removeprefix('sha256:')}")
    return True


def _copy(digest: str, run: _Copy, *, tag: str | None = None) -> None:
    found = ecr_client.find(replace(run.source, digest=digest), ecr=run.reader)
    if found is None:
        raise ImageNotFound(
            f"The image {run.source.name}@{digest} is not in its registry any more. Push it again or register the "
            "model again."
        )
    if oci_manifest.digest_of(found.content) != digest:
        raise ImageMismatch(
            f"The manifest of {run.source.name}@{digest} has the digest {oci_manifest.digest_of(found.content)}."
        )
    for child in oci_manifest.children(found.content):
        if not ecr_client.find(replace(run.target, digest=child), ecr=run.pusher):
            _copy(child, run)
    _copy_layers(oci_manifest.layers(found.content), run)
    _put(found, run, tag=tag)


def _copy_layers(layers: tuple[Layer, ...], run: _Copy) -> None:
    missing = _missing(layers, run)
    with ThreadPoolExecutor(_LAYERS_AT_ONCE) as pool:
        copies = [
            pool.submit(
                image_layers.copy,
                layer,
                source=run.source,
                target=run.target,
                reader=run.reader,
                pusher=run.pusher,
                require_time=run.require_time,
            )
            for layer in missing
        ]
        done, _ = wait(copies, return_when=FIRST_EXCEPTION)
        failed = [error for one in done if (error := one.exception())]
        if failed:
            run.stopped.set()
            raise failed[0]


def _missing(layers: tuple[Layer, ...], run: _Copy) -> list[Layer]:
    there: set[str] = set()
    for first in range(0, len(layers), _LAYERS_PER_QUERY):
        answer = run.pusher.batch_check_layer_availability(
            registryId=str(run.target.account),
            repositoryName=run.target.repository,
            layerDigests=[layer.digest for layer in layers[first : first + _LAYERS_PER_QUERY]],
        )
        there |= {one["layerDigest"] for one in answer["layers"] if one["layerAvailability"] == "AVAILABLE"}
    return [layer for layer in layers if layer.digest not in there]


def _ensure_repository(target: Image, *, ecr: ECRClient) -> None:
    try:
        ecr.create_repository(
            registryId=str(target.account),
            repositoryName=target.repository,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
            # With the account's key aws/ecr, which whoever may use ECR may use (AWS: ECR, encryption at rest).
            encryptionConfiguration={"encryptionType": "KMS"},
        )
    except ClientError as error:
        code = error_codes.code_of(error)
        if code == error_codes.ECR_LIMIT_EXCEEDED:
            raise QuotaExceeded(
                f"Account {target.account} has no room for the repository {target.repository}: "
                f"{error_codes.message_of(error)}"
            ) from error
        if code != error_codes.ECR_REPOSITORY_EXISTS:
            raise


def _put(manifest: Manifest, run: _Copy, *, tag: str | None) -> None:
    try:
        run.pusher.put_image(
            registryId=str(run.target.account),
            repositoryName=run.target.repository,
            imageManifest=manifest.content,
            imageDigest=manifest.digest,
            **({"imageManifestMediaType": manifest.media_type} if manifest.media_type else {}),
            **({"imageTag": tag} if tag else {}),
        )
    except ClientError as error:
        code, message = error_codes.code_of(error), error_codes.message_of(error)
        place = f"{run.target.name}@{manifest.digest}"
        # Another promotion of the same model was faster; the tag is made of the digest.
        if code in error_codes.ECR_IMAGE_EXISTS:
            return
        if code in error_codes.ECR_MISSING_REFERENCE:
            raise ImageCopyInterrupted(f"ECR does not find all of {place} yet: {message}") from error
        if code == error_codes.ECR_OTHER_DIGEST:
            raise ImageMismatch(f"ECR finds another digest for {place}: {message}") from error
        if code == error_codes.ECR_LIMIT_EXCEEDED:
            raise QuotaExceeded(f"The repository of {place} has no room for another image: {message}") from error
        raise
