"""What a server keeps of what is over, and drops on demand: a suite of a thousand executions would fill its memory.

The histories of ended executions (each event holds the whole document), and large objects.
"""

import functools
import json
from typing import Any

from ministack import app
from ministack.core.responses import request_scope
from ministack.services import s3
from ministack.services import stepfunctions as sfn

from sandbox.aws.leftovers_client import LEFTOVERS_PATH

LARGE = 16 * 1024**2


def install() -> None:
    shortcuts = app._handle_post_body_shortcuts

    @functools.wraps(shortcuts)
    async def with_leftovers(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Any:
        if (method, path) == ("DELETE", LEFTOVERS_PATH):
            _drop_histories()
            _drop_large_objects()
            return 200, {"Content-Type": "application/json"}, json.dumps({"dropped": True}).encode()
        return await shortcuts(method, path, headers, body, query, request_id)

    app._handle_post_body_shortcuts = with_leftovers


def _drop_histories() -> None:
    """Keep the last event only, which says how the execution ended."""
    for execution in sfn._executions.all_values():
        if execution["status"] != "RUNNING":
            del execution["events"][:-1]


def _drop_large_objects() -> None:
    for (account, name), bucket in list(s3._buckets.to_dict().items()):
        with request_scope(account, bucket.get("region") or "us-east-1"):
            for key in [key for key, found in list(bucket["objects"].items()) if found["size"] > LARGE]:
                s3._purge_current_object(name, key, bucket)
            for (owner, key), versions in list(s3._object_versions.items()):
                if owner == name and any((version.get("size") or 0) > LARGE for version in versions):
                    s3._object_versions.pop((owner, key), None)
