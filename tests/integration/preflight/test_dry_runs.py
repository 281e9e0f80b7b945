"""A dry run: what a promotion would do, or all its blockers; nothing is touched, and no other outcome is late."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from lambdas.promotion.contract.settings import Settings
from sandbox.aws.faults.faults import Kind
from tests.integration.role_policies import without_permission
from tests.integration.scaled_endpoint import move_to, scale, scaling_of
from tests.integration.world import APPLICATION, ENDPOINTS, CreatedModel, ExecutionResult, World

TARGET = "arn:aws:sagemaker:us-east-1:333333333333"


def dry_run(world: World, made: CreatedModel) -> ExecutionResult:
    return world.wait(world.start(application=APPLICATION, stage="qa", model_name=made.name, dry_run=True))


def untouched(world: World) -> dict[str, Any]:
    """Everything that a promotion could make or change in qa."""
    return {
        "made": sorted(world.resources_in("qa")),
        "objects": sorted(world.artifacts_in("qa")),
        "uploads": sorted(world.open_uploads("qa")),
        "repositories": sorted(
            repository["repositoryName"]
            for repository in world.client("ecr", "qa").describe_repositories()["repositories"]
        ),
        "endpoint": world.endpoint("qa")["LastModifiedTime"] if ENDPOINTS["qa"] in world.resources_in("qa") else None,
    }


def larger(document: dict[str, Any]) -> None:
    (variant,) = document["applications"][APPLICATION]["stages"]["qa"]["endpoint_config"]["ProductionVariants"]
    variant["InstanceType"] = "ml.m5.xlarge"


def test_a_dry_run_of_a_first_deployment_reports_what_would_be_created_and_creates_nothing(world: World) -> None:
    made, before = world.model(), untouched(world)
    ended = dry_run(world, made)

    assert ended.status == "SUCCEEDED", ended.cause
    output = ended.output
    assert (output["outcome"], output["changes_anything"]) == ("Planned", True)
    assert output["current_deployment"] is None
    assert not output["target_model"]["exists"]
    assert output["artifacts_to_copy"] == 2
    assert output["bytes_to_copy"] > 0
    assert f"The endpoint {ENDPOINTS['qa']} would be created." in output["summary"]
    assert untouched(world) == before
    assert world.states(ended.arn)[-1] == "Planned"
    assert "Lock the endpoint" not in world.states(ended.arn)
    assert world.record_of(ended.arn)["outcome"] == "Planned"

    promoted = world.promote_successfully(made).output
    assert promoted["target_model"] == output["target_model"]["arn"]
    assert promoted["endpoint_config"] == output["endpoint_config"]["arn"]
    assert promoted["bytes_copied"] == output["bytes_to_copy"]


def test_a_dry_run_of_an_update_reports_how_the_configuration_would_change(
    world: World, deployed_settings: Settings
) -> None:
    made = world.model()
    served = world.promote_successfully(made)
    before = untouched(world)
    with world.configured(larger, deployed_settings):
        ended = dry_run(world, made)

    assert ended.status == "SUCCEEDED", ended.cause
    output = ended.output
    assert output["current_deployment"] == {
        "endpoint_config": served.config,
        "status": "InService",
        "instances": {"AllTraffic": 1},
    }
    assert output["differences"] == [
        {"path": "ProductionVariants.AllTraffic.InstanceType", "current": "ml.t2.medium", "desired": "ml.m5.xlarge"}
    ]
    assert output["target_model"]["exists"]
    assert not output["endpoint_config"]["exists"]
    assert output["artifacts_to_copy"] == 0
    assert untouched(world) == before


def test_a_dry_run_of_the_live_model_reports_that_nothing_would_be_done(world: World) -> None:
    made = world.model()
    world.promote_successfully(made)
    before = untouched(world)
    ended = dry_run(world, made)

    assert (ended.status, ended.output["outcome"]) == ("SUCCEEDED", "Planned"), ended.cause
    assert not ended.output["changes_anything"]
    assert ended.output["differences"] == []
    assert untouched(world) == before


def test_a_dry_run_of_an_older_model_ends_as_its_promotion_does(world: World) -> None:
    older, newer = world.model(), world.model()
    world.promote_successfully(newer)
    before = untouched(world)
    planned, promoted = dry_run(world, older), world.promote(older)
    assert (planned.error, promoted.error) == ("OlderModel", "OlderModel")
    assert planned.cause == promoted.cause
    assert untouched(world) == before


def test_scaling_that_the_update_would_meet_is_part_of_the_plan_and_stays(
    world: World, deployed_settings: Settings
) -> None:
    made = world.model()
    world.promote_successfully(made)
    move_to(world, "qa", "ml.m5.large")  # another principal's configuration
    before = scale(world, "qa")
    with world.configured(larger, deployed_settings):
        ended = dry_run(world, made)

    assert ended.status == "SUCCEEDED", ended.cause
    suspended = "The automatic scaling of endpoint/text-classifier-qa/variant/AllTraffic would be suspended"
    assert [line for line in ended.output["summary"] if line.startswith(suspended)]
    assert scaling_of(world, "qa") == before


def test_a_quota_too_small_for_old_and_new_instances_is_reported_before_anything_is_created(world: World) -> None:
    world.promote_successfully(world.model())
    made, before = world.model(), untouched(world)
    world.sagemaker_faults.inject("*", Kind.QUOTA, resource="ml.t2.medium", value=1, times=None)
    ended = world.promote(made)

    assert (ended.status, ended.error) == ("FAILED", "QuotaExceeded"), ended.cause
    for words in ("run 2 instances of ml.t2.medium", "ml.t2.medium for endpoint usage", "It is 1"):
        assert words in ended.cause
    assert untouched(world) == before


LACKING = (
    ("dev", "promote-dev-copier", "ReadArtifacts", "s3:GetObject"),
    ("dev", "promote-dev-copier", "PutIntoQa", "s3:PutObject"),
    ("qa", "promote-qa-deployer", "CreateModels", "sagemaker:CreateModel"),
    ("qa", "promote-qa-deployer", "PassExecutionRole", "iam:PassRole"),
    ("qa", "promote-qa-deployer", "ReadImages", "ecr:BatchGetImage"),
    ("qa", "promote-qa-deployer", "AbortUploads", "s3:AbortMultipartUpload"),
    ("qa", "promote-qa-execution", "DecryptModels", "kms:Decrypt"),
)


@pytest.mark.parametrize("dry", [True, False], ids=["dry run", "promotion"])
def test_a_failed_preflight_reports_all_findings_at_once_and_creates_nothing(world: World, dry: bool) -> None:
    made, before = world.model(), untouched(world)
    with contextlib.ExitStack() as lacking:
        for environment, role, sid, action in LACKING:
            lacking.enter_context(without_permission(world, environment, role, sid, action))
        ended = dry_run(world, made) if dry else world.promote(made)

    assert (ended.status, ended.error) == ("FAILED", "PreflightFailed"), ended.cause
    for _, role, _, action in LACKING:
        assert any(role in finding and action in finding for finding in ended.cause.split(" (")), (
            role,
            action,
            ended.cause,
        )
    assert made.model_uri in ended.cause
    assert "kms:Decrypt on arn:aws:kms:us-east-1:333333333333:key/" in ended.cause
    assert untouched(world) == before


def test_a_query_that_is_not_permitted_is_reported_and_stops_nothing(world: World) -> None:
    made = world.model()
    with (
        without_permission(world, "qa", "promote-qa-deployer", "SimulateOwnPermissions"),
        without_permission(world, "qa", "promote-qa-deployer", "DescribeKey"),
        without_permission(world, "dev", "promote-dev-copier", "SimulateOwnPermissions"),
        without_permission(world, "qa", "promote-qa-deployer", "ReadQuotas"),
    ):
        ended = dry_run(world, made)
        promoted = world.promote(made)

    assert ended.status == promoted.status == "SUCCEEDED", ended.cause + promoted.cause
    for words in ("iam:PassRole of arn:aws:iam::333333333333:role/promote-qa-deployer", "The key ", "The quotas "):
        assert any(check.startswith(words) for check in ended.output["inconclusive_checks"]), ended.output[
            "inconclusive_checks"
        ]
