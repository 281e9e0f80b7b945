"""Which keys can be files below a model's folder."""

import pytest

from sandbox.aws.sagemaker.models import file_names, manifests
from sandbox.aws.sagemaker.models.artifacts import Artifact


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("m/", "empty"),
        ("m/a/", "empty"),
        ("m//a", "empty"),
        ("m/ /a", "empty"),
        ("m/./a", "'.'"),
        ("m/..", "'..'"),
        ("m/a\0b", "null byte"),
        ("m/" + "ü" * 128, "255 bytes"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused(key: str, problem: str) -> None:
    with pytest.raises(file_names.Unplaceable, match=problem):
        file_names.below("m/", [key])


def test_the_longest_name_has_255_bytes() -> None:
    assert file_names.below("m/", ["m/" + "ü" * 127 + "x"])


@pytest.mark.parametrize("keys", [["m/a", "m/a/b"], ["m/a/b/c", "m/a/b"], ["m/a/b/c/d", "m/a"]])
def test_no_name_is_a_file_and_a_directory(keys: list[str]) -> None:
    for order in (keys, keys[::-1]):
        with pytest.raises(file_names.Unplaceable, match="would be a file"):
            file_names.below("m/", order)


def test_a_raw_object_is_called_by_the_last_part_of_its_key() -> None:
    assert file_names.of_object("deep/model.bin") == "model.bin"
    with pytest.raises(file_names.Unplaceable):
        file_names.of_object("deep/")


def test_two_objects_are_never_one_file() -> None:
    with pytest.raises(file_names.Unplaceable, match="both be the file"):
        file_names.clear({"b/x/a": "a", "c/y/a": "a"})


def test_a_manifests_s3_uris_are_found_in_any_cell() -> None:
    text = '﻿name,location\r\nweights,s3://b/w\r\n"s3://b/with,comma",s3://b/w\r\n\r\ns3://c/tree/,https://b/x\r\n'
    assert manifests.locations(text) == [("b", "w"), ("b", "with,comma"), ("c", "tree/")]


def test_what_a_manifest_lists_below_the_model_keeps_its_path() -> None:
    model = Artifact("b", "m/", "S3Prefix", compressed=False, folder="model")
    assert dict(manifests.place(model, "b", "m/x/y", ["m/x/y"])) == {"m/x/y": "x/y"}
    assert dict(manifests.place(model, "c", "m/x/y", ["m/x/y"])) == {"m/x/y": "y"}
    assert dict(manifests.place(model, "c", "t/", ["t/x/y"])) == {"t/x/y": "x/y"}
