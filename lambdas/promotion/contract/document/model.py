"""What is promoted, and what is made of it in the target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class S3Object:
    """One version of an object as it was resolved. `checksum` is "<algorithm>:<base64>" of the full object."""

    bucket: str
    key: str
    etag: str
    size: int
    version_id: str | None = None
    checksum: str | None = None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, kw_only=True)
class SourceModel:
    """What is promoted: a model, or a model package in the model registry.

    `made_at` is when the model was created in the account in which it was trained, however many stages it has passed:
    it tells which of two models is older. `approved_by` is the principal that changed the model package last, as the
    model registry reports it. `sample_payload`: the package's archive with a sample request, if a smoke test of the
    stage sends it.
    """

    arn: str
    created_at: datetime
    made_at: datetime
    model_package_arn: str | None = None
    approved_by: str | None = None
    sample_payload: S3Object | None = None


@dataclass(frozen=True, kw_only=True)
class DesiredResource:
    """A resource by its content-addressed name, and the request that creates it (without the tags)."""

    name: str
    request: dict[str, Any]
