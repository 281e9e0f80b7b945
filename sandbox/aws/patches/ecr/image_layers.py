"""Layers of images are kept as uploaded, checked by their digest, and downloaded by a signed URL.

MiniStack's API of ECR forgets what is uploaded, says that no layer is there, and gives URLs on a host of AWS.
"""

import base64
import functools
import os
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ministack import app
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import ecr

PART_SIZE = 10 * 1024**2
LARGEST_PART = 20 * 1024**2
SMALLEST_PART = 5 * 1024**2
DOWNLOADS = "/_sandbox/image-layers/"
RANGE = re.compile(r"bytes=(\d+)-(\d+)")

Request = dict[str, Any]


@dataclass
class Upload:
    """A layer on its way."""

    repository: tuple[str, str, str]
    parts: list[bytes] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(len(part) for part in self.parts)


_uploads: dict[str, Upload] = {}
# What a download's URL stands for: the layer itself, as a URL in S3 does.
_downloads: dict[str, bytes] = {}


def apply() -> None:
    ecr._initiate_layer_upload = initiate
    ecr._upload_layer_part = upload_part
    ecr._complete_layer_upload = complete
    ecr._batch_check_layer_availability = check
    ecr._get_download_url_for_layer = download_url
    _forget_with_the_repository()
    _answer_downloads()


def exists(repository: str, digest: str) -> bool:
    """Whether a repository of this account has a layer."""
    return digest in ecr._layer_blobs.get(repository, {})


def initiate(request: Request) -> Any:
    if refusal := _no_repository(request):
        return refusal
    upload_id = str(uuid4())
    _uploads[upload_id] = Upload(_upload_of(request))
    return json_response({"uploadId": upload_id, "partSize": PART_SIZE})


def upload_part(request: Request) -> Any:
    upload = _upload(request)
    if upload is None:
        return _unknown_upload(request)
    part = base64.b64decode(request["layerPartBlob"])
    if len(part) > LARGEST_PART:
        return error_response_json("InvalidParameterException", "The layer part is larger than 20971520 bytes.")
    first, last = request["partFirstByte"], request["partLastByte"]
    if first != upload.size or last - first + 1 != len(part):
        message = "The part has another size, or its first byte does not follow the last byte of the part before."
        more = {"uploadId": request["uploadId"], "lastValidByteReceived": upload.size - 1}
        return error_response_json("InvalidLayerPartException", message, extra=more)
    upload.parts.append(part)
    return json_response({"uploadId": request["uploadId"], "lastByteReceived": last, **_named(request)})


def complete(request: Request) -> Any:
    upload = _upload(request)
    if upload is None:
        return _unknown_upload(request)
    if not upload.parts:
        return error_response_json("EmptyUploadException", "The layer upload does not contain any layer parts.")
    if any(len(part) < SMALLEST_PART for part in upload.parts[:-1]):
        return error_response_json("LayerPartTooSmallException", "Layer parts must be at least 5 MiB in size.")
    layer = b"".join(upload.parts)
    digest = ecr._content_digest(layer)
    if digest not in request["layerDigests"]:
        message = "The layer's digest as Amazon ECR computed it is not the one that was named."
        return error_response_json("InvalidLayerException", message)
    del _uploads[request["uploadId"]]
    layers = ecr._layer_blobs.setdefault(request["repositoryName"], {})
    if digest in layers:
        message = f"Layer with digest '{digest}' already exists in the repository '{request['repositoryName']}'."
        return error_response_json("LayerAlreadyExistsException", message)
    layers[digest] = layer
    return json_response({"uploadId": request["uploadId"], "layerDigest": digest, **_named(request)})


def check(request: Request) -> Any:
    if refusal := _no_repository(request):
        return refusal
    layers = ecr._layer_blobs.get(request["repositoryName"], {})
    availabilities = [
        {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": len(layers[digest])}
        if digest in layers
        else {"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}
        for digest in request["layerDigests"]
    ]
    return json_response({"layers": availabilities, "failures": []})


def download_url(request: Request) -> Any:
    if refusal := _no_repository(request):
        return refusal
    name, digest = request["repositoryName"], request["layerDigest"]
    layer = ecr._layer_blobs.get(name, {}).get(digest)
    if layer is None:
        message = f"The layer '{digest}' does not exist in the repository '{name}'."
        return error_response_json("LayersNotFoundException", message)
    if not any(digest in image["imageManifest"] for image in ecr._images.get(name, [])):
        message = f"The layer '{digest}' is not associated with an image."
        return error_response_json("LayerInaccessibleException", message)
    signature = uuid4().hex
    _downloads[signature] = layer
    url = f"{os.environ['AWS_ENDPOINT_URL']}{DOWNLOADS}{signature}"
    return json_response({"downloadUrl": url, "layerDigest": digest})


def _answer_downloads() -> None:
    registry = app._handle_ecr_registry_request

    @functools.wraps(registry)
    async def answer(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        if path.startswith(DOWNLOADS):
            return _download(_downloads.get(path.removeprefix(DOWNLOADS)), headers.get("range", ""))
        return await registry(method, path, headers, body, query)

    app._handle_ecr_registry_request = answer


def _download(layer: bytes | None, wanted: str) -> Any:
    if layer is None:
        return 403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>"
    match = RANGE.fullmatch(wanted)
    if not match:
        return 200, {"Content-Type": "application/octet-stream"}, layer
    first, last = int(match[1]), min(int(match[2]), len(layer) - 1)
    if first >= len(layer):
        return 416, {"Content-Type": "application/xml"}, b"<Error><Code>InvalidRange</Code></Error>"
    headers = {"Content-Type": "application/octet-stream", "Content-Range": f"bytes {first}-{last}/{len(layer)}"}
    return 206, headers, layer[first : last + 1]


def _forget_with_the_repository() -> None:
    delete, reset = ecr._delete_repository, ecr.reset

    @functools.wraps(delete)
    def delete_with_layers(request: Request) -> Any:
        answer = delete(request)
        if answer[0] == 200:
            ecr._layer_blobs.pop(request["repositoryName"], None)
        return answer

    @functools.wraps(reset)
    def reset_with_uploads() -> None:
        reset()
        _uploads.clear()
        _downloads.clear()

    ecr._delete_repository = delete_with_layers
    ecr.reset = reset_with_uploads


def _upload_of(request: Request) -> tuple[str, str, str]:
    return get_account_id(), get_region(), request["repositoryName"]


def _named(request: Request) -> dict[str, str]:
    return {"registryId": get_account_id(), "repositoryName": request["repositoryName"]}


def _upload(request: Request) -> Upload | None:
    upload = _uploads.get(request["uploadId"])
    return upload if upload and upload.repository == _upload_of(request) else None


def _unknown_upload(request: Request) -> Any:
    message = f"The upload '{request['uploadId']}' does not exist in the repository '{request['repositoryName']}'."
    return error_response_json("UploadNotFoundException", message)


def _no_repository(request: Request) -> Any:
    name = request["repositoryName"]
    if name in ecr._repositories:
        return None
    message = f"The repository with name '{name}' does not exist in the registry with id '{get_account_id()}'"
    return error_response_json("RepositoryNotFoundException", message)
