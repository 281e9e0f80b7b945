"""A stage with `approved_only` takes what is a version of the application's group, and Approved now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from lambdas.handlers import confirm_approval, resolve_model, resolve_rollback
from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.document import (
    Execution,
    KnownGood,
    Outcome,
    Promotion,
    Request,
    RequiredApproval,
    SourceModel,
)
from lambdas.promotion.contract.errors import (
    ApprovedVersionRequired,
    ArtifactChanged,
    ModelNotFound,
    ModelPackageNotApproved,
    ModelPackageNotFound,
    NameTaken,
    PromotionError,
    WrongModelPackageGroup,
)
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.outcome import records
from lambdas.promotion.outcome.records import PromotionRecord
from tests.adapters.conftest import AnyExecution, Stubs
from tests.unit import builders
from tests.unit.builders import (
    BEGUN,
    DEV,
    EXECUTION,
    MODEL,
    OBJECTS,
    QA,
    SETTINGS,
    STAGE,
    TRAINED,
    VERSION,
    WEIGHTS,
    package,
)

PRODUCTION = Environment(name="production", account="444444444444", region="us-east-1")
LAST = replace(STAGE, name="production", environment="production", source="qa", endpoint="reviews", approved_only=True)
FIRST = replace(STAGE, approved_only=True)
AS_VERSION = SourceModel(arn=VERSION, created_at=TRAINED, made_at=TRAINED, model_package_arn=VERSION)
TO_QA = Execution(arn="arn:aws:states:us-east-1:111111111111:execution:promote:release-6", started_at=BEGUN)
STARTED = {"arn": EXECUTION.arn, "started_at": "2026-11-01T12:00:00.000Z"}


@pytest.fixture(autouse=True)
def deployed(aws: Stubs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    aws.in_place["stepfunctions"] = AnyExecution().client
    application = replace(SETTINGS.applications["reviews"], stages={"qa": FIRST, "production": LAST})
    environments = {**SETTINGS.environments, "production": PRODUCTION}
    file = tmp_path / "settings.json"
    file.write_text(replace(SETTINGS, environments=environments, applications={"reviews": application}).to_json())
    monkeypatch.setattr(settings, "_FILE", file)
    settings.deployed.cache_clear()
    yield
    settings.deployed.cache_clear()


def resolved(handler: Any, **request: Any) -> Promotion:
    answer = handler({"input": {"application": "reviews", **request}, "execution": STARTED}, None)
    return Promotion.from_json(json.loads(json.dumps(answer)))


def promoted(model: SourceModel = AS_VERSION, **changes: Any) -> Promotion:
    """The promotion that brought a model to qa."""
    request = Request(application="reviews", stage="qa", model_package_arn=model.model_package_arn)
    made = builders.promotion(model=model, request=request, execution=TO_QA, stage=FIRST, **changes)
    return made.with_outcome(Outcome.PROMOTED, at=BEGUN)


def known_good(made: Promotion) -> KnownGood:
    return builders.good(
        made.desired_config.name,
        model=made.desired_model.name,
        record_key=records.record_key(made.execution),
        verified=builders.NO_COPIES,
    )


def qa_has_recorded(aws: Stubs, made: Promotion, *, observed: str | None = None) -> None:
    """The tables have the promotion as qa's last known good; `observed` is the configuration that serves."""
    serialise = TypeSerializer().serialize
    text = records.known_good_text([known_good(made)])
    item = records.item(
        PromotionRecord(
            execution=made.execution,
            input={"application": "reviews", "stage": "qa"},
            outcome=Outcome.PROMOTED,
            ended_at=BEGUN,
            promotion=made,
            artifacts=builders.inventory_of(OBJECTS).artifacts,
        )
    )
    tables = aws.of("dynamodb")
    tables.add_response("get_item", {"Item": {"last_known_good": {"S": text}}})
    if observed is not None:
        aws.allow_assume_role()
        aws.sagemaker.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
    tables.add_response("get_item", {"Item": {name: serialise(value) for name, value in item.items()}})


def qa_has_model(aws: Stubs, made: Promotion, **container: Any) -> None:
    """SageMaker in qa describes the model that the promotion created there."""
    request = made.desired_model.request
    described = {
        **request,
        "PrimaryContainer": {**request["PrimaryContainer"], **container},
        "ModelName": request["ModelName"],
        "ModelArn": made.target_arn("model", made.desired_model.name),
        "CreationTime": TRAINED,
    }
    aws.allow_assume_role()
    aws.sagemaker.add_response("describe_model", described)
    aws.sagemaker.add_response("list_tags", {"Tags": []})


