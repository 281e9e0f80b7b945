"""What is promoted is found out in the source, and refused before anything in the target is touched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from lambdas.handlers import resolve_model
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.document import Artifact, Artifacts, Promotion, from_line, to_json
from lambdas.promotion.contract.errors import (
    ArtifactChanged,
    ArtifactNotFound,
    ImageNotFound,
    InvalidInput,
    ModelPackageNotApproved,
    PromotionError,
    UnknownApplication,
    UnsupportedModel,
    WrongAlias,
    WrongModelPackageGroup,
)
from tests.adapters.conftest import AnyExecution, Stubs
from tests.unit.builders import (
    BEGUN,
    CONTAINER,
    EXECUTION,
    HUB,
    IMAGE,
    MODEL,
    QA,
    SETTINGS,
    TRAINED,
    VERSION,
    WEIGHTS_URI,
    good,
)
from tests.unit.builders import described as described_model
from tests.unit.builders import package as described_package

MODEL_INPUT = {"application": "reviews", "stage": "qa", "model_name": "reviews-v7"}
VERSION_INPUT = {"application": "reviews", "stage": "qa", "model_package_arn": VERSION}
DIGEST = f"sha256:{'0' * 64}"
STARTED = "2026-11-01T12:00:00.000Z"


@pytest.fixture(autouse=True)
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    file = tmp_path / "settings.json"
    file.write_text(SETTINGS.to_json())
    monkeypatch.setattr(settings, "_FILE", file)
    settings.deployed.cache_clear()
    yield
    settings.deployed.cache_clear()


@pytest.fixture(autouse=True)
def started_by_no_alias(aws: Stubs) -> None:
    aws.in_place["stepfunctions"] = AnyExecution().client


def resolve(raw: object) -> Promotion:
    answer = resolve_model.handler({"input": raw, "execution": {"arn": EXECUTION.arn, "started_at": STARTED}}, None)
    return Promotion.from_json(json.loads(json.dumps(answer)))


def model_is(aws: Stubs, tags: dict[str, str] | None = None, **container: Any) -> None:
    aws.allow_assume_role()
    aws.sagemaker.add_response("describe_model", described_model(**container), {"ModelName": "reviews-v7"})
    listed = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    aws.sagemaker.add_response("list_tags", {"Tags": listed}, {"ResourceArn": MODEL.arn})


def version_is(aws: Stubs, *, approval: str = "Approved", **container: Any) -> None:
    aws.allow_assume_role()
    details: dict[str, Any] = {"ModelPackageStatusDetails": {"ValidationStatuses": []}}
    answer = {**described_package(**container), **details, "ModelApprovalStatus": approval}
    aws.sagemaker.add_response(
        "describe_model_package", answer, {"ModelPackageName": VERSION, "IncludedData": "MetadataOnly"}
    )


def image_is(aws: Stubs, digest: str = DIGEST) -> None:
    image = {"imageId": {"imageDigest": digest}, "imageManifest": "{}", "imageManifestMediaType": "a"}
    aws.ecr.add_response("batch_get_image", {"images": [image], "failures": []})


def objects_are(aws: Stubs, *etags: str) -> None:
    """What the source has at the model's addresses, in their order; then the inventory is written."""
    image_is(aws)
    for etag in etags:
        head = {"ETag": f'"{etag}"', "ContentLength": 10, "ChecksumCRC64NVME": etag}
        aws.s3.add_response("head_object", head)
    inventory_is_written(aws)


def inventory_is_written(aws: Stubs) -> list[dict[str, Any]]:
    """Return what is put into the hub's bucket, when it is."""
    put: list[dict[str, Any]] = []
    aws.s3.client.meta.events.register("provide-client-params.s3.PutObject", lambda params, **_: put.append({**params}))
    aws.s3.add_response("put_object", {})
    return put


def test_a_model_is_resolved_with_everything_that_it_needs(aws: Stubs) -> None:
    model_is(aws, tags={"team": "nlp", "aws:x": "y"})
    objects_are(aws, "aa", "bb")
    promotion = resolve(MODEL_INPUT)
    assert promotion.artifacts == Artifacts(objects=2, bytes=20)
    assert promotion.model == MODEL
    assert {"team", "promote:digest"} <= set(promotion.tags)
    assert "aws:x" not in promotion.tags


def test_a_dry_run_reads_what_a_promotion_reads_with_its_lock(aws: Stubs) -> None:
    model_is(aws)
    objects_are(aws, "aa", "bb")
    item = {"last_known_good": {"S": json.dumps([to_json(good())])}}
    aws.of("dynamodb").add_response(
        "get_item",
        {"Item": item},
        {
            "TableName": "promote-endpoints",
            "Key": {"endpoint": {"S": QA.endpoint_key("reviews-qa")}},
            "ConsistentRead": True,
        },
    )
    promotion = resolve({**MODEL_INPUT, "dry_run": True})
    assert (promotion.known_good, promotion.lock) == ((good(),), None)


