"""Copy an image between image registries: existing layers are skipped, the manifest is put last.

So the next invocation reuses the layers of one that was terminated, and an image that exists is complete.
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
from lambdas.promotion.contract.errors import (
    ImageCopyInterrupted,
    ImageMismatch,
    ImageNotFound,
    QuotaExceeded,
    UnsupportedModel,
)
from lambdas.promotion.images import ecr_client, oci_manifest, references
from lambdas.promotion.images import layers as image_layers
from lambdas.promotion.images.ecr_client import Manifest
from lambdas.promotion.images.oci_manifest import Layer
from lambdas.promotion.images.references import Image

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

_LAYERS_AT_ONCE = 4
_LAYERS_PER_QUERY = 100  # API: BatchCheckLayerAvailability
_DEEPEST_INDEX = 4  # an index of images is 1 deep; the specification allows nested ones
# What one part may still take, and the response to Step Functions.
_RESERVE_SECONDS = image_layers.READ_SECONDS + 15


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """One invocation of the copy: source, target and time limit."""

    source: Image
    target: Image
    reader: ECRClient
    pusher: ECRClient
    seconds_left: Callable[[], float]
    stopped: threading.Event = field(default_factory=threading.Event)

    def require_time(self) -> None:
        """Raise ImageCopyInterrupted if this invocation must end: its time is over, or another layer failed."""
        if self.stopped.is_set() or self.seconds_left() < _RESERVE_SECONDS:
            raise ImageCopyInterrupted(
                f"The copy of {self.source.name} did not finish within one invocation. The next invocation continues "
                "with the missing layers."
            )


def copy(image: ImageCopy, *, reader: ECRClient, pusher: ECRClient, seconds_left: Callable[[], float]) -> bool:
    """Copy an image by its digest; return False if it exists in the target.

    `reader` and `pusher` are clients of the source's and the target's Region; `seconds_left` returns how long this
    invocation may still take. An index is copied with all its images.

    Raises ImageCopyInterrupted (Transient: the next invocation continues), ImageNotFound, ImageMismatch,
    UnsupportedModel, QuotaExceeded, CallRefused.
    """
    target = references.parse(image.target)
    if ecr_client.find(target, ecr=pusher):
        return False
    _ensure_repository(target, ecr=pusher)
    run = _Copy(
        source=references.parse(image.source), target=target, reader=reader, pusher=pusher, seconds_left=seconds_left
    )
    # With a tag that can never refer to another image: lifecycle rules for untagged images would delete it otherwise.
    _copy(str(target.digest), run, tag=f"promoted-{str(target.digest).removeprefix('sha256:')}")
    return True


def _copy(digest: str, run: _Copy, *, tag: str | None = None, depth: int = 0) -> None:
    subject = f"{run.source.name}@{digest}"
    if depth > _DEEPEST_INDEX:
        raise UnsupportedModel(
            f"The image {run.source.name} is an index of indexes, {depth} deep: {subject}. The model was not created. "
            "Push an index of images and register the model with it."
        )
    manifest = ecr_client.find(replace(run.source, digest=digest), ecr=run.reader)
    if manifest is None:
        raise ImageNotFound(
            f"The image {subject} no longer exists in its image registry. Push it again or register the model again."
        )
    if oci_manifest.digest_of(manifest.content) != digest:
        raise ImageMismatch(f"The manifest of {subject} has the digest {oci_manifest.digest_of(manifest.content)}.")
    for child in oci_manifest.children(manifest.content, subject=subject):
        if not ecr_client.find(replace(run.target, digest=child), ecr=run.pusher):
            _copy(child, run, depth=depth + 1)
    _copy_layers(oci_manifest.layers(manifest.content, subject=subject), run)
    _put(manifest, run, tag=tag)


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
        errors = [error for future in done if (error := future.exception())]
        if errors:
            run.stopped.set()
            raise errors[0]


def _missing(layers: tuple[Layer, ...], run: _Copy) -> list[Layer]:
    existing: set[str] = set()
    for first in range(0, len(layers), _LAYERS_PER_QUERY):
        response = run.pusher.batch_check_layer_availability(
            registryId=str(run.target.account),
            repositoryName=run.target.repository,
            layerDigests=[layer.digest for layer in layers[first : first + _LAYERS_PER_QUERY]],
        )
        existing |= {layer["layerDigest"] for layer in response["layers"] if layer["layerAvailability"] == "AVAILABLE"}
    return [layer for layer in layers if layer.digest not in existing]


def _ensure_repository(target: Image, *, ecr: ECRClient) -> None:
    try:
        ecr.create_repository(
            registryId=str(target.account),
            repositoryName=target.repository,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
            # The account's key aws/ecr: every principal with access to ECR may use it (AWS: ECR, encryption at rest).
            encryptionConfiguration={"encryptionType": "KMS"},
        )
    except ClientError as error:
        code = error_codes.code_of(error)
        if code == error_codes.ECR_LIMIT_EXCEEDED:
            raise QuotaExceeded(
                f"A quota of account {target.account} does not allow to create the repository {target.repository}: "
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
        image = f"{run.target.name}@{manifest.digest}"
        # Another promotion of the same model pushed it first; the tag contains the digest.
        if code in error_codes.ECR_IMAGE_EXISTS:
            return
        if code in error_codes.ECR_MISSING_REFERENCE:
            raise ImageCopyInterrupted(f"ECR does not have every layer of {image} yet: {message}") from error
        if code == error_codes.ECR_OTHER_DIGEST:
            raise ImageMismatch(f"ECR computes another digest for {image}: {message}") from error
        if code == error_codes.ECR_LIMIT_EXCEEDED:
            raise QuotaExceeded(
                f"A quota does not allow another image in the repository of {image}: {message}"
            ) from error
        raise