def registry_reports(aws: Stubs, approval: str = "Approved") -> None:
    aws.allow_assume_role()
    details: dict[str, Any] = {"ModelPackageStatusDetails": {"ValidationStatuses": []}}
    answer = {**package(), **details, "ModelApprovalStatus": approval}
    aws.sagemaker.add_response(
        "describe_model_package", answer, {"ModelPackageName": VERSION, "IncludedData": "MetadataOnly"}
    )


def objects_are(aws: Stubs, sizes: Mapping[str, int], **weights: Any) -> None:
    """The bucket has these sizes by the name of the file; `weights` changes the answer about the first."""
    image = {"imageId": {"imageDigest": f"sha256:{'0' * 64}"}, "imageManifest": "{}", "imageManifestMediaType": "a"}
    aws.ecr.add_response("batch_get_image", {"images": [image], "failures": []})
    for item in OBJECTS.values():
        head: dict[str, Any] = {
            "ETag": item.etag,
            "ContentLength": sizes.get(item.key.rpartition("/")[2], item.size),
            "ChecksumCRC64NVME": str(item.checksum).partition(":")[2],
        }
        aws.s3.add_response("head_object", {**head, **(weights if item is WEIGHTS else {})})


# The first stage


@pytest.mark.parametrize("more", [{}, {"dry_run": True}, {"allow_older": True}])
def test_a_model_by_its_name_is_refused_in_the_first_stage(aws: Stubs, more: dict[str, Any]) -> None:
    aws.allow_assume_role()
    aws.sagemaker.add_response("describe_model", builders.described())
    aws.sagemaker.add_response("list_tags", {"Tags": [{"Key": "promote:model-package", "Value": VERSION}]})
    with pytest.raises(ApprovedVersionRequired, match=r"Start with the model_package_arn of an approved version\.$"):
        resolved(resolve_model.handler, stage="qa", model_name="reviews-v7", **more)


def test_a_model_that_names_an_approved_version_in_its_container_is_refused_too(aws: Stubs) -> None:
    """It may have environment variables that the version has not."""
    aws.allow_assume_role()
    model = {**builders.described(), "PrimaryContainer": {"ModelPackageName": VERSION, "Environment": {"A": "1"}}}
    aws.sagemaker.add_response("describe_model", model)
    aws.sagemaker.add_response("list_tags", {"Tags": []})
    details: dict[str, Any] = {"ModelPackageStatusDetails": {"ValidationStatuses": []}}
    aws.sagemaker.add_response("describe_model_package", {**package(), **details})
    with pytest.raises(ApprovedVersionRequired):
        resolved(resolve_model.handler, stage="qa", model_name="reviews-v7")


def test_an_approved_version_is_taken_and_its_registry_travels_in_the_document(aws: Stubs) -> None:
    registry_reports(aws)
    objects_are(aws, {})
    aws.s3.add_response("put_object", {})
    promotion = resolved(resolve_model.handler, stage="qa", model_package_arn=VERSION)
    assert promotion.approval == RequiredApproval(version=VERSION, registry=DEV)


# A later stage


def test_without_a_model_a_later_stage_takes_what_the_stage_before_last_promoted(aws: Stubs) -> None:
    made = promoted()
    text = records.known_good_text([known_good(made)])
    aws.of("dynamodb").add_response("get_item", {"Item": {"last_known_good": {"S": text}}})
    qa_has_model(aws, made)
    qa_has_recorded(aws, made)
    registry_reports(aws)
    objects_are(aws, {})
    aws.s3.add_response("put_object", {})
    promotion = resolved(resolve_model.handler, stage="production")
    assert promotion.request.model_name == made.desired_model.name
    assert promotion.model.arn == made.target_arn("model", made.desired_model.name)


def test_without_a_model_a_later_stage_needs_a_promotion_of_the_stage_before(aws: Stubs) -> None:
    aws.allow_assume_role()
    aws.of("dynamodb").add_response("get_item", {})
    with pytest.raises(ModelNotFound, match="Promote one to 'qa' first, or set model_name"):
        resolved(resolve_model.handler, stage="production")


