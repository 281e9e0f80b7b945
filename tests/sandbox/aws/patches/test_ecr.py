"""The patches of ECR. `patched` runs a test also against unpatched MiniStack, where it must fail."""

from __future__ import annotations

import ssl
import urllib.request
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from recordings import store
from sandbox.aws.control import Sandbox
from sandbox.aws.sagemaker.models import prebuilt_images
from tests.sandbox.aws.builders import DEV, HUB, QA, allow, create_role, policy
from tests.sandbox.aws.image_push import ensure_repository, manifest_of, push, push_index, push_layer, put, sha256

PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
MIB = 1024**2
SKLEARN = {"registryId": "683313688378", "repositoryName": "sagemaker-scikit-learn"}
IN_AWS = [{"imageTag": "1.2-1-cpu-py3"}]


def code(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])


def download(sandbox: Sandbox, url: str, wanted: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"Range": wanted} if wanted else {})  # noqa: S310 - our own server
    context = ssl.create_default_context(cafile=str(sandbox.ca_bundle))
    with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310
        return answer.status, answer.read()


# Layers


def test_a_layer_is_kept_as_it_was_uploaded(patched: Sandbox, name: str) -> None:
    ecr, content = patched.client("ecr", DEV), bytes(range(256)) * 4096 * 25
    push(ecr, name, [content])
    url = ecr.get_download_url_for_layer(repositoryName=name, layerDigest=sha256(content))["downloadUrl"]
    assert download(patched, url) == (200, content)


