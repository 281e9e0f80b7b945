"""The desired resources in the target, named by their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.promotion.contract.document import Artifacts, Execution, S3Object, SourceModel
from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.resolve import identity
from lambdas.promotion.resolve.identity import Parts
from tests.unit.builders import (
    BUCKET,
    EXECUTION,
    MODEL,
    OBJECTS,
    QA,
    REQUEST,
    STAGE,
    TRAINED,
    VARIANT,
    VERSION,
    WEIGHTS,
    WEIGHTS_URI,
    inventory_of,
    model_definition,
)


def desired(
    *,
    objects: Mapping[str, S3Object] = OBJECTS,
    tags: Mapping[str, str] | None = None,
    stage: Stage = STAGE,
    model: SourceModel = MODEL,
    by: Execution = EXECUTION,
) -> Parts:
    return identity.desired_resources(
        model_definition(),
        inventory_of(objects),
        tags or {},
        request=REQUEST,
        stage=stage,
        target=QA,
        model=model,
        by=by,
    )


def test_the_order_in_which_a_model_names_its_artifacts_does_not_change_its_name() -> None:
    """DescribeModel may return the variables in any order, and the artifacts are listed in theirs."""
    uris = ("s3://models/a.json", "s3://models/b.json")
    objects = {**OBJECTS, **{uri: replace(WEIGHTS, key=uri.rpartition("/")[2], etag=uri) for uri in uris}}
    names = set()
    for order in (uris, uris[::-1]):
        model = model_definition(Environment={uri[-6].upper(): uri for uri in order})
        listed = {uri: objects[uri] for uri in dict.fromkeys([*OBJECTS, *order])}
        parts = identity.desired_resources(
            model, inventory_of(listed), {}, request=REQUEST, stage=STAGE, target=QA, model=MODEL, by=EXECUTION
        )
        names.add((parts["digest"], parts["desired_model"].name, parts["desired_config"].name))
    assert len(names) == 1


def test_the_order_of_a_network_and_of_variants_does_not_change_a_name() -> None:
    green = {**VARIANT, "VariantName": "green"}
    configs = [{"ProductionVariants": order} for order in ([VARIANT, green], [green, VARIANT])]
    names = {desired(stage=replace(STAGE, endpoint_config=config))["desired_config"].name for config in configs}
    assert len(names) == 1


def variant(**changes: Any) -> Stage:
    return replace(STAGE, endpoint_config={"ProductionVariants": [{**VARIANT, **changes}]})


def test_a_repeated_promotion_desires_exactly_the_same_resources() -> None:
    repeated = desired(by=replace(EXECUTION, arn=f"{EXECUTION.arn}-again"))
    first = desired()
    assert (repeated["desired_model"], repeated["desired_config"]) == (first["desired_model"], first["desired_config"])


@pytest.mark.parametrize(
    "change", [{"InstanceType": "ml.m5.large"}, {"InitialInstanceCount": 2}, {"VariantName": "Other"}]
)
def test_a_changed_variant_is_another_configuration_of_the_same_model(change: dict[str, Any]) -> None:
    changed = desired(stage=variant(**change))
    assert changed["desired_model"] == desired()["desired_model"]
    assert changed["desired_config"].name != desired()["desired_config"].name


def test_another_model_is_another_configuration() -> None:
    later = desired(model=replace(MODEL, created_at=TRAINED + timedelta(minutes=1)))
    assert later["desired_config"].name != desired()["desired_config"].name


@pytest.mark.parametrize(
    ("first", "other"),
    [(("reviews-eu", "qa"), ("reviews", "eu-qa")), (("r" * 40, "blue"), ("r" * 40, "green"))],
    ids=["hyphen", "truncated"],
)
def test_two_stages_never_share_a_name(first: tuple[str, str], other: tuple[str, str]) -> None:
    """They may share an environment, where the same model has other S3 URIs in each: that would be NameTaken."""
    names = [
        identity.desired_resources(
            model_definition(),
            inventory_of(application=application, stage=stage),
            {},
            request=replace(REQUEST, application=application, stage=stage),
            stage=replace(STAGE, name=stage),
            target=QA,
            model=MODEL,
            by=EXECUTION,
        )["desired_model"].name
        for application, stage in (first, other)
    ]
    assert names[0] != names[1]


def test_other_bytes_are_another_model() -> None:
    changed = {**OBJECTS, WEIGHTS_URI: replace(WEIGHTS, checksum="CRC64NVME:CCCCCCCCCCA=")}
    assert desired(objects=changed)["desired_model"].name != desired()["desired_model"].name


@pytest.mark.parametrize("change", [{"version_id": "2"}, {"etag": '"cc"'}], ids=["version", "etag"])
def test_the_same_name_always_means_the_same_request(change: dict[str, Any]) -> None:
    """The same bytes were written again: the name stays, so must the S3 URIs, or the promotion fails with NameTaken."""
    before, repeated = desired(), desired(objects={**OBJECTS, WEIGHTS_URI: replace(WEIGHTS, **change)})
    assert (before["desired_model"].name != repeated["desired_model"].name) or (
        before["desired_model"] == repeated["desired_model"]
    )


def test_the_configuration_names_the_model() -> None:
    parts = desired()
    assert parts["desired_config"].request == {
        "EndpointConfigName": parts["desired_config"].name,
        "ProductionVariants": [{**VARIANT, "ModelName": parts["desired_model"].name}],
    }


def test_the_model_runs_as_the_targets_own_role() -> None:
    assert (
        desired()["desired_model"].request["ExecutionRoleArn"] == "arn:aws:iam::333333333333:role/promote-qa-execution"
    )


def test_no_s3_uri_of_the_source_is_left_in_the_request() -> None:
    assert BUCKET not in str(desired()["desired_model"].request)


def test_the_artifacts_are_summarized_by_number_and_bytes() -> None:
    assert desired()["artifacts"] == Artifacts(objects=2, bytes=30)


# Tags


def test_the_sources_tags_are_kept_beside_the_provenance() -> None:
    assert desired(tags={"team": "nlp"})["tags"] == {
        "team": "nlp",
        "promote:application": "reviews",
        "promote:stage": "qa",
        "promote:source-model": MODEL.arn,
        "promote:execution": EXECUTION.arn,
        "promote:digest": desired()["digest"],
        "promote:made-at": TRAINED.isoformat(),
    }


def test_the_provenance_replaces_that_of_an_earlier_stage() -> None:
    assert desired(tags={"promote:stage": "dev"})["tags"]["promote:stage"] == "qa"


def test_a_registered_version_is_named_in_the_tags() -> None:
    assert desired(model=replace(MODEL, model_package_arn=VERSION))["tags"]["promote:model-package"] == VERSION


def test_tags_without_room_for_the_provenance_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match="51 tags"):
        desired(tags={f"k{number}": "v" for number in range(45)})


def test_models_of_one_second_and_one_content_have_different_names() -> None:
    twin = desired(model=replace(MODEL, created_at=TRAINED + timedelta(milliseconds=1)))
    assert twin["desired_model"].name != desired()["desired_model"].name


def test_the_execution_does_not_stand_in_the_digest() -> None:
    assert desired(by=replace(EXECUTION, arn=f"{EXECUTION.arn}-again"))["digest"] == desired()["digest"]


def test_both_artifacts_are_found_by_their_s3_uris() -> None:
    container = desired()["desired_model"].request["PrimaryContainer"]
    addresses = [container["ModelDataUrl"], container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"]]
    assert addresses == [f"s3://{QA.artifact_bucket}/{artifact.key}" for artifact in inventory_of().artifacts]


CAPTURE = {"InitialSamplingPercentage": 5, "DestinationS3Uri": "s3://c", "CaptureOptions": [{"CaptureMode": "Input"}]}


@pytest.mark.parametrize(
    "fields",
    [
        {"DataCaptureConfig": CAPTURE},
        {"KmsKeyId": "arn:aws:kms:us-east-1:333333333333:key/1"},
        {"ShadowProductionVariants": [{**VARIANT, "VariantName": "Shadow"}]},
        {"ProductionVariants": [VARIANT, {**VARIANT, "VariantName": "Other"}]},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_everything_in_the_configuration_changes_its_name(fields: dict[str, Any]) -> None:
    other = desired(stage=replace(STAGE, endpoint_config={**STAGE.endpoint_config, **fields}))
    assert other["desired_config"].name != desired()["desired_config"].name
    assert other["desired_model"] == desired()["desired_model"]


def test_every_variant_serves_the_promoted_model_also_a_shadow() -> None:
    variants = {"ProductionVariants": [VARIANT, VARIANT], "ShadowProductionVariants": [VARIANT]}
    parts = desired(stage=replace(STAGE, endpoint_config=variants))
    sent = parts["desired_config"].request
    models = [sent_variant["ModelName"] for kind in variants for sent_variant in sent[kind]]
    assert models == [parts["desired_model"].name] * 3


def test_how_an_endpoint_is_updated_is_no_part_of_its_configuration() -> None:
    other = replace(STAGE, deployment_config={"RollingUpdatePolicy": {}}, retain_variant_properties=False)
    assert desired(stage=other)["desired_config"] == desired()["desired_config"]