def test_without_a_model_the_first_stage_takes_the_newest_approved_version(aws: Stubs) -> None:
    aws.allow_assume_role()
    summary = {
        "ModelPackageName": "reviews",
        "ModelPackageArn": VERSION,
        "CreationTime": TRAINED,
        "ModelPackageStatus": "Completed",
    }
    aws.sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": [summary]})
    details: dict[str, Any] = {"ModelPackageStatusDetails": {"ValidationStatuses": []}}
    aws.sagemaker.add_response("describe_model_package", {**package(), **details})
    objects_are(aws, {})
    aws.s3.add_response("put_object", {})
    assert resolved(resolve_model.handler, stage="qa").model.version == VERSION


def test_a_model_of_the_stage_before_is_taken_with_the_version_that_the_record_names(aws: Stubs) -> None:
    made = promoted()
    qa_has_model(aws, made)
    qa_has_recorded(aws, made)
    registry_reports(aws)
    objects_are(aws, {})
    aws.s3.add_response("put_object", {})
    promotion = resolved(resolve_model.handler, stage="production", model_name=made.desired_model.name)
    assert promotion.approval == RequiredApproval(version=VERSION, registry=DEV)
    assert promotion.model.version == VERSION
    assert promotion.model.model_package_arn is None
    assert promotion.tags["promote:model-package"] == VERSION


@pytest.mark.parametrize("approval", ["Rejected", "PendingManualApproval"])
def test_a_version_whose_approval_was_withdrawn_since_is_refused(aws: Stubs, approval: str) -> None:
    made = promoted()
    qa_has_model(aws, made)
    qa_has_recorded(aws, made)
    registry_reports(aws, approval)
    with pytest.raises(ModelPackageNotApproved, match=approval):
        resolved(resolve_model.handler, stage="production", model_name=made.desired_model.name)


def test_a_model_that_the_stage_before_took_by_its_name_is_refused(aws: Stubs) -> None:
    made = promoted(MODEL)
    qa_has_model(aws, made)
    qa_has_recorded(aws, made)
    with pytest.raises(ApprovedVersionRequired, match=r"promotion release-6 brought it as a model by its name.*'qa'"):
        resolved(resolve_model.handler, stage="production", model_name=made.desired_model.name)


def test_a_model_that_no_good_promotion_has_created_is_refused_whatever_its_tags_say(aws: Stubs) -> None:
    made = promoted()
    aws.allow_assume_role()
    described = {**builders.described(), "ModelArn": MODEL.arn.replace(DEV.account, QA.account)}
    aws.sagemaker.add_response("describe_model", described)
    aws.sagemaker.add_response("list_tags", {"Tags": [{"Key": "promote:model-package", "Value": VERSION}]})
    text = records.known_good_text([known_good(made)])
    aws.of("dynamodb").add_response("get_item", {"Item": {"last_known_good": {"S": text}}})
    with pytest.raises(ApprovedVersionRequired, match="none of the last known good promotions"):
        resolved(resolve_model.handler, stage="production", model_name="reviews-v7")


def test_a_model_of_the_same_name_with_another_content_is_refused(aws: Stubs) -> None:
    made = promoted()
    qa_has_model(aws, made, Environment={"SAGEMAKER_PROGRAM": "other.py"})
    qa_has_recorded(aws, made)
    with pytest.raises(NameTaken, match="PrimaryContainer"):
        resolved(resolve_model.handler, stage="production", model_name=made.desired_model.name)


@pytest.mark.parametrize("change", [{"ContentLength": 11}, {"ChecksumCRC64NVME": "CCCCCCCCCCC="}])
def test_artifacts_that_were_exchanged_in_the_stage_before_are_refused(aws: Stubs, change: dict[str, Any]) -> None:
    made = promoted()
    qa_has_model(aws, made)
    qa_has_recorded(aws, made)
    registry_reports(aws)
    objects_are(aws, {}, **change)
    with pytest.raises(ArtifactChanged, match=r"promotion release-6: s3://\S+model\.tar\.gz has another content"):
        resolved(resolve_model.handler, stage="production", model_name=made.desired_model.name)


