"""Promotions that end well: what then serves, what was carried, and that doing it again does nothing."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lambdas.promotion.contract.settings import Settings
from sandbox.demo import data_scientist
from tests.integration.role_policies import without_permission
from tests.integration.world import APPLICATION, IMAGE, INFERENCE, World, tar

IN_SERVICE = "Is the endpoint in service?"


def test_a_model_of_dev_serves_in_qa_from_what_was_copied(world: World) -> None:
    made = world.model()
    ended = world.promote_successfully(made)

    assert ended.output["outcome"] == "Promoted"
    assert world.invoke("qa", "a fine film") == {"model": made.name, "asked": "a fine film", "mood": "sunny"}
    container = world.client("sagemaker", "qa").describe_model(ModelName=ended.model)["PrimaryContainer"]
    for address in (container["ModelDataUrl"], container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"]):
        assert address.startswith("s3://promote-qa-333333333333-us-east-1/artifacts/text-classifier/qa/")


def test_the_output_states_what_was_promoted_where_it_is_and_what_it_cost(world: World) -> None:
    made = world.model()
    ended = world.promote_successfully(made)

    output = dict(ended.output)
    assert output.pop("bytes_copied") > 0
    assert output.pop("started_at") < output.pop("ended_at")
    assert output.pop("seconds") > 0
    target = "arn:aws:sagemaker:us-east-1:333333333333"
    assert output == {
        "outcome": "Promoted",
        "application": APPLICATION,
        "stage": "qa",
        "source_model": f"arn:aws:sagemaker:us-east-1:222222222222:model/{made.name}",
        "source_model_package": None,
        "target_model": f"{target}:model/{ended.model}",
        "endpoint_config": f"{target}:endpoint-config/{ended.config}",
        "endpoint": f"{target}:endpoint/text-classifier-qa",
        "previous_endpoint_config": None,
        "artifacts": 2,
        "artifacts_copied": 2,
        "images_copied": [],
        "unused_mappings": [],
        "rollback_target": None,
        "artifacts_verified_by_checksum": 2,
        "artifacts_verified_by_size": 0,
        "smoke": None,
        "preview": None,
    }


def test_the_model_arrives_whole(world: World) -> None:
    made = world.model(Tags=[{"Key": "team", "Value": "reviews"}])
    ended = world.promote_successfully(made)

    sagemaker = world.client("sagemaker", "qa")
    source = world.client("sagemaker", "dev").describe_model(ModelName=made.name)
    target = sagemaker.describe_model(ModelName=ended.model)
    moved = {"SAGEMAKER_SUBMIT_DIRECTORY"}
    assert target["PrimaryContainer"]["Image"].startswith(f"{IMAGE.partition(':')[0]}@sha256:")
    assert target["ExecutionRoleArn"] == "arn:aws:iam::333333333333:role/promote-qa-execution"
    for name, value in source["PrimaryContainer"]["Environment"].items():
        assert name in moved or target["PrimaryContainer"]["Environment"][name] == value
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=target["ModelArn"])["Tags"]}
    assert tags["team"] == "reviews"
    assert tags["promote:source-model"] == source["ModelArn"]
    assert tags["promote:execution"] == ended.arn
    assert len(tags["promote:digest"]) == 64


def test_network_isolation_is_carried(world: World) -> None:
    """An isolated container reads nothing from S3 itself: its program is in the model's archive."""
    archive = tar({"weights.json": b'{"name": "alone"}', "code/inference.py": INFERENCE})
    container = world.container(ModelDataUrl=world.upload("model.tar.gz", archive), Environment={"MOOD": "calm"})
    ended = world.promote_successfully(world.model(container=container, EnableNetworkIsolation=True))

    assert world.client("sagemaker", "qa").describe_model(ModelName=ended.model)["EnableNetworkIsolation"] is True
    assert world.invoke("qa")["model"] == "alone"


def test_a_model_in_another_region_uses_that_regions_image_and_gets_that_region(world: World) -> None:
    container = world.container()
    container["Environment"]["SAGEMAKER_REGION"] = "us-east-1"
    in_qa = world.promote_successfully(world.model(container=container))
    ended = world.wait(world.start(application=APPLICATION, stage="production", model_name=in_qa.model))

    assert ended.output["endpoint"] == "arn:aws:sagemaker:eu-west-1:444444444444:endpoint/text-classifier"
    described = world.client("sagemaker", "production").describe_model(ModelName=ended.model)["PrimaryContainer"]
    repository, _, digest = described["Image"].partition("@")
    assert (repository, digest[:7]) == (data_scientist.image("eu-west-1").partition(":")[0], "sha256:")
    assert described["Environment"]["SAGEMAKER_REGION"] == "eu-west-1"
    copied = "s3://promote-production-444444444444-eu-west-1/artifacts/text-classifier/production/"
    assert described["ModelDataUrl"].startswith(copied)


