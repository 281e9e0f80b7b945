"""Every object that a model refers to, and where its copy is stored: the same content always at the same key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.artifacts import inventory
from lambdas.promotion.artifacts.inventory import Inventory, Listing
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import S3Object, sha256
from lambdas.promotion.contract.errors import UnsupportedModel
from tests.unit.builders import BUCKET, QA, WEIGHTS, WEIGHTS_URI

PREFIX = f"s3://{BUCKET}/v7/llm/"
# AWS: S3, object key naming.
LONGEST_KEY = 1024
# The stage's prefix, 32 digits and a slash.
LONGEST_RELATIVE_KEY = LONGEST_KEY - len("artifacts/reviews/qa/") - 33
LONGEST_CAUSE = 32_768


def take(listings: dict[str, Listing], *, application: str = "reviews", stage: str = "qa") -> Inventory:
    return inventory.take(
        listings, application=application, stage=stage, bucket=QA.artifact_bucket, subject="the model"
    )


def below(*relative_keys: str, prefix: str = "v7/llm/", **changes: Any) -> Listing:
    """Return objects as a list shows them: without version and checksum."""
    objects = (S3Object(bucket=BUCKET, key=f"{prefix}{key}", etag=f'"{len(key)}"', size=10) for key in relative_keys)
    return Listing(objects=tuple(replace(item, **changes) for item in objects), prefix=prefix)


def folder_of(listings: Listing, uri: str = PREFIX) -> str:
    reference = take({uri: listings}).target_uris[uri]
    return reference if reference.endswith("/") else f"{reference.rpartition('/')[0]}/"


def test_the_order_of_a_list_does_not_change_its_folder() -> None:
    """A directory bucket does not list in the order of the keys (API: ListObjectsV2)."""
    assert folder_of(below("b", "a")) == folder_of(below("a", "b"))


# One object


def test_an_object_is_stored_in_its_own_folder_below_the_stages_prefix() -> None:
    taken = take({WEIGHTS_URI: Listing(objects=(WEIGHTS,))})
    (artifact,) = taken.artifacts
    prefix, identity, name = artifact.key.rsplit("/", 2)
    assert (prefix, len(identity), name) == ("artifacts/reviews/qa", 32, "model.tar.gz")
    assert artifact.source == WEIGHTS
    assert taken.target_uris == {WEIGHTS_URI: f"s3://{QA.artifact_bucket}/{artifact.key}"}


@pytest.mark.parametrize(
    "change",
    [
        {"key": "v8/model.tar.gz"},
        {"bucket": "other"},
        {"size": 11},
        {"etag": '"bb"'},
        {"version_id": "2"},
        {"checksum": "CRC64NVME:C"},
        {"checksum": None},
    ],
    ids="-".join,
)
def test_another_object_never_comes_to_the_same_folder(change: dict[str, Any]) -> None:
    other = folder_of(Listing(objects=(replace(WEIGHTS, **change),)), WEIGHTS_URI)
    assert other != folder_of(Listing(objects=(WEIGHTS,)), WEIGHTS_URI)


@pytest.mark.parametrize("name", ["..", "ü mlaut?.tar.gz", "a b+c.tar.gz", "*", "${aws:username}", "a\n\u2028", "%2F"])
def test_an_objects_own_name_is_kept(name: str) -> None:
    taken = take({WEIGHTS_URI: Listing(objects=(replace(WEIGHTS, key=f"v7/{name}"),))})
    assert taken.artifacts[0].key.rpartition("/")[2] == name


def test_dots_in_the_key_of_one_object_do_not_lead_out_of_its_folder() -> None:
    item = replace(WEIGHTS, key="a/../../production/model.tar.gz")
    assert take({WEIGHTS_URI: Listing(objects=(item,))}).artifacts[0].key.count("/") == 4


@pytest.mark.parametrize("name", ["k" * 1024, "ü" * 512, "🤖" * 256])
def test_of_a_very_long_name_the_end_is_kept(name: str) -> None:
    key = take({WEIGHTS_URI: Listing(objects=(replace(WEIGHTS, key=name),))}).artifacts[0].key
    assert len(key.encode()) <= LONGEST_KEY
    assert name.endswith(key.rpartition("/")[2])


def test_two_s3_uris_of_one_object_share_its_copy() -> None:
    item = Listing(objects=(WEIGHTS,))
    taken = take({WEIGHTS_URI: item, f"{WEIGHTS_URI}?other": item})
    assert len(taken.artifacts) == 1
    assert len(set(taken.target_uris.values())) == 1


@pytest.mark.parametrize(("application", "stage"), [("prices", "qa"), ("reviews", "beta")])
def test_each_stage_has_copies_of_its_own(application: str, stage: str) -> None:
    (artifact,) = take({WEIGHTS_URI: Listing(objects=(WEIGHTS,))}, application=application, stage=stage).artifacts
    assert artifact.key.startswith(f"artifacts/{application}/{stage}/")


def test_a_text_goes_along_with_its_artifact() -> None:
    (artifact,) = take({WEIGHTS_URI: Listing(objects=(WEIGHTS,), text="a manifest")}).artifacts
    assert artifact.text == "a manifest"


# Keys that XML cannot carry


def test_a_large_object_whose_parts_cannot_be_followed_is_refused_by_its_name() -> None:
    """S3's answer to each request for an upload repeats the key; up to 5 GiB one request copies the object."""
    with pytest.raises(UnsupportedModel, match=r"/v7/llm/a\\x01b' \(it has more than 5 GiB"):
        take({PREFIX: below("a\x01b", size=5 * 1024**3 + 1)})
    assert take({PREFIX: below("a\x01b", size=5 * 1024**3)}).artifacts
    assert take({PREFIX: below("a\tb", size=5 * 1024**3 + 1)}).artifacts