def test_the_deadline_counts_from_the_start_of_the_execution(aws: Stubs) -> None:
    model_is(aws)
    objects_are(aws, "aa", "bb")
    assert resolve(MODEL_INPUT).deadline == BEGUN + timedelta(hours=1)


def test_times_are_utc_whatever_the_clock_of_the_machine_shows(aws: Stubs) -> None:
    """boto3 gives times in the local zone."""
    aws.allow_assume_role()
    answer = {**described_model(), "CreationTime": TRAINED.astimezone(timezone(timedelta(hours=9)))}
    aws.sagemaker.add_response("describe_model", answer)
    aws.sagemaker.add_response("list_tags", {"Tags": []})
    objects_are(aws, "aa", "bb")
    assert resolve(MODEL_INPUT).model.created_at.utcoffset() == timedelta(0)


def test_a_version_is_resolved_from_the_registry_as_it_is_now(aws: Stubs) -> None:
    version_is(aws, ModelDataETag="aa")
    objects_are(aws, "aa", "bb")
    promotion = resolve(VERSION_INPUT)
    assert (promotion.model.arn, promotion.model.model_package_arn) == (VERSION, VERSION)


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
def test_a_version_that_is_not_approved_now_is_refused(aws: Stubs, approval: str) -> None:
    version_is(aws, approval=approval)
    with pytest.raises(ModelPackageNotApproved, match=approval):
        resolve(VERSION_INPUT)


def test_an_artifact_that_was_exchanged_after_the_registration_is_refused(aws: Stubs) -> None:
    version_is(aws, ModelDataETag="registered")
    image_is(aws)
    aws.s3.add_response("head_object", {"ETag": '"exchanged"', "ContentLength": 10})
    with pytest.raises(ArtifactChanged, match=WEIGHTS_URI):
        resolve(VERSION_INPUT)


def test_a_missing_artifact_is_refused(aws: Stubs) -> None:
    model_is(aws)
    image_is(aws)
    aws.s3.add_client_error("head_object", "404", "Not Found", 404)
    with pytest.raises(ArtifactNotFound, match=WEIGHTS_URI):
        resolve(MODEL_INPUT)


def test_a_model_of_another_application_is_refused(aws: Stubs) -> None:
    model_is(aws, tags={"promote:application": "prices"})
    with pytest.raises(WrongModelPackageGroup, match="'prices'"):
        resolve(MODEL_INPUT)


def test_a_model_that_cannot_be_carried_is_refused_before_its_objects_are_read(aws: Stubs) -> None:
    model_is(aws, ContainerHostname="a", InferenceSpecificationName="b")
    with pytest.raises(UnsupportedModel, match="InferenceSpecificationName"):
        resolve(MODEL_INPUT)


@pytest.mark.parametrize("approval", ["Approved", "Rejected"])
def test_a_model_that_is_made_from_a_version_needs_its_approval(aws: Stubs, approval: str) -> None:
    aws.allow_assume_role()
    model = {**described_model(), "PrimaryContainer": {"ModelPackageName": VERSION}}
    aws.sagemaker.add_response("describe_model", model)
    aws.sagemaker.add_response("list_tags", {"Tags": []})
    details: dict[str, Any] = {"ModelPackageStatusDetails": {"ValidationStatuses": []}}
    answer = {**described_package(), **details, "ModelApprovalStatus": approval}
    aws.sagemaker.add_response("describe_model_package", answer)
    if approval == "Approved":
        objects_are(aws, "aa", "bb")
        assert resolve(MODEL_INPUT).model.model_package_arn == VERSION
        return
    with pytest.raises(ModelPackageNotApproved):
        resolve(MODEL_INPUT)


def test_a_version_and_a_model_with_the_same_content_become_the_same_container(aws: Stubs) -> None:
    version_is(aws)
    objects_are(aws, "aa", "bb")
    from_version = resolve(VERSION_INPUT)
    model_is(aws)
    objects_are(aws, "aa", "bb")
    assert resolve(MODEL_INPUT).digest == from_version.digest


