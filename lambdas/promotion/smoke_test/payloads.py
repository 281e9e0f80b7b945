"""The payload of a smoke test: from the configuration, from an object, or from the version's sample archive."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import PayloadUnusable
from lambdas.promotion.contract.smoke_test_settings import MOST_BYTES, Payload
from lambdas.promotion.smoke_test import sample_archive
from lambdas.promotion.smoke_test.sample_archive import BadArchive

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, kw_only=True)
class ObjectLocation:
    """An object that a test sends, in the source's account or in the target's. `etag`: its content must still match."""

    bucket: str
    key: str
    in_source: bool
    etag: str | None = None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def location_of(payload: Payload, promotion: Promotion) -> ObjectLocation | None:
    """Return where a payload is stored; None if it is in the configuration itself."""
    sample = promotion.model.sample_payload
    if payload.sample:
        if sample is None:
            raise PayloadUnusable(
                f"The promotion of {promotion.model.arn} did not resolve a sample payload, and the smoke test sends "
                "it. Promote again."
            )
        return ObjectLocation(bucket=sample.bucket, key=sample.key, in_source=True, etag=sample.etag)
    if payload.bucket is None or payload.key is None:
        return None
    return ObjectLocation(bucket=payload.bucket, key=payload.key, in_source=payload.in_source)


def locations(promotion: Promotion) -> list[ObjectLocation]:
    """Return every object that the stage's tests send."""
    objects = [location_of(test.payload, promotion) for test in promotion.stage.smoke_tests]
    return [location for location in objects if location]


def content_of(payload: Payload, promotion: Promotion, *, readers: Mapping[bool, RoleSession]) -> bytes:
    """Return the bytes to send. `readers` are the target's account (False) and the source's (True).

    Raises PayloadUnusable.
    """
    location = location_of(payload, promotion)
    if location is None:
        return base64.b64decode(payload.base64) if payload.base64 is not None else (payload.text or "").encode()
    reader = readers[location.in_source]
    content = _read(
        location, owner=reader.id, s3=reader.s3, most=sample_archive.MOST_BYTES if payload.sample else MOST_BYTES
    )
    if not payload.sample:
        return content
    try:
        return sample_archive.only_file(content)
    except BadArchive as error:
        raise PayloadUnusable(f"The sample payload {location.uri} {error}. Promote again.") from error


def _read(location: ObjectLocation, *, owner: str, s3: S3Client, most: int) -> bytes:
    if_match: dict[str, Any] = {"IfMatch": location.etag} if location.etag else {}
    try:
        response = s3.get_object(Bucket=location.bucket, Key=location.key, ExpectedBucketOwner=owner, **if_match)
    except ClientError as error:
        code = error_codes.code_of(error)
        if code in error_codes.S3_MISSING_OBJECT:
            raise PayloadUnusable(
                f"The smoke test sends {location.uri}, which does not exist in account {owner}. Upload it (or correct "
                "promotion.yaml: smoke_test, payload_from), then promote again."
            ) from error
        if code in error_codes.S3_PRECONDITION_FAILED:
            raise PayloadUnusable(
                f"The smoke test sends {location.uri}, which changed after the promotion resolved it. Promote again."
            ) from error
        raise
    if response["ContentLength"] > most:
        raise PayloadUnusable(
            f"The smoke test sends {location.uri}, which has {response['ContentLength']} bytes, more than {most}. "
            "Upload a smaller one, then promote again."
        )
    return response["Body"].read()
