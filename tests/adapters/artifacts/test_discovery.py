"""The objects at each S3 URI of a model: one object, or all below a prefix; only S3 knows which."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from lambdas.promotion.artifacts import discovery, inventory
from lambdas.promotion.artifacts.inventory import Listing
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ArtifactChanged,
    ArtifactNotFound,
    CallRefused,
    SessionExpired,
    UnsupportedModel,
)
from lambdas.promotion.model.s3_uris import S3Reference, S3ReferenceKind
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEV = "222222222222"


def find(s3: S3Client, uri: str, kind: S3ReferenceKind, etag: str | None = None) -> Listing:
    reference = S3Reference(uri=uri, kind=kind, location="Containers[0].ModelDataUrl", etag=etag)
    (listing,) = discovery.find_all([reference], owner=DEV, s3=s3, subject="the model").values()
    return listing


def object_is(stubs: Stubs, key: str) -> None:
    parameters = {"Bucket": BUCKET, "Key": key, "ChecksumMode": "ENABLED", "ExpectedBucketOwner": DEV}
    stubs.s3.add_response("head_object", {"ETag": '"aa"', "ContentLength": 10}, parameters)


def nothing_is(stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "404", "Not Found", 404)


def below(stubs: Stubs, prefix: str, *keys: str) -> None:
    parameters = {"Bucket": BUCKET, "Prefix": prefix, "ExpectedBucketOwner": DEV}
    contents = [{"Key": key, "ETag": '"bb"', "Size": 1} for key in keys]
    stubs.s3.add_response("list_objects_v2", {"Contents": contents}, parameters)


@pytest.mark.parametrize("kind", [S3ReferenceKind.OBJECT, S3ReferenceKind.EITHER])
def test_an_object_is_found_by_its_s3_uri(s3: S3Client, stubs: Stubs, kind: S3ReferenceKind) -> None:
    object_is(stubs, "v7/model")
    listing = find(s3, f"s3://{BUCKET}/v7/model", kind)
    assert ([item.key for item in listing.objects], listing.prefix) == (["v7/model"], None)


@pytest.mark.parametrize("uri", [f"s3://{BUCKET}/v7/llm", f"s3://{BUCKET}/v7/llm/"])
def test_a_prefix_is_all_below_it_with_and_without_its_slash(s3: S3Client, stubs: Stubs, uri: str) -> None:
    """Without it, "llm" would take "llm-2/" along."""
    below(stubs, "v7/llm/", "v7/llm/", "v7/llm/a", "v7/llm/b/c")
    listing = find(s3, uri, S3ReferenceKind.PREFIX)
    assert [item.key for item in listing.objects] == ["v7/llm/", "v7/llm/a", "v7/llm/b/c"]
    assert listing.prefix == "v7/llm/"


@pytest.mark.parametrize("uri", [f"s3://{BUCKET}/", f"s3://{BUCKET}"])
def test_a_whole_bucket_is_a_prefix_as_well(s3: S3Client, stubs: Stubs, uri: str) -> None:
    below(stubs, "", "a", "b/c")
    listing = find(s3, uri, S3ReferenceKind.PREFIX)
    assert ([item.key for item in listing.objects], listing.prefix) == (["a", "b/c"], "")


def test_what_may_be_either_is_a_prefix_if_it_is_no_object(s3: S3Client, stubs: Stubs) -> None:
    nothing_is(stubs)
    below(stubs, "v7/llm/", "v7/llm/a")
    assert find(s3, f"s3://{BUCKET}/v7/llm", S3ReferenceKind.EITHER).prefix == "v7/llm/"


def test_the_marker_of_a_folder_is_not_taken_for_the_folder(s3: S3Client, stubs: Stubs) -> None:
    """The console makes an object "llm/" of 0 bytes."""
    below(stubs, "v7/llm/", "v7/llm/", "v7/llm/a")
    listing = find(s3, f"s3://{BUCKET}/v7/llm/", S3ReferenceKind.EITHER)
    assert [item.key for item in listing.objects] == ["v7/llm/", "v7/llm/a"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (S3ReferenceKind.OBJECT, "no such object"),
        (S3ReferenceKind.MANIFEST, "no such object"),
        (S3ReferenceKind.PREFIX, "nothing below it"),
        (S3ReferenceKind.EITHER, "neither such an object nor anything below"),
    ],
)
def test_what_is_missing_is_refused_with_where_it_stands_and_whose_it_is(
    s3: S3Client, stubs: Stubs, kind: S3ReferenceKind, message: str
) -> None:
    uri = f"s3://{BUCKET}/v7/x"
    if kind is not S3ReferenceKind.PREFIX:
        nothing_is(stubs)
    if kind in {S3ReferenceKind.PREFIX, S3ReferenceKind.EITHER}:
        below(stubs, "v7/x/")
    with pytest.raises(
        ArtifactNotFound, match=rf"{uri} \(Containers\[0\]\.ModelDataUrl\), and account {DEV} has {message}"
    ):
        find(s3, uri, kind)


@pytest.mark.parametrize("variable", ["NEURON_URL", None])
def test_what_is_missing_for_a_variable_may_be_where_the_container_writes(
    s3: S3Client, stubs: Stubs, variable: str | None
) -> None:
    """A template, such as s3://b/requests/%Y/%m/, is no artifact."""
    below(stubs, "v7/%Y/%m/")
    uri = f"s3://{BUCKET}/v7/%Y/%m/"
    reference = S3Reference(uri=uri, kind=S3ReferenceKind.PREFIX, location="PrimaryContainer.X", variable=variable)
    with pytest.raises(ArtifactNotFound, match="Restore it or register the model again") as refused:
        discovery.find_all([reference], owner=DEV, s3=s3, subject="it")
    remedy = f"name the target's location in promotion.yaml (variables.replace, or drop or keep {variable})"
    assert (remedy in str(refused.value)) is bool(variable)


