"""What is promoted, and what is made of it in the target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.promotion.contract.settings import Environment


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
    model registry reports it. `origin_version`: the version that a model of an earlier stage came from, as the records
    say, if a stage of the application takes only approved versions. `sample_payload`: the package's archive with a
    sample request, if a smoke test of the stage sends it.
    """

    arn: str
    created_at: datetime
    made_at: datetime
    model_package_arn: str | None = None
    approved_by: str | None = None
    origin_version: str | None = None
    sample_payload: S3Object | None = None

    @property
    def version(self) -> str | None:
        """The model package version that was promoted, here or to an earlier stage; None: it was a model by its name.

        A model that names a version in its container is none: it may add environment variables.
        """
        return self.arn if self.arn == self.model_package_arn else self.origin_version

    @property
    def package(self) -> str | None:
        """The version that the model came from, in whatever way."""
        return self.model_package_arn or self.origin_version


@dataclass(frozen=True, kw_only=True)
class RequiredApproval:
    """The version that must be Approved in its model registry for the stage to take the model."""

    version: str
    registry: Environment


@dataclass(frozen=True, kw_only=True)
class DesiredResource:
    """A resource by its content-addressed name, and the request that creates it (without the tags)."""

    name: str
    request: dict[str, Any]
