"""Objects that are encrypted with a key of the customer's own (SSE-C): neither SageMaker nor a copy can read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.errors import UnsupportedModel

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# In S3's message to a request without the key; its code is that of any invalid request.
_MESSAGE = "object was stored using a form of Server Side Encryption"


def is_reason(error: ClientError) -> bool:
    """Whether S3 refused to read or copy an object for its encryption."""
    return error_codes.code_of(error) == error_codes.S3_INVALID_REQUEST and _MESSAGE in error_codes.message_of(error)


def refusal(uri: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"{uri} is encrypted with a key that only its owner has (SSE-C, customer-provided). SageMaker cannot read "
        "it, and it cannot be copied. Nothing was deployed. Store it with S3's or KMS's keys, then register the model "
        "again."
    )


def require_readable(request: dict[str, Any], error: ClientError, *, s3: S3Client) -> None:
    """Find out why HeadObject was refused with status 400: its response has no body, that of GetObject has one.

    `request`: HeadObject's parameters. Raises UnsupportedModel, or what GetObject is refused with.
    """
    if error_codes.code_of(error) != error_codes.S3_BAD_HEAD:
        return
    readable = {name: value for name, value in request.items() if name != "ChecksumMode"}
    try:
        s3.get_object(**readable, Range="bytes=0-0")
    except ClientError as reason:
        if is_reason(reason):
            raise refusal(f"s3://{request['Bucket']}/{request['Key']}") from reason
        raise