# Manifests


def manifest(name: str, *lines: str) -> Listing:
    source = S3Object(bucket=BUCKET, key=f"v7/{name}", etag=f'"{name}"', size=10)
    return Listing(objects=(source,), text="\n".join(lines))


FIRST, SECOND = f"s3://{BUCKET}/v7/first.csv", f"s3://{BUCKET}/v7/second.csv"


@pytest.mark.parametrize("order", [[FIRST, SECOND, WEIGHTS_URI], [WEIGHTS_URI, SECOND, FIRST]])
def test_a_manifest_may_list_another(order: list[str]) -> None:
    listings = {
        FIRST: manifest("first.csv", f"list,{SECOND}"),
        SECOND: manifest("second.csv", f"weights,{WEIGHTS_URI}"),
        WEIGHTS_URI: Listing(objects=(WEIGHTS,)),
    }
    taken = take({uri: listings[uri] for uri in order})
    texts = {artifact.source.uri: artifact.text for artifact in taken.artifacts}
    assert texts[FIRST] == f"list,{taken.target_uris[SECOND]}"
    assert texts[SECOND] == f"weights,{taken.target_uris[WEIGHTS_URI]}"


@pytest.mark.parametrize(
    ("line", "uri"),
    [
        ("{},weights", WEIGHTS_URI),
        ("weights,{}", f"s3://{BUCKET}/v7/my model.tar.gz"),
        ("{};{}", f"s3://{BUCKET}/v7/my model.tar.gz"),
    ],
)
def test_a_manifest_is_read_as_a_csv_file(line: str, uri: str) -> None:
    """API: S3ModelDataSource, ManifestS3Uri. A separator ends a field, also in a file of one line; a blank does not."""
    taken = take({FIRST: manifest("first.csv", line.format(uri, uri)), uri: Listing(objects=(WEIGHTS,))})
    target = taken.target_uris[uri]
    assert [artifact.text for artifact in taken.artifacts if artifact.text] == [line.format(target, target)]


def test_a_manifest_is_copied_with_the_size_and_checksum_of_its_new_text() -> None:
    taken = take({FIRST: manifest("first.csv", f"\u00fc,{WEIGHTS_URI}"), WEIGHTS_URI: Listing(objects=(WEIGHTS,))})
    (artifact,) = (artifact for artifact in taken.artifacts if artifact.text)
    assert artifact.text is not None
    assert (artifact.source.size, artifact.source.checksum) == (len(artifact.text.encode()), sha256(artifact.text))


def contents_of(uri: str, listing: Listing, line: str = "weights,{}") -> tuple[str, str]:
    """Return the content of a manifest that lists the S3 URI, and of what is there."""
    contents = take({FIRST: manifest("first.csv", line.format(uri)), uri: listing}).contents
    return contents[FIRST], contents[uri]


def test_content_is_the_same_wherever_it_is() -> None:
    elsewhere = replace(WEIGHTS, bucket="other", key="v8/x", etag='"cc"', version_id="2")
    content = contents_of(WEIGHTS_URI, Listing(objects=(WEIGHTS,)))
    assert content == contents_of("s3://other/v8/x y", Listing(objects=(elsewhere,)))
    assert content[0] != contents_of(WEIGHTS_URI, Listing(objects=(WEIGHTS,)), "tokenizer,{}")[0]


