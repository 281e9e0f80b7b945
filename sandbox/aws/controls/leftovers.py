"""What a server keeps of what is over, and drops on demand: a suite of a thousand executions would fill its memory.

The histories of ended executions (each event holds the whole document), and large objects.
"""

from typing import Any

from ministack.core.responses import request_scope
from ministack.services import s3
from ministack.services import stepfunctions as sfn

from sandbox.aws.controls import paths
from sandbox.aws.controls.client import LEFTOVERS_PATH

LARGE = 16 * 1024**2


def install() -> None:
    paths.serve(_handle)


async def _handle(method: str, path: str, _body: bytes, _query: dict[str, Any]) -> paths.Response | None:
    if (method, path) != ("DELETE", LEFTOVERS_PATH):
        return None
    _drop_histories()
    _drop_large_objects()
    return paths.as_json(200, {"dropped": True})


def _drop_histories() -> None:
    """Keep the last event only, which says how the execution ended."""
    for execution in sfn._executions.all_values():
        if execution["status"] != "RUNNING":
            del execution["events"][:-1]


def _drop_large_objects() -> None:
    for (account, name), bucket in list(s3._buckets.to_dict().items()):
        with request_scope(account, bucket.get("region") or "us-east-1"):
            for key in [key for key, entry in list(bucket["objects"].items()) if entry["size"] > LARGE]:
                s3._purge_current_object(name, key, bucket)
            for (owner, key), versions in list(s3._object_versions.items()):
                if owner == name and any((version.get("size") or 0) > LARGE for version in versions):
                    s3._object_versions.pop((owner, key), None)
