"""Copying an image: existing layers are skipped, the manifest is put last, and no image is taken for another.

Tests that require a registry's response to a download are in tests/integration/undeployed/test_image_copy.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.promotion.aws import error_translation
from lambdas.promotion.contract.document import ImageCopy
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ImageCopyInterrupted,
    ImageMismatch,
    ImageNotFound,
    PromotionError,
    QuotaExceeded,
    UnsupportedModel,
)
from lambdas.promotion.images import copy as image_copy
from lambdas.promotion.images import oci_manifest
from tests.adapters.conftest import Stubs

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

LAYER, CONFIG = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
MANIFEST = json.dumps({"config": {"digest": CONFIG, "size": 2}, "layers": [{"digest": LAYER, "size": 7}]})
DIGEST = oci_manifest.digest_of(MANIFEST)
INDEX = json.dumps({"manifests": [{"digest": DIGEST}]})
INDEX_DIGEST = oci_manifest.digest_of(INDEX)
FROM = {"registryId": "222222222222", "repositoryName": "team/model"}
TO = {"registryId": "333333333333", "repositoryName": "promote/team/model"}


@pytest.fixture
def ecr(stubs: Stubs) -> ECRClient:
    client: ECRClient = stubs.ecr.client  # type: ignore[assignment]
    error_translation.translate_errors(client, "The role pusher")
    return client


def copy(ecr: ECRClient, digest: str = DIGEST, *, seconds_left: float = 900) -> bool:
    source = f"222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model@{digest}"
    target = f"333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/team/model@{digest}"
    image = ImageCopy(source=source, target=target)
    return image_copy.copy(image, reader=ecr, pusher=ecr, seconds_left=lambda: seconds_left)


def image_exists(stubs: Stubs, repository: dict[str, str], digest: str, content: str = MANIFEST) -> None:
    image = {"imageId": {"imageDigest": digest}, "imageManifest": content, "imageManifestMediaType": "a kind"}
    stubs.ecr.add_response("batch_get_image", {"images": [image], "failures": []}, query(repository, digest))


def missing(stubs: Stubs, repository: dict[str, str], digest: str) -> None:
    failure: dict[str, Any] = {"failureCode": "ImageNotFound"}
    stubs.ecr.add_response("batch_get_image", {"images": [], "failures": [failure]}, query(repository, digest))


def query(repository: dict[str, str], digest: str) -> dict[str, Any]:
    kinds = [f"application/vnd.oci.image.{kind}.v1+json" for kind in ("index", "manifest")]
    kinds += [f"application/vnd.docker.distribution.{kind}.v2+json" for kind in ("manifest.list", "manifest")]
    return {**repository, "imageIds": [{"imageDigest": digest}], "acceptedMediaTypes": kinds}


def repository_is_made(stubs: Stubs) -> None:
    stubs.ecr.add_response(
        "create_repository",
        {},
        {
            **TO,
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": {"scanOnPush": True},
            "encryptionConfiguration": {"encryptionType": "KMS"},
        },
    )


def layers_are(stubs: Stubs, availability: str) -> None:
    layers: list[Any] = [{"layerDigest": digest, "layerAvailability": availability} for digest in (LAYER, CONFIG)]
    stubs.ecr.add_response(
        "batch_check_layer_availability", {"layers": layers, "failures": []}, {**TO, "layerDigests": [LAYER, CONFIG]}
    )


def put(digest: str, content: str, *, tagged: bool = True) -> dict[str, Any]:
    tag = {"imageTag": f"promoted-{digest.removeprefix('sha256:')}"} if tagged else {}
    return {**TO, "imageManifest": content, "imageManifestMediaType": "a kind", "imageDigest": digest, **tag}


def everything_but_the_image_exists(stubs: Stubs) -> None:
    missing(stubs, TO, DIGEST)
    repository_is_made(stubs)
    image_exists(stubs, FROM, DIGEST)
    layers_are(stubs, "AVAILABLE")


def test_an_image_that_exists_is_not_copied(stubs: Stubs, ecr: ECRClient) -> None:
    image_exists(stubs, TO, DIGEST)
    assert copy(ecr) is False


def test_an_image_is_put_with_the_very_manifest_and_kind_and_a_tag_that_names_its_content(
    stubs: Stubs, ecr: ECRClient
) -> None:
    everything_but_the_image_exists(stubs)
    stubs.ecr.add_response("put_image", {}, put(DIGEST, MANIFEST))
    assert copy(ecr) is True


def test_a_repository_that_exists_is_used(stubs: Stubs, ecr: ECRClient) -> None:
    missing(stubs, TO, DIGEST)
    stubs.ecr.add_client_error("create_repository", "RepositoryAlreadyExistsException", "It exists")
    image_exists(stubs, FROM, DIGEST)
    layers_are(stubs, "AVAILABLE")
    stubs.ecr.add_response("put_image", {}, put(DIGEST, MANIFEST))
    assert copy(ecr) is True


def test_an_index_comes_after_the_images_that_it_lists(stubs: Stubs, ecr: ECRClient) -> None:
    missing(stubs, TO, INDEX_DIGEST)
    repository_is_made(stubs)
    image_exists(stubs, FROM, INDEX_DIGEST, INDEX)
    missing(stubs, TO, DIGEST)
    image_exists(stubs, FROM, DIGEST)
    layers_are(stubs, "AVAILABLE")
    stubs.ecr.add_response("put_image", {}, put(DIGEST, MANIFEST, tagged=False))
    stubs.ecr.add_response("put_image", {}, put(INDEX_DIGEST, INDEX))
    assert copy(ecr, INDEX_DIGEST) is True


def test_an_image_of_an_index_that_exists_is_not_copied_again(stubs: Stubs, ecr: ECRClient) -> None:
    missing(stubs, TO, INDEX_DIGEST)
    repository_is_made(stubs)
    image_exists(stubs, FROM, INDEX_DIGEST, INDEX)
    image_exists(stubs, TO, DIGEST)
    stubs.ecr.add_response("put_image", {}, put(INDEX_DIGEST, INDEX))
    assert copy(ecr, INDEX_DIGEST) is True


@pytest.mark.parametrize(
    "content", ['{"layers": null}', '{"manifests": null}', "{}", "<html>", '{"layers": [{"digest": "sha512:a"}]}']
)
def test_a_manifest_that_is_none_is_refused_by_the_name_of_its_image(
    stubs: Stubs, ecr: ECRClient, content: str
) -> None:
    digest = oci_manifest.digest_of(content)
    missing(stubs, TO, digest)
    repository_is_made(stubs)
    image_exists(stubs, FROM, digest, content)
    with pytest.raises(UnsupportedModel, match=f"The image .*team/model@{digest} cannot be copied"):
        copy(ecr, digest)


def test_an_index_of_very_many_indexes_is_refused(stubs: Stubs, ecr: ECRClient) -> None:
    chain = [(INDEX_DIGEST, INDEX)]
    for _ in range(5):
        content = json.dumps({"manifests": [{"digest": chain[-1][0]}]})
        chain.append((oci_manifest.digest_of(content), content))
    missing(stubs, TO, chain[-1][0])
    repository_is_made(stubs)
    for depth, (digest, content) in enumerate(reversed(chain)):
        if depth:
            missing(stubs, TO, digest)
        if depth <= 4:
            image_exists(stubs, FROM, digest, content)
    with pytest.raises(UnsupportedModel, match="is an index of indexes, 5 deep"):
        copy(ecr, chain[-1][0])


def test_an_image_that_is_gone_since_it_was_resolved_is_refused(stubs: Stubs, ecr: ECRClient) -> None:
    missing(stubs, TO, DIGEST)
    repository_is_made(stubs)
    missing(stubs, FROM, DIGEST)
    with pytest.raises(ImageNotFound, match=DIGEST):
        copy(ecr)


def test_a_manifest_that_does_not_match_its_digest_is_not_copied(stubs: Stubs, ecr: ECRClient) -> None:
    missing(stubs, TO, DIGEST)
    repository_is_made(stubs)
    image_exists(stubs, FROM, DIGEST, MANIFEST + " ")
    with pytest.raises(ImageMismatch, match=DIGEST):
        copy(ecr)


def test_a_run_without_time_leaves_the_missing_layers_to_the_next(stubs: Stubs, ecr: ECRClient) -> None:
    missing(stubs, TO, DIGEST)
    repository_is_made(stubs)
    image_exists(stubs, FROM, DIGEST)
    layers_are(stubs, "UNAVAILABLE")
    with pytest.raises(ImageCopyInterrupted, match="next invocation continues"):
        copy(ecr, seconds_left=44)


@pytest.mark.parametrize("code", ["ImageAlreadyExistsException", "ImageTagAlreadyExistsException"])
def test_another_promotion_of_the_same_image_may_be_faster(stubs: Stubs, ecr: ECRClient, code: str) -> None:
    everything_but_the_image_exists(stubs)
    stubs.ecr.add_client_error("put_image", code, "It exists")
    assert copy(ecr) is True


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("LayersNotFoundException", ImageCopyInterrupted),
        ("ReferencedImagesNotFoundException", ImageCopyInterrupted),
        ("ImageDigestDoesNotMatchException", ImageMismatch),
        ("LimitExceededException", QuotaExceeded),
        ("AccessDeniedException", AccessDenied),
    ],
)
def test_an_image_that_ecr_rejects_is_reported_by_its_name(
    stubs: Stubs, ecr: ECRClient, code: str, error: type[PromotionError]
) -> None:
    everything_but_the_image_exists(stubs)
    stubs.ecr.add_client_error("put_image", code, "It says so")
    with pytest.raises(error, match=r"promote/team/model.*It says so"):
        copy(ecr)


def test_a_registry_without_room_is_a_quota_and_no_throttling(stubs: Stubs, ecr: ECRClient) -> None:
    missing(stubs, TO, DIGEST)
    stubs.ecr.add_client_error("create_repository", "LimitExceededException", "10000 repositories")
    with pytest.raises(QuotaExceeded, match="10000 repositories"):
        copy(ecr)