@pytest.mark.parametrize("container", [{"Image": IMAGE}, {"Image": IMAGE, "Environment": {"A": "1"}}])
def test_a_model_without_artifacts_needs_no_copy(aws: Stubs, container: dict[str, Any]) -> None:
    model_is(aws, **{**dict.fromkeys(CONTAINER, ""), "Environment": {}, **container})
    image_is(aws)
    put = inventory_is_written(aws)
    assert resolve(MODEL_INPUT).artifacts == Artifacts(objects=0, bytes=0)
    assert put[0]["Body"] == b""


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ({}, InvalidInput),
        ([MODEL_INPUT], InvalidInput),
        ({**MODEL_INPUT, "application": "other"}, UnknownApplication),
        ({**VERSION_INPUT, "model_package_arn": VERSION.replace("reviews", "prices")}, WrongModelPackageGroup),
    ],
)
def test_what_can_be_refused_without_aws_is_refused_before_any_role_is_assumed(
    aws: Stubs, raw: object, name: type[PromotionError]
) -> None:
    with pytest.raises(name):
        resolve(raw)


def test_a_model_that_is_made_from_a_version_of_another_group_is_refused(aws: Stubs) -> None:
    aws.allow_assume_role()
    foreign = VERSION.replace("reviews", "prices")
    model = {**described_model(), "PrimaryContainer": {"ModelPackageName": foreign}}
    aws.sagemaker.add_response("describe_model", model)
    aws.sagemaker.add_response("list_tags", {"Tags": []})
    with pytest.raises(WrongModelPackageGroup, match="'prices'"):
        resolve(MODEL_INPUT)


def test_an_image_of_another_region_is_refused_before_its_objects_are_read(aws: Stubs) -> None:
    model_is(aws, Image="222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/model:1")
    with pytest.raises(UnsupportedModel, match="is stored in eu-west-1"):
        resolve(MODEL_INPUT)


def test_a_missing_image_is_refused_before_the_objects_are_read(aws: Stubs) -> None:
    model_is(aws)
    failure: dict[str, Any] = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
    aws.ecr.add_response("batch_get_image", {"images": [], "failures": [failure]})
    with pytest.raises(ImageNotFound, match=re.escape(IMAGE)):
        resolve(MODEL_INPUT)


def test_the_targets_model_names_the_content_that_the_tag_means_now(aws: Stubs) -> None:
    model_is(aws)
    objects_are(aws, "aa", "bb")
    container = resolve(MODEL_INPUT).desired_model.request["PrimaryContainer"]
    assert container["Image"] == f"{IMAGE.partition(':')[0]}@{DIGEST}"


def test_a_tag_that_moved_makes_another_model(aws: Stubs) -> None:
    model_is(aws)
    objects_are(aws, "aa", "bb")
    before = resolve(MODEL_INPUT)
    model_is(aws)
    image_is(aws, f"sha256:{'1' * 64}")
    for etag in ("aa", "bb"):
        aws.s3.add_response("head_object", {"ETag": f'"{etag}"', "ContentLength": 10, "ChecksumCRC64NVME": etag})
    inventory_is_written(aws)
    assert resolve(MODEL_INPUT).desired_model.name != before.desired_model.name


def test_the_inventory_is_written_into_the_hub_below_the_promotions_name(aws: Stubs) -> None:
    model_is(aws)
    image_is(aws)
    for etag in ("aa", "bb"):
        aws.s3.add_response("head_object", {"ETag": f'"{etag}"', "ContentLength": 10})
    put = inventory_is_written(aws)
    promotion = resolve(MODEL_INPUT)
    (written,) = put
    assert (written["Bucket"], written["Key"]) == (HUB.bucket, "promotions/release-7/inventory.jsonl")
    artifacts = [from_line(line, Artifact) for line in written["Body"].splitlines()]
    assert [artifact.source.etag for artifact in artifacts] == ['"aa"', '"bb"']
    addresses = json.dumps(promotion.desired_model.request)
    assert all(f"s3://{promotion.target.artifact_bucket}/{artifact.key}" in addresses for artifact in artifacts)


def test_an_artifact_of_any_size_is_resolved(aws: Stubs) -> None:
    model_is(aws)
    image_is(aws)
    aws.s3.add_response("head_object", {"ETag": '"aa"', "ContentLength": 0})
    aws.s3.add_response("head_object", {"ETag": '"bb"', "ContentLength": 10_000 * 5 * 1024**3})
    inventory_is_written(aws)
    assert resolve(MODEL_INPUT).artifacts == Artifacts(objects=2, bytes=10_000 * 5 * 1024**3)


def test_a_promotion_knows_its_hub(aws: Stubs) -> None:
    model_is(aws)
    objects_are(aws, "aa", "bb")
    assert resolve(MODEL_INPUT).hub == HUB


def test_what_another_alias_started_is_refused_before_any_role_is_assumed(aws: Stubs) -> None:
    alias = "arn:aws:states:us-east-1:111111111111:stateMachine:promote:production"
    execution = AnyExecution(stateMachineAliasArn=alias)
    aws.in_place["stepfunctions"] = execution.client
    with pytest.raises(WrongAlias, match="'production'"):
        resolve(MODEL_INPUT)
    assert execution.described == [EXECUTION.arn]