def test_what_qa_runs_goes_to_production(world: World) -> None:
    made = world.model(Tags=[{"Key": "team", "Value": "reviews"}])
    in_qa = world.promote_successfully(made)
    ended = world.wait(world.start(application=APPLICATION, stage="production", model_name=in_qa.model))

    assert ended.output["outcome"] == "Promoted"
    assert world.invoke("production")["model"] == made.name
    arn = ended.output["target_model"]
    tags = {t["Key"]: t["Value"] for t in world.client("sagemaker", "production").list_tags(ResourceArn=arn)["Tags"]}
    assert tags["promote:stage"] == "production"
    assert tags["promote:source-model"] == in_qa.output["target_model"]


def test_a_new_model_updates_the_endpoint(world: World) -> None:
    first = world.promote_successfully(world.model())
    second = world.promote_successfully(newer := world.model())

    assert second.output["outcome"] == "Promoted"
    assert second.output["previous_endpoint_config"] == first.output["endpoint_config"]
    assert world.endpoint("qa")["EndpointConfigName"] == second.config
    assert world.invoke("qa")["model"] == newer.name


def test_a_repeated_promotion_is_unchanged_and_requires_no_write_permission(world: World) -> None:
    made = world.model()
    first = world.promote_successfully(made)
    before = world.endpoint("qa")["LastModifiedTime"]
    with (
        without_permission(world, "qa", "promote-qa-deployer", "CreateEndpoints"),
        without_permission(world, "qa", "promote-qa-deployer", "PassExecutionRole"),
        without_permission(world, "dev", "promote-dev-copier", "PutIntoQa"),
    ):
        promoted_before = world.promote_successfully(made)

    assert promoted_before.output["outcome"] == "Unchanged"
    assert promoted_before.output["endpoint_config"] == first.output["endpoint_config"]
    assert (
        promoted_before.output["artifacts"],
        promoted_before.output["artifacts_copied"],
        promoted_before.output["bytes_copied"],
    ) == (2, 0, 0)
    # Nothing was verified, so nothing is said of it.
    assert (
        promoted_before.output["artifacts_verified_by_checksum"],
        promoted_before.output["artifacts_verified_by_size"],
    ) == (None, None)
    states = world.states(promoted_before.arn)
    compared = states.index("Compare the endpoint")
    after = ["Is there anything to do?", "Is scaling to be resumed?", "Record the promotion"]
    assert states[compared + 1 : compared + 4] == after
    assert world.endpoint("qa")["LastModifiedTime"] == before


def test_a_changed_instance_type_alone_makes_a_new_configuration_and_an_update(
    world: World, deployed_settings: Settings
) -> None:
    made = world.model()
    first = world.promote_successfully(made)

    def larger(settings: dict[str, Any]) -> None:
        stage = settings["applications"][APPLICATION]["stages"]["qa"]
        stage["endpoint_config"]["ProductionVariants"][0]["InstanceType"] = "ml.m5.large"

    with world.configured(larger, deployed_settings):
        second = world.promote_successfully(made)

    assert second.output["outcome"] == "Promoted"
    assert second.output["target_model"] == first.output["target_model"]
    assert second.output["artifacts_copied"] == 0
    config = world.client("sagemaker", "qa").describe_endpoint_config(EndpointConfigName=second.config)
    assert config["ProductionVariants"][0]["InstanceType"] == "ml.m5.large"
    assert world.endpoint("qa")["EndpointConfigName"] == second.config != first.config


def test_the_output_lists_copies_whose_source_has_no_checksum_to_verify_against(world: World) -> None:
    """An object from before 2024 has none (AWS: S3, data integrity protections)."""
    made = world.model()
    bucket, _, key = made.model_uri.removeprefix("s3://").partition("/")
    world.state.forget_checksum(bucket, key)
    ended = world.promote_successfully(made)

    assert (ended.output["artifacts_verified_by_checksum"], ended.output["artifacts_verified_by_size"]) == (1, 1)


def test_two_models_made_in_the_same_minute_do_not_collide(world: World) -> None:
    older, newer = world.model(), world.model()
    first, second = world.promote_successfully(older), world.promote_successfully(newer)

    assert first.model != second.model
    assert world.invoke("qa")["model"] == newer.name


