"""The preview: a model is tested on a temporary endpoint before traffic moves, and nothing of that endpoint is left."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lambdas.promotion.contract.settings import Preview, Settings
from lambdas.promotion.contract.time_limits import STOP_GRACE_PERIOD
from sandbox.aws.faults.faults import Kind
from tests.integration import smoke_tests
from tests.integration.deploy.test_endpoint_states import slow_to_start
from tests.integration.role_policies import without_permission
from tests.integration.world import INFERENCE, ExecutionResult, World, tar

PREVIEW_STATES = [
    "Create the preview endpoint",
    "Smoke-test the preview endpoint",
    "Delete the preview endpoint",
]
SILENT = INFERENCE.replace(b'"asked": data', b'"asked": "nothing"')


@pytest.fixture(scope="module")
def settings(module_world: World, deployed_settings: Settings) -> Iterator[Settings]:
    with smoke_tests.tested(module_world, deployed_settings, smoke_tests.TEXT, preview=Preview()) as now:
        yield now


@pytest.fixture(scope="module")
def world(module_world: World, settings: Settings) -> World:
    return module_world


def bad(world: World) -> dict[str, object]:
    """A model that starts and answers something else than its stage expects."""
    container = world.container("silent")
    container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] = world.upload(
        "sourcedir.tar.gz", tar({"inference.py": SILENT})
    )
    return container


def previews_in(world: World) -> list[str]:
    return [name for name in world.resources_in("qa") if "-preview-" in name]


def test_a_working_model_is_previewed_goes_live_and_its_preview_is_deleted(world: World) -> None:
    made = world.model()
    ended = world.promote_successfully(made)

    states = [state for state in world.states(ended.arn) if state in [*PREVIEW_STATES, "Deploy the endpoint"]]
    assert list(dict.fromkeys(states)) == [*PREVIEW_STATES, "Deploy the endpoint"]
    for report in ("preview", "smoke"):
        (test,) = ended.output[report]["tests"]
        assert (test["sent"], test["failures"]) == ("a fine film (text/csv, 11 bytes)", 0)
    assert previews_in(world) == []
    assert world.invoke("qa")["model"] == made.name


def test_a_broken_model_is_stopped_by_its_preview_while_the_old_one_keeps_serving(world: World) -> None:
    good = world.model()
    world.promote_successfully(good)
    before = world.endpoint("qa")
    arn = world.start(application="text-classifier", stage="qa", model_name=world.model(container=bad(world)).name)
    heard, previews = set(), set()
    executions = world.client("stepfunctions")
    while executions.describe_execution(executionArn=arn)["status"] == "RUNNING":
        heard.add(world.invoke("qa")["model"])
        previews.update(previews_in(world))
    ended = world.wait(arn)

    assert (ended.status, ended.error) == ("FAILED", "SmokeTestFailed")
    assert "This was a preview: the endpoint text-classifier-qa was not changed." in ended.cause
    assert 'received status 200, {"model": "silent", "asked": "nothing"' in ended.cause
    assert world.record_of(arn)["outcome"] == "Refused"
    assert heard == {good.name}
    assert len(previews) == 2  # it was there: the endpoint and its configuration
    after = world.endpoint("qa")
    assert (after["EndpointConfigName"], after["LastModifiedTime"]) == (
        before["EndpointConfigName"],
        before["LastModifiedTime"],
    )
    assert {"Deploy the endpoint", "Roll back the endpoint"}.isdisjoint(world.states(arn))
    assert previews_in(world) == []


def test_a_dry_run_reports_the_preview_and_its_missing_permissions(world: World) -> None:
    made, before = world.model(), world.resources_in("qa")

    def dry_run() -> ExecutionResult:
        return world.wait(world.start(application="text-classifier", stage="qa", model_name=made.name, dry_run=True))

    message = dry_run()
    with (
        without_permission(world, "qa", "promote-qa-deployer", "ManagePreviews", "sagemaker:DeleteEndpoint"),
        without_permission(world, "qa", "promote-qa-invoker", "InvokePreviews"),
    ):
        lacking = dry_run()

    assert message.status == "SUCCEEDED", message.cause
    says = [line for line in message.output["summary"] if line.startswith("The model would be deployed to a preview")]
    assert len(says) == 1
    assert lacking.error == "PreflightFailed"
    for words in ("found 2 problems with", "sagemaker:DeleteEndpoint on", "sagemaker:InvokeEndpoint on", "-preview-"):
        assert words in lacking.cause
    assert world.resources_in("qa") == before


def test_a_model_that_does_not_start_fails_its_preview_and_leaves_nothing(world: World) -> None:
    good = world.model()
    world.promote_successfully(good)
    world.sagemaker_faults.inject("CreateEndpoint", Kind.FAIL, reason="The container did not start.")
    ended = world.promote(world.model())

    assert (ended.status, ended.error) == ("FAILED", "PreviewFailed")
    assert "The container did not start. The endpoint text-classifier-qa was not changed." in ended.cause
    assert world.record_of(ended.arn)["outcome"] == "Errored"
    assert world.invoke("qa")["model"] == good.name
    assert previews_in(world) == []


@pytest.mark.parametrize("state", [*PREVIEW_STATES, "Wait for the preview endpoint", "Wait for the deletion"])
def test_the_preview_of_an_aborted_promotion_is_deleted_and_the_next_one_works(world: World, state: str) -> None:
    made = world.model(container=slow_to_start(world, seconds=4))
    arn = world.start(application="text-classifier", stage="qa", model_name=made.name)
    world.wait_for_state(arn, state)
    world.client("stepfunctions").stop_execution(executionArn=arn)
    promoted_before = world.promote(made)

    assert promoted_before.status == "SUCCEEDED", promoted_before.cause
    deadline = time.monotonic() + STOP_GRACE_PERIOD.total_seconds() + 30
    while previews_in(world):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_change_in_progress_is_not_previewed_but_tested_when_it_serves(world: World, settings: Settings) -> None:
    """A promotion that was stopped left it. A preview that fails would leave the endpoint on it."""
    good = world.model()
    first = world.promote_successfully(good)
    wrong = world.model(container=slow_to_start(world, seconds=6, program=SILENT))
    with smoke_tests.tested(world, settings, smoke_tests.TEXT):
        arn = world.start(application="text-classifier", stage="qa", model_name=wrong.name)
        world.wait_for_state(arn, "Wait for the endpoint")
    world.client("stepfunctions").stop_execution(executionArn=arn)
    ended = world.promote(wrong)

    assert (ended.status, ended.error) == ("FAILED", "SmokeTestFailed")
    assert set(PREVIEW_STATES).isdisjoint(world.states(ended.arn))
    assert f"has its previous configuration {first.config}" in ended.cause
    assert world.invoke("qa")["model"] == good.name


def test_a_rollback_and_an_unchanged_promotion_are_not_previewed(world: World) -> None:
    first = world.model()
    world.promote_successfully(first)
    last = world.model()
    world.promote_successfully(last)
    promoted_before = world.promote_successfully(last)
    back = world.wait(world.start(application="text-classifier", stage="qa", roll_back=True))

    assert back.status == "SUCCEEDED", back.cause
    assert world.invoke("qa")["model"] == first.name
    for ended in (promoted_before, back):
        assert set(PREVIEW_STATES).isdisjoint(world.states(ended.arn))
