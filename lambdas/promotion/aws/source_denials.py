"""What promotion.yaml must have where a role may not read an object of its environment. Pure: no AWS calls."""

from __future__ import annotations

import re

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role

# Those that read what `buckets` and `kms_keys` of their environment list.
_ROLE = re.compile(rf"role/{resource_names.PRODUCT}-(?P<environment>.+)-({Role.READER}|{Role.COPIER}|{Role.INVOKER})$")
_READS = {
    *("CopyObject", "GetObject", "GetObjectTagging", "HeadObject", "ListObjectAnnotations", "ListObjectsV2"),
    "UploadPartCopy",
}
_KEY = re.compile(r"arn:aws[a-z-]*:kms:[\w:/-]+")
_OTHERWISE = (
    "Or look for a policy of the resource or the organization, or a permissions boundary, that denies it "
    "(docs/reference/permissions.md lists each role's permissions)."
)


def remedy(*, role: str, operation: str, resource: str, message: str) -> str:
    """Return what to do about a denied read of S3, empty if it is none of a source's own buckets.

    `resource`: the S3 URI, of a copy with its source at the end. `message`: AWS's, which may name the key.
    """
    caller = _ROLE.search(role)
    _, scheme, address = resource.rpartition("s3://")
    bucket = address.partition("/")[0]
    if caller is None or operation not in _READS or not scheme or resource_names.is_own_bucket(bucket):
        return ""
    environment = f"the environment {caller['environment']!r}"
    if "kms:" in message:
        key = _KEY.search(message)
        listed = f"`kms_keys` of {environment} must list {key[0] if key else 'the key that encrypts the object'}"
    else:
        listed = f"`buckets` of {environment} must list {bucket}, and `kms_keys` the key that encrypts its objects"
    return f"In promotion.yaml, {listed}; then deploy this environment. {_OTHERWISE}"