def test_a_plain_promotion_to_an_endpoint_that_takes_ten_minutes_has_at_most_60_transitions(world: World) -> None:
    ended = world.promote_successfully(world.model())
    states = world.states(ended.arn)
    looking = [name for name in states if name in {"Wait for the endpoint", "Inspect the endpoint", IN_SERVICE}]
    looks = 1 + (10 * 60 - 60) // 90 + 1  # the last one by an event
    units = 2  # each an execution of its own, with its start and its one state

    assert 1 + len(states) - len(looking) + 3 * looks + units <= 60


def test_an_older_model_can_be_promoted_again(world: World) -> None:
    older = world.model()
    first = world.promote_successfully(older)
    world.promote_successfully(world.model())
    back = world.wait(world.start(application=APPLICATION, stage="qa", model_name=older.name, allow_older=True))

    assert back.status == "SUCCEEDED", back.cause
    assert back.output["endpoint_config"] == first.output["endpoint_config"]
    assert world.invoke("qa")["model"] == older.name


def test_a_model_without_artifacts_is_promoted(world: World) -> None:
    """Everything may be in the image; whether it serves is the image's business."""
    container = world.container(ModelDataUrl=None, Environment={"MOOD": "calm"})
    made = world.model(container=container)
    ended = world.promote(made)

    assert world.states(ended.arn).count("Create the endpoint configuration") == 1


def test_a_model_made_from_a_model_package_is_resolved_to_its_containers(world: World) -> None:
    version = world.version(approval="Approved")
    world.wait_until_idle()
    made = world.model(container={"ModelPackageName": version, "Environment": {"MOOD": "curious"}})
    ended = world.promote_successfully(made)

    assert ended.output["source_model_package"] == version
    assert world.invoke("qa")["mood"] == "curious"


def test_the_same_model_twice_at_once_is_one_change(world: World) -> None:
    made = world.model()
    arns = [world.start(application=APPLICATION, stage="qa", model_name=made.name) for _ in range(2)]
    with ThreadPoolExecutor() as both:
        ended = list(both.map(world.wait, arns))

    assert sorted(result.output["outcome"] for result in ended) == ["Promoted", "Unchanged"], [
        result.cause for result in ended
    ]
    assert len(world.resources_in("qa")) == 3


def test_resources_deleted_under_a_live_endpoint_are_created_again(world: World) -> None:
    """It serves, but SageMaker could not replace its instances any more."""
    made = world.model()
    first = world.promote_successfully(made)
    sagemaker = world.client("sagemaker", "qa")
    model = sagemaker.describe_model(ModelName=first.model)
    bucket, _, key = model["PrimaryContainer"]["ModelDataUrl"].removeprefix("s3://").partition("/")
    world.client("s3", "qa").delete_object(Bucket=bucket, Key=key)
    sagemaker.delete_model(ModelName=first.model)
    sagemaker.delete_endpoint_config(EndpointConfigName=first.config)
    promoted_before = world.promote_successfully(made)

    assert (promoted_before.output["outcome"], promoted_before.output["artifacts_copied"]) == ("Promoted", 1)
    assert promoted_before.output["endpoint_config"] == first.output["endpoint_config"]
    assert world.promote_successfully(made).output["outcome"] == "Unchanged"


def test_a_copy_that_was_altered_under_a_live_endpoint_is_reported(world: World) -> None:
    made = world.model()
    model = world.client("sagemaker", "qa").describe_model(ModelName=world.promote_successfully(made).model)
    bucket, _, key = model["PrimaryContainer"]["ModelDataUrl"].removeprefix("s3://").partition("/")
    world.client("s3", "qa").put_object(Bucket=bucket, Key=key, Body=b"evil")
    ended = world.promote(made)

    assert (ended.error, key in ended.cause) == ("ArtifactMismatch", True)


@pytest.mark.parametrize("form", ["PrimaryContainer", "Containers"])
def test_either_form_of_one_container_is_carried(world: World, form: str) -> None:
    container = world.container("one")
    made = world.model(**({"Containers": [container]} if form == "Containers" else {"container": container}))
    world.promote_successfully(made)

    assert world.invoke("qa")["model"] == "one"


def test_the_document_of_a_promotion_stays_small(world: World) -> None:
    ended = world.promote_successfully(world.model())
    pages = world.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=ended.arn)
    events = [event for page in pages for event in page["events"]]
    largest = max(len(json.dumps(event, default=str)) for event in events)

    assert largest < 20_000
    assert len(events) < 120