@pytest.mark.parametrize("kind", [S3ReferenceKind.PREFIX, S3ReferenceKind.EITHER])
def test_a_missing_bucket_is_named_with_the_field_that_refers_to_it(
    s3: S3Client, stubs: Stubs, kind: S3ReferenceKind
) -> None:
    if kind is S3ReferenceKind.EITHER:
        nothing_is(stubs)
    error = store.recording("s3/ListObjectsV2/missing-bucket").error
    stubs.s3.add_client_error("list_objects_v2", error["code"], error["message"], error["status"])
    message = rf"s3://{BUCKET}/v7/x \(Containers\[0\]\.ModelDataUrl\), and account {DEV} has no bucket {BUCKET}\."
    with pytest.raises(ArtifactNotFound, match=message):
        find(s3, f"s3://{BUCKET}/v7/x", kind)


@pytest.mark.parametrize(
    ("code", "status"), [("InvalidBucketName", 400), ("PermanentRedirect", 400), ("MethodNotAllowed", 405)]
)
def test_any_other_refusal_is_named_with_the_field_that_refers_to_it(
    s3: S3Client, stubs: Stubs, code: str, status: int
) -> None:
    stubs.s3.add_client_error("list_objects_v2", code, "the reason", status)
    with pytest.raises(CallRefused, match=rf"s3://{BUCKET}/v7/x \(Containers\[0\]\.ModelDataUrl\), .*the reason"):
        find(s3, f"s3://{BUCKET}/v7/x", S3ReferenceKind.PREFIX)


def refused_head(stubs: Stubs) -> None:
    error = store.recording("s3/HeadObject/sse-c-without-key").error
    stubs.s3.add_client_error("head_object", error["code"], error["message"], error["status"])


