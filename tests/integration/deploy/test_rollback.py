"""Back to what served before: by itself after a failure, and on demand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.resource_names import ENDPOINTS_TABLE, endpoint_key
from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.contract.smoke_test_settings import Expectation
from lambdas.promotion.contract.steps import Step
from sandbox.aws.faults.faults import Kind
from tests.integration import smoke_tests
from tests.integration.deploy.test_endpoint_states import slow_to_start
from tests.integration.role_policies import without_permission
from tests.integration.world import APPLICATION, ENDPOINTS, ExecutionResult, World, input_of, require_failed, run

QA = "333333333333"
ROLL_BACK_ENDPOINT: dict[str, Any] = {"application": APPLICATION, "stage": "qa", "roll_back": True}


@contextmanager
def configured(world: World, deployed: Settings, **fields: object) -> Iterator[None]:
    def change(settings: dict[str, Any]) -> None:
        settings["applications"][APPLICATION]["stages"]["qa"].update(fields)

    with world.configured(change, deployed):
        yield


def outcome(world: World, ended: ExecutionResult) -> str:
    return str(world.record_of(ended.arn)["outcome"])


def test_the_deadline_rolls_back_to_the_recorded_previous_configuration(
    world: World, deployed_settings: Settings
) -> None:
    """SageMaker is still changing the endpoint then, which has to end before it can be changed back."""
    good = world.model()
    first = world.promote_successfully(good)
    late = world.model(container=slow_to_start(world, seconds=16))
    with configured(world, deployed_settings, deadline_seconds=10):
        ended = world.promote(late)

    require_failed(ended, "DeploymentTimedOut", f"has its previous configuration {first.config}")
    assert outcome(world, ended) == "RolledBack"
    assert world.endpoint("qa")["EndpointConfigName"] == first.config
    assert world.invoke("qa")["model"] == good.name
    assert "Wait for the rollback" in world.states(ended.arn)


def test_a_first_deployment_that_fails_is_deleted_and_the_next_one_works(world: World) -> None:
    world.sagemaker_faults.inject("CreateEndpoint", Kind.FAIL, reason="The container did not start.")
    ended = world.promote(world.model())

    require_failed(ended, "EndpointFailed", "The container did not start.", "did not exist before this promotion")
    assert outcome(world, ended) == "RolledBack"
    assert world.promote_successfully(world.model()).output["outcome"] == "Promoted"


def test_a_first_deployment_that_fails_is_kept_if_so_configured(world: World, deployed_settings: Settings) -> None:
    world.sagemaker_faults.inject("CreateEndpoint", Kind.FAIL, reason="The container did not start.")
    with configured(world, deployed_settings, failed_first_deployment="keep"):
        ended = world.promote(world.model())

    require_failed(ended, "EndpointFailed", "is kept (failed_first_deployment: keep)")
    assert outcome(world, ended) == "Errored"
    assert world.endpoint("qa")["EndpointStatus"] == "Failed"


def test_an_update_whose_rollback_failed_is_rolled_back_by_another_update(world: World) -> None:
    good = world.model()
    first = world.promote_successfully(good)
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.ROLLBACK_FAILED, reason="No capacity to go back.")
    ended = world.promote(world.model())

    require_failed(ended, "RollbackFailed", "No capacity to go back.", f"has its previous configuration {first.config}")
    assert outcome(world, ended) == "RolledBack"
    assert world.invoke("qa")["model"] == good.name


def scale(world: World, **desired: float) -> None:
    world.client("sagemaker", "qa").update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINTS["qa"],
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", **desired}],
    )
    world.wait_for_endpoint("qa")


def test_an_endpoint_that_an_update_has_broken_is_made_anew_with_its_instances(world: World) -> None:
    good = world.model()
    first = world.promote_successfully(good)
    scale(world, DesiredInstanceCount=2)
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.FAIL, reason="Broken.")
    ended = world.promote(world.model())

    require_failed(ended, "EndpointFailed", "Broken.", f"has its previous configuration {first.config}")
    assert outcome(world, ended) == "RolledBack"
    assert world.invoke("qa")["model"] == good.name
    (variant,) = world.endpoint("qa")["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 2


def test_a_promotion_that_could_not_change_the_endpoint_rolls_nothing_back(world: World) -> None:
    world.promote_successfully(world.model())
    modified = world.endpoint("qa")["LastModifiedTime"]
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.ERROR, code="ValidationException", message="No.", status=400)
    ended = world.promote(world.model())

    require_failed(ended, "CallRefused", "No.")
    assert outcome(world, ended) == "Errored"
    assert "rolled" not in ended.cause
    assert world.endpoint("qa")["LastModifiedTime"] == modified


def test_what_is_denied_right_before_the_deployment_is_no_failed_rollback(world: World) -> None:
    first = world.promote_successfully(world.model())
    for step in ("deploy_endpoint", "roll_back_endpoint"):
        world.step_faults.inject(
            "DescribeEndpoint", Kind.ERROR, step=step, code="AccessDeniedException", message="No.", times=None
        )
    ended = world.promote(world.model())

    require_failed(ended, "AccessDenied", "sagemaker:DescribeEndpoint", "was not changed by this promotion.")
    assert outcome(world, ended) == "Errored"
    assert world.endpoint("qa")["EndpointConfigName"] == first.config


def test_a_failed_rollback_requests_manual_intervention(world: World) -> None:
    world.promote_successfully(world.model())
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.ROLLBACK_FAILED, reason="First.")
    arn = world.start(application=APPLICATION, stage="qa", model_name=world.model().name)
    world.wait_for_state(arn, "Wait for the endpoint")
    world.sagemaker_faults.inject(
        "UpdateEndpoint", Kind.ERROR, code="ValidationException", message="Never.", status=400, times=None
    )
    ended = world.wait(arn)

    require_failed(ended, "RollbackFailed", "First.", "Never.", "Look at once")
    assert outcome(world, ended) == "Errored"
    assert "owner" not in world.lock_of("qa")


def test_updates_back_that_sagemaker_reverts_are_not_repeated_for_hours(
    world: World, deployed_settings: Settings
) -> None:
    world.promote_successfully(world.model())
    with smoke_tests.tested(world, deployed_settings, replace(smoke_tests.TEXT, expect=Expectation(body="never"))):
        arn = world.start(application=APPLICATION, stage="qa", model_name=world.model().name)
        world.wait_for_state(arn, "Wait for the endpoint")
        world.sagemaker_faults.inject("UpdateEndpoint", Kind.NO_CAPACITY, account=QA, times=None)
        ended = world.wait(arn)

    require_failed(
        ended, "RollbackFailed", "failed its smoke test", "3 attempts to roll it back", "capacity", "immediately"
    )
    assert outcome(world, ended) == "Errored"
    assert world.states(ended.arn).count("Roll back the endpoint") < 20
    assert "owner" not in world.lock_of("qa")


def test_a_previous_configuration_that_was_deleted_is_reported_at_once(
    world: World, deployed_settings: Settings
) -> None:
    first = world.promote_successfully(world.model())
    with smoke_tests.tested(world, deployed_settings, replace(smoke_tests.TEXT, expect=Expectation(body="never"))):
        arn = world.start(application=APPLICATION, stage="qa", model_name=world.model().name)
        world.wait_for_state(arn, "Wait for the endpoint")
        world.client("sagemaker", "qa").delete_endpoint_config(EndpointConfigName=first.config)
        ended = world.wait(arn)

    require_failed(
        ended,
        "RollbackFailed",
        "failed its smoke test",
        "3 attempts to roll it back",
        "Could not find endpoint configuration",
    )
    assert outcome(world, ended) == "Errored"


def test_an_endpoint_whose_configuration_was_deleted_is_refused_before_anything_is_created(world: World) -> None:
    first = world.promote_successfully(world.model())
    world.client("sagemaker", "qa").delete_endpoint_config(EndpointConfigName=first.config)
    before = world.resources_in("qa")
    ended = world.promote(world.model())

    require_failed(ended, "IncompatibleRollout", f"{first.config}, on which the endpoint", "Create", "again")
    assert world.resources_in("qa") == before


def test_the_capacity_that_an_update_did_not_retain_is_restored(world: World, deployed_settings: Settings) -> None:
    good = world.model()
    world.promote_successfully(good)
    scale(world, DesiredInstanceCount=2, DesiredWeight=0.5)
    with (
        smoke_tests.tested(
            world, deployed_settings, replace(smoke_tests.TEXT, expect=Expectation(body="never"))
        ) as now,
        configured(world, now, retain_variant_properties=False),
    ):
        ended = world.promote(world.model())

    require_failed(ended, "SmokeTestFailed", "has its previous configuration")
    assert outcome(world, ended) == "RolledBack"
    (variant,) = world.endpoint("qa")["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredWeight"]) == (2, 0.5)
    assert world.invoke("qa")["model"] == good.name


def test_a_stage_that_was_renamed_rolls_back_to_what_it_served_under_its_old_name(
    world: World, deployed_settings: Settings
) -> None:
    good = world.model()
    first = world.promote_successfully(good)
    world.promote_successfully(world.model())

    def renamed(settings: dict[str, Any]) -> None:
        stages = settings["applications"][APPLICATION]["stages"]
        stages["staging"] = {**stages.pop("qa"), "name": "staging"}

    with world.configured(renamed, deployed_settings):
        ended = world.wait(world.start(application=APPLICATION, stage="staging", roll_back=True))

    assert ended.status == "SUCCEEDED", ended.cause
    assert (ended.output["outcome"], ended.config) == ("Promoted", first.config)
    assert world.invoke("qa")["model"] == good.name


def test_on_demand_the_previous_last_known_good_promotion_serves_again(world: World) -> None:
    good, bad = world.model(), world.model()
    first, second = world.promote_successfully(good), world.promote_successfully(bad)
    ended = world.wait(world.start(**ROLL_BACK_ENDPOINT, requested_by="the on-call engineer"))

    assert ended.status == "SUCCEEDED", ended.cause
    assert (ended.output["outcome"], ended.config) == ("Promoted", first.config)
    assert ended.output["previous_endpoint_config"] == second.output["endpoint_config"]
    assert world.invoke("qa")["model"] == good.name
    record = world.record_of(ended.arn)
    assert (record["roll_back"], record["requested_by"]) == (True, "the on-call engineer")
    # What was left behind may come back when it is mended or asked for.
    assert world.promote_successfully(bad).output["outcome"] == "Promoted"


def test_a_rollback_can_be_planned_and_go_to_the_promotion_that_it_names(world: World) -> None:
    models = [world.model() for _ in range(3)]
    first, _, third = (world.promote_successfully(made) for made in models)
    named = {**ROLL_BACK_ENDPOINT, "roll_back_to": first.arn.rpartition(":")[2]}
    planned = world.wait(world.start(**named, dry_run=True))
    assert planned.output["outcome"] == "Planned", planned.cause
    words = f"would be rolled back from {third.config} (promotion {third.arn.rpartition(':')[2]}) to {first.config}"
    assert words in planned.output["summary"][0]
    assert world.invoke("qa")["model"] == models[2].name

    ended = world.wait(world.start(**named))
    assert ended.status == "SUCCEEDED", ended.cause
    assert world.invoke("qa")["model"] == models[0].name
    target = ended.output["rollback_target"]
    assert (target["from_config"], target["to_config"]) == (third.config, first.config)
    assert world.record_of(ended.arn)["rollback_target"] == target
    unknown = world.wait(world.start(**ROLL_BACK_ENDPOINT, roll_back_to="nothing"))
    require_failed(unknown, "NothingToRollBackTo", "'nothing'", str(named["roll_back_to"]))


def test_two_rollbacks_at_once_go_one_back_and_what_was_made_by_hand_needs_a_word(world: World) -> None:
    models = [world.model() for _ in range(3)]
    for made in models:
        world.promote_successfully(made)
    first = world.start(**ROLL_BACK_ENDPOINT)
    world.wait_for_state(first, "Wait for the endpoint")
    second = world.start(**ROLL_BACK_ENDPOINT)
    assert world.wait(first).status == "SUCCEEDED"
    require_failed(world.wait(second), "Superseded", "start the rollback again")
    assert world.invoke("qa")["model"] == models[1].name

    sagemaker = world.client("sagemaker", "qa")
    served = sagemaker.describe_endpoint_config(EndpointConfigName=world.endpoint("qa")["EndpointConfigName"])
    sagemaker.create_endpoint_config(EndpointConfigName="by-hand", ProductionVariants=served["ProductionVariants"])
    sagemaker.update_endpoint(EndpointName=ENDPOINTS["qa"], EndpointConfigName="by-hand")
    world.wait_for_endpoint("qa")
    require_failed(
        world.wait(world.start(**ROLL_BACK_ENDPOINT)), "InvalidInput", "serves by-hand", '"accept_drift": true'
    )
    ended = world.wait(world.start(**ROLL_BACK_ENDPOINT, accept_drift=True))
    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output["rollback_target"]["from_config"] == "by-hand"
    assert ended.output["rollback_target"].get("from_promotion") is None


def test_a_rollback_recreates_what_another_principal_deleted(world: World) -> None:
    good = world.model()
    first = world.promote_successfully(good)
    world.promote_successfully(world.model())
    sagemaker = world.client("sagemaker", "qa")
    sagemaker.delete_endpoint_config(EndpointConfigName=first.config)
    sagemaker.delete_model(ModelName=first.model)
    ended = world.wait(world.start(**ROLL_BACK_ENDPOINT))

    assert ended.status == "SUCCEEDED", ended.cause
    assert world.invoke("qa")["model"] == good.name


def test_repeated_rollbacks_go_through_the_last_known_good_promotions_in_order(world: World) -> None:
    models = [world.model() for _ in range(3)]
    for made in models:
        world.promote_successfully(made)
    for made in reversed(models[:-1]):
        assert world.wait(world.start(**ROLL_BACK_ENDPOINT)).status == "SUCCEEDED"
        assert world.invoke("qa")["model"] == made.name
    require_failed(world.wait(world.start(**ROLL_BACK_ENDPOINT)), "NothingToRollBackTo", "No last-known-good promotion")


def test_a_failed_promotion_is_not_rolled_back_to(world: World) -> None:
    good = world.model()
    world.promote_successfully(good)
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.SILENT_ROLLBACK, account=QA)
    world.promote(world.model())
    world.promote_successfully(world.model())
    assert world.wait(world.start(**ROLL_BACK_ENDPOINT)).status == "SUCCEEDED"
    assert world.invoke("qa")["model"] == good.name


def delete_known_good(world: World, *, but: int) -> None:
    """The endpoint serves what no record says is good, as after a promotion that was stopped before it ended."""
    good = json.loads(world.lock_of("qa")["last_known_good"])
    pair = world.sandbox.locations["qa"]
    world.client("dynamodb").update_item(
        TableName=ENDPOINTS_TABLE,
        Key={"endpoint": {"S": endpoint_key(pair.account, pair.region, ENDPOINTS["qa"])}},
        UpdateExpression="SET last_known_good = :good",
        ExpressionAttributeValues={":good": {"S": json.dumps(good[-but:] if but else [])}},
    )


def test_a_previous_configuration_is_not_replaced_unless_it_fails_and_a_last_known_good_one_exists(
    world: World, deployed_settings: Settings
) -> None:
    good, unknown = world.model(), world.model()
    world.promote_successfully(good)
    second = world.promote_successfully(unknown)
    wrong = replace(smoke_tests.TEXT, expect=Expectation(body="never"))

    delete_known_good(world, but=0)
    with smoke_tests.tested(world, deployed_settings, wrong):
        step_alone = world.promote(unknown)
    require_failed(
        step_alone,
        "SmokeTestFailed",
        "before this promotion and was left unchanged",
        "No other last-known-good promotion",
    )
    assert outcome(world, step_alone) == "Errored"
    assert world.endpoint("qa")["EndpointConfigName"] == second.config

    world.promote_successfully(good)
    world.promote_successfully(unknown)
    delete_known_good(world, but=1)
    with (
        smoke_tests.tested(world, deployed_settings, smoke_tests.TEXT),
        without_permission(world, "qa", "promote-qa-invoker", "InvokeEndpoints"),
    ):
        denied = world.promote(unknown)
    require_failed(denied, "AccessDenied", "before this promotion and was left unchanged")
    assert world.invoke("qa")["model"] == unknown.name

    with smoke_tests.tested(world, deployed_settings, wrong):
        bad = world.promote(unknown)
    require_failed(bad, "SmokeTestFailed", "has its previous configuration")
    assert world.invoke("qa")["model"] == good.name


def test_an_endpoint_under_aws_maintenance_that_is_promoted_again_is_not_replaced(
    world: World, deployed_settings: Settings
) -> None:
    """It is not InService then, on the configuration that it serves; as while it is scaled (roll_back_rules)."""
    made = world.model()
    first = world.promote_successfully(made)
    with smoke_tests.tested(world, deployed_settings, replace(smoke_tests.TEXT, expect=Expectation(body="never"))):
        world.sagemaker_faults.inject("DescribeEndpoint", Kind.SYSTEM_UPDATING, account=QA, seconds=3.0)
        ended = world.promote(made)

    require_failed(ended, "SmokeTestFailed", "before this promotion and was left unchanged")
    assert world.endpoint("qa")["EndpointConfigName"] == first.config
    assert world.invoke("qa")["model"] == made.name


@pytest.mark.parametrize("more", [{"model_name": "m"}, {"allow_older": True}])
def test_a_roll_back_names_no_model(world: World, more: dict[str, Any]) -> None:
    require_failed(world.wait(world.start(**ROLL_BACK_ENDPOINT, **more)), "InvalidInput", "roll_back")


def test_the_step_can_be_run_again_at_any_moment_of_a_roll_back(world: World) -> None:
    """Killed before its answer counted, it finds what it did: the endpoint ends on the same configuration."""
    good = world.model()
    first = world.promote_successfully(good)
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.FAIL, reason="Broken.")
    ended = world.promote(world.model())
    promotion = input_of(world, ended.arn, "Inspect the endpoint")
    for _ in range(3):
        assert run(world, Step.ROLL_BACK_ENDPOINT, promotion) == {}

    assert world.endpoint("qa")["EndpointConfigName"] == first.config
    assert world.invoke("qa")["model"] == good.name
