"""List operations: filter, sort, and a page at a time."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.state import Record

DEFAULT_PAGE = 10


def page(items: Sequence[Any], request: Record, field: str, *, size: int = DEFAULT_PAGE) -> Record:
    """One page of *items* as the answer's *member*, with NextToken while more follow."""
    start = _offset(request.get("NextToken"))
    end = start + int(request.get("MaxResults", size))
    answer: Record = {field: list(items[start:end])}
    if end < len(items):
        answer["NextToken"] = base64.b64encode(f"offset={end}".encode()).decode()
    return answer


def select(
    records: Sequence[Record], request: Record, *, name: Callable[[Record], str], sort_keys: dict[str, str]
) -> list[Record]:
    """The records that the request's filters let through, in its order (newest first by default)."""
    wanted = str(request.get("NameContains", "")).lower()
    kept = [record for record in records if wanted in name(record).lower() and _within(record, request)]
    key = sort_keys[request.get("SortBy", "CreationTime")]
    descending = request.get("SortOrder", "Descending") == "Descending"
    return sorted(kept, key=lambda record: (record[key], name(record)), reverse=descending)


def _within(record: Record, request: Record) -> bool:
    for moment in ("CreationTime", "LastModifiedTime"):
        if moment not in record:
            continue
        seconds = record[moment].timestamp()
        if seconds <= float(request.get(f"{moment}After", float("-inf"))):
            return False
        if seconds >= float(request.get(f"{moment}Before", float("inf"))):
            return False
    return True


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token).decode().removeprefix("offset="))
    except (binascii.Error, ValueError) as error:
        raise Invalid("Invalid pagination token") from error
