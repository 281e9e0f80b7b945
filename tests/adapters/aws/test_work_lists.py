"""Work lists in the hub's bucket: one JSON document a line, each readable by its span."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract.document import Artifact
from tests.adapters.conftest import Stubs
from tests.unit.builders import artifact, promotion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PLAIN = promotion()
ARTIFACTS = [
    artifact(name, key=name) for name in ("a", "ü", "\u2028\u2029\x85", "a\nb\r\nc", "🤖", "\ud800", 'a"b\\c', "", "z")
]
LOCATION = {
    "Bucket": "promote-hub-111111111111-us-east-1",
    "Key": "promotions/release-7/inventory.jsonl",
    "ExpectedBucketOwner": "111111111111",
}


def write(s3: S3Client, stubs: Stubs, items: list[Any]) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the list as it was written, and the span of each item."""
    sent: list[dict[str, Any]] = []
    stubs.s3.client.meta.events.register(
        "provide-client-params.s3.PutObject", lambda params, **_: sent.append(dict(params))
    )
    stubs.s3.add_response("put_object", {})
    work_lists.write(work_lists.INVENTORY, items, PLAIN, s3=s3)
    stubs.s3.add_response("put_object", {})
    work_lists.write_manifest(work_lists.MANIFEST, items, PLAIN, s3=s3)
    put, manifest = sent
    assert (manifest["Bucket"], manifest["Key"]) == (LOCATION["Bucket"], "promotions/release-7/work-units.json")
    spans = [(span["offset"], span["length"]) for span in json.loads(manifest["Body"])]
    body = put.pop("Body")
    assert put == LOCATION
    return body, spans


def respond_with(stubs: Stubs, body: bytes, **parameters: str) -> None:
    stubs.s3.add_response(
        "get_object", {"Body": StreamingBody(io.BytesIO(body), len(body))}, {**LOCATION, **parameters}
    )


def test_a_list_is_read_as_it_was_written(s3: S3Client, stubs: Stubs) -> None:
    body, _ = write(s3, stubs, ARTIFACTS)
    respond_with(stubs, body)
    assert work_lists.read(work_lists.INVENTORY, Artifact, PLAIN, s3=s3) == ARTIFACTS


def test_a_list_has_a_line_for_each_item(s3: S3Client, stubs: Stubs) -> None:
    body, _ = write(s3, stubs, ARTIFACTS)
    assert (body.count(b"\n"), body[-1:]) == (len(ARTIFACTS), b"\n")


@pytest.mark.parametrize("number", range(len(ARTIFACTS)))
def test_one_item_is_read_without_the_others(s3: S3Client, stubs: Stubs, number: int) -> None:
    body, spans = write(s3, stubs, ARTIFACTS)
    offset, length = spans[number]
    respond_with(stubs, body[offset : offset + length], Range=f"bytes={offset}-{offset + length - 1}")
    assert work_lists.read_one(work_lists.INVENTORY, Artifact, spans[number], PLAIN, s3=s3) == ARTIFACTS[number]


def test_the_spans_are_contiguous(s3: S3Client, stubs: Stubs) -> None:
    body, spans = write(s3, stubs, ARTIFACTS)
    ends = [offset + length for offset, length in spans]
    assert [offset for offset, _ in spans] == [0, *ends[:-1]]
    assert ends[-1] == len(body)


def test_an_empty_list_is_a_list(s3: S3Client, stubs: Stubs) -> None:
    assert write(s3, stubs, []) == (b"", [])
    respond_with(stubs, b"")
    assert work_lists.read(work_lists.INVENTORY, Artifact, PLAIN, s3=s3) == []


def test_a_list_of_keys_is_read_as_it_was_written(s3: S3Client, stubs: Stubs) -> None:
    keys = [item.source.key for item in ARTIFACTS]
    body, _ = write(s3, stubs, keys)
    respond_with(stubs, body)
    assert work_lists.read(work_lists.INVENTORY, str, PLAIN, s3=s3) == keys


def test_a_list_that_is_missing_is_not_an_empty_one(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("get_object", "NoSuchKey", "said", 404)
    with pytest.raises(ClientError, match="NoSuchKey"):
        work_lists.read(work_lists.INVENTORY, Artifact, PLAIN, s3=s3)
