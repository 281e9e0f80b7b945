"""What an image consists of, as its manifest says (OCI image specification; Docker's manifests say the same). Pure."""

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

    All of them are needed where the index is: ECR takes no index that refers to what it has not (API: PutImage,
    ReferencedImagesNotFoundException).
    """
    return tuple(dict.fromkeys(child["digest"] for child in json.loads(content).get("manifests", ())))


def layers(content: str) -> tuple[Layer, ...]:
    """Return the blobs of an image, each once, the largest first. () for an index."""
    said = json.loads(content)
    described = [*([said["config"]] if "config" in said else []), *said.get("layers", ())]
    blobs = {one["digest"]: Layer(digest=one["digest"], size=one["size"]) for one in described}
    return tuple(sorted(blobs.values(), key=lambda blob: -blob.size))


def digest_of(content: str) -> str:
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
