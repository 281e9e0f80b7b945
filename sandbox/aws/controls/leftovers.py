"""What a server keeps of what is over, and drops on demand: a suite of a thousand executions would fill its memory.

The histories of ended executions (each event holds the whole document), and large objects.
"""

from collections.abc import Collection
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import s3
from ministack.services import stepfunctions as sfn

from sandbox.aws.controls import paths
from sandbox.aws.controls.client import HISTORIES_PATH, LEFTOVERS_PATH

LARGE = 16 * 1024**2
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def install() -> None:
    paths.serve(_handle)


async def _handle(method: str, path: str, _body: bytes, query: dict[str, Any]) -> paths.Response | None:
    if (method, path) == ("DELETE", HISTORIES_PATH):
        _drop_histories(query["status"])
    elif (method, path) == ("DELETE", LEFTOVERS_PATH):
        _drop_histories()
        _drop_large_objects()
    else:
        return None
    return paths.as_json(200, {"dropped": True})


def _drop_histories(statuses: Collection[str] = ENDED) -> None:
    """Keep the last event only, which says how the execution ended."""
    for execution in sfn._executions.all_values():
        if execution["status"] in statuses:
            del execution["events"][:-1]


def _drop_large_objects() -> None:
    for (account, name), bucket in list(s3._buckets.to_dict().items()):
        with request_scope(account, bucket.get("region") or "us-east-1"):
            for key in [key for key, entry in list(bucket["objects"].items()) if entry["size"] > LARGE]:
                s3._purge_current_object(name, key, bucket)
            for (owner, key), versions in list(s3._object_versions.items()):
                if owner == name and any((version.get("size") or 0) > LARGE for version in versions):
                    s3._object_versions.pop((owner, key), None)
