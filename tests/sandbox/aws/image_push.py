"""Pushing images, as Docker does: the layers first, then the manifest that names them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def push_layer(ecr: Any, repository: str, content: bytes, *, registry: dict[str, str] | None = None) -> str:
    """Upload a layer in parts and return its digest."""
    target = {"repositoryName": repository, **(registry or {})}
    upload = ecr.initiate_layer_upload(**target)
    for first in range(0, len(content), upload["partSize"]):
        part = content[first : first + upload["partSize"]]
        ecr.upload_layer_part(
            uploadId=upload["uploadId"],
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
            **target,
        )
    answer = ecr.complete_layer_upload(uploadId=upload["uploadId"], layerDigests=[sha256(content)], **target)
    digest: str = answer["layerDigest"]
    return digest


def manifest_of(layers: Sequence[bytes], *, config: bytes = b"{}") -> str:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": sha256(config), "size": len(config)},
            "layers": [{"mediaType": LAYER, "digest": sha256(layer), "size": len(layer)} for layer in layers],
        }
    )


def push(ecr: Any, repository: str, layers: Sequence[bytes], *, tag: str | None = None, config: bytes = b"{}") -> str:
    """Push an image, making the repository if it is missing, and return its digest."""
    ensure_repository(ecr, repository)
    for content in (config, *layers):
        try:
            push_layer(ecr, repository, content)
        except ecr.exceptions.LayerAlreadyExistsException:
            continue
    return put(ecr, repository, manifest_of(layers, config=config), tag=tag)


def push_index(ecr: Any, repository: str, digests: Sequence[str], *, tag: str | None = None) -> str:
    """Push an index of images that are there, and return its digest."""
    manifests = [{"mediaType": MANIFEST, "digest": digest, "size": 1} for digest in digests]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
    return put(ecr, repository, index, tag=tag)


def put(ecr: Any, repository: str, manifest: str, *, tag: str | None = None) -> str:
    named = {"imageTag": tag} if tag else {}
    answer = ecr.put_image(repositoryName=repository, imageManifest=manifest, **named)
    digest: str = answer["image"]["imageId"]["imageDigest"]
    return digest


def ensure_repository(ecr: Any, repository: str) -> None:
    try:
        ecr.create_repository(repositoryName=repository)
    except ecr.exceptions.RepositoryAlreadyExistsException:
        return
