"""IAM decides about the role whose policies are simulated, and about the key that an alias names.

MiniStack says "*" and the alias, which no statement on that role or that key allows (AWS: service authorization
reference, IAM and KMS).
"""

import functools
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import request_scope
from ministack.services import kms


def apply() -> None:
    resource = iam_actions.extract_resource_arn

    @functools.wraps(resource)
    def about(service: str, *request: Any) -> Any:
        *_, query, region, account = request
        if service == "iam" and "PolicySourceArn" in query:
            return iam_actions._query_param(query, "PolicySourceArn")
        arn = resource(service, *request)
        if service == "kms" and ":alias/" in arn:
            owner, key_region = arn.split(":")[4], arn.split(":")[3]
            with request_scope(owner or account, key_region or region):
                key = kms._resolve_key(arn)
            return key["Arn"] if key else arn
        return arn

    iam_actions.extract_resource_arn = about
