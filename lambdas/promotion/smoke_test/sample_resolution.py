"""The sample payload that a version in the registry names, found and tried when the promotion is resolved."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.artifacts import s3_objects
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import SourceModel
from lambdas.promotion.contract.errors import SamplePayloadUnusable
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.resolve import model_registry
from lambdas.promotion.smoke_test import sample_archive
from lambdas.promotion.smoke_test.sample_archive import BadArchive


def resolved(model: SourceModel, stage: Stage, *, source: RoleSession) -> SourceModel:
    """Return the model with its sample payload, if a smoke test of the stage sends it.

    Raises SamplePayloadUnusable; before anything in the target is touched, because there it could not be sent.
    """
    if not any(test.payload.sample for test in stage.smoke_tests):
        return model
    if model.model_package_arn is None:
        raise _refusal(model.arn, "is no version of the registry, so it names none")
    version = model_registry.describe_model_package(model.model_package_arn, sagemaker=source.sagemaker)
    uri = version.get("SamplePayloadUrl")
    if not uri:
        raise _refusal(model.model_package_arn, "names none (CreateModelPackage: SamplePayloadUrl)")
    found = s3_objects.find(uri, owner=source.id, s3=source.s3) if uri.startswith("s3://") else None
    if found is None:
        raise _refusal(model.model_package_arn, f"names {uri}, and account {source.id} has no such object")
    if found.size > sample_archive.MOST_BYTES:
        raise _refusal(
            model.model_package_arn, f"names {uri}, which has {found.size} bytes, more than {sample_archive.MOST_BYTES}"
        )
    try:
        sample_archive.only_file(s3_objects.read(found, owner=source.id, s3=source.s3))
    except BadArchive as error:
        raise _refusal(model.model_package_arn, f"names {uri}, which {error}") from error
    return replace(model, sample_payload=found)


def _refusal(model: str, why: str) -> SamplePayloadUnusable:
    return SamplePayloadUnusable(
        f"The stage's smoke test sends the version's sample payload, and {model} {why}. Nothing was created. Register "
        "a version with a SamplePayloadUrl: a .tar.gz of one file."
    )
