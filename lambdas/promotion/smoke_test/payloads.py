"""What a smoke test sends: from the configuration, from an object, or from the promoted version's sample archive."""

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
    """An object that a test needs, in the source's account or in the target's. `etag`: it must still be this one."""

    bucket: str
    key: str
    in_source: bool
    etag: str | None = None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def location_of(payload: Payload, promotion: Promotion) -> ObjectLocation | None:
    """Return where a payload lies; None if it stands in the configuration."""
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
    """Return every object that the stage's tests need."""
    found = [location_of(test.payload, promotion) for test in promotion.stage.smoke_tests]
    return [place for place in found if place]


def content_of(payload: Payload, promotion: Promotion, *, readers: Mapping[bool, RoleSession]) -> bytes:
    """Return the bytes to send. `readers` are the target's account (False) and the source's (True).

    Raises PayloadUnusable.
    """
    place = location_of(payload, promotion)
    if place is None:
        return base64.b64decode(payload.base64) if payload.base64 is not None else (payload.text or "").encode()
    reader = readers[place.in_source]
    content = _read(
        place, owner=reader.id, s3=reader.s3, most=sample_archive.MOST_BYTES if payload.sample else MOST_BYTES
    )
    if not payload.sample:
        return content
    try:
        return sample_archive.only_file(content)
    except BadArchive as error:
        raise PayloadUnusable(f"The sample payload {place.uri} {error}. Promote again.") from error


def _read(place: ObjectLocation, *, owner: str, s3: S3Client, most: int) -> bytes:
    same: dict[str, Any] = {"IfMatch": place.etag} if place.etag else {}
    try:
        answer = s3.get_object(Bucket=place.bucket, Key=place.key, ExpectedBucketOwner=owner, **same)
    except ClientError as error:
        code = error_codes.code_of(error)
        if code in error_codes.S3_MISSING_OBJECT:
            raise PayloadUnusable(
                f"The smoke test sends {place.uri}, and account {owner} has no such object. Put it there (or correct "
                "promotion.yaml: smoke_test, payload_from) and promote again."
            ) from error
        if code in error_codes.S3_PRECONDITION_FAILED:
            raise PayloadUnusable(
                f"The smoke test sends {place.uri}, which changed after the promotion resolved it. Promote again."
            ) from error
        raise
    if answer["ContentLength"] > most:
        raise PayloadUnusable(
            f"The smoke test sends {place.uri}, which has {answer['ContentLength']} bytes, more than {most}. Put a "
            "smaller one there and promote again."
        )
    return answer["Body"].read()