@pytest.mark.parametrize("kind", [S3ReferenceKind.OBJECT, S3ReferenceKind.EITHER, S3ReferenceKind.MANIFEST])
def test_an_object_with_a_customer_provided_key_is_refused_by_name(
    s3: S3Client, stubs: Stubs, kind: S3ReferenceKind
) -> None:
    refused_head(stubs)
    error = store.recording("s3/GetObject/sse-c-without-key").error
    parameters = {"Bucket": BUCKET, "Key": "v7/x", "ExpectedBucketOwner": DEV, "Range": "bytes=0-0"}
    stubs.s3.add_client_error(
        "get_object", error["code"], error["message"], error["status"], expected_params=parameters
    )
    with pytest.raises(UnsupportedModel, match=rf"\(Containers\[0\]\.ModelDataUrl\)\. s3://{BUCKET}/v7/x is encrypted"):
        find(s3, f"s3://{BUCKET}/v7/x", kind)


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [("ExpiredToken", 400, SessionExpired), ("InvalidRequest", 400, CallRefused), ("AccessDenied", 403, AccessDenied)],
)
def test_a_head_that_is_refused_has_the_reason_of_the_same_get(
    s3: S3Client, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    """A HEAD has no body: a session that expired is 400 too."""
    refused_head(stubs)
    stubs.s3.add_client_error("get_object", code, "the reason", status)
    with pytest.raises(name, match="the reason"):
        find(s3, f"s3://{BUCKET}/v7/x", S3ReferenceKind.OBJECT)


def test_a_head_that_is_refused_and_a_get_that_is_not_is_still_named(s3: S3Client, stubs: Stubs) -> None:
    refused_head(stubs)
    stubs.s3.add_response("get_object", {"Body": io.BytesIO(b"x")})
    with pytest.raises(CallRefused, match="Bad Request"):
        find(s3, f"s3://{BUCKET}/v7/x", S3ReferenceKind.OBJECT)


def test_a_missing_permission_is_not_reported_as_missing_resource(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "403", "Forbidden", 403)
    with pytest.raises(AccessDenied):
        find(s3, f"s3://{BUCKET}/v7/llm", S3ReferenceKind.EITHER)


@pytest.mark.parametrize("kind", [S3ReferenceKind.OBJECT, S3ReferenceKind.EITHER])
def test_an_object_that_is_not_what_was_registered_is_refused(
    s3: S3Client, stubs: Stubs, kind: S3ReferenceKind
) -> None:
    object_is(stubs, "v7/model")
    with pytest.raises(ArtifactChanged, match='its ETag is "aa"'):
        find(s3, f"s3://{BUCKET}/v7/model", kind, etag="registered")


def test_a_list_that_is_longer_than_can_be_carried_is_not_read_to_its_end(
    s3: S3Client, stubs: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole bucket may have billions of objects."""
    monkeypatch.setattr(inventory, "MOST_OBJECTS", 2)
    contents = [{"Key": f"v7/{number}", "ETag": '"bb"', "Size": 1} for number in range(3)]
    page = {"Contents": contents, "IsTruncated": True, "NextContinuationToken": "more"}
    stubs.s3.add_response("list_objects_v2", page)
    assert len(find(s3, f"s3://{BUCKET}/v7/", S3ReferenceKind.PREFIX).objects) == 3


def test_each_s3_uri_has_the_objects_stored_there(s3: S3Client, stubs: Stubs) -> None:
    uris = [f"s3://{BUCKET}/v7/{name}" for name in ("b", "a")]
    for uri in uris:
        object_is(stubs, uri.partition(f"{BUCKET}/")[2])
    addresses = [S3Reference(uri=uri, kind=S3ReferenceKind.OBJECT, location="") for uri in uris]
    assert list(discovery.find_all(addresses, owner=DEV, s3=s3, subject="the model")) == uris


def test_a_model_without_s3_uris_makes_no_calls(s3: S3Client, stubs: Stubs) -> None:
    assert discovery.find_all([], owner=DEV, s3=s3, subject="the model") == {}


# Manifests


def manifest_is(stubs: Stubs, content: bytes, *, size: int | None = None) -> None:
    object_is(stubs, "v7/manifest.csv")
    if size is None:
        parameters = {"Bucket": BUCKET, "Key": "v7/manifest.csv", "IfMatch": '"aa"', "ExpectedBucketOwner": DEV}
        stubs.s3.add_response("get_object", {"Body": io.BytesIO(content)}, parameters)


def find_manifest(s3: S3Client) -> dict[str, Listing]:
    reference = S3Reference(
        uri=f"s3://{BUCKET}/v7/manifest.csv", kind=S3ReferenceKind.MANIFEST, location="ManifestS3Uri"
    )
    return discovery.find_all([reference], owner=DEV, s3=s3, subject="the model")


def test_what_a_manifest_names_is_needed_too(s3: S3Client, stubs: Stubs) -> None:
    text = f"weights,s3://{BUCKET}/v7/a b.bin\nshards,s3://{BUCKET}/v7/shards/\n".replace("a b", "a%20b")
    manifest_is(stubs, text.encode())
    object_is(stubs, "v7/a%20b.bin")
    below(stubs, "v7/shards/", "v7/shards/1")
    listing = find_manifest(s3)
    assert listing[f"s3://{BUCKET}/v7/manifest.csv"].text == text
    assert list(listing)[1:] == [f"s3://{BUCKET}/v7/a%20b.bin", f"s3://{BUCKET}/v7/shards/"]


def test_a_manifest_that_is_no_text_is_refused(s3: S3Client, stubs: Stubs) -> None:
    manifest_is(stubs, b"\xff\xfe")
    with pytest.raises(UnsupportedModel, match=r"manifest\.csv is not text"):
        find_manifest(s3)


def test_a_manifest_that_changes_while_it_is_read_is_refused(s3: S3Client, stubs: Stubs) -> None:
    object_is(stubs, "v7/manifest.csv")
    stubs.s3.add_client_error("get_object", "PreconditionFailed", "said", 412)
    object_is(stubs, "v7/manifest.csv")
    with pytest.raises(ArtifactChanged, match=r"manifest\.csv"):
        find_manifest(s3)


def test_a_list_of_more_than_a_manifests_size_is_none(s3: S3Client, stubs: Stubs) -> None:
    parameters = {"Bucket": BUCKET, "Key": "v7/manifest.csv", "ChecksumMode": "ENABLED", "ExpectedBucketOwner": DEV}
    stubs.s3.add_response("head_object", {"ETag": '"aa"', "ContentLength": 2 * 1024**2}, parameters)
    with pytest.raises(UnsupportedModel, match="2097152 bytes"):
        find_manifest(s3)


def test_a_manifest_with_too_many_s3_uris_is_refused_before_they_are_resolved(s3: S3Client, stubs: Stubs) -> None:
    manifest_is(stubs, "\n".join(f"s3://{BUCKET}/v7/{number}" for number in range(1001)).encode())
    with pytest.raises(UnsupportedModel, match="lists 1001 S3 URIs"):
        find_manifest(s3)


# Names of files


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["v7/llm/"], "a folder made in the S3 console"),
        (["v7/llm/a", "v7/llm/b/"], "b/ (a folder made in the S3 console)"),
        (["v7/llm/a//b"], "an empty name"),
        (["v7/llm/ /b"], "an empty name"),
        (["v7/llm/../b"], "the name '..'"),
        (["v7/llm/./b"], "the name '.'"),
        (["v7/llm/" + "n" * 256], "more than 255 bytes"),
        (["v7/llm/a", "v7/llm/a/b/c"], "a (a file and a folder at once)"),
        (["v7/llm/a/b", "v7/llm/a/b/c/d"], "b (a file and a folder at once)"),
    ],
)
def test_names_that_sagemaker_does_not_deploy_are_refused_before_anything_is_copied(
    s3: S3Client, stubs: Stubs, keys: list[str], message: str
) -> None:
    below(stubs, "v7/llm/", *keys)
    reference = S3Reference(uri=f"s3://{BUCKET}/v7/llm/", kind=S3ReferenceKind.PREFIX, location="it", as_files=True)
    with pytest.raises(UnsupportedModel, match=re.escape(message)):
        discovery.find_all([reference], owner=DEV, s3=s3, subject="the model")


@pytest.mark.parametrize("key", ["v7/llm/a..b", "v7/llm/...", "v7/llm/a b/ü", "v7/llm/" + "n" * 255, "v7/llm/.a/b"])
def test_names_that_only_look_odd_are_carried(s3: S3Client, stubs: Stubs, key: str) -> None:
    below(stubs, "v7/llm/", key)
    reference = S3Reference(uri=f"s3://{BUCKET}/v7/llm/", kind=S3ReferenceKind.PREFIX, location="it", as_files=True)
    assert discovery.find_all([reference], owner=DEV, s3=s3, subject="the model")
