"""The ARN of an object contains its key unchanged. MiniStack drops empty parts, so that a policy for `a/b` also decided
about `a//b` and `a/b/`, and takes an object whose key is `/` for its bucket.
"""

import functools
from typing import Any

from ministack.core import iam_actions


def apply() -> None:
    action, resource, more = (
        iam_actions._s3_action,
        iam_actions.extract_resource_arn,
        iam_actions.s3_additional_checks,
    )

    @functools.wraps(action)
    def action_on(method: str, path: str, query: dict[str, Any]) -> Any:
        bucket, key = _split(path)
        return action(method, f"/{bucket}/key" if key else f"/{bucket}", query)

    @functools.wraps(resource)
    def whole_arn(service: str, method: str, path: str, *request: Any) -> Any:
        bucket, key = _split(path)
        if service == "s3" and bucket and key:
            return f"arn:aws:s3:::{bucket}/{key}"
        return resource(service, method, path, *request)

    @functools.wraps(more)
    def more_checks(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        bucket, key = _split(path)
        # A copy is also checked on its source, which does not depend on the key that is written.
        of_copy = bucket and key and "x-amz-copy-source" in headers
        return more(method, f"/{bucket}/key" if of_copy else path, headers, body, query)

    iam_actions._s3_action = action_on
    iam_actions.extract_resource_arn = whole_arn
    iam_actions.s3_additional_checks = more_checks


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path.lstrip("/").partition("/")
    return bucket, key
