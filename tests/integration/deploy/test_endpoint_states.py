"""The endpoint on good and bad days: what a promotion waits for, and what it says when it ends badly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.promotion.contract.settings import Settings
from sandbox.aws.faults.faults import Kind
from tests.integration.world import APPLICATION, INFERENCE, CreatedModel, ExecutionResult, World, require_failed, tar

ENDPOINT = "text-classifier-qa"


def short_deadline(settings: dict[str, Any]) -> None:
    settings["applications"][APPLICATION]["stages"]["qa"]["deadline_seconds"] = 8
    settings["applications"][APPLICATION]["stages"]["qa"]["deadline_seconds"] = 5


def test_a_silent_rollback_is_reported_with_sagemakers_reason(world: World) -> None:
    """InService proves nothing: SageMaker returns to the previous configuration when an update fails."""
    first = world.promote_successfully(world.model())
    world.sagemaker_faults.inject(
        "UpdateEndpoint", Kind.SILENT_ROLLBACK, account="333333333333", reason="The alarm rang."
    )
    ended = world.promote(world.model())

    require_failed(ended, "DeploymentRolledBack", first.config, "The alarm rang.", "The previous model is in service")
    assert world.endpoint("qa")["EndpointConfigName"] == first.config


def test_a_model_that_cannot_be_loaded_rolls_back_and_the_previous_one_serves(world: World) -> None:
    """No fault is injected here: the new container does not pass its health check."""
    good = world.model()
    world.promote_successfully(good)
    environment = {"SAGEMAKER_PROGRAM": "missing.py", "SAGEMAKER_SUBMIT_DIRECTORY": good.source_uri}
    ended = world.promote(world.model(container=world.container("bad", Environment=environment)))

    require_failed(ended, "DeploymentRolledBack", "ping health check")
    assert world.invoke("qa")["model"] == good.name


def test_a_first_deployment_that_fails_is_reported_with_sagemakers_reason(world: World) -> None:
    world.sagemaker_faults.inject("CreateEndpoint", Kind.FAIL, reason="The container did not start.")
    require_failed(
        world.promote(world.model()),
        "EndpointFailed",
        "The container did not start.",
        "did not exist before this promotion",
    )


def test_a_failed_endpoint_blocks_the_promotion_before_anything_is_copied(world: World) -> None:
    with_failed_endpoint(world)
    artifacts = world.artifacts_in("qa")
    ended = world.promote(world.model())

    require_failed(ended, "BlockedByFailedEndpoint", "allows only its deletion", "delete-endpoint --endpoint-name")
    assert world.artifacts_in("qa") == artifacts
    assert world.endpoint("qa")["EndpointStatus"] == "Failed"


def test_after_the_failed_endpoint_is_deleted_the_promotion_works(world: World) -> None:
    with_failed_endpoint(world)
    world.client("sagemaker", "qa").delete_endpoint(EndpointName=ENDPOINT)

    assert world.promote_successfully(world.model()).output["outcome"] == "Promoted"


def test_another_principals_update_is_waited_for(world: World) -> None:
    slow = world.promote_successfully(world.model(container=slow_to_start(world, seconds=2)))
    world.promote_successfully(world.model())

    def update() -> None:
        world.client("sagemaker", "qa").update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=slow.config)

    ended = promoted_while(world, made := world.model(), update)

    assert "Wait for the other change" in world.states(ended.arn)
    assert world.invoke("qa")["model"] == made.name


def test_another_principals_creation_is_waited_for(world: World) -> None:
    first = world.promote_successfully(world.model())
    sagemaker = world.client("sagemaker", "qa")
    sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    wait_until_gone(world)
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=first.config)
    ended = world.promote_successfully(world.model())

    assert ended.output["previous_endpoint_config"] == first.output["endpoint_config"]


def test_system_updating_is_waited_for(world: World) -> None:
    world.promote_successfully(world.model())
    ended = promoted_while(
        world,
        world.model(),
        lambda: world.sagemaker_faults.inject("DescribeEndpoint", Kind.SYSTEM_UPDATING, seconds=2.0),
    )

    assert "Wait for the other change" in world.states(ended.arn)


def test_another_principals_change_is_not_waited_for_beyond_the_deadline(
    world: World, deployed_settings: Settings
) -> None:
    world.promote_successfully(world.model())
    with world.configured(short_deadline, deployed_settings):
        world.sagemaker_faults.inject("DescribeEndpoint", Kind.SYSTEM_UPDATING, seconds=20.0)
        ended = world.promote(world.model())

    require_failed(ended, "EndpointBusy", "SystemUpdating", "did not change it")


def test_a_deployment_by_another_principal_over_ours_is_reported(world: World) -> None:
    """The endpoint is InService, but on neither our configuration nor the previous one."""
    other = world.promote_successfully(world.model())
    world.promote_successfully(world.model())
    made = world.model()
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.SILENT_ROLLBACK, account="333333333333")
    arn = world.start(application=APPLICATION, stage="qa", model_name=made.name)
    wait_for_update(world)
    world.wait_for_endpoint("qa")
    # Deployed over before the next look.
    try:
        world.client("sagemaker", "qa").update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=other.config)
    finally:
        ended = world.wait(arn)

    assert ended.error in {"DeploymentSuperseded", "DeploymentRolledBack"}


def test_an_endpoint_deleted_during_the_promotion_is_reported(world: World) -> None:
    world.promote_successfully(world.model())
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.ERROR_AFTER, account="333333333333")
    made = world.model()
    arn = world.start(application=APPLICATION, stage="qa", model_name=made.name)
    wait_for_update(world)
    world.state.forget_sagemaker("333333333333")
    ended = world.wait(arn)

    assert ended.error in {"DeploymentSuperseded", "NotYetVisible"}


def test_a_quota_is_reported_by_its_name(world: World) -> None:
    message = "The account-level service limit 'ml.t2.medium for endpoint usage' is 0 Instances."
    world.sagemaker_faults.inject(
        "CreateEndpoint", Kind.ERROR, code="ResourceLimitExceeded", message=message, status=400, times=None
    )
    require_failed(world.promote(world.model()), "QuotaExceeded", message)


def test_what_sagemaker_refuses_for_another_reason_is_quoted(world: World) -> None:
    world.sagemaker_faults.inject(
        "CreateEndpointConfig", Kind.ERROR, code="ValidationException", message="Not today.", status=400, times=None
    )
    require_failed(world.promote(world.model()), "CallRefused", "Not today.", "create the endpoint configuration")


@pytest.mark.parametrize("operation", ["DescribeModel", "CreateModel", "CreateEndpointConfig", "CreateEndpoint"])
def test_a_throttled_call_is_retried(world: World, operation: str) -> None:
    made = world.model()
    world.sagemaker_faults.inject(operation, Kind.THROTTLE, times=2)
    assert world.promote_successfully(made).output["outcome"] == "Promoted"


def test_an_outage_during_polling_is_not_a_model_failure(world: World) -> None:
    """More failures in a row than a state has retries: it waits, and looks again."""
    arn = world.start(application=APPLICATION, stage="qa", model_name=world.model().name)
    world.wait_for_state(arn, "Wait for the endpoint")
    world.sagemaker_faults.inject("DescribeEndpoint", Kind.THROTTLE, times=10)
    ended = world.wait(arn)

    assert ended.status == "SUCCEEDED", ended.cause
    assert world.sagemaker_faults.pending() == []


@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"])
def test_an_error_after_the_effect_is_no_harm(world: World, operation: str) -> None:
    made = world.model()
    world.sagemaker_faults.inject(operation, Kind.ERROR_AFTER, account="333333333333")
    ended = world.promote_successfully(made)

    assert ended.output["outcome"] == "Promoted"
    assert len(world.resources_in("qa")) == 3


def test_an_update_that_answered_with_an_error_but_happened_is_promoted(world: World) -> None:
    first = world.promote_successfully(world.model())
    made = world.model()
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.ERROR_AFTER, account="333333333333")
    ended = world.promote_successfully(made)

    assert ended.output["outcome"] == "Promoted"
    assert ended.output["previous_endpoint_config"] == first.output["endpoint_config"]


def test_a_stale_response_right_after_the_update_is_no_rollback(world: World) -> None:
    world.promote_successfully(world.model())
    made = world.model()
    world.sagemaker_faults.inject("DescribeEndpoint", Kind.STALE, account="333333333333", times=3)
    assert world.promote_successfully(made).output["outcome"] == "Promoted"


def test_a_configuration_that_is_not_visible_yet_is_waited_for(world: World) -> None:
    made = world.model()
    world.sagemaker_faults.inject("CreateEndpoint", Kind.STALE, account="333333333333", times=2)
    assert world.promote_successfully(made).output["outcome"] == "Promoted"


def with_failed_endpoint(world: World) -> None:
    """Somebody's update has broken the endpoint."""
    serving, other = world.promote_successfully(world.model()), world.promote_successfully(world.model())
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.FAIL, reason="Broken.")
    world.client("sagemaker", "qa").update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=serving.config)
    world.wait_for_endpoint("qa", "Failed")
    assert other.config != serving.config


def promoted_while(world: World, made: CreatedModel, happens: Callable[[], object]) -> ExecutionResult:
    """Promote a model, and let something happen to the endpoint shortly before it is to be changed."""
    world.sagemaker_faults.inject("CreateModel", Kind.HANG, account="333333333333", seconds=1.0)
    arn = world.start(application=APPLICATION, stage="qa", model_name=made.name)
    world.wait_for_state(arn, "Create the model")
    happens()
    ended = world.wait(arn)
    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
    return ended


def slow_to_start(world: World, *, seconds: int, program: bytes = INFERENCE) -> dict[str, Any]:
    """A container whose model takes its time to load."""
    program = program.replace(b"def model_fn(model_dir):", b"def model_fn(model_dir):\n    SLEEP")
    source = program.replace(b"SLEEP", f"import time; time.sleep({seconds})".encode())
    container = world.container("slow")
    container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] = world.upload(
        "sourcedir.tar.gz", tar({"inference.py": source})
    )
    return container


def wait_until_gone(world: World) -> None:
    while ENDPOINT in world.resources_in("qa"):
        pass


def wait_for_update(world: World) -> None:
    while world.endpoint("qa")["EndpointStatus"] != "Updating":
        pass