def test_a_part_of_a_layer_is_downloaded(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    push(ecr, name, [b"0123456789"])
    url = ecr.get_download_url_for_layer(repositoryName=name, layerDigest=sha256(b"0123456789"))["downloadUrl"]
    assert download(patched, url, "bytes=2-4") == (206, b"234")


def test_a_layer_is_downloaded_by_the_url_that_was_issued_and_by_no_other(bare_sandbox: Sandbox, name: str) -> None:
    ecr = bare_sandbox.client("ecr", DEV)
    push(ecr, name, [b"x"])
    url = ecr.get_download_url_for_layer(repositoryName=name, layerDigest=sha256(b"x"))["downloadUrl"]
    with pytest.raises(HTTPError, match="403"):
        download(bare_sandbox, f"{url}0")


def test_a_layer_is_there_when_it_was_uploaded_and_not_before(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    ensure_repository(ecr, name)

    def availability() -> str:
        checked = ecr.batch_check_layer_availability(repositoryName=name, layerDigests=[sha256(b"x")])
        return str(checked["layers"][0]["layerAvailability"])

    before = availability()
    push_layer(ecr, name, b"x")
    assert (before, availability()) == ("UNAVAILABLE", "AVAILABLE")


def test_a_layer_is_there_once(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    ensure_repository(ecr, name)
    push_layer(ecr, name, b"x")
    with pytest.raises(ecr.exceptions.LayerAlreadyExistsException):
        push_layer(ecr, name, b"x")


def test_a_layer_has_the_digest_that_it_is_named_by(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    ensure_repository(ecr, name)
    upload = ecr.initiate_layer_upload(repositoryName=name)["uploadId"]
    named = {"repositoryName": name, "uploadId": upload}
    ecr.upload_layer_part(**named, partFirstByte=0, partLastByte=0, layerPartBlob=b"x")
    assert code(ecr.complete_layer_upload, **named, layerDigests=[sha256(b"y")]) == "InvalidLayerException"


@pytest.mark.parametrize(("first", "last"), [(1, 1), (0, 1)])
def test_a_part_follows_the_part_before(patched: Sandbox, name: str, first: int, last: int) -> None:
    ecr = patched.client("ecr", DEV)
    ensure_repository(ecr, name)
    upload = ecr.initiate_layer_upload(repositoryName=name)["uploadId"]
    part = {"repositoryName": name, "uploadId": upload, "layerPartBlob": b"x"}
    assert code(ecr.upload_layer_part, **part, partFirstByte=first, partLastByte=last) == "InvalidLayerPartException"


def test_only_the_last_part_is_small(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    ensure_repository(ecr, name)
    named = {"repositoryName": name, "uploadId": ecr.initiate_layer_upload(repositoryName=name)["uploadId"]}
    for first, size in ((0, MIB), (MIB, 1)):
        ecr.upload_layer_part(**named, partFirstByte=first, partLastByte=first + size - 1, layerPartBlob=b"x" * size)
    layer = sha256(b"x" * (MIB + 1))
    assert code(ecr.complete_layer_upload, **named, layerDigests=[layer]) == "LayerPartTooSmallException"


def test_an_upload_belongs_to_its_repository(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    for repository in (name, f"{name}-other"):
        ensure_repository(ecr, repository)
    upload = ecr.initiate_layer_upload(repositoryName=name)["uploadId"]
    part = {"partFirstByte": 0, "partLastByte": 0, "layerPartBlob": b"x"}
    other = {"repositoryName": f"{name}-other", "uploadId": upload}
    assert code(ecr.upload_layer_part, **other, **part) == "UploadNotFoundException"


def test_a_layer_that_no_image_has_cannot_be_downloaded(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    ensure_repository(ecr, name)
    digest = push_layer(ecr, name, b"x")
    request = {"repositoryName": name, "layerDigest": digest}
    assert code(ecr.get_download_url_for_layer, **request) == "LayerInaccessibleException"


def test_a_repository_that_is_made_again_has_no_layers(bare_sandbox: Sandbox, name: str) -> None:
    ecr = bare_sandbox.client("ecr", DEV)
    push(ecr, name, [b"x"])
    ecr.delete_repository(repositoryName=name, force=True)
    ensure_repository(ecr, name)
    checked = ecr.batch_check_layer_availability(repositoryName=name, layerDigests=[sha256(b"x")])
    assert checked["layers"][0]["layerAvailability"] == "UNAVAILABLE"


# Manifests


def test_an_image_needs_its_layers(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    ensure_repository(ecr, name)
    push_layer(ecr, name, b"{}")
    image = {"repositoryName": name, "imageManifest": manifest_of([b"missing"])}
    assert code(ecr.put_image, **image) == "LayersNotFoundException"


def test_an_index_needs_its_images(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    push(ecr, name, [b"x"])
    with pytest.raises(ecr.exceptions.ReferencedImagesNotFoundException):
        push_index(ecr, name, [sha256(b"no image")])


def test_an_image_has_the_digest_that_it_is_put_by(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    push(ecr, name, [b"x"])
    image = {"repositoryName": name, "imageManifest": manifest_of([b"x"]), "imageDigest": sha256(b"another")}
    assert code(ecr.put_image, **image) == "ImageDigestDoesNotMatchException"


def test_an_image_is_put_once(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    push(ecr, name, [b"x"], tag="1")
    with pytest.raises(ecr.exceptions.ImageAlreadyExistsException):
        put(ecr, name, manifest_of([b"x"]), tag="1")


def test_an_image_can_have_a_second_tag(bare_sandbox: Sandbox, name: str) -> None:
    ecr = bare_sandbox.client("ecr", DEV)
    digest = push(ecr, name, [b"x"], tag="1")
    assert put(ecr, name, manifest_of([b"x"]), tag="2") == digest


def test_an_image_is_found_by_its_digest_with_the_kind_of_its_manifest(patched: Sandbox, name: str) -> None:
    ecr = patched.client("ecr", DEV)
    digest = push(ecr, name, [b"x"])
    (image,) = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageDigest": digest}])["images"]
    assert (sha256(image["imageManifest"].encode()), image["imageManifestMediaType"]) == (
        digest,
        "application/vnd.oci.image.manifest.v1+json",
    )


# Other accounts' registries


def foreign(sandbox: Sandbox, name: str, *statements: dict[str, Any], permissions: list[str] | None = None) -> Any:
    """The ECR client of a role in qa, which asks for dev's image; the statements are the repository's policy."""
    dev = sandbox.client("ecr", DEV)
    push(dev, name, [b"x"], tag="1")
    if statements:
        dev.set_repository_policy(repositoryName=name, policyText=policy(*statements))
    role = create_role(sandbox, QA, name, *([allow(permissions)] if permissions else []))
    return sandbox.client("ecr", QA, sandbox.assume(role))


def of_repository(principal: str, actions: list[str]) -> dict[str, Any]:
    statement = allow(actions, Principal={"AWS": principal})
    del statement["Resource"]
    return statement


QA_ROOT = f"arn:aws:iam::{QA}:root"


def asked_by(ecr: Any, name: str) -> Any:
    return ecr.batch_get_image(registryId=DEV, repositoryName=name, imageIds=[{"imageTag": "1"}])


def test_a_repository_policy_lets_another_account_pull(patched: Sandbox, name: str) -> None:
    ecr = foreign(patched, name, of_repository(QA_ROOT, PULL), permissions=PULL)
    assert len(asked_by(ecr, name)["images"]) == 1
    url = ecr.get_download_url_for_layer(registryId=DEV, repositoryName=name, layerDigest=sha256(b"x"))
    assert download(patched, url["downloadUrl"]) == (200, b"x")


@pytest.mark.parametrize("principal", [None, f"arn:aws:iam::{HUB}:root"])
def test_without_its_word_a_repository_is_closed_to_other_accounts(
    patched: Sandbox, name: str, principal: str | None
) -> None:
    statements = [of_repository(principal, PULL)] if principal else []
    ecr = foreign(patched, name, *statements, permissions=PULL)
    with pytest.raises(ClientError) as denied:
        asked_by(ecr, name)
    error = denied.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert f"arn:aws:ecr:us-east-1:{DEV}:repository/{name}" in error["Message"]
    assert "no resource-based policy allows the ecr:BatchGetImage action" in error["Message"]


def test_the_role_requires_the_permission_as_well(bare_sandbox: Sandbox, name: str) -> None:
    ecr = foreign(bare_sandbox, name, of_repository(QA_ROOT, PULL))
    with pytest.raises(ClientError, match="no identity-based policy allows the ecr:BatchGetImage action"):
        asked_by(ecr, name)


def test_another_accounts_root_requires_the_repository_policy(patched: Sandbox, name: str) -> None:
    foreign(patched, name)
    with pytest.raises(ClientError, match="no resource-based policy"):
        asked_by(patched.client("ecr", QA), name)


def test_a_repository_policy_allows_its_statements_and_no_more(bare_sandbox: Sandbox, name: str) -> None:
    ecr = foreign(bare_sandbox, name, of_repository(QA_ROOT, ["ecr:BatchGetImage"]), permissions=PULL)
    request = {"registryId": DEV, "repositoryName": name, "layerDigest": sha256(b"x")}
    assert code(ecr.get_download_url_for_layer, **request) == "AccessDeniedException"


def test_an_image_pushed_from_another_account_is_stored_in_the_registry(patched: Sandbox, name: str) -> None:
    permissions = ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"]
    ecr = foreign(patched, name, of_repository(QA_ROOT, permissions), permissions=permissions)
    digest = push_layer(ecr, name, b"y", registry={"registryId": DEV})
    checked = patched.client("ecr", DEV).batch_check_layer_availability(repositoryName=name, layerDigests=[digest])
    assert checked["layers"][0]["layerAvailability"] == "AVAILABLE"


# AWS's own images


def test_images_of_aws_are_available_to_every_principal_with_permission(patched: Sandbox, name: str) -> None:
    role = create_role(patched, QA, name, allow("ecr:BatchGetImage"))
    ecr = patched.client("ecr", QA, patched.assume(role))
    (image,) = ecr.batch_get_image(**SKLEARN, imageIds=IN_AWS)["images"]
    assert sha256(image["imageManifest"].encode()) == image["imageId"]["imageDigest"]
    (again,) = ecr.batch_get_image(**SKLEARN, imageIds=[{"imageDigest": image["imageId"]["imageDigest"]}])["images"]
    assert again["imageManifest"] == image["imageManifest"]


def test_images_of_sagemakers_algorithms_are_closed_to_every_account(bare_sandbox: Sandbox, name: str) -> None:
    algorithm = {"registryId": "811284229777", "repositoryName": "blazingtext"}
    role = create_role(bare_sandbox, QA, name, allow("ecr:*"))
    message = store.recording("ecr/BatchGetImage/built-in-algorithm-denied").error["message"]
    reason = message.partition(" because ")[2]
    for credentials in (bare_sandbox.assume(role), None):
        ecr = bare_sandbox.client("ecr", QA, credentials)
        with pytest.raises(ClientError, match=f"repository/blazingtext because {reason}"):
            ecr.batch_get_image(**algorithm, imageIds=[{"imageTag": "1"}])


def test_images_of_aws_require_permission_to_pull(bare_sandbox: Sandbox, name: str) -> None:
    ecr = bare_sandbox.client("ecr", QA, bare_sandbox.assume(create_role(bare_sandbox, QA, name)))
    assert code(ecr.batch_get_image, **SKLEARN, imageIds=IN_AWS) == "AccessDeniedException"


@pytest.mark.parametrize("image", [{"imageTag": "none"}, {"imageDigest": f"sha256:{'0' * 64}"}])
def test_images_that_aws_does_not_offer_do_not_exist(bare_sandbox: Sandbox, image: dict[str, str]) -> None:
    (failure,) = bare_sandbox.client("ecr", QA).batch_get_image(**SKLEARN, imageIds=[image])["failures"]
    assert failure["failureCode"] == "ImageNotFound"


def test_every_image_that_aws_offers_has_a_digest_of_its_own() -> None:
    names = [(repository, tag) for repository, tags in prebuilt_images.TAGS.items() for tag in tags]
    images = [prebuilt_images.find(repository, tag=tag) for repository, tag in names]
    assert len({image[0] for image in images if image}) == len(names)
