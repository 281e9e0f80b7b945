"""What an image consists of; a manifest is input of whoever pushed it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.images import oci_manifest
from lambdas.promotion.images.oci_manifest import Layer

NAME = "team/reviews@sha256:aa"
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def blob(digest: Any = A, size: Any = 1, **more: Any) -> dict[str, Any]:
    return {"digest": digest, "size": size, **more}


def layers_of(manifest: Any) -> tuple[Layer, ...]:
    return oci_manifest.layers(json.dumps(manifest), subject=NAME)


def children_of(manifest: Any) -> tuple[str, ...]:
    return oci_manifest.children(json.dumps(manifest), subject=NAME)


def test_an_image_has_its_configuration_and_its_layers_the_largest_first() -> None:
    manifest = {"config": blob(A, 2), "layers": [blob(B, 1), blob(C, 3), blob(B, 1)]}
    assert [(item.digest, item.size) for item in layers_of(manifest)] == [(C, 3), (A, 2), (B, 1)]
    assert children_of(manifest) == ()


def test_an_index_has_its_images_each_once() -> None:
    manifest = {"manifests": [blob(A, platform={"os": "linux"}), blob(B), blob(A)]}
    assert children_of(manifest) == (A, B)
    assert layers_of(manifest) == ()


def test_a_layer_may_be_empty() -> None:
    assert layers_of({"layers": [blob(size=0)]}) == (Layer(digest=A, size=0),)


def test_an_image_may_have_no_layer_and_no_configuration() -> None:
    assert layers_of({"layers": []}) == ()
    assert children_of({"manifests": []}) == ()


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ({"layers": None}, 'has null as "layers" and no list'),
        ({"layers": {}}, 'has {} as "layers" and no list'),
        ({"layers": "none"}, 'has "none" as "layers" and no list'),
        ({"layers": [None]}, r'has null as "layers\[0\]" and no descriptor'),
        ({"layers": [blob(), "b"]}, r'has "b" as "layers\[1\]" and no descriptor'),
        ({"layers": [{"size": 1}]}, r'has null as "layers\[0\].digest" and no sha256 digest'),
        ({"layers": [blob(f"sha512:{'a' * 128}")]}, r'as "layers\[0\].digest" and no sha256 digest'),
        ({"layers": [blob(f"sha256:{'A' * 64}")]}, r'as "layers\[0\].digest" and no sha256 digest'),
        ({"layers": [blob(7)]}, r'has 7 as "layers\[0\].digest"'),
        ({"layers": [{"digest": A}]}, r'has null as "layers\[0\].size" and no number of bytes'),
        ({"layers": [blob(size=-1)]}, r'has -1 as "layers\[0\].size"'),
        ({"layers": [blob(size="1")]}, r'has "1" as "layers\[0\].size"'),
        ({"layers": [blob(size=True)]}, r'has true as "layers\[0\].size"'),
        ({"layers": [blob(size=1.5)]}, r'has 1.5 as "layers\[0\].size"'),
        ({"layers": [], "config": None}, 'has null as "config" and no descriptor'),
        ({"layers": [], "config": {}}, 'has null as "config.digest"'),
        ({"schemaVersion": 1, "fsLayers": []}, 'has none of "layers", "config" and "manifests"'),
        ({}, 'has none of "layers", "config" and "manifests"'),
        ([], r"is \[\] and no object"),
        (None, "is null and no object"),
    ],
)
def test_a_manifest_that_is_none_is_refused_by_name(manifest: Any, problem: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"^The image {NAME} cannot be copied: its manifest .*{problem}"):
        layers_of(manifest)


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ({"manifests": None}, 'has null as "manifests" and no list'),
        ({"manifests": [{}]}, r'has null as "manifests\[0\].digest"'),
        ({"manifests": [None]}, r'has null as "manifests\[0\]" and no descriptor'),
        ({}, 'has none of "layers", "config" and "manifests"'),
    ],
)
def test_an_index_that_is_none_is_refused_by_name(manifest: Any, problem: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"^The image {NAME} cannot be copied: its manifest .*{problem}"):
        children_of(manifest)


@pytest.mark.parametrize("content", ["", "{", "<html></html>", '{"layers": [}', "[" * 100_000], ids=lambda it: it[:9])
def test_a_manifest_that_is_no_json_is_refused_by_name(content: str) -> None:
    with pytest.raises(UnsupportedModel, match=r"is no JSON \((JSONDecodeError|RecursionError)\)"):
        oci_manifest.children(content, subject=NAME)


def test_a_long_value_is_quoted_in_part() -> None:
    with pytest.raises(UnsupportedModel) as refused:
        layers_of({"layers": "x" * 100_000})
    assert len(str(refused.value)) < 400


def test_a_manifests_digest_is_that_of_its_very_text() -> None:
    """The value is that of `printf '{"ä": 1}' | sha256sum`."""
    assert oci_manifest.digest_of('{"ä": 1}') == (
        "sha256:7dfb3be864b00376a9a834552f30934d1f1ac430ae88c4fb3554bf79603e5ba8"
    )
