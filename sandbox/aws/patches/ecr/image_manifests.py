"""PutImage requires the layers of an image, or the images of an index, and the digest of the manifest itself.

MiniStack takes any text for a manifest, under any digest, as often as it comes.
"""

import functools
import json
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ecr

from sandbox.aws.patches.ecr import image_layers


def apply() -> None:
    put = ecr._put_image

    @functools.wraps(put)
    def put_whole(request: dict[str, Any]) -> Any:
        name, manifest = request["repositoryName"], request["imageManifest"]
        if name not in ecr._repositories:
            return put(request)
        digest = ecr._image_digest(manifest)
        if request.get("imageDigest", digest) != digest:
            message = f"The image has the digest '{digest}', not '{request['imageDigest']}'"
            return error_response_json("ImageDigestDoesNotMatchException", message)
        try:
            document = json.loads(manifest)
        except json.JSONDecodeError:
            message = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
            return error_response_json("InvalidParameterException", message)
        for refusal in _missing(name, document):
            return refusal
        existing = ecr._find_image(name, {"imageDigest": digest})
        if existing and request.get("imageTag") in (None, *existing["imageTags"]):
            message = f"Image with digest '{digest}' and tag '{request.get('imageTag')}' already exists"
            return error_response_json("ImageAlreadyExistsException", message)
        media_type = request.get("imageManifestMediaType") or document.get("mediaType")
        return put({**request, **({"imageManifestMediaType": media_type} if media_type else {})})

    ecr._put_image = put_whole


def _missing(name: str, document: dict[str, Any]) -> Iterator[Any]:
    """Yield the refusal of a manifest that names what the repository has not."""
    images = [reference["digest"] for reference in document.get("manifests", [])]
    absent = [digest for digest in images if not ecr._find_image(name, {"imageDigest": digest})]
    if absent:
        message = f"The manifest list refers to images that do not exist: {', '.join(absent)}"
        yield error_response_json("ReferencedImagesNotFoundException", message)
    blobs = [reference["digest"] for reference in [document.get("config"), *document.get("layers", [])] if reference]
    absent = [digest for digest in blobs if not image_layers.exists(name, digest)]
    if absent:
        message = f"Layers with digests '{', '.join(absent)}' required for pushing image do not exist"
        yield error_response_json("LayersNotFoundException", message)
