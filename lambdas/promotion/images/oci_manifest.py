"""What an image consists of, by its manifest (OCI image specification, or Docker's). Pure: no AWS calls.

Whoever pushes an image writes its manifest, and ECR stores more than a client can use: what is not as the
specification says is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from lambdas.promotion.contract.errors import UnsupportedModel

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The fields that refer to other content, of an image and of an index.
_OF_IMAGE, _CONFIGURATION, _OF_INDEX = "layers", "config", "manifests"
_LONGEST_QUOTE = 80  # characters


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A blob of an image: a layer, or its configuration. Size in bytes."""

    digest: str
    size: int


def children(content: str, *, subject: str) -> tuple[str, ...]:
    """Return the digests of the images that an index lists: one for each platform, and attestations. () for an image.

    All of them are required beside the index: ECR rejects an index that refers to missing images (API: PutImage,
    ReferencedImagesNotFoundException). `subject` names the image. Raises UnsupportedModel.
    """
    manifest = _manifest(content, subject)
    if _OF_INDEX not in manifest:
        return ()
    return tuple(dict.fromkeys(_digest(*listed, subject) for listed in _listed(manifest, _OF_INDEX, subject)))


def layers(content: str, *, subject: str) -> tuple[Layer, ...]:
    """Return the blobs of an image, each once, the largest first. () for an index. Raises UnsupportedModel."""
    manifest = _manifest(content, subject)
    listed = [
        *([(manifest[_CONFIGURATION], _CONFIGURATION)] if _CONFIGURATION in manifest else []),
        *(_listed(manifest, _OF_IMAGE, subject) if _OF_IMAGE in manifest else []),
    ]
    blobs = {blob.digest: blob for blob in (_layer(described, field, subject) for described, field in listed)}
    return tuple(sorted(blobs.values(), key=lambda blob: -blob.size))


def digest_of(content: str) -> str:
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def _manifest(content: str, subject: str) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _refusal(subject, f"is no JSON ({type(error).__name__})") from error
    if not isinstance(manifest, dict):
        raise _refusal(subject, f"is {_quoted(manifest)} and no object")
    if not {_OF_IMAGE, _CONFIGURATION, _OF_INDEX} & manifest.keys():
        raise _refusal(subject, f'has none of "{_OF_IMAGE}", "{_CONFIGURATION}" and "{_OF_INDEX}"')
    return manifest


def _listed(manifest: dict[str, Any], field: str, subject: str) -> list[tuple[Any, str]]:
    """Return each descriptor of a list, with its field."""
    listed = manifest[field]
    if not isinstance(listed, list):
        raise _refusal(subject, f'has {_quoted(listed)} as "{field}" and no list')
    return [(described, f"{field}[{index}]") for index, described in enumerate(listed)]


def _layer(described: Any, field: str, subject: str) -> Layer:
    """Return a descriptor's digest and size (OCI image specification: Content Descriptors)."""
    digest = _digest(described, field, subject)
    size = described.get("size")
    if type(size) is not int or size < 0:
        raise _refusal(subject, f'has {_quoted(size)} as "{field}.size" and no number of bytes')
    return Layer(digest=digest, size=size)


def _digest(described: Any, field: str, subject: str) -> str:
    if not isinstance(described, dict):
        raise _refusal(subject, f'has {_quoted(described)} as "{field}" and no descriptor')
    digest = described.get("digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise _refusal(subject, f'has {_quoted(digest)} as "{field}.digest" and no sha256 digest')
    return digest


def _quoted(value: Any) -> str:
    return json.dumps(value)[:_LONGEST_QUOTE]


def _refusal(subject: str, problem: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"The image {subject} cannot be copied: its manifest {problem}. The model was not created. Build and push the "
        "image again, then register the model with it."
    )
