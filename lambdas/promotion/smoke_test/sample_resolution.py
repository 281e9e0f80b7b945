"""The sample payload of a version in the model registry: it is resolved and checked with the promotion."""

from __future__ import annotations

import re
from dataclasses import replace

from lambdas.promotion.artifacts import s3_objects
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import s3_https
from lambdas.promotion.contract.document import SourceModel
from lambdas.promotion.contract.errors import SamplePayloadUnusable, UnsupportedModel
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.resolve import model_registry
from lambdas.promotion.smoke_test import sample_archive
from lambdas.promotion.smoke_test.sample_archive import BadArchive

# The API takes any text after s3:// or https:// (CreateModelPackage, SamplePayloadUrl).
_OBJECT = re.compile(r"s3://[A-Za-z0-9._-]{3,255}/.+", re.DOTALL)


def resolved(model: SourceModel, stage: Stage, *, source: RoleSession) -> SourceModel:
    """Return the model with its sample payload, if a smoke test of the stage sends it.

    Raises SamplePayloadUnusable, before anything is created in the target, ModelPackageNotFound, and as
    `s3_objects.read`.
    """
    if not any(test.payload.sample for test in stage.smoke_tests):
        return model
    if model.model_package_arn is None:
        raise _refusal(model.arn, "is not a version in the model registry, so it has none")
    version = model_registry.describe_model_package(model.model_package_arn, sagemaker=source.sagemaker)
    uri = s3_https.as_s3_uri(version.get("SamplePayloadUrl", ""))
    if not uri:
        raise _refusal(model.model_package_arn, "has none (CreateModelPackage: SamplePayloadUrl)")
    if not _OBJECT.fullmatch(uri):
        raise _refusal(model.model_package_arn, f"refers to {uri}, which is not the S3 URI of an object")
    try:
        sample = s3_objects.find(uri, owner=source.id, s3=source.s3)
    except UnsupportedModel as error:
        raise _refusal(model.model_package_arn, f"refers to {uri}, which cannot be read: {error}") from error
    if sample is None:
        raise _refusal(model.model_package_arn, f"refers to {uri}, which does not exist in account {source.id}")
    if sample.size > sample_archive.MOST_BYTES:
        raise _refusal(
            model.model_package_arn,
            f"refers to {uri}, which has {sample.size} bytes, more than {sample_archive.MOST_BYTES}",
        )
    try:
        sample_archive.only_file(s3_objects.read(sample, owner=source.id, s3=source.s3))
    except BadArchive as error:
        raise _refusal(model.model_package_arn, f"refers to {uri}, which {error}") from error
    return replace(model, sample_payload=sample)


def _refusal(model: str, reason: str) -> SamplePayloadUnusable:
    return SamplePayloadUnusable(
        f"The stage's smoke test sends the version's sample payload, and {model} {reason}. Nothing was created. "
        "Register a version with a SamplePayloadUrl: a .tar.gz of one file."
    )