@pytest.mark.parametrize("change", [{"checksum": "CRC64NVME:C"}, {"checksum": None}])
def test_other_content_is_told_apart_by_its_checksum(change: dict[str, Any]) -> None:
    same, other = Listing(objects=(WEIGHTS,)), Listing(objects=(replace(WEIGHTS, **change),))
    assert all(a != b for a, b in zip(contents_of(WEIGHTS_URI, same), contents_of(WEIGHTS_URI, other), strict=True))


@pytest.mark.parametrize("change", [{"etag": '"cc"'}, {"version_id": "2"}])
def test_content_without_a_checksum_is_told_apart_by_etag_and_version(change: dict[str, Any]) -> None:
    unchecked = replace(WEIGHTS, checksum=None)
    same, other = Listing(objects=(unchecked,)), Listing(objects=(replace(unchecked, **change),))
    assert contents_of(WEIGHTS_URI, same) != contents_of(WEIGHTS_URI, other)


@pytest.mark.parametrize(
    ("first", "second", "cycle"),
    [
        ((FIRST,), (WEIGHTS_URI,), f"{FIRST} -> {FIRST}"),
        ((SECOND,), (FIRST,), f"{FIRST} -> {SECOND} -> {FIRST}|{SECOND} -> {FIRST} -> {SECOND}"),
        ((WEIGHTS_URI, f"see {FIRST}."), (WEIGHTS_URI,), f"{FIRST} -> {FIRST}"),
    ],
)
def test_a_manifest_that_lists_itself_is_refused_by_name(
    first: tuple[str, ...], second: tuple[str, ...], cycle: str
) -> None:
    listings = {
        FIRST: manifest("first.csv", *first),
        SECOND: manifest("second.csv", *second),
        WEIGHTS_URI: Listing(objects=(WEIGHTS,)),
    }
    with pytest.raises(UnsupportedModel, match=rf"the model: the manifest lists itself \(({cycle})\)"):
        take(listings)


# All objects below a prefix

ODD_KEYS = [
    *("a", "sub/deep/a", "..", "../a", "a/../b", ".", "a//b", "//", "/a", "sub/", "a b", "a\nb", "a\rb"),
    *("ü", "模型", "🤖", "e\u0301", "\u00e9", "\u2028", "\x7f", "a+b", "a%20b", "a?b", "a#b", "a&b=c"),
    *("*", "${a}", "a:b", "a;b", "[a]"),
]


def test_keys_below_a_prefix_are_kept_byte_for_byte() -> None:
    taken = take({PREFIX: below(*ODD_KEYS)})
    folder = taken.target_uris[PREFIX].removeprefix(f"s3://{QA.artifact_bucket}/")
    kept = [artifact.key.removeprefix(folder) for artifact in taken.artifacts]
    assert [key.encode() for key in kept] == [key.encode() for key in ODD_KEYS]


def test_the_marker_of_a_folder_itself_is_copied() -> None:
    """The console makes an object of 0 bytes whose key is the prefix."""
    taken = take({PREFIX: below("", "a")})
    folder = taken.target_uris[PREFIX].removeprefix(f"s3://{QA.artifact_bucket}/")
    assert [artifact.key for artifact in taken.artifacts] == [folder, f"{folder}a"]


def test_an_s3_uri_ends_with_a_slash_where_the_source_s3_uri_does() -> None:
    """SageMaker wants it in an S3Prefix; a variable may do without."""
    without = PREFIX.rstrip("/")
    taken = take({PREFIX: below("a"), without: below("a")})
    assert taken.target_uris[PREFIX] == f"{taken.target_uris[without]}/"
    assert len(taken.artifacts) == 1


def test_a_whole_bucket_is_a_prefix_as_well() -> None:
    taken = take({f"s3://{BUCKET}/": below("a", "b/c", prefix="")})
    assert [artifact.key.split("/", 4)[-1] for artifact in taken.artifacts] == ["a", "b/c"]


@pytest.mark.parametrize(
    "other",
    [
        below("a"),
        below("a", "c"),
        below("a", "b", "c"),
        below("a", "b", size=11),
        below("a", "b", etag='"x"'),
        below("a", "b", prefix="v8/llm/"),
        below("a", "b", bucket="other"),
    ],
    ids=["fewer", "other key", "more", "size", "etag", "prefix", "bucket"],
)
def test_other_content_below_a_prefix_never_comes_to_the_same_folder(other: Listing) -> None:
    assert folder_of(other) != folder_of(below("a", "b"))