def test_a_version_of_another_group_is_refused_although_it_was_promoted_before(aws: Stubs) -> None:
    """`model_package_group` was changed since."""
    foreign = VERSION.replace("reviews", "prices")
    made = promoted(replace(AS_VERSION, arn=foreign, model_package_arn=foreign))
    qa_has_model(aws, made)
    qa_has_recorded(aws, made)
    with pytest.raises(WrongModelPackageGroup, match="'prices'"):
        resolved(resolve_model.handler, stage="production", model_name=made.desired_model.name)


# A rollback


def test_a_rollback_needs_the_approval_too(aws: Stubs) -> None:
    made = promoted()
    qa_has_recorded(aws, made, observed="")
    registry_reports(aws)
    promotion = resolved(resolve_rollback.handler, stage="qa", roll_back=True)
    assert promotion.approval == RequiredApproval(version=VERSION, registry=DEV)
    assert promotion.desired_config == made.desired_config


def test_a_rollback_to_a_rejected_version_is_refused_with_the_way_out(aws: Stubs) -> None:
    qa_has_recorded(aws, promoted(), observed="")
    registry_reports(aws, "Rejected")
    with pytest.raises(ModelPackageNotApproved, match=r"reports Rejected.*Or: Promote an approved version, with"):
        resolved(resolve_rollback.handler, stage="qa", roll_back=True)


def test_a_rollback_to_a_deleted_version_is_refused(aws: Stubs) -> None:
    qa_has_recorded(aws, promoted(), observed="")
    aws.allow_assume_role()
    message = f"ModelPackage {VERSION} does not exist."
    aws.sagemaker.add_client_error("describe_model_package", "ValidationException", message)
    with pytest.raises(ModelPackageNotFound):
        resolved(resolve_rollback.handler, stage="qa", roll_back=True)


def test_a_rollback_to_a_model_by_its_name_is_refused_with_the_way_out(aws: Stubs) -> None:
    qa_has_recorded(aws, promoted(MODEL), observed="")
    with pytest.raises(ApprovedVersionRequired, match=r'brought it as a model by its name.*"allow_older": true'):
        resolved(resolve_rollback.handler, stage="qa", roll_back=True)


# Before the endpoint is changed


@pytest.mark.parametrize("request_", [Request(application="reviews", stage="qa", roll_back=True), builders.REQUEST])
@pytest.mark.parametrize("approval", ["Approved", "Rejected"])
def test_the_approval_is_confirmed_in_the_models_registry(aws: Stubs, request_: Request, approval: str) -> None:
    required = RequiredApproval(version=VERSION, registry=DEV)
    made = builders.promotion(request=request_, source=QA, approval=required)
    registry_reports(aws, approval)
    event = {"promotion": made.to_json(), "retry_count": 0}
    if approval == "Approved":
        assert Promotion.from_json(confirm_approval.handler(event, None)).approval == required
        return
    with pytest.raises(ModelPackageNotApproved):
        confirm_approval.handler(event, None)


# Artifacts against a record

ARTIFACT = builders.artifact(bucket="qa", key="k/model.tar.gz", size=10, checksum="CRC64NVME:A")
ENTRY = {"key": "k/model.tar.gz", "size": 10, "checksum": "CRC64NVME:A"}


@pytest.mark.parametrize(
    ("entries", "objects", "error"),
    [
        ([ENTRY], 1, None),
        ([{**ENTRY, "checksum": None}], 1, None),
        ([{**ENTRY, "checksum": "SHA256:B"}], 1, None),
        ([{**ENTRY, "checksum": "CRC64NVME:B"}], 1, ArtifactChanged),
        ([{**ENTRY, "size": 11}], 1, ArtifactChanged),
        ([{**ENTRY, "key": "k/other"}], 1, ArtifactChanged),
        # The record has the first ones only.
        ([{**ENTRY, "key": "k/other"}], 2, None),
    ],
)
def test_what_the_record_has_is_compared(
    entries: list[dict[str, Any]], objects: int, error: type[PromotionError] | None
) -> None:
    def compare() -> None:
        artifact_checks.require_recorded([ARTIFACT], entries, bucket="qa", objects=objects, promoted_by="release-6")

    if error is None:
        compare()
        return
    with pytest.raises(error, match="promotion release-6"):
        compare()


def test_an_object_of_another_bucket_is_never_part_of_the_record() -> None:
    with pytest.raises(ArtifactChanged, match="is not part of it"):
        artifact_checks.require_recorded([ARTIFACT], [ENTRY], bucket="other", objects=100, promoted_by="release-6")
