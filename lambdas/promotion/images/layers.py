"""Stream one layer of an image between image registries, part by part, and verify its digest.

A layer has up to 52 GB, so at most two of its parts are in memory: one is read while the other is sent.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import urllib3
from botocore.exceptions import ClientError
from botocore.httpsession import get_cert_path

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract import time_limits
from lambdas.promotion.contract.errors import ImageCopyInterrupted, ImageMismatch, ImageNotFound
from lambdas.promotion.images.oci_manifest import Layer
from lambdas.promotion.images.references import Image

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

_PARTIAL_CONTENT = 206
READ_SECONDS = 30  # how long a layer's download may send nothing


def copy(
    layer: Layer,
    *,
    source: Image,
    target: Image,
    reader: ECRClient,
    pusher: ECRClient,
    require_time: Callable[[], None],
) -> None:
    """Copy one layer. `require_time` is called before each part, and raises the error that ends the copy.

    Raises ImageCopyInterrupted (the next invocation copies the layer from its beginning), ImageMismatch, ImageNotFound.
    """
    require_time()
    url = _download_url(layer, source, ecr=reader)
    upload = pusher.initiate_layer_upload(registryId=str(target.account), repositoryName=target.repository)
    subject = f"The layer {layer.digest} of {source.name}"
    digest = hashlib.sha256()
    try:
        for first, part in _parts(url, layer, upload["partSize"], subject):
            require_time()
            digest.update(part)
            pusher.upload_layer_part(
                registryId=str(target.account),
                repositoryName=target.repository,
                uploadId=upload["uploadId"],
                partFirstByte=first,
                partLastByte=first + len(part) - 1,
                layerPartBlob=part,
            )
        if f"sha256:{digest.hexdigest()}" != layer.digest:
            raise ImageMismatch(
                f"{subject} was received with the digest sha256:{digest.hexdigest()}, and was discarded."
            )
        pusher.complete_layer_upload(
            registryId=str(target.account),
            repositoryName=target.repository,
            uploadId=upload["uploadId"],
            layerDigests=[layer.digest],
        )
    except ClientError as error:
        code, message = error_codes.code_of(error), error_codes.message_of(error)
        if code == error_codes.ECR_LAYER_EXISTS:  # by another copy of the same layer
            return
        if code == error_codes.ECR_INVALID_LAYER:
            raise ImageMismatch(f"{subject} was rejected by ECR: {message}") from error
        if code in error_codes.ECR_INTERRUPTED_UPLOAD:
            raise ImageCopyInterrupted(f"{subject}: its upload to {target.name} was interrupted: {message}") from error
        raise


def _download_url(layer: Layer, source: Image, *, ecr: ECRClient) -> str:
    try:
        return ecr.get_download_url_for_layer(
            registryId=str(source.account), repositoryName=source.repository, layerDigest=layer.digest
        )["downloadUrl"]
    except ClientError as error:
        if error_codes.code_of(error) in error_codes.ECR_MISSING_LAYER:
            raise ImageNotFound(
                f"{source.name} no longer has the layer {layer.digest}: {error_codes.message_of(error)} Push the "
                "image again or register the model again."
            ) from error
        raise


def _parts(url: str, layer: Layer, size: int, subject: str) -> Iterator[tuple[int, bytes]]:
    """Yield each part after its first byte's position. The next is read while the caller works on the one before."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        pending = reader.submit(_read, url, 0, min(size, layer.size), subject)
        for first in range(0, layer.size, size):
            part = pending.result()
            following = first + size
            if following < layer.size:
                pending = reader.submit(_read, url, following, min(size, layer.size - following), subject)
            yield first, part


@cache
def _http() -> urllib3.PoolManager:
    """Return the HTTP client for downloads. One attempt, as the AWS clients make: the workflow retries the layer."""
    return urllib3.PoolManager(
        ca_certs=os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True),
        maxsize=10,
        retries=False,
        timeout=urllib3.Timeout(connect=time_limits.CONNECT_TIMEOUT.total_seconds(), read=READ_SECONDS),
    )


def _read(url: str, first: int, length: int, subject: str) -> bytes:
    """Read a range of a layer that ECR stores in S3; the URL is signed and must not appear in an error."""
    try:
        response = _http().request(
            "GET", url, headers={"Range": f"bytes={first}-{first + length - 1}"}, preload_content=False
        )
        # Any other status has an error message as its body, or the whole layer.
        part = response.read() if response.status == _PARTIAL_CONTENT else b""
        response.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise ImageCopyInterrupted(f"{subject} could not be read from byte {first}: {type(error).__name__}.") from error
    if len(part) != length:
        raise ImageCopyInterrupted(
            f"{subject} could not be read from byte {first}: status {response.status}, {len(part)} bytes of {length}."
        )
    return part
