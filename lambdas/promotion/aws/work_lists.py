"""The lists that are too long for a state (256 KiB): they lie in the hub's bucket, one JSON document a line.

The hub's own role reads and writes them. A step that is run again writes the same list again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.document import Promotion, from_line, to_line

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

INVENTORY = "inventory.jsonl"  # Artifact: what the model needs
COPY_STATUS = "copy-status.jsonl"  # Transfer: the inventory, with what is in the target's bucket already
COPY_PLAN = "copy-plan.jsonl"  # Transfer: the inventory as it was found before the copy, with the open uploads
WORK_UNITS = "work-units.jsonl"  # Unit: what one run of the copying step does
SUSPENDED_SCALING = (
    "suspended-scaling.jsonl"  # ScalableTarget: what was put aside of the endpoint's automatic scaling (targets.py)
)
MANIFEST = "work-units.json"  # the Map's items: where each unit stands in UNITS


def write(name: str, items: Iterable[Any], promotion: Promotion, *, s3: S3Client) -> None:
    """Write a list."""
    _put(name, b"".join(to_line(item) for item in items), promotion, s3=s3)


def read(name: str, kind: type[T], promotion: Promotion, *, s3: S3Client) -> list[T]:
    """Return a list's items."""
    return [from_line(line, kind) for line in _get(name, promotion, s3=s3).splitlines()]


def read_if_exists(name: str, kind: type[T], promotion: Promotion, *, s3: S3Client) -> list[T]:
    """Return a list's items; none if the promotion has no such list."""
    try:
        return read(name, kind, promotion, s3=s3)
    except ClientError as error:
        if error_codes.code_of(error) != error_codes.S3_NO_SUCH_KEY:
            raise
        return []


def read_one(name: str, kind: type[T], span: tuple[int, int], promotion: Promotion, *, s3: S3Client) -> T:
    """Return the item that stands at `span` (offset and length), without reading the rest."""
    offset, length = span
    return from_line(_get(name, promotion, s3=s3, Range=f"bytes={offset}-{offset + length - 1}"), kind)


def write_manifest(items: Iterable[Any], promotion: Promotion, *, s3: S3Client) -> None:
    """Write where each item of a list stands in it, as a JSON array (AWS: Distributed Map, ItemReader, JSON files)."""
    spans, offset = [], 0
    for item in items:
        length = len(to_line(item))
        spans.append({"offset": offset, "length": length})
        offset += length
    _put(MANIFEST, json.dumps(spans).encode(), promotion, s3=s3)


def _put(name: str, body: bytes, promotion: Promotion, *, s3: S3Client) -> None:
    s3.put_object(
        Bucket=promotion.hub.bucket,
        Key=f"{promotion.work_lists_prefix}{name}",
        Body=body,
        ExpectedBucketOwner=promotion.hub.account,
    )


def _get(name: str, promotion: Promotion, *, s3: S3Client, **part: Any) -> bytes:
    answer = s3.get_object(
        Bucket=promotion.hub.bucket,
        Key=f"{promotion.work_lists_prefix}{name}",
        ExpectedBucketOwner=promotion.hub.account,
        **part,
    )
    return answer["Body"].read()
