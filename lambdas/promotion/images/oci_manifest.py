"""What an image consists of, by its manifest (OCI image specification, or Docker's). Pure: no AWS calls."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A blob of an image: a layer, or its configuration. Size in bytes."""

    digest: str
    size: int


def children(content: str) -> tuple[str, ...]:
    """Return the digests of the images that an index lists: one for each platform, and attestations. () for an image.

    All of them are required beside the index: ECR rejects an index that refers to missing images (API: PutImage,
    ReferencedImagesNotFoundException).
    """
    return tuple(dict.fromkeys(child["digest"] for child in json.loads(content).get("manifests", ())))


def layers(content: str) -> tuple[Layer, ...]:
    """Return the blobs of an image, each once, the largest first. () for an index."""
    manifest = json.loads(content)
    descriptors = [*([manifest["config"]] if "config" in manifest else []), *manifest.get("layers", ())]
    blobs = {blob["digest"]: Layer(digest=blob["digest"], size=blob["size"]) for blob in descriptors}
    return tuple(sorted(blobs.values(), key=lambda blob: -blob.size))


def digest_of(content: str) -> str:
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