def test_the_same_content_comes_to_the_same_folder_again() -> None:
    assert take({PREFIX: below("a", "b")}) == take({PREFIX: below("a", "b")})


def test_an_object_that_is_named_alone_and_is_below_a_prefix_is_in_both_folders() -> None:
    """The folder of a prefix holds all of it and nothing else: SageMaker loads all of it."""
    taken = take({PREFIX: below("a", "b"), f"{PREFIX}a": Listing(objects=(below("a").objects[0],))})
    assert len(taken.artifacts) == 3
    assert len({artifact.key for artifact in taken.artifacts}) == 3


# The digest of the content at an S3 URI


def test_the_content_of_a_prefix_does_not_depend_on_its_location() -> None:
    first, second = below("a", "b"), below("a", "b", prefix="elsewhere/", bucket="other")
    assert take({PREFIX: first}).contents == take({PREFIX: second}).contents


@pytest.mark.parametrize("other", [below("a", "c"), below("a", "b", size=11), below("a", "b", etag='"x"'), below("b")])
def test_other_objects_below_a_prefix_are_other_content(other: Listing) -> None:
    assert take({PREFIX: other}).contents != take({PREFIX: below("a", "b")}).contents


# Folders


def test_the_folders_of_artifacts_are_listed_once_each_and_in_order() -> None:
    taken = take({WEIGHTS_URI: Listing(objects=(WEIGHTS,)), PREFIX: below("", "a", "x/y/z", "../w")})
    listings = inventory.folders(taken.artifacts, resource_names.stage_prefix("reviews", "qa"))
    assert len(listings) == 2
    assert all(folder.count("/") == 4 and folder.endswith("/") for folder in listings)
    assert all(artifact.key.startswith(tuple(listings)) for artifact in taken.artifacts)


def test_no_artifacts_have_no_folders() -> None:
    assert inventory.folders([], resource_names.stage_prefix("reviews", "qa")) == []


# What is not supported


@pytest.mark.parametrize("letter", ["k", "ü", "🤖"])
def test_the_longest_key_is_copied_and_a_longer_one_is_refused(letter: str) -> None:
    fits = letter * (LONGEST_RELATIVE_KEY // len(letter.encode()))
    fits += "." * (LONGEST_RELATIVE_KEY - len(fits.encode()))
    (artifact,) = take({PREFIX: below(fits)}).artifacts
    assert len(artifact.key.encode()) == LONGEST_KEY
    with pytest.raises(UnsupportedModel, match="longer than the 1024 bytes"):
        take({PREFIX: below(f"{fits}.")})


def test_every_key_that_is_too_long_is_named() -> None:
    with pytest.raises(UnsupportedModel) as refused:
        take({PREFIX: below("a" * 1000, "fits", "b" * 1000)})
    message = [letter for letter in "ab" if f"{PREFIX}{letter * 1000}" in str(refused.value)]
    assert (message, "fits" in str(refused.value)) == (["a", "b"], False)


@pytest.mark.parametrize(("count", "more"), [(10, False), (11, True)])
def test_ten_problems_are_named(count: int, more: bool) -> None:
    with pytest.raises(UnsupportedModel, match="the model is not supported: s3://") as refused:
        take({PREFIX: below(*(f"{number:04}{'k' * 1000}" for number in range(count)))})
    end = "allows); and 1 more. Nothing was created." if more else "allows). Nothing was created."
    assert str(refused.value).endswith(end)


def test_very_many_too_long_keys_stay_within_the_cause_limit() -> None:
    with pytest.raises(UnsupportedModel, match="and 991 more") as refused:
        take({PREFIX: below(*(f"{number:04}{'k' * 1000}" for number in range(1001)))})
    assert len(str(refused.value)) <= LONGEST_CAUSE


def test_a_hundred_thousand_objects_are_copied_and_more_are_refused() -> None:
    most = [f"{number:06}" for number in range(100_000)]
    assert len(take({PREFIX: below(*most)}).artifacts) == 100_000
    with pytest.raises(UnsupportedModel, match="is not supported: it has more than 100000 objects"):
        take({PREFIX: below(*most, "k" * 1000)})


def test_a_model_without_artifacts_has_an_empty_inventory() -> None:
    assert take({}) == Inventory(artifacts=(), target_uris={}, contents={})
