"""Copying real images between two registries of the sandbox: whole, in several runs, and never twice."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.promotion.contract.document import ImageCopy
from lambdas.promotion.contract.errors import ImageCopyInterrupted
from lambdas.promotion.images import copy as image_copy
from lambdas.promotion.images import layers as image_layers
from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import DEV, QA
from tests.sandbox.aws.image_push import push, push_index, sha256

MIB = 1024**2
A_LONG_TIME = 900.0


class Killed(BaseException):
    """What ends the copy at once, as the end of its process would."""


class Registries:
    """Dev's registry with an image of several layers, qa's without, and what was uploaded to qa."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.dev, self.qa, self.name = sandbox.client("ecr", DEV), sandbox.client("ecr", QA), name
        self.completed: list[str] = []
        self.parts = 0
        self.killed_after: int | None = None
        self._lock = threading.Lock()
        events = self.qa.meta.events
        events.register("provide-client-params.ecr.CompleteLayerUpload", self._complete)
        events.register("provide-client-params.ecr.UploadLayerPart", self._part)

    def image(self, digest: str) -> ImageCopy:
        return ImageCopy(
            source=f"{DEV}.dkr.ecr.us-east-1.amazonaws.com/{self.name}@{digest}",
            target=f"{QA}.dkr.ecr.us-east-1.amazonaws.com/promote/{self.name}@{digest}",
        )

    def copy(self, digest: str, *, seconds_left: Any = lambda: A_LONG_TIME) -> bool:
        return image_copy.copy(self.image(digest), reader=self.dev, pusher=self.qa, seconds_left=seconds_left)

    def found(self, digest: str) -> dict[str, Any]:
        asked = {"repositoryName": f"promote/{self.name}", "imageIds": [{"imageDigest": digest}]}
        (image,) = self.qa.batch_get_image(**asked)["images"]
        return {field: image[field] for field in ("imageManifest", "imageManifestMediaType")}

    def pushed(self, digest: str) -> dict[str, Any]:
        (image,) = self.dev.batch_get_image(repositoryName=self.name, imageIds=[{"imageDigest": digest}])["images"]
        return {field: image[field] for field in ("imageManifest", "imageManifestMediaType")}

    def _complete(self, params: dict[str, Any], **_: Any) -> None:
        with self._lock:
            if len(self.completed) == self.killed_after:
                raise Killed
            self.completed += params["layerDigests"]

    def _part(self, **_: Any) -> None:
        with self._lock:
            self.parts += 1


@pytest.fixture
def registries(bare_sandbox: Sandbox, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registries]:
    monkeypatch.setitem(os.environ, "AWS_CA_BUNDLE", str(bare_sandbox.ca_bundle))
    image_layers._http.cache_clear()
    yield Registries(bare_sandbox, name)
    image_layers._http.cache_clear()


def layers(*sizes: int) -> list[bytes]:
    """Layers of random bytes, which are other ones for each size."""
    return [random.Random(size).randbytes(size) for size in sizes]  # noqa: S311 - no secret


def test_an_image_of_several_layers_arrives_as_it_is(registries: Registries) -> None:
    content = layers(25 * MIB, MIB, 3)
    digest = push(registries.dev, registries.name, content)
    assert registries.copy(digest) is True

    assert registries.found(digest) == registries.pushed(digest)
    assert sorted(registries.completed) == sorted(map(sha256, [b"{}", *content]))
    assert registries.parts == 3 + 1 + 1 + 1  # of 10 MiB each


def test_an_image_that_arrived_is_not_copied_again(registries: Registries) -> None:
    digest = push(registries.dev, registries.name, layers(10))
    registries.copy(digest)
    registries.completed.clear()
    assert registries.copy(digest) is False
    assert registries.completed == []


def test_a_layer_that_another_image_brought_is_not_copied_again(registries: Registries) -> None:
    base, first, second = layers(MIB, 10, 11)
    registries.copy(push(registries.dev, registries.name, [base, first]))
    registries.completed.clear()
    registries.copy(push(registries.dev, registries.name, [base, second]))
    assert registries.completed == [sha256(second)]


def test_a_copy_that_was_killed_goes_on_with_the_layers_that_are_missing(registries: Registries) -> None:
    content = layers(11 * MIB, 12 * MIB, 13 * MIB)
    digest = push(registries.dev, registries.name, content)
    registries.killed_after = 1
    with pytest.raises(Killed):
        registries.copy(digest)
    registries.killed_after = None
    (first,) = registries.completed
    registries.completed.clear()

    assert registries.copy(digest) is True
    assert sorted(registries.completed) == sorted({*map(sha256, [b"{}", *content])} - {first})
    assert registries.found(digest) == registries.pushed(digest)


def test_a_run_whose_time_is_over_leaves_the_rest_to_the_next(registries: Registries) -> None:
    content = layers(*range(20, 40))
    digest = push(registries.dev, registries.name, content)
    with pytest.raises(ImageCopyInterrupted):
        registries.copy(digest, seconds_left=lambda: A_LONG_TIME if len(registries.completed) < 5 else 0)
    in_time = set(registries.completed)
    registries.completed.clear()

    assert 5 <= len(in_time) < len(content)
    assert registries.copy(digest) is True
    assert in_time.isdisjoint(registries.completed)
    assert in_time | set(registries.completed) == {*map(sha256, [b"{}", *content])}


def test_an_index_arrives_with_all_its_images(registries: Registries) -> None:
    shared, arm, intel = layers(50, 51, 52)
    images = [push(registries.dev, registries.name, [shared, own]) for own in (arm, intel)]
    index = push_index(registries.dev, registries.name, images)
    assert registries.copy(index) is True

    for digest in (index, *images):
        assert registries.found(digest) == registries.pushed(digest)
    assert registries.completed.count(sha256(shared)) == 1


def test_a_copy_has_a_tag_that_no_other_content_can_get(registries: Registries) -> None:
    digest = push(registries.dev, registries.name, layers(60), tag="latest")
    registries.copy(digest)
    copies = {"repositoryName": f"promote/{registries.name}"}
    (image,) = registries.qa.describe_images(**copies)["imageDetails"]
    (made,) = registries.qa.describe_repositories(repositoryNames=[copies["repositoryName"]])["repositories"]
    assert image["imageTags"] == [f"promoted-{digest.removeprefix('sha256:')}"]
    assert (made["imageTagMutability"], made["imageScanningConfiguration"]) == ("IMMUTABLE", {"scanOnPush": True})
    assert made["encryptionConfiguration"]["encryptionType"] == "KMS"
