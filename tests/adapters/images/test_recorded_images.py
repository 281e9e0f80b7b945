"""What the copy of an image makes of each recorded answer of ECR, and of each recorded manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.promotion.contract.errors import (
    AccessDenied,
    ImageCopyInterrupted,
    ImageMismatch,
    ImageNotFound,
    PromotionError,
)
from lambdas.promotion.images import copy as image_copy
from lambdas.promotion.images import ecr_client, layers, oci_manifest, references
from lambdas.promotion.images.ecr_client import Manifest
from lambdas.promotion.images.oci_manifest import Layer
from recordings.store import Recording
from tests.recorded import Stub, answer, refuse, stubbed, walked, walked_errors

CONFIG = "sha256:6171c7451a50945f8ddd72f7732cc04d7a0d1f48138a426b2e64387fdeb834ed"
LAYERS = [
    "sha256:c44ba47496991c9982ee493b47fd25c252caabf2b4ae7dd679c9a27b6a3c8fb7",
    "sha256:39fafc05754f195f134ca11ecdb1c9a691ab0848c697fffeb5a85f900caaf6e1",
    "sha256:8c8a779d3a537b767ae1091fe6e00c2590afd16767aa6096d1b318d75494819f",
    CONFIG,
    "sha256:e2c388b44226544363ca007be7b896bcce1baebea04da23cbd165eac30be650f",
]
IMAGE = references.parse(f"111122223333.dkr.ecr.us-east-1.amazonaws.com/reviews@{LAYERS[0]}")
MANIFEST = Manifest(digest=LAYERS[0], media_type=None, content="{}")


def run(s: Stub) -> image_copy._Copy:
    """A copy to the registry that a stub stands for."""
    return image_copy._Copy(source=IMAGE, target=IMAGE, reader=s.client, pusher=s.client, seconds_left=lambda: 900)


def outcome_of(call: Callable[[], object]) -> object:
    """What a call returns, or the type of its error, or the code of AWS that is left to the step."""
    try:
        return call()
    except PromotionError as error:
        return type(error)
    except Exception as error:
        return error.response["Error"]["Code"]  # type: ignore[attr-defined]


@walked("ecr/BatchGetImage", {"docker-schema-2-image": LAYERS}, elsewhere=["forms-of-denial"])
def test_an_image_has_the_blobs_of_its_manifest(recorded: Recording, expected: list[str]) -> None:
    with stubbed("ecr") as ecr:
        ecr.add_response("batch_get_image", answer(recorded))
        manifest = ecr_client.find(IMAGE, ecr=ecr.client)
    assert manifest is not None
    (image,) = recorded.response["images"]
    # The digest is over the text as it came, white space included.
    assert (manifest.content, manifest.digest) == (image["imageManifest"], image["imageId"]["imageDigest"])
    assert manifest.media_type is None  # newer answers have it
    assert [blob.digest for blob in oci_manifest.layers(manifest.content, subject="it")] == expected


@walked_errors(
    "ecr/BatchGetImage",
    {
        # The texts of denials that have no code are read by test_ecr_client.py.
        "denied-by-no-policy-of-the-role": AccessDenied,
        "denied-by-no-policy-of-the-repository": AccessDenied,
        "repository-not-found": None,
    },
    elsewhere=["built-in-algorithm-denied", "deep-learning-image-needs-the-role"],
)
def test_an_image_of_a_missing_repository_does_not_exist(recorded: Recording, expected: object) -> None:
    with stubbed("ecr") as ecr:
        refuse(ecr, "batch_get_image", recorded)
        assert outcome_of(lambda: ecr_client.find(IMAGE, ecr=ecr.client)) is expected


@walked("ecr/BatchCheckLayerAvailability", {"available": LAYERS[:3]})
def test_an_available_layer_is_not_copied_again(recorded: Recording, expected: list[str]) -> None:
    blobs = tuple(Layer(digest=digest, size=1) for digest in LAYERS[:4])
    with stubbed("ecr") as ecr:
        ecr.add_response("batch_check_layer_availability", answer(recorded))
        assert [blob.digest for blob in image_copy._missing(blobs, run(ecr))] == expected


@walked(
    "ecr/Manifests",
    {
        # Beside the platform's image, its attestation is copied: ECR refuses an index without it.
        "oci-index-with-attestation": (
            [
                "sha256:d618c72f5d6d4f658dea0ca8765c6ffa6e4f33dc945f28949ff3df3017268dac",
                "sha256:dea55ff6f2cec1af70783be2a12efd1c346cf6447ccfb0ddf4b0da90c3140abd",
            ],
            [],
        ),
        "oci-manifest-without-layers": ([], [290]),
        # Foreign layers are copied like others.
        "foreign-layers": ([], [92818888, 48632111, 1882]),
    },
)
def test_a_manifest_is_read_as_it_was_pushed(recorded: Recording, expected: tuple[list[str], list[int]]) -> None:
    content = json.dumps(answer(recorded))
    blobs = oci_manifest.layers(content, subject="it")
    assert (list(oci_manifest.children(content, subject="it")), [blob.size for blob in blobs]) == expected


@walked_errors("ecr/GetDownloadUrlForLayer", {"layer-not-found": ImageNotFound})
def test_a_layer_that_is_gone_is_a_missing_image(recorded: Recording, expected: type[Exception]) -> None:
    with stubbed("ecr") as ecr, pytest.raises(expected, match="does not exist within the repository"):
        refuse(ecr, "get_download_url_for_layer", recorded)
        layers._download_url(Layer(digest=CONFIG, size=1), IMAGE, ecr=ecr.client)


@walked_errors("ecr/CreateRepository", {"repository-exists": None})
def test_a_repository_that_exists_is_used(recorded: Recording, expected: None) -> None:
    with stubbed("ecr") as ecr:
        refuse(ecr, "create_repository", recorded)
        assert outcome_of(lambda: image_copy._ensure_repository(IMAGE, ecr=ecr.client)) is expected


@walked_errors(
    "ecr/PutImage",
    {
        # Another promotion was first.
        "same-digest-and-tag": None,
        "immutable-tag-of-another-digest": None,
        "index-before-its-images": ImageCopyInterrupted,
        # No image that ECR stores has these.
        "oci-manifest-without-media-type": "InvalidParameterException",
        "too-many-layers": "InvalidParameterException",
    },
)
def test_a_manifest_that_is_refused_has_its_outcome(recorded: Recording, expected: object) -> None:
    with stubbed("ecr") as ecr:
        refuse(ecr, "put_image", recorded)
        assert outcome_of(lambda: image_copy._put(MANIFEST, run(ecr), tag="promoted-1")) == expected


@walked_errors(
    "ecr/CompleteLayerUpload",
    {
        "layer-already-exists": None,
        "digest-mismatch": ImageMismatch,
        "parts-too-small": "LayerPartTooSmallException",
        "no-parts": "EmptyUploadException",
    },
)
def test_a_layer_that_is_refused_has_its_outcome(
    monkeypatch: pytest.MonkeyPatch, recorded: Recording, expected: object
) -> None:
    content = b"a layer"
    layer = Layer(digest=oci_manifest.digest_of(content.decode()), size=len(content))
    monkeypatch.setattr(layers, "_read", lambda *_: content)
    with stubbed("ecr") as ecr:
        ecr.add_response("get_download_url_for_layer", {"downloadUrl": "https://example.com"})
        ecr.add_response("initiate_layer_upload", {"uploadId": "u", "partSize": 10 * 1024**2})
        ecr.add_response("upload_layer_part", {})
        refuse(ecr, "complete_layer_upload", recorded)
        call: dict[str, Any] = {"source": IMAGE, "target": IMAGE, "reader": ecr.client, "pusher": ecr.client}
        assert outcome_of(lambda: layers.copy(layer, **call, require_time=lambda: None)) == expected
