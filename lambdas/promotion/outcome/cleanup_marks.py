"""What is noted of the cleanup after an execution, in the hub's bucket: the record of a promotion is never changed.

A mark is an empty object beside the execution's work lists, and is deleted with them. It is observed by listing it,
which tells a missing one from a denied one and needs no key.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.settings import Hub

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Mark(enum.StrEnum):
    """ANNOUNCED: SNS has accepted the announcement. COMPLETE: nothing is left to do.

    ANNOUNCING is set before: what could not be noted would be announced by each repetition. STARTED is set by each run.
    """

    STARTED = "cleaning-up"
    ANNOUNCING = "announcing"
    ANNOUNCED = "announced"
    COMPLETE = "cleaned-up"


def is_set(mark: Mark, promotion_id: str, hub: Hub, *, s3: S3Client) -> bool:
    """Return whether an execution has the mark."""
    return set_at(mark, promotion_id, hub, s3=s3) is not None


def set_at(mark: Mark, promotion_id: str, hub: Hub, *, s3: S3Client) -> datetime | None:
    """Return when an execution got the mark, None if it has none. S3 lists what was written before (consistency)."""
    key = _key(mark, promotion_id)
    listed = s3.list_objects_v2(Bucket=hub.bucket, Prefix=key, MaxKeys=1, ExpectedBucketOwner=hub.account)
    return next((entry["LastModified"] for entry in listed.get("Contents", []) if entry["Key"] == key), None)


def put(mark: Mark, promotion_id: str, hub: Hub, *, s3: S3Client) -> None:
    """Set the mark; it may be set already."""
    s3.put_object(Bucket=hub.bucket, Key=_key(mark, promotion_id), Body=b"", ExpectedBucketOwner=hub.account)


def _key(mark: Mark, promotion_id: str) -> str:
    return f"{resource_names.work_lists_prefix(promotion_id)}{mark}"
